#include "common/trust/json_fields.h"

#include <algorithm>

#include "common/trust/order.h"

namespace sluice::trust {

bool IsToken(std::string_view text, size_t length_max, std::string_view others) {
  return !text.empty() && text.size() <= length_max &&
         std::all_of(text.begin(), text.end(), [others](char letter) {
           return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                  (letter >= '0' && letter <= '9') || others.find(letter) != std::string_view::npos;
         });
}

std::string ReadGuidText(JsonReader& reader, std::string_view field, Presence presence) {
  std::string text = reader.String(field);
  if (IsToken(text, kGuidBytesMax, "_-")) return text;
  if (text.empty() && presence == Presence::kMayBeEmpty) return text;
  reader.Mistake(field, "must be a guid");
  return "";
}

AppReference ReadAppReference(JsonReader& reader, std::string_view field) {
  const std::string text = reader.String(field);
  return reader.Checked(field, AppReference::Parse(text, ReferenceForm::kCanonical))
      .value_or(AppReference{});
}

FoundationName ReadFoundation(JsonReader& reader, std::string_view field) {
  const std::string text = reader.String(field);
  return reader.Checked(field, ParseFoundationName(text)).value_or(FoundationName());
}

PromotionId ReadPromotion(JsonReader& reader, std::string_view field) {
  const std::string text = reader.String(field);
  return reader.Checked(field, ParsePromotionId(text)).value_or(PromotionId());
}

std::string ReadFederation(JsonReader& reader, std::string_view field) {
  std::string text = reader.String(field);
  if (!ParseFoundationName(text).ok()) reader.Mistake(field, "must be 1 to 63 of a-z 0-9 -");
  return text;
}

}  // namespace sluice::trust

#include "common/trust/card.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/trust/envelope.h"
#include "common/trust/json_fields.h"
#include "common/trust/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr size_t kCardBytesMax = 8 * 1024;
constexpr std::string_view kOperatorCard = "operator";
constexpr std::string_view kAgentCard = "agent";
constexpr std::string_view kCoordinatorCard = "coordinator";

Status CheckKind(std::string_view found, std::string_view expected) {
  if (found == expected) return absl::OkStatus();
  return NamedError(StatusCode::kInvalidArgument, "card-wrong-kind",
                    absl::StrCat("this is no card of an ", ToAbsl(expected),
                                 "; give the .card file that its keygen wrote"));
}

std::string KindOf(std::string_view json_text) {
  const StatusOr<nlohmann::json> value = ParseStrictJson(json_text, {.bytes_max = kCardBytesMax});
  if (!value.ok()) return "";
  const auto kind = value->find("kind");
  return kind != value->end() && kind->is_string() ? kind->get<std::string>() : "";
}

struct SignedCard {
  std::string name;  // operator or foundation
  crypto::VerifyingKey signing;
  crypto::CurvePublicKey curve;
};

std::string FormatSignedCard(std::string_view kind, std::string_view name_field,
                             std::string_view name, const crypto::SigningKey& signing,
                             const crypto::CurvePublicKey& curve) {
  const nlohmann::json payload = {{"kind", kind},
                                  {std::string(name_field), name},
                                  {"signing", signing.Public().text()},
                                  {"curve", curve.text()}};
  return SealEnvelope(kCardType, FormatJson(payload), signing);
}

// The payload says which key must have signed it, so it is read before it is verified, and nothing
// of it leaves here unless the signature fits.
StatusOr<SignedCard> ParseSignedCard(std::string_view text, std::string_view kind,
                                     std::string_view name_field, crypto::KeyKind key_kind) {
  if (KindOf(text) == kCoordinatorCard) return CheckKind(kCoordinatorCard, kind);
  SLUICE_ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(text, kCardBytesMax));
  if (envelope.payload_type == kCardType) {
    SLUICE_RETURN_IF_ERROR(CheckKind(KindOf(envelope.payload), kind));
  }
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(envelope.payload, "card"));
  JsonReader root = document.Root();
  root.String("kind");
  std::string name = root.String(name_field);
  const std::string signing_text = root.String("signing");
  auto signing = root.Checked("signing", crypto::VerifyingKey::Parse(key_kind, signing_text));
  const std::string curve_text = root.String("curve");
  auto curve = root.Checked("curve", crypto::CurvePublicKey::Parse(curve_text));
  if (key_kind == crypto::KeyKind::kOperator && !IsToken(name, 64, "._-")) {
    root.Mistake(name_field, "must be 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  if (key_kind == crypto::KeyKind::kAgent) root.Checked(name_field, ParseFoundationName(name));
  SLUICE_RETURN_IF_ERROR(document.Finish());
  const std::span<const crypto::VerifyingKey> allowed(&*signing, 1);
  SLUICE_RETURN_IF_ERROR(VerifyEnvelope(envelope, kCardType, allowed, 1).status());
  return SignedCard{std::move(name), *std::move(signing), *std::move(curve)};
}

}  // namespace

std::string FormatOperatorCard(std::string_view name, const crypto::SigningKey& signing,
                               const crypto::CurvePublicKey& curve) {
  return FormatSignedCard(kOperatorCard, "name", name, signing, curve);
}

std::string FormatAgentCard(const FoundationName& foundation, const crypto::SigningKey& identity,
                            const crypto::CurvePublicKey& curve) {
  return FormatSignedCard(kAgentCard, "foundation", foundation.value(), identity, curve);
}

std::string FormatCoordinatorCard(const crypto::CurvePublicKey& curve) {
  return FormatJson({{"kind", kCoordinatorCard}, {"curve", curve.text()}});
}

StatusOr<OperatorCard> ParseOperatorCard(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(SignedCard card,
                          ParseSignedCard(text, kOperatorCard, "name", crypto::KeyKind::kOperator));
  return OperatorCard{std::move(card.name), std::move(card.signing), std::move(card.curve)};
}

StatusOr<AgentCard> ParseAgentCard(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(SignedCard card,
                          ParseSignedCard(text, kAgentCard, "foundation", crypto::KeyKind::kAgent));
  return AgentCard{FoundationName(std::move(card.name)), std::move(card.signing),
                   std::move(card.curve)};
}

StatusOr<CoordinatorCard> ParseCoordinatorCard(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(
      JsonDocument document,
      JsonDocument::Parse(text, "card", UnknownFields::kRefuse, {.bytes_max = kCardBytesMax}));
  JsonReader root = document.Root();
  if (root.Has("payload")) return CheckKind("signed", kCoordinatorCard);
  SLUICE_RETURN_IF_ERROR(CheckKind(root.String("kind"), kCoordinatorCard));
  const std::string curve_text = root.String("curve");
  auto curve = root.Checked("curve", crypto::CurvePublicKey::Parse(curve_text));
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return CoordinatorCard{*std::move(curve)};
}

}  // namespace sluice::trust

#include "common/trust/reference.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/encoding.h"

namespace sluice::trust {
namespace {

struct Form {
  std::string_view name;  // for messages: "app reference"
  std::string_view shape;
  std::string_view example;
  size_t parts_min;  // after the colon
  size_t parts_max;
};
constexpr Form kAppForm = {"app reference", "FOUNDATION:ORG/SPACE/APP",
                           "dev:acme/payments/checkout", 3, 3};
constexpr Form kTargetForm = {"target", "FOUNDATION:ORG/SPACE or FOUNDATION:ORG/SPACE/APP",
                              "prod:acme/payments", 2, 3};
constexpr Form kListingForm = {"reference", "FOUNDATION:ORG or FOUNDATION:ORG/SPACE",
                               "dev:acme/payments", 1, 2};

struct Parts {
  FoundationName foundation;
  std::vector<std::string> names;
};

bool IsFoundationName(std::string_view text) {
  return !text.empty() && text.size() <= kFoundationNameLengthMax &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
                  letter == '-';
         });
}

// Shortest forms, no surrogates, nothing above U+10FFFF (RFC 3629), and no control characters:
// names are printed.
bool IsPrintableUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<uint8_t>(text[i]);
    const size_t length = first < 0x80   ? 1
                          : first < 0xc2 ? 0
                          : first < 0xe0 ? 2
                          : first < 0xf0 ? 3
                          : first < 0xf5 ? 4
                                         : 0;
    if (length == 0 || i + length > text.size()) return false;
    if (first < 0x20 || first == 0x7f) return false;
    uint32_t point = length == 1 ? first : first & (0xffu >> (length + 1));
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<uint8_t>(text[i + j]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3fu);
    }
    const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    const bool control = point >= 0x80 && point < 0xa0;
    if (overlong || surrogate || control || point > 0x10ffff) return false;
    i += length;
  }
  return true;
}

// `text` as it may be printed: what is not plain text is encoded, what is too long is cut.
std::string Shown(std::string_view text) {
  constexpr size_t kShownMax = 300;
  const std::string cut(text.substr(0, kShownMax));
  return IsPrintableUtf8(cut) ? cut : PercentEncode(cut);
}

Status Bad(const Form& form, std::string_view text, std::string_view why) {
  return NamedError(
      StatusCode::kInvalidArgument, "bad-reference",
      absl::StrCat("'", Shown(text), "' is no ", ToAbsl(form.name), ": ", ToAbsl(why), "; write ",
                   ToAbsl(form.shape), ", for example ", ToAbsl(form.example)));
}

StatusOr<std::string> DecodeName(const Form& form, std::string_view text, std::string_view part,
                                 ReferenceForm reference_form) {
  if (part.empty()) return Bad(form, text, "a part is empty");
  const StatusOr<std::string> name = PercentDecode(part);
  if (!name.ok()) {
    return Bad(form, text, "'%' must be followed by two hexadecimal digits (a '%' itself is %25)");
  }
  if (!IsPrintableUtf8(*name)) return Bad(form, text, "a name is not printable UTF-8 text");
  if (name->size() > kCloudFoundryNameBytesMax) {
    return Bad(form, text,
               absl::StrCat("a name is longer than ", kCloudFoundryNameBytesMax, " bytes"));
  }
  if (reference_form == ReferenceForm::kCanonical && PercentEncode(*name) != part) {
    return Bad(form, text,
               absl::StrCat("it is not in canonical form, which has '", PercentEncode(*name), "'"));
  }
  return *name;
}

StatusOr<Parts> Split(const Form& form, std::string_view text, ReferenceForm reference_form) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Bad(form, text, "the foundation and ':' are missing");
  Parts parts;
  const std::string_view foundation = text.substr(0, colon);
  if (!IsFoundationName(foundation)) {
    return Bad(form, text, "a foundation's name is 1 to 63 of a-z, 0-9 and '-'");
  }
  parts.foundation = FoundationName(std::string(foundation));
  const std::vector<std::string> pieces =
      absl::StrSplit(ToAbsl(text.substr(colon + 1)), absl::ByChar('/'));
  if (pieces.size() < form.parts_min) return Bad(form, text, "parts are missing");
  if (pieces.size() > form.parts_max) {
    return Bad(form, text, "there are too many parts (a '/' in a name is %2F)");
  }
  for (const std::string& piece : pieces) {
    SLUICE_ASSIGN_OR_RETURN(std::string name, DecodeName(form, text, piece, reference_form));
    parts.names.push_back(std::move(name));
  }
  return parts;
}

// What a '*' becomes in a decoded pattern: no name holds a NUL, and a '*' in a name stays a '*'.
constexpr char kWildcard = '\0';

// A wildcard stands for any characters, none too.
bool MatchesGlob(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t star = std::string_view::npos;
  size_t star_text = 0;
  size_t i = 0;
  while (i < text.size()) {
    if (at < pattern.size() && pattern[at] == kWildcard) {
      star = at++;
      star_text = i;
    } else if (at < pattern.size() && pattern[at] == text[i]) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++star_text;
    } else {
      return false;
    }
  }
  while (at < pattern.size() && pattern[at] == kWildcard) ++at;
  return at == pattern.size();
}

// Decoded, with a wildcard for each '*'. Nothing unless every piece between the stars is canonical.
std::optional<std::string> DecodePattern(std::string_view part) {
  if (part.empty() || part.size() > 3 * kCloudFoundryNameBytesMax) return std::nullopt;
  std::string decoded;
  const std::vector<std::string> pieces = absl::StrSplit(ToAbsl(part), absl::ByChar('*'));
  for (size_t i = 0; i < pieces.size(); ++i) {
    const StatusOr<std::string> piece = PercentDecode(pieces[i]);
    if (!piece.ok() || !IsPrintableUtf8(*piece) || PercentEncode(*piece) != pieces[i]) {
      return std::nullopt;
    }
    if (i > 0) decoded.push_back(kWildcard);
    decoded.append(*piece);
  }
  return decoded;
}

bool IsFoundationPattern(std::string_view text) {
  return !text.empty() && text.size() <= kFoundationNameLengthMax &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return letter == '*' || IsFoundationName(std::string_view(&letter, 1));
         });
}

}  // namespace

StatusOr<FoundationName> ParseFoundationName(std::string_view text) {
  if (IsFoundationName(text)) return FoundationName(std::string(text));
  return NamedError(
      StatusCode::kInvalidArgument, "bad-reference",
      absl::StrCat("'", Shown(text), "' is no foundation's name: 1 to 63 of a-z, 0-9 and '-'"));
}

StatusOr<AppReference> AppReference::Parse(std::string_view text, ReferenceForm form) {
  SLUICE_ASSIGN_OR_RETURN(Parts parts, Split(kAppForm, text, form));
  return AppReference{parts.foundation, parts.names[0], parts.names[1], parts.names[2]};
}

std::string AppReference::text() const {
  return absl::StrCat(foundation.value(), ":", PercentEncode(organization), "/",
                      PercentEncode(space), "/", PercentEncode(app));
}

StatusOr<TargetReference> TargetReference::Parse(std::string_view text, ReferenceForm form) {
  SLUICE_ASSIGN_OR_RETURN(Parts parts, Split(kTargetForm, text, form));
  TargetReference target{parts.foundation, parts.names[0], parts.names[1], std::nullopt};
  if (parts.names.size() == 3) target.app = parts.names[2];
  return target;
}

AppReference TargetReference::ForApp(std::string_view source_app) const {
  return {foundation, organization, space, app.value_or(std::string(source_app))};
}

std::string TargetReference::text() const {
  return absl::StrCat(foundation.value(), ":", PercentEncode(organization), "/",
                      PercentEncode(space), app.has_value() ? "/" : "",
                      PercentEncode(app.value_or("")));
}

StatusOr<ListingReference> ListingReference::Parse(std::string_view text, ReferenceForm form) {
  SLUICE_ASSIGN_OR_RETURN(Parts parts, Split(kListingForm, text, form));
  ListingReference listing{parts.foundation, parts.names[0], std::nullopt};
  if (parts.names.size() == 2) listing.space = parts.names[1];
  return listing;
}

std::string ListingReference::text() const {
  return absl::StrCat(foundation.value(), ":", PercentEncode(organization),
                      space.has_value() ? "/" : "", PercentEncode(space.value_or("")));
}

StatusOr<SpacePattern> SpacePattern::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  const size_t slash = text.find('/');
  if (colon != std::string_view::npos && slash != std::string_view::npos && colon < slash &&
      IsFoundationPattern(text.substr(0, colon))) {
    const auto foundation = DecodePattern(text.substr(0, colon));
    const auto organization = DecodePattern(text.substr(colon + 1, slash - colon - 1));
    const auto space = DecodePattern(text.substr(slash + 1));
    if (foundation.has_value() && organization.has_value() && space.has_value()) {
      SpacePattern pattern;
      pattern.text_ = std::string(text);
      pattern.foundation_ = *foundation;
      pattern.organization_ = *organization;
      pattern.space_ = *space;
      return pattern;
    }
  }
  return NamedError(
      StatusCode::kInvalidArgument, "bad-pattern",
      absl::StrCat("'", Shown(text),
                   "' is no pattern of spaces; write FOUNDATION:ORG/SPACE with '*' for "
                   "any characters, for example prod-*:acme/*"));
}

bool SpacePattern::Matches(const FoundationName& foundation, std::string_view organization,
                           std::string_view space) const {
  return MatchesGlob(foundation_, foundation.value()) && MatchesGlob(organization_, organization) &&
         MatchesGlob(space_, space);
}

bool SpacePattern::MatchesFoundation(const FoundationName& foundation) const {
  return MatchesGlob(foundation_, foundation.value());
}

}  // namespace sluice::trust

// Names of apps and spaces across foundations: FOUNDATION:ORG/SPACE/APP.
//
// Organization, space and app are any names that Cloud Foundry allows. In text every byte but
// letters, digits and -._~ is percent-encoded with upper-case digits, and nothing else is: one name
// has one canonical text. People may type other encodings of it; signed things may not hold them.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/base/strong.h"

namespace sluice::trust {

inline constexpr size_t kFoundationNameLengthMax = 63;
inline constexpr size_t kCloudFoundryNameBytesMax = 255;  // cloud_controller_ng, apps.name

// kTyped accepts any encoding of a name; kCanonical only the one that text() gives.
enum class ReferenceForm { kTyped, kCanonical };

// InvalidArgument "bad-reference" unless [a-z0-9-]{1,63}.
StatusOr<FoundationName> ParseFoundationName(std::string_view text);

// One app in one foundation; names are decoded.
struct AppReference {
  FoundationName foundation;
  std::string organization;
  std::string space;
  std::string app;

  // InvalidArgument "bad-reference", with what is wrong and an example.
  static StatusOr<AppReference> Parse(std::string_view text,
                                      ReferenceForm form = ReferenceForm::kTyped);
  std::string text() const;
  auto operator<=>(const AppReference&) const = default;
};

// Where an app is to go: FOUNDATION:ORG/SPACE (same app name) or FOUNDATION:ORG/SPACE/APP.
struct TargetReference {
  FoundationName foundation;
  std::string organization;
  std::string space;
  std::optional<std::string> app;

  static StatusOr<TargetReference> Parse(std::string_view text,
                                         ReferenceForm form = ReferenceForm::kTyped);
  AppReference ForApp(std::string_view source_app) const;
  std::string text() const;
  auto operator<=>(const TargetReference&) const = default;
};

// What is listed: FOUNDATION:ORG or FOUNDATION:ORG/SPACE.
struct ListingReference {
  FoundationName foundation;
  std::string organization;
  std::optional<std::string> space;

  static StatusOr<ListingReference> Parse(std::string_view text,
                                          ReferenceForm form = ReferenceForm::kTyped);
  std::string text() const;
  auto operator<=>(const ListingReference&) const = default;
};

// Spaces by pattern, FOUNDATION:ORG/SPACE where '*' stands for any characters within its part:
// "prod-*:acme/*". A '*' in a name is %2A.
class SpacePattern {
 public:
  // InvalidArgument "bad-pattern". Only the canonical form.
  static StatusOr<SpacePattern> Parse(std::string_view text);

  bool Matches(const FoundationName& foundation, std::string_view organization,
               std::string_view space) const;
  // Whether any space of the foundation may match.
  bool MatchesFoundation(const FoundationName& foundation) const;
  const std::string& text() const { return text_; }
  bool operator==(const SpacePattern& other) const { return text_ == other.text_; }

 private:
  std::string text_;
  // Decoded, with a NUL for each wildcard: a name's own characters are never mistaken for one.
  std::string foundation_;
  std::string organization_;
  std::string space_;
};

}  // namespace sluice::trust

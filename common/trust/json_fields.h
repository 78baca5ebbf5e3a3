// Fields that several signed formats share, read and checked one way.
#pragma once

#include <string>
#include <string_view>

#include "common/base/strong.h"
#include "common/trust/reference.h"
#include "common/trust/strict_json.h"

namespace sluice::trust {

inline constexpr size_t kSha256Bytes = 32;
inline constexpr size_t kErrorNameLengthMax = 64;
inline constexpr size_t kGuidBytesMax = 64;
inline constexpr size_t kNameBytesMax = 255;  // stacks, buildpacks and their like

enum class Presence { kRequired, kMayBeEmpty };

// [A-Za-z0-9_-]{1,64}: a guid goes into the path of requests to Cloud Controller, where anything
// else could change what is asked. kMayBeEmpty takes "" too; the field itself must be there.
std::string ReadGuidText(JsonReader& reader, std::string_view field, Presence presence);
template <typename Guid>
Guid ReadGuid(JsonReader& reader, std::string_view field, Presence presence = Presence::kRequired) {
  return Guid(ReadGuidText(reader, field, presence));
}

// In canonical form only.
AppReference ReadAppReference(JsonReader& reader, std::string_view field);
FoundationName ReadFoundation(JsonReader& reader, std::string_view field);
// [A-Za-z0-9._-]{1,64}
PromotionId ReadPromotion(JsonReader& reader, std::string_view field);
// [a-z0-9-]{1,63}
std::string ReadFederation(JsonReader& reader, std::string_view field);

// Whether `text` is 1 to `length_max` letters, digits or characters of `others`.
bool IsToken(std::string_view text, size_t length_max, std::string_view others);

}  // namespace sluice::trust

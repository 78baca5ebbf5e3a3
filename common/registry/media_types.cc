#include "common/registry/media_types.h"

#include <algorithm>

namespace sluice::registry {
namespace {

constexpr size_t kNameBytesMax = 127;  // RFC 6838 section 4.2

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool IsRestrictedName(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && IsAlphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return IsAlphanumeric(c) ||
                  std::string_view("!#$&-^_.+").find(c) != std::string_view::npos;
         });
}

}  // namespace

bool IsManifestType(std::string_view media_type) {
  return media_type == kOciManifest || media_type == kDockerManifest;
}

bool IsIndexType(std::string_view media_type) {
  return media_type == kOciIndex || media_type == kDockerList;
}

bool IsMediaType(std::string_view text) {
  const size_t slash = text.find('/');
  return slash != std::string_view::npos && IsRestrictedName(text.substr(0, slash)) &&
         IsRestrictedName(text.substr(slash + 1));
}

}  // namespace sluice::registry

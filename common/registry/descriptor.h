// What points at a blob or a manifest: its type, digest and size (OCI image-spec, descriptor.md).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "common/registry/digest_text.h"
#include "nlohmann/json_fwd.hpp"

namespace sluice::registry {

inline constexpr size_t kAnnotationsMax = 1024;

using Annotations = std::map<std::string, std::string>;

// For which machines an image of an index is.
struct Platform {
  std::string architecture;  // a GOARCH
  std::string os;
  std::string variant;

  bool operator==(const Platform&) const = default;
};

struct Descriptor {
  std::string media_type;
  Digest digest;
  uint64_t size = 0;  // bytes
  Annotations annotations;
  std::string artifact_type;
  std::optional<Platform> platform;

  bool operator==(const Descriptor&) const = default;
};

// `where` is the field's path for messages. FailedPrecondition "manifest-malformed". Fields that
// are not known are skipped, as the specification asks.
StatusOr<Descriptor> ReadDescriptor(const nlohmann::json& value, const std::string& where);
StatusOr<Annotations> ReadAnnotations(const nlohmann::json& parent, const std::string& where);
// An optional text field of `parent`: "" when absent.
StatusOr<std::string> ReadText(const nlohmann::json& parent, const char* field,
                               const std::string& where);

// Fields in the order of the specification's text, those that are empty left out.
nlohmann::ordered_json WriteDescriptor(const Descriptor& descriptor);

Status MalformedManifest(const std::string& message);

}  // namespace sluice::registry

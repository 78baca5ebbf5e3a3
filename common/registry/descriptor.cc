#include "common/registry/descriptor.h"

#include "absl/strings/str_cat.h"
#include "common/registry/media_types.h"
#include "nlohmann/json.hpp"

namespace sluice::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

StatusOr<std::string> ReadMediaType(const json& parent, const char* field, bool required,
                                    const std::string& where) {
  SLUICE_ASSIGN_OR_RETURN(std::string text, ReadText(parent, field, where));
  if (text.empty() && !required) return text;
  if (!IsMediaType(text)) {
    return MalformedManifest(absl::StrCat(where, ".", field, " is missing or no media type"));
  }
  return text;
}

StatusOr<std::optional<Platform>> ReadPlatform(const json& parent, const std::string& where) {
  const auto found = parent.find("platform");
  if (found == parent.end() || found->is_null()) return std::nullopt;
  if (!found->is_object()) return MalformedManifest(where + ".platform is no object");
  Platform platform;
  SLUICE_ASSIGN_OR_RETURN(platform.architecture, ReadText(*found, "architecture", where));
  SLUICE_ASSIGN_OR_RETURN(platform.os, ReadText(*found, "os", where));
  SLUICE_ASSIGN_OR_RETURN(platform.variant, ReadText(*found, "variant", where));
  return platform;
}

}  // namespace

Status MalformedManifest(const std::string& message) {
  return NamedError(StatusCode::kFailedPrecondition, "manifest-malformed", message);
}

StatusOr<std::string> ReadText(const json& parent, const char* field, const std::string& where) {
  const auto found = parent.find(field);
  if (found == parent.end() || found->is_null()) return std::string();
  if (!found->is_string()) return MalformedManifest(absl::StrCat(where, ".", field, " is no text"));
  return found->get<std::string>();
}

StatusOr<Annotations> ReadAnnotations(const json& parent, const std::string& where) {
  Annotations annotations;
  const auto found = parent.find("annotations");
  if (found == parent.end() || found->is_null()) return annotations;
  if (!found->is_object() || found->size() > kAnnotationsMax) {
    return MalformedManifest(where + ".annotations is no object, or has too many fields");
  }
  for (const auto& [name, value] : found->items()) {
    if (!value.is_string()) return MalformedManifest(where + ".annotations holds what is no text");
    annotations.emplace(name, value.get<std::string>());
  }
  return annotations;
}

StatusOr<Descriptor> ReadDescriptor(const json& value, const std::string& where) {
  if (!value.is_object()) return MalformedManifest(where + " is no object");
  Descriptor descriptor;
  SLUICE_ASSIGN_OR_RETURN(descriptor.media_type, ReadMediaType(value, "mediaType", true, where));
  SLUICE_ASSIGN_OR_RETURN(const std::string digest, ReadText(value, "digest", where));
  const StatusOr<Digest> parsed = ParseDigest(digest);
  if (!parsed.ok()) {
    return MalformedManifest(
        absl::StrCat(where, ".digest: ", ToAbsl(FromAbsl(parsed.status().message()))));
  }
  descriptor.digest = *parsed;
  const auto size = value.find("size");
  if (size == value.end() || !size->is_number_unsigned()) {
    return MalformedManifest(where + ".size is missing or no number of bytes");
  }
  descriptor.size = size->get<uint64_t>();
  SLUICE_ASSIGN_OR_RETURN(descriptor.annotations, ReadAnnotations(value, where));
  SLUICE_ASSIGN_OR_RETURN(descriptor.artifact_type,
                          ReadMediaType(value, "artifactType", false, where));
  SLUICE_ASSIGN_OR_RETURN(descriptor.platform, ReadPlatform(value, where));
  return descriptor;
}

ordered_json WriteDescriptor(const Descriptor& descriptor) {
  ordered_json value;
  value["mediaType"] = descriptor.media_type;
  value["digest"] = FormatDigest(descriptor.digest);
  value["size"] = descriptor.size;
  if (!descriptor.annotations.empty()) value["annotations"] = descriptor.annotations;
  if (!descriptor.artifact_type.empty()) value["artifactType"] = descriptor.artifact_type;
  if (descriptor.platform) {
    ordered_json& platform = value["platform"];
    platform["architecture"] = descriptor.platform->architecture;
    platform["os"] = descriptor.platform->os;
    if (!descriptor.platform->variant.empty()) platform["variant"] = descriptor.platform->variant;
  }
  return value;
}

}  // namespace sluice::registry

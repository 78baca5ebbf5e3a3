#include "common/registry/manifest.h"

#include "absl/strings/str_cat.h"
#include "common/base/strict_json.h"
#include "common/registry/media_types.h"
#include "nlohmann/json.hpp"

namespace sluice::registry {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

StatusOr<json> ParseDocument(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(json document, ParseStrictJson(text, {.bytes_max = kManifestBytesMax,
                                                                .depth_max = kManifestDepthMax}));
  const auto version = document.find("schemaVersion");
  if (version == document.end() || *version != 2) {
    return MalformedManifest("schemaVersion is not 2: the document is of an older format");
  }
  return document;
}

StatusOr<std::vector<Descriptor>> ReadDescriptors(const json& document, const char* field,
                                                  size_t count_max) {
  const auto found = document.find(field);
  if (found == document.end() || !found->is_array()) {
    return MalformedManifest(absl::StrCat(field, " is missing or no list"));
  }
  if (found->size() > count_max) {
    return MalformedManifest(absl::StrCat(field, " has more than ", count_max, " elements"));
  }
  std::vector<Descriptor> descriptors;
  for (const json& element : *found) {
    SLUICE_ASSIGN_OR_RETURN(
        Descriptor descriptor,
        ReadDescriptor(element, absl::StrCat(field, "[", descriptors.size(), "]")));
    descriptors.push_back(std::move(descriptor));
  }
  return descriptors;
}

// What manifests and indexes have in common.
template <typename Document>
Status ReadShared(const json& value, const char* default_type, bool (*is_type)(std::string_view),
                  Document& document) {
  SLUICE_ASSIGN_OR_RETURN(document.media_type, ReadText(value, "mediaType", "document"));
  if (document.media_type.empty()) document.media_type = default_type;
  if (!is_type(document.media_type)) {
    return MalformedManifest("mediaType says that this is another kind of document");
  }
  SLUICE_ASSIGN_OR_RETURN(document.artifact_type, ReadText(value, "artifactType", "document"));
  if (!document.artifact_type.empty() && !IsMediaType(document.artifact_type)) {
    return MalformedManifest("artifactType is no media type");
  }
  if (const auto subject = value.find("subject"); subject != value.end() && !subject->is_null()) {
    SLUICE_ASSIGN_OR_RETURN(document.subject, ReadDescriptor(*subject, "subject"));
  }
  SLUICE_ASSIGN_OR_RETURN(document.annotations, ReadAnnotations(value, "document"));
  return absl::OkStatus();
}

template <typename Document>
ordered_json WriteHead(const Document& document) {
  ordered_json value;
  value["schemaVersion"] = 2;
  value["mediaType"] = document.media_type;
  if (!document.artifact_type.empty()) value["artifactType"] = document.artifact_type;
  return value;
}

template <typename Document>
void WriteTail(const Document& document, ordered_json& value) {
  if (document.subject) value["subject"] = WriteDescriptor(*document.subject);
  if (!document.annotations.empty()) value["annotations"] = document.annotations;
}

ordered_json WriteDescriptors(const std::vector<Descriptor>& descriptors) {
  ordered_json list = ordered_json::array();
  for (const Descriptor& descriptor : descriptors) list.push_back(WriteDescriptor(descriptor));
  return list;
}

StatusOr<std::string> Dump(const ordered_json& value) {
  try {
    return value.dump();
  } catch (const ordered_json::type_error&) {
    return NamedError(StatusCode::kInvalidArgument, "text-not-utf8",
                      "a text of the manifest is not UTF-8, which JSON asks for");
  }
}

}  // namespace

StatusOr<Manifest> ParseManifest(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(const json value, ParseDocument(text));
  if (value.contains("manifests")) {
    return MalformedManifest("the document could be a manifest or an index");
  }
  Manifest manifest;
  SLUICE_RETURN_IF_ERROR(ReadShared(value, kOciManifest, IsManifestType, manifest));
  const auto config = value.find("config");
  if (config == value.end()) return MalformedManifest("config is missing");
  SLUICE_ASSIGN_OR_RETURN(manifest.config, ReadDescriptor(*config, "config"));
  SLUICE_ASSIGN_OR_RETURN(manifest.layers, ReadDescriptors(value, "layers", kManifestLayersMax));
  return manifest;
}

StatusOr<Index> ParseIndex(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(const json value, ParseDocument(text));
  if (value.contains("layers") || value.contains("config")) {
    return MalformedManifest("the document could be a manifest or an index");
  }
  Index index;
  SLUICE_RETURN_IF_ERROR(ReadShared(value, kOciIndex, IsIndexType, index));
  SLUICE_ASSIGN_OR_RETURN(index.manifests, ReadDescriptors(value, "manifests", kIndexManifestsMax));
  return index;
}

StatusOr<std::string> FormatManifest(const Manifest& manifest) {
  ordered_json value = WriteHead(manifest);
  value["config"] = WriteDescriptor(manifest.config);
  value["layers"] = WriteDescriptors(manifest.layers);
  WriteTail(manifest, value);
  return Dump(value);
}

StatusOr<std::string> FormatIndex(const Index& index) {
  ordered_json value = WriteHead(index);
  value["manifests"] = WriteDescriptors(index.manifests);
  WriteTail(index, value);
  return Dump(value);
}

}  // namespace sluice::registry

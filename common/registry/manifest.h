// Manifests and indexes, OCI's and docker's (OCI image-spec 1.1, manifest.md and image-index.md).
//
// A digest is of a document's bytes as they are stored: whoever passes one on keeps the bytes, and
// never makes them again from what was parsed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/registry/descriptor.h"

namespace sluice::registry {

// What registries take at least, and most take no more (OCI distribution-spec, "Pushing
// manifests").
inline constexpr size_t kManifestBytesMax = size_t{4} << 20;
inline constexpr int kManifestDepthMax = 16;
inline constexpr size_t kManifestLayersMax = 4096;
inline constexpr size_t kIndexManifestsMax = 4096;

struct Manifest {
  std::string media_type;     // one of IsManifestType()
  std::string artifact_type;  // "" for an image
  Descriptor config;
  std::vector<Descriptor> layers;  // the base's first
  std::optional<Descriptor> subject;
  Annotations annotations;

  bool operator==(const Manifest&) const = default;
};

struct Index {
  std::string media_type;  // one of IsIndexType()
  std::string artifact_type;
  std::vector<Descriptor> manifests;
  std::optional<Descriptor> subject;
  Annotations annotations;

  bool operator==(const Index&) const = default;
};

// A document without a mediaType of its own is OCI's. FailedPrecondition "manifest-malformed", also
// for one that could be read as either (CVE-2021-41190), and the names of ParseStrictJson().
StatusOr<Manifest> ParseManifest(std::string_view text);
StatusOr<Index> ParseIndex(std::string_view text);

// The same bytes for the same value, for ever: no blanks, fields in the specification's order,
// annotations in byte order. InvalidArgument "text-not-utf8" by an annotation that JSON cannot
// hold.
StatusOr<std::string> FormatManifest(const Manifest& manifest);
StatusOr<std::string> FormatIndex(const Index& index);

}  // namespace sluice::registry

// The media types of what a registry keeps (OCI image-spec 1.1, media-types.md; docker's image
// manifest version 2, schema 2).
#pragma once

#include <string_view>

namespace sluice::registry {

inline constexpr char kOciManifest[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char kOciIndex[] = "application/vnd.oci.image.index.v1+json";
inline constexpr char kOciConfig[] = "application/vnd.oci.image.config.v1+json";
inline constexpr char kOciLayerGzip[] = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr char kOciEmpty[] = "application/vnd.oci.empty.v1+json";
inline constexpr std::string_view kOciEmptyContent = "{}";

inline constexpr char kDockerManifest[] = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr char kDockerList[] = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr char kDockerConfig[] = "application/vnd.docker.container.image.v1+json";
inline constexpr char kDockerLayerGzip[] = "application/vnd.docker.image.rootfs.diff.tar.gzip";

bool IsManifestType(std::string_view media_type);
bool IsIndexType(std::string_view media_type);

// TYPE/SUBTYPE of RFC 6838 section 4.2, without parameters.
bool IsMediaType(std::string_view text);

}  // namespace sluice::registry

// How people name what a registry keeps: HOST[:PORT]/REPOSITORY:TAG or @sha256:HEX.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/registry/digest_text.h"

namespace sluice::registry {

// Many clients take no more for host and name together (OCI distribution-spec, "Pulling").
inline constexpr size_t kRepositoryBytesMax = 255;
inline constexpr size_t kTagBytesMax = 128;

struct Repository {
  std::string host;  // with its port, if one was given: the registry that is asked
  std::string path;  // below /v2/

  std::string Text() const { return host + "/" + path; }
  auto operator<=>(const Repository&) const = default;
};

struct ImageReference {
  Repository repository;
  std::string tag;               // may be empty when there is a digest
  std::optional<Digest> digest;  // decides, when both are there

  // What stands in the path of a request: the digest if there is one, else the tag.
  std::string TagOrDigest() const;
  std::string Text() const;
  bool operator==(const ImageReference&) const = default;
};

// A first part without dot, colon and other than "localhost" is no host but a part of a name on
// Docker Hub, whose own images lie below library/. InvalidArgument by name:
//   bad-registry-host   bad-repository (which character, or what is wrong)
StatusOr<Repository> ParseRepository(std::string_view text);

// As ParseRepository(), and: bad-tag, bad-digest, digest-algorithm, reference-without-tag (nothing
// says which: "latest" is never assumed).
StatusOr<ImageReference> ParseImageReference(std::string_view text);

// A letter, digit or underscore, then up to 127 of these, dots and hyphens. "bad-tag".
Status CheckTag(std::string_view tag);

}  // namespace sluice::registry

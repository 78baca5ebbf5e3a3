// Digests as registries write them: "sha256:" and 64 lower-case hexadecimal digits.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/crypto/digest.h"

namespace sluice::registry {

// The only algorithm: it is the one that Cloud Controller publishes for a droplet, and the one
// that every registry has (OCI image-spec, descriptor.md).
using Digest = crypto::Sha256Digest;

// InvalidArgument "digest-algorithm" for another algorithm, "bad-digest" for anything else.
StatusOr<Digest> ParseDigest(std::string_view text);
std::string FormatDigest(const Digest& digest);

}  // namespace sluice::registry

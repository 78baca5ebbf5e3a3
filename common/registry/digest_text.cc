#include "common/registry/digest_text.h"

#include "absl/strings/str_cat.h"

namespace sluice::registry {
namespace {

constexpr std::string_view kPrefix = "sha256:";

}  // namespace

StatusOr<Digest> ParseDigest(std::string_view text) {
  if (text.starts_with(kPrefix)) return Digest::FromHex(text.substr(kPrefix.size()));
  if (text.starts_with("sha512:") || text.starts_with("sha384:") || text.starts_with("blake3:")) {
    return NamedError(StatusCode::kInvalidArgument, "digest-algorithm",
                      "a digest is of another algorithm than sha256, which alone is taken");
  }
  return NamedError(StatusCode::kInvalidArgument, "bad-digest",
                    "a digest does not begin with sha256:");
}

std::string FormatDigest(const Digest& digest) {
  return absl::StrCat(ToAbsl(kPrefix), digest.hex());
}

}  // namespace sluice::registry

// The first piece of a sealed droplet stream: what is transferred, how it is cut, and its content
// key, wrapped for each recipient. Signed by the source's agent.
//
// Format: proto/README.md, "The sealed droplet stream".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/transfer/signature.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

inline constexpr size_t kHeaderBytesMax = 32 * 1024;
inline constexpr size_t kRecipientsMax = 64;
inline constexpr size_t kWrappedKeyBytesMax = 256;
inline constexpr size_t kFeaturesMax = 16;
inline constexpr size_t kFeatureNameBytesMax = 32;

struct WrappedKey {
  crypto::Sha256Digest recipient;  // RecipientKeyId() of the offered key
  std::string wrapped;             // 1 to kWrappedKeyBytesMax bytes
  bool operator==(const WrappedKey&) const = default;
};

struct StreamHeader {
  // Names of what a reader must know beyond this page to read the stream, [a-z0-9-], in ascending
  // order. Abilities are told by name, never by a version number.
  std::vector<std::string> features;
  StreamLayout layout;
  // Of the payload of the source's signed statement about the droplet.
  crypto::Sha256Digest statement_sha256;
  // Fixes the content key: AES-GCM alone lets one sealed text open under two keys.
  crypto::Sha256Digest key_commitment;
  std::vector<WrappedKey> recipients;  // in ascending order of key id, 1 to kRecipientsMax

  bool operator==(const StreamHeader&) const = default;
};

// InvalidArgument "header-out-of-limits" for what ParseHeader() would refuse.
StatusOr<std::string> SerializeHeader(const StreamHeader& header, const ChunkSigner& sign);

// Reads `bytes` as exactly one header that `verify` accepts. There is one sequence of bytes for
// each header, so that a copy can be told from an altered one. DataLoss, by name:
// "header-too-large", "header-bad-magic", "header-truncated", "header-malformed",
// "header-out-of-limits", "header-bad-signature"; Unimplemented "stream-feature-unknown": the
// source needs an ability that this program lacks.
StatusOr<StreamHeader> ParseHeader(std::string_view bytes, const ChunkVerifier& verify);

}  // namespace sluice::transfer

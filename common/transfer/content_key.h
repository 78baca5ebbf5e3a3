// One transfer's content key: drawn once, wrapped for each recipient, and what is derived from it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/entropy.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/key_agreement.h"
#include "common/transfer/stream_header.h"

namespace sluice::transfer {

inline constexpr size_t kContentKeyBytes = 32;

// What a recipient's seal offer says, after somebody has checked who signed it.
struct Recipient {
  crypto::SealSuite suite = crypto::SealSuite::kX25519HkdfSha256Aes256Gcm;
  std::string public_key;
};

Secret GenerateContentKey(Entropy& entropy);

// How a header names the recipient of a wrapped key: SHA-256 of suite name, zero byte, public key.
crypto::Sha256Digest RecipientKeyId(crypto::SealSuite suite, std::string_view public_key);

// The key that seals chunks, and the header's commitment to it. Two values that say nothing of each
// other: HKDF-Expand of the content key under different labels, the transfer in both.
Secret SealingKey(const Secret& content_key, const TransferId& transfer);
crypto::Sha256Digest KeyCommitment(const Secret& content_key, const TransferId& transfer);

// The header of a new transfer. InvalidArgument "bad-seal-key" for a recipient's key of a wrong
// size or of small order, "header-out-of-limits" for no recipients, too many, or one twice.
StatusOr<StreamHeader> MakeHeader(const StreamLayout& layout,
                                  const crypto::Sha256Digest& statement_sha256,
                                  const Secret& content_key,
                                  const std::vector<Recipient>& recipients, Entropy& entropy);

// The content key out of a header. PermissionDenied "not-a-recipient" if none is wrapped for this
// key; DataLoss "content-key-bad-seal" if it does not open, "key-commitment-mismatch" if it is not
// the one that the header commits to.
StatusOr<Secret> UnwrapFrom(const StreamHeader& header, const crypto::SealKeyPair& recipient);

}  // namespace sluice::transfer

// A target agent's fresh public key for one transfer, under its signature: the source wraps the
// content key to it, and the coordinator that passes it on cannot put another in its place.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/key_agreement.h"
#include "common/crypto/signing_key.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

struct SealOffer {
  std::string order_id;      // 32 hexadecimal digits
  std::string order_sha256;  // of the order's envelope, hexadecimal
  PromotionId promotion;
  std::string transfer_id;    // 32 hexadecimal digits
  FoundationName foundation;  // the target that made it
  crypto::SealSuite suite = crypto::SealSuite::kX25519HkdfSha256Aes256Gcm;
  std::string public_key;  // raw bytes, as many as the suite's have
  absl::Time not_after;    // whole seconds
  bool operator==(const SealOffer&) const = default;
};

StatusOr<std::string> FormatSealOffer(const SealOffer& offer);
// Names as JsonDocument, and "suite-not-supported".
StatusOr<SealOffer> ParseSealOffer(std::string_view payload);
StatusOr<std::string> SignSealOffer(const SealOffer& offer,
                                    const crypto::SigningKey& agent_identity);

// The offer in an envelope of one's own, for its suite: who signed it is not looked at.
StatusOr<SealOffer> PeekSealOffer(std::string_view envelope);

// The offer for this order and transfer, signed by an agent of `foundation`. Names as
// OpenAgentEnvelope(); PermissionDenied "wrong-foundation", "offer-for-another-order",
// "offer-for-another-transfer"; FailedPrecondition "offer-expired".
struct ExpectedOffer {
  FoundationName foundation;
  std::string order_sha256;
  std::string transfer_id;  // "" accepts any: the first offer names it
};
StatusOr<SealOffer> VerifySealOffer(std::string_view envelope, const ExpectedOffer& expected,
                                    const TrustDocument& trust, absl::Time now);

}  // namespace sluice::trust

#include "common/trust/seal_offer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/encoding.h"
#include "common/trust/agent_signature.h"
#include "common/trust/envelope.h"
#include "common/trust/json_fields.h"
#include "common/trust/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr size_t kIdBytes = 16;

Status OfferRefused(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kPermissionDenied, name, message);
}

}  // namespace

StatusOr<SealOffer> ParseSealOffer(std::string_view payload) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(payload, "seal offer"));
  JsonReader root = document.Root();
  SealOffer offer;
  offer.order_id = root.Hex("order_id", kIdBytes);
  offer.order_sha256 = root.Hex("order_sha256", kSha256Bytes);
  offer.promotion = ReadPromotion(root, "promotion");
  offer.transfer_id = root.Hex("transfer_id", kIdBytes);
  offer.foundation = ReadFoundation(root, "foundation");
  const auto suite = crypto::SealSuiteByName(root.Line("suite", kNameBytesMax));
  offer.suite = suite.value_or(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm);
  const std::string key_text = root.String("public_key");
  offer.public_key = root.Checked("public_key", FromBase64(key_text)).value_or("");
  const size_t key_bytes = crypto::SealPublicKeyBytes(offer.suite);
  if (suite.ok() && offer.public_key.size() != key_bytes) {
    root.Mistake("public_key", absl::StrCat("must be ", key_bytes, " bytes in base64"));
  }
  offer.not_after = root.Time("not_after");
  SLUICE_RETURN_IF_ERROR(document.Finish());
  if (!suite.ok()) {
    return NamedError(StatusCode::kInvalidArgument, "suite-not-supported",
                      "seal offer: this version of Sluice does not seal with the suite that it "
                      "names; upgrade the source's agent, or set another seal_suite at the target");
  }
  return offer;
}

StatusOr<std::string> FormatSealOffer(const SealOffer& offer) {
  std::string payload = FormatJson({{"order_id", offer.order_id},
                                    {"order_sha256", offer.order_sha256},
                                    {"promotion", offer.promotion.value()},
                                    {"transfer_id", offer.transfer_id},
                                    {"foundation", offer.foundation.value()},
                                    {"suite", crypto::SealSuiteName(offer.suite)},
                                    {"public_key", ToBase64(offer.public_key)},
                                    {"not_after", sluice::FormatTime(offer.not_after)}});
  SLUICE_RETURN_IF_ERROR(ParseSealOffer(payload).status());
  return payload;
}

StatusOr<std::string> SignSealOffer(const SealOffer& offer,
                                    const crypto::SigningKey& agent_identity) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload, FormatSealOffer(offer));
  return SealEnvelope(kSealOfferType, payload, agent_identity);
}

StatusOr<SealOffer> PeekSealOffer(std::string_view envelope) {
  SLUICE_ASSIGN_OR_RETURN(const Envelope parsed, ParseEnvelope(envelope));
  return ParseSealOffer(parsed.payload);
}

StatusOr<SealOffer> VerifySealOffer(std::string_view envelope, const ExpectedOffer& expected,
                                    const TrustDocument& trust, absl::Time now) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload,
                          OpenAgentEnvelope(envelope, kSealOfferType, trust, expected.foundation));
  SLUICE_ASSIGN_OR_RETURN(SealOffer offer, ParseSealOffer(payload));
  const std::string agent = absl::StrCat("the agent of ", expected.foundation.value());
  if (offer.foundation != expected.foundation) {
    return OfferRefused("wrong-foundation", absl::StrCat(agent, " offered for another foundation"));
  }
  if (offer.order_sha256 != expected.order_sha256) {
    return OfferRefused("offer-for-another-order",
                        absl::StrCat(agent, " made this offer for another order"));
  }
  if (!expected.transfer_id.empty() && offer.transfer_id != expected.transfer_id) {
    return OfferRefused("offer-for-another-transfer",
                        absl::StrCat(agent, " made this offer for another transfer"));
  }
  if (now >= offer.not_after) {
    return NamedError(StatusCode::kFailedPrecondition, "offer-expired",
                      absl::StrCat("the seal offer of ", expected.foundation.value(),
                                   " has expired; ask for another"));
  }
  return offer;
}

}  // namespace sluice::trust

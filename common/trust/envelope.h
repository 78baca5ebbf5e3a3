// Signed things on the wire and on disk: DSSE v1 envelopes (secure-systems-lab/dsse, envelope.md).
//
// A signature covers PAE(type, payload), so nothing signed as one type can pass for another. The
// payload is verified as bytes and those same bytes are handed on: never parse first, never
// serialise again.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "common/trust/strict_json.h"

namespace sluice::trust {

inline constexpr std::string_view kTrustDocumentType = "application/vnd.sluice.trust.v1+json";
inline constexpr std::string_view kOrderType = "application/vnd.sluice.order.v1+json";
inline constexpr std::string_view kCardType = "application/vnd.sluice.card.v1+json";
inline constexpr std::string_view kReadRequestType = "application/vnd.sluice.read-request.v1+json";
inline constexpr std::string_view kReadReplyType = "application/vnd.sluice.read-reply.v1+json";
inline constexpr std::string_view kSealOfferType = "application/vnd.sluice.seal-offer.v1+json";
inline constexpr std::string_view kInTotoType =
    "application/vnd.in-toto+json";  // statement, receipt

inline constexpr size_t kTrustDocumentBytesMax = 256 * 1024;
inline constexpr size_t kReadReplyBytesMax = 1024 * 1024;  // a long list of apps
inline constexpr size_t kSignaturesMax = 16;

struct EnvelopeSignature {
  std::string key_id;  // a hint which key to try (VerifyingKey::id()); decides nothing
  std::string signature;
};

struct Envelope {
  std::string payload_type;
  std::string payload;
  std::vector<EnvelopeSignature> signatures;
};

struct VerifiedPayload {
  std::string payload;
  std::vector<crypto::VerifyingKey> signers;  // distinct, sorted
};

// "DSSEv1 LEN(type) type LEN(payload) payload": what is signed.
std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload);

EnvelopeSignature SignPayload(std::string_view payload_type, std::string_view payload,
                              const crypto::SigningKey& key);

// The envelope's text with one signature.
std::string SealEnvelope(std::string_view payload_type, std::string_view payload,
                         const crypto::SigningKey& key);
std::string FormatEnvelope(const Envelope& envelope);

// Takes the text apart; nothing in it is to be believed yet. InvalidArgument by name: those of
// ParseStrictJson() and JsonDocument::Finish(), envelope-base64, envelope-no-signature,
// envelope-too-many-signatures.
StatusOr<Envelope> ParseEnvelope(std::string_view text, size_t bytes_max = kEnvelopeBytesMax);

// The payload, when at least `threshold` distinct keys of `allowed` signed it as `payload_type`.
// By name: wrong-payload-type and bad-threshold (InvalidArgument), unknown-key (no signature
// says it is by an allowed key), bad-signature (it says so and is not), too-few-signatures (all
// PermissionDenied).
StatusOr<VerifiedPayload> VerifyEnvelope(const Envelope& envelope, std::string_view payload_type,
                                         std::span<const crypto::VerifyingKey> allowed,
                                         size_t threshold);

// ParseEnvelope() and VerifyEnvelope() for one key, the usual case.
StatusOr<std::string> OpenEnvelope(std::string_view text, std::string_view payload_type,
                                   const crypto::VerifyingKey& key,
                                   size_t bytes_max = kEnvelopeBytesMax);

}  // namespace sluice::trust

#include "common/trust/envelope.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr size_t kPayloadTypeBytesMax = 128;
constexpr size_t kKeyIdBytesMax = 128;
constexpr size_t kSignatureTextBytesMax = 128;  // 64 bytes are 88 characters

Status Refused(StatusCode code, std::string_view name, std::string_view message) {
  return NamedError(code, name, message);
}

StatusOr<std::string> Base64Field(std::string_view field, std::string_view text) {
  StatusOr<std::string> bytes = FromBase64(text);
  if (bytes.ok()) return bytes;
  return Refused(StatusCode::kInvalidArgument, "envelope-base64",
                 absl::StrCat("envelope: \"", ToAbsl(field), "\" is not canonical base64"));
}

}  // namespace

std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload) {
  return absl::StrCat("DSSEv1 ", payload_type.size(), " ", ToAbsl(payload_type), " ",
                      payload.size(), " ", ToAbsl(payload));
}

EnvelopeSignature SignPayload(std::string_view payload_type, std::string_view payload,
                              const crypto::SigningKey& key) {
  return {key.Public().id(), key.Sign(PreAuthenticationEncoding(payload_type, payload))};
}

std::string FormatEnvelope(const Envelope& envelope) {
  nlohmann::json signatures = nlohmann::json::array();
  for (const EnvelopeSignature& signature : envelope.signatures) {
    signatures.push_back({{"keyid", signature.key_id}, {"sig", ToBase64(signature.signature)}});
  }
  return FormatJson({{"payload", ToBase64(envelope.payload)},
                     {"payloadType", envelope.payload_type},
                     {"signatures", std::move(signatures)}});
}

std::string SealEnvelope(std::string_view payload_type, std::string_view payload,
                         const crypto::SigningKey& key) {
  return FormatEnvelope({.payload_type = std::string(payload_type),
                         .payload = std::string(payload),
                         .signatures = {SignPayload(payload_type, payload, key)}});
}

StatusOr<Envelope> ParseEnvelope(std::string_view text, size_t bytes_max) {
  SLUICE_ASSIGN_OR_RETURN(
      JsonDocument document,
      JsonDocument::Parse(text, "envelope", UnknownFields::kRefuse, {.bytes_max = bytes_max}));
  JsonReader root = document.Root();
  Envelope envelope;
  envelope.payload_type = root.String("payloadType", kPayloadTypeBytesMax);
  const std::string payload = root.String("payload", bytes_max);
  std::vector<std::string> signatures;
  for (JsonReader& entry : root.Objects("signatures")) {
    envelope.signatures.push_back({entry.OptionalString("keyid", kKeyIdBytesMax), ""});
    signatures.push_back(entry.String("sig", kSignatureTextBytesMax));
  }
  SLUICE_RETURN_IF_ERROR(document.Finish());
  if (signatures.empty()) {
    return Refused(StatusCode::kInvalidArgument, "envelope-no-signature",
                   "envelope: nobody signed it");
  }
  if (signatures.size() > kSignaturesMax) {
    return Refused(StatusCode::kInvalidArgument, "envelope-too-many-signatures",
                   absl::StrCat("envelope: ", signatures.size(), " signatures; ", kSignaturesMax,
                                " are allowed"));
  }
  SLUICE_ASSIGN_OR_RETURN(envelope.payload, Base64Field("payload", payload));
  for (size_t i = 0; i < signatures.size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(envelope.signatures[i].signature, Base64Field("sig", signatures[i]));
  }
  return envelope;
}

StatusOr<VerifiedPayload> VerifyEnvelope(const Envelope& envelope, std::string_view payload_type,
                                         std::span<const crypto::VerifyingKey> allowed,
                                         size_t threshold) {
  if (threshold == 0) {
    return Refused(StatusCode::kInvalidArgument, "bad-threshold",
                   "a threshold of 0 signatures would accept anything");
  }
  if (envelope.payload_type != payload_type) {
    return Refused(StatusCode::kInvalidArgument, "wrong-payload-type",
                   absl::StrCat("signed as another kind of thing than ", ToAbsl(payload_type)));
  }
  const std::string message = PreAuthenticationEncoding(envelope.payload_type, envelope.payload);
  std::set<crypto::VerifyingKey> signers;
  bool known_key = false;
  for (const EnvelopeSignature& signature : envelope.signatures) {
    for (const crypto::VerifyingKey& key : allowed) {
      if (!signature.key_id.empty() && signature.key_id != key.id()) continue;
      known_key = true;
      if (!signers.contains(key) && key.Verify(signature.signature, message)) signers.insert(key);
    }
  }
  if (signers.size() >= threshold) {
    return VerifiedPayload{envelope.payload, {signers.begin(), signers.end()}};
  }
  if (!known_key) {
    return Refused(StatusCode::kPermissionDenied, "unknown-key",
                   "not signed by any key that may sign this");
  }
  if (signers.empty()) {
    return Refused(StatusCode::kPermissionDenied, "bad-signature",
                   "the signature does not fit: altered, or not made by the key it names");
  }
  return Refused(StatusCode::kPermissionDenied, "too-few-signatures",
                 absl::StrCat(signers.size(), " of ", threshold, " signatures that are needed"));
}

StatusOr<std::string> OpenEnvelope(std::string_view text, std::string_view payload_type,
                                   const crypto::VerifyingKey& key, size_t bytes_max) {
  SLUICE_ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(text, bytes_max));
  SLUICE_ASSIGN_OR_RETURN(VerifiedPayload verified,
                          VerifyEnvelope(envelope, payload_type, {&key, 1}, 1));
  return std::move(verified.payload);
}

}  // namespace sluice::trust

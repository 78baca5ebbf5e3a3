#include "common/trust/agent_signature.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::trust {

StatusOr<std::string> OpenAgentEnvelope(std::string_view envelope_text,
                                        std::string_view payload_type, const TrustDocument& trust,
                                        const FoundationName& foundation, size_t bytes_max) {
  SLUICE_ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(envelope_text, bytes_max));
  std::vector<crypto::VerifyingKey> identities;
  for (const TrustedAgent& agent : trust.AgentsOf(foundation)) identities.push_back(agent.identity);
  StatusOr<VerifiedPayload> verified = VerifyEnvelope(envelope, payload_type, identities, 1);
  if (verified.ok()) return std::move(verified->payload);
  if (ErrorName(verified.status()) != "unknown-key") return verified.status();
  for (const EnvelopeSignature& signature : envelope.signatures) {
    if (trust.RevokedKeyId(signature.key_id)) {
      return NamedError(StatusCode::kPermissionDenied, "key-revoked",
                        "signed by an agent's key that the trust document revokes");
    }
  }
  return NamedError(StatusCode::kPermissionDenied, "unknown-agent",
                    absl::StrCat("not signed by an agent that the trust document names for ",
                                 foundation.value()));
}

}  // namespace sluice::trust

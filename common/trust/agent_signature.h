// "Signed by an agent of that foundation": the check that statements, receipts, seal offers and
// read replies share.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/trust/envelope.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

// The payload of `envelope`, verified as signed by one of the agents that `trust` has for
// `foundation`. Names as ParseEnvelope() and VerifyEnvelope(); PermissionDenied "unknown-agent"
// when the foundation has no such agent, "key-revoked" when it had.
StatusOr<std::string> OpenAgentEnvelope(std::string_view envelope, std::string_view payload_type,
                                        const TrustDocument& trust,
                                        const FoundationName& foundation,
                                        size_t bytes_max = kEnvelopeBytesMax);

}  // namespace sluice::trust

// The public half of a key file, as its owner hands it to whoever keeps the trust document.
//
// An agent's or operator's card is an envelope signed by the very key it shows: whoever made it
// holds that key, and nobody put another's CURVE key beside it. Whose key it is, a person decides
// (compare key ids over another channel). The coordinator's card cannot be signed: its key signs
// nothing.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/signing_key.h"

namespace sluice::trust {

struct OperatorCard {
  std::string name;
  crypto::VerifyingKey signing;
  crypto::CurvePublicKey curve;
};

struct AgentCard {
  FoundationName foundation;
  crypto::VerifyingKey identity;
  crypto::CurvePublicKey curve;
};

struct CoordinatorCard {
  crypto::CurvePublicKey curve;
};

std::string FormatOperatorCard(std::string_view name, const crypto::SigningKey& signing,
                               const crypto::CurvePublicKey& curve);
std::string FormatAgentCard(const FoundationName& foundation, const crypto::SigningKey& identity,
                            const crypto::CurvePublicKey& curve);
std::string FormatCoordinatorCard(const crypto::CurvePublicKey& curve);

// Names as ParseEnvelope(), VerifyEnvelope(), JsonDocument::Finish() and ParsePublicKey(); and
// "card-wrong-kind" for another kind of card.
StatusOr<OperatorCard> ParseOperatorCard(std::string_view text);
StatusOr<AgentCard> ParseAgentCard(std::string_view text);
StatusOr<CoordinatorCard> ParseCoordinatorCard(std::string_view text);

}  // namespace sluice::trust

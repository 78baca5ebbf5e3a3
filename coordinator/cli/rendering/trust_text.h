// A trust document, for people and as JSON.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"

namespace sluice::trust {
class TrustDocument;
struct TrustedOperator;
}  // namespace sluice::trust

namespace sluice::cli {

// As --grant takes them, on one line.
std::string RenderGrants(const trust::TrustedOperator& of);

std::string RenderTrust(const trust::TrustDocument& document);
nlohmann::json TrustJson(const trust::TrustDocument& document);

}  // namespace sluice::cli

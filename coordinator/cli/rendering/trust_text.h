// A trust document, for people and as JSON.
#pragma once

#include <string>

#include "nlohmann/json_fwd.hpp"

namespace sluice::trust {
class TrustDocument;
}

namespace sluice::cli {

std::string RenderTrust(const trust::TrustDocument& document);
nlohmann::json TrustJson(const trust::TrustDocument& document);

}  // namespace sluice::cli

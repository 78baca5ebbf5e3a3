// The in-toto Statement v1 frame (in-toto attestation spec, v1/statement.md) around one droplet.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/trust/strict_json.h"
#include "nlohmann/json_fwd.hpp"

namespace sluice::trust {

// The payload's text.
std::string FormatInToto(std::string_view droplet_sha256, std::string_view predicate_type,
                         nlohmann::json predicate);

// A payload whose subject is one droplet and whose predicate is of that type, to be read on from
// predicate(). Unknown fields are ignored, as in-toto's monotonic rule asks. Names as JsonDocument,
// and InvalidArgument "wrong-predicate-type".
struct InToto {
  JsonDocument document;
  std::string droplet_sha256;
  JsonReader predicate() { return document.Root().Object("predicate"); }
};
StatusOr<InToto> ParseInToto(std::string_view payload, std::string_view predicate_type);

}  // namespace sluice::trust

// Which trust document may follow the one that was in force: versions only go up, and one version
// is one document, so that nothing which was revoked comes back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

// The latest document that was in force, as it is kept on disk.
struct TrustFloor {
  int64_t version = 0;  // 0: none yet
  std::string sha256;   // of its envelope; empty: not known
  bool operator==(const TrustFloor&) const = default;
};

TrustFloor FloorOf(const TrustDocument& document);

// `path` is where the document was read. FailedPrecondition "trust-rolled-back" for an older one,
// "trust-version-reused" for another one of the same version.
Status CheckFollows(const TrustDocument& document, const TrustFloor& floor, std::string_view path);

}  // namespace sluice::trust

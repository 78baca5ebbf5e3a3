#include "common/trust/trust_floor.h"

#include "absl/strings/str_cat.h"

namespace sluice::trust {

TrustFloor FloorOf(const TrustDocument& document) {
  return {document.version(), document.sha256()};
}

Status CheckFollows(const TrustDocument& document, const TrustFloor& floor, std::string_view path) {
  if (document.version() < floor.version) {
    return NamedError(
        StatusCode::kFailedPrecondition, "trust-rolled-back",
        absl::StrCat(ToAbsl(path), " is version ", document.version(), ", but version ",
                     floor.version, " was in force here already: put the latest one there"));
  }
  const bool same = floor.sha256.empty() || document.sha256() == floor.sha256;
  if (document.version() > floor.version || same) return absl::OkStatus();
  return NamedError(StatusCode::kFailedPrecondition, "trust-version-reused",
                    absl::StrCat(ToAbsl(path), " is another document of version ", floor.version,
                                 " than the one that was in force here: the trust root must give "
                                 "it a higher version"));
}

}  // namespace sluice::trust

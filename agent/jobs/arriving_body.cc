#include "agent/jobs/arriving_body.h"

#include "absl/strings/str_cat.h"

namespace sluice::agent {

StatusOr<size_t> ArrivingBody::Read(std::span<char> buffer) {
  const absl::Duration since = clock_.Monotonic();
  const StatusOr<bool> arrived = droplet_.AwaitBytes(starved_after_);
  waited_ += clock_.Monotonic() - since;
  SLUICE_ASSIGN_OR_RETURN(const bool ready, arrived);
  if (ready) return droplet_.Read(buffer);
  return NamedError(
      StatusCode::kUnavailable, kUploadStarved,
      absl::StrCat("no byte of the droplet came for ", absl::FormatDuration(starved_after_),
                   ": the upload was given up before the foundation cuts it"));
}

}  // namespace sluice::agent

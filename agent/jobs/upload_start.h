// When an upload that is fed by a running transfer may begin: a pure decision.
//
// The upload is one request, which the foundation ends after a fixed time however much has been
// sent (gorouter's request_timeout_in_seconds), and sooner when no byte comes (nginx's
// client_body_timeout). Begun at once it costs no time of its own (cut-through). Begun too early on
// a slow link it is cut and was for nothing, so there it begins when what is missing needs no more
// than a share of that time; what has arrived by then is read from the spool (spool-first).
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"

namespace sluice::agent {

struct UploadLimits {
  absl::Duration time_max = absl::Seconds(900);  // of a whole upload
  absl::Duration idle_max = absl::Seconds(60);   // without a byte

  // An upload is given up of its own accord before the foundation cuts it.
  absl::Duration StarvedAfter() const { return idle_max / 2; }
};

struct Arrival {
  uint64_t bytes_missing = 0;
  // Lately; nothing when not enough has been seen to know one, 0 when nothing comes.
  std::optional<double> bytes_per_second;
  // Uploads of the same droplet that were begun while bytes were missing, and came to nothing.
  int uploads_cut = 0;
};

// From then on an upload begins only when all has arrived.
inline constexpr int kUploadsCutMax = 3;

struct UploadStart {
  bool now = false;
  // What is missing needs so much longer than an upload that begins now could wait for it;
  // infinite when nothing says when it will have come. Look again meanwhile: rates change.
  absl::Duration wait;
};

// Now, if what is missing needs less than half of the upload's time; after each cut upload less
// than half of that.
UploadStart DecideUploadStart(const Arrival& arrival, const UploadLimits& limits);

}  // namespace sluice::agent

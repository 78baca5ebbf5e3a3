// An arriving droplet as the body of one upload.
#pragma once

#include <memory>
#include <span>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/http/message.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

inline constexpr char kUploadStarved[] = "upload-starved";

// Fails by Unavailable "upload-starved" when it would have to wait longer than `starved_after` for
// the next bytes: the upload is then aborted, and its foundation has not cut it. `droplet` and
// `clock` are borrowed.
class ArrivingBody final : public http::BodySource {
 public:
  ArrivingBody(transfer::ArrivingDroplet& droplet, uint64_t droplet_bytes,
               absl::Duration starved_after, const Clock& clock)
      : droplet_(droplet),
        droplet_bytes_(droplet_bytes),
        starved_after_(starved_after),
        clock_(clock) {}

  uint64_t ContentLength() const override { return droplet_bytes_; }
  StatusOr<size_t> Read(std::span<char> buffer) override;
  // How long bytes were waited for.
  absl::Duration waited() const { return waited_; }

 private:
  transfer::ArrivingDroplet& droplet_;
  const uint64_t droplet_bytes_;
  const absl::Duration starved_after_;
  const Clock& clock_;
  absl::Duration waited_;
};

}  // namespace sluice::agent

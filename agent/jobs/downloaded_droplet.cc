#include "agent/jobs/downloaded_droplet.h"

#include <utility>

#include "common/base/logging.h"
#include "common/http/message.h"

namespace sluice::agent {
namespace {

// Counts the time from one piece to the next.
class TakingSink final : public http::ByteSink {
 public:
  TakingSink(const transfer::DropletSource::Take& take, const Clock& clock,
             std::atomic<int64_t>& waited_nanoseconds)
      : take_(take), clock_(clock), waited_nanoseconds_(waited_nanoseconds) {}
  Status Write(std::string_view bytes) override {
    waited_nanoseconds_ += absl::ToInt64Nanoseconds(clock_.Monotonic() - since_);
    const Status taken = take_(bytes);
    since_ = clock_.Monotonic();
    return taken;
  }

 private:
  const transfer::DropletSource::Take& take_;
  const Clock& clock_;
  std::atomic<int64_t>& waited_nanoseconds_;
  absl::Duration since_ = clock_.Monotonic();
};

}  // namespace

DownloadedDroplet::DownloadedDroplet(foundation::CloudController& cloud_controller,
                                     ParallelLimit& reading, DropletGuid droplet,
                                     uint64_t droplet_bytes, const Clock& clock,
                                     std::stop_token stop)
    : cloud_controller_(cloud_controller),
      reading_(reading),
      clock_(clock),
      droplet_(std::move(droplet)),
      droplet_bytes_(droplet_bytes),
      stop_(std::move(stop)) {}

Status DownloadedDroplet::Read(uint64_t offset, const Take& take) {
  // Only while it is read: who has a place never waits for one at another agent, which may wait for
  // one here.
  ParallelLimit::Place place(reading_, droplet_bytes_);
  if (!place.Take()) {
    Log(LogLevel::kInfo, "download-waits-for-limit", {{"droplet", droplet_.value()}});
    SLUICE_RETURN_IF_ERROR(place.Await(stop_));
  }
  TakingSink sink(take, clock_, waited_nanoseconds_);
  return cloud_controller_.DownloadDroplet(droplet_, offset, droplet_bytes_, sink, stop_);
}

}  // namespace sluice::agent

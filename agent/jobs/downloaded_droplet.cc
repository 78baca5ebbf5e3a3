#include "agent/jobs/downloaded_droplet.h"

#include <utility>

#include "common/http/message.h"

namespace sluice::agent {
namespace {

class TakingSink final : public http::ByteSink {
 public:
  explicit TakingSink(const transfer::DropletSource::Take& take) : take_(take) {}
  Status Write(std::string_view bytes) override { return take_(bytes); }

 private:
  const transfer::DropletSource::Take& take_;
};

}  // namespace

DownloadedDroplet::DownloadedDroplet(foundation::CloudController& cloud_controller,
                                     DropletGuid droplet, uint64_t droplet_bytes,
                                     std::stop_token stop)
    : cloud_controller_(cloud_controller),
      droplet_(std::move(droplet)),
      droplet_bytes_(droplet_bytes),
      stop_(std::move(stop)) {}

Status DownloadedDroplet::Read(uint64_t offset, const Take& take) {
  TakingSink sink(take);
  return cloud_controller_.DownloadDroplet(droplet_, offset, droplet_bytes_, sink, stop_);
}

}  // namespace sluice::agent

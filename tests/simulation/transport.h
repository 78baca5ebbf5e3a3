// An agent's way to its simulated foundation: requests take time, and are lost, refused, cut and
// answered with other bytes as the history's faults have it.
#pragma once

#include <stop_token>
#include <string>

#include "common/http/transport.h"
#include "common/http/waiter.h"
#include "tests/simulation/foundation.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

// Lets simulated time pass for the calling thread.
class SleepingWaiter final : public http::Waiter {
 public:
  explicit SleepingWaiter(World& world) : world_(world) {}
  Status Wait(absl::Duration duration, std::stop_token stop) override;

 private:
  World& world_;
};

// The droplet that the source's foundation has to give.
struct Blob {
  std::string content;
  size_t wrong_at = 0;  // the byte that is another in wrong bits
};

// One process's; both borrowed, and `blob` too, which may be null.
class Transport final : public http::HttpTransport {
 public:
  Transport(World& world, Foundation& foundation, const Blob* blob)
      : world_(world), foundation_(foundation), blob_(blob), waiter_(world) {}

  StatusOr<http::HttpResponse> Perform(const http::HttpRequest& request,
                                       std::stop_token stop) override;
  // The process is dead: no request leaves any more.
  void Cut() { cut_ = true; }
  // For kChecksumUnchecked and kDigestUnchecked: what the agent is made to see.
  void BelieveSha256(std::string sha256) { believed_sha256_ = std::move(sha256); }

 private:
  // Takes the body to its end; the SHA-256 of the one file in it.
  StatusOr<Foundation::Upload> ReadUpload(const http::HttpRequest& request, std::stop_token stop);
  StatusOr<http::HttpResponse> Download(const http::HttpRequest& request, std::stop_token stop);
  StatusOr<http::HttpResponse> Pass(const http::HttpRequest& request, http::FakeReply reply);
  Status Travel(std::stop_token stop);

  World& world_;
  Foundation& foundation_;
  const Blob* const blob_;
  SleepingWaiter waiter_;
  bool cut_ = false;
  std::string believed_sha256_;
};

}  // namespace sluice::simulation

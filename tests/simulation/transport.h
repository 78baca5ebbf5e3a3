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

// One byte in so many is another in wrong bits, so that each chunk is.
inline constexpr size_t kWrongEvery = 4096;

// The droplet that the source's foundation has to give.
struct Blob {
  std::string content;
};

// One process's; both borrowed, and `blob` too, which may be null.
class Transport final : public http::HttpTransport {
 public:
  Transport(World& world, Foundation& foundation, const Blob* blob)
      : world_(world), foundation_(foundation), blob_(blob), waiter_(world) {}

  StatusOr<http::HttpResponse> Perform(const http::HttpRequest& request,
                                       std::stop_token stop) override;
  // The process is not the foundation's first agent (kDigestLogForgotten).
  void SetLaterLife() { later_life_ = true; }
  // The process is dead: no request leaves any more.
  void Cut() { cut_ = true; }
  // For kChecksumUnchecked and kDigestUnchecked: what the agent is made to see.
  // Of every droplet but the `others`.
  void BelieveSha256(std::string sha256, std::string others) {
    believed_sha256_ = std::move(sha256);
    others_sha256_ = std::move(others);
  }

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
  bool later_life_ = false;
  std::string believed_sha256_;
  std::string others_sha256_;
};

}  // namespace sluice::simulation

// HTTP by libcurl: streaming both ways, TLS always verified.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/http/transport.h"

namespace sluice::http {

class CurlSession;

// HTTP/1.1 with connections kept alive between calls. Proxies from the environment, .netrc files
// and cookies are not used: nothing ambient decides where a token goes.
class CurlTransport final : public HttpTransport {
 public:
  struct Options {
    std::string ca_file;  // PEM; empty: the system's certificates, otherwise only these
    // Hosts besides loopback ones that may be asked without TLS. A foundation's network that
    // is only reached through a tunnel is the reason for having any.
    std::vector<std::string> plain_http_hosts;
    std::string user_agent = "sluice";
  };
  // `clock` is borrowed.
  CurlTransport(Options options, const Clock& clock);
  ~CurlTransport() override;

  StatusOr<HttpResponse> Perform(const HttpRequest& request, std::stop_token stop) override;

 private:
  std::unique_ptr<CurlSession> TakeSession();
  void PutBack(std::unique_ptr<CurlSession> session);

  const Options options_;
  const Clock& clock_;
  Mutex mutex_;
  std::vector<std::unique_ptr<CurlSession>> idle_sessions_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::http

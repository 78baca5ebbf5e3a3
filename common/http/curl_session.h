// One libcurl multi handle with the connections it keeps alive; performs one request at a time.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "common/base/status.h"
#include "common/http/curl_call.h"
#include "common/http/message.h"

namespace sluice::http {

// Belongs to one thread at a time.
class CurlSession {
 public:
  struct Settings {
    std::string ca_file;
    std::string user_agent;
  };
  static StatusOr<std::unique_ptr<CurlSession>> Open();
  ~CurlSession();
  CurlSession(const CurlSession&) = delete;
  CurlSession& operator=(const CurlSession&) = delete;

  StatusOr<HttpResponse> Perform(const HttpRequest& request, const Settings& settings,
                                 CurlCall& call, std::stop_token stop);

 private:
  struct Handles;
  explicit CurlSession(std::unique_ptr<Handles> handles);
  void Configure(const HttpRequest& request, const Settings& settings, CurlCall& call);
  void ConfigureBody(const HttpRequest& request);
  // Until the transfer ends, a limit passes or a callback fails. The result is a CURLcode; a limit
  // that passed is in the status.
  StatusOr<int> Drive(CurlCall& call);

  const std::unique_ptr<Handles> handles_;
};

}  // namespace sluice::http

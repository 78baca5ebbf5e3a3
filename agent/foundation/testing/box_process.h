// A foundation in a box (tests/foundation) that runs as long as this lives.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "common/http/curl_transport.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {

class BoxProcess {
 public:
  // Starts it in a folder of its own below the system's temporary one, and waits until it is ready.
  // `options` are further words of its command line.
  static StatusOr<std::unique_ptr<BoxProcess>> Start(const std::vector<std::string>& options = {});
  // Ends it and removes the folder.
  ~BoxProcess();
  BoxProcess(const BoxProcess&) = delete;
  BoxProcess& operator=(const BoxProcess&) = delete;

  const std::string& folder() const { return folder_; }
  std::string api_url() const { return about_["api_url"]; }
  std::string ca_file() const { return about_["ca_file"]; }

  // A request to the box's admin endpoint (tests/foundation/README.md). Internal "box-refused"
  // unless it is answered by 2xx.
  StatusOr<nlohmann::json> Admin(std::string_view method, std::string_view path,
                                 const nlohmann::json& body = nullptr);

  // A gzipped tar as a buildpack makes it, some 300 KB of it, told apart by `version`. Its file.
  std::string MakeDroplet(int version);

 private:
  BoxProcess(std::string folder, pid_t pid, int lifeline);

  const std::string folder_;
  const pid_t pid_;
  const int lifeline_;  // the box ends when it is closed
  nlohmann::json about_;
  SystemClock clock_;
  http::CurlTransport transport_{{}, clock_};
};

}  // namespace sluice::foundation

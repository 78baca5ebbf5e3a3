// What can be chosen when a box is started.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::box {

// Seconds may be fractions. The defaults are Cloud Foundry's where it has one, except where
// waiting would only make tests slow.
struct Options {
  std::string name = "box";
  std::string directory;                 // made when absent; everything of the box lies in it
  std::string address = "127.0.0.1";     // where API, UAA, blobstore, admin and router listen
  std::string port_file;                 // a second copy of box.json, when not empty
  std::string apps_domain;               // default: apps.NAME.test
  std::string blobstore_scheme = "md5";  // or hmac
  std::string api_version = "3.228.0";
  std::vector<std::string> stacks = {"cflinuxfs4", "cflinuxfs3"};  // the first is the default
  double job_delay_seconds = 0;
  double upload_idle_seconds = 60;                   // nginx client_body_timeout
  double request_limit_seconds = 900;                // gorouter request_timeout_in_seconds
  uint64_t upload_bytes_max = uint64_t{2048} << 20;  // cc.app_bits_max_body_size
  double token_seconds = 1200;
  double signed_url_seconds = 3600;
  double deployment_interval_seconds = 0.2;
  double health_timeout_seconds = 60;  // an instance must be healthy by then
  double crash_backoff_seconds = 30;   // after the third crash; doubles up to 960
  double stop_grace_seconds = 10;      // between SIGTERM and SIGKILL
  int ready_fd = -1;                   // gets the line "ready" when everything is up
  int lifeline_fd = -1;                // the box ends when this descriptor reaches its end
};

// Nullopt after --help. Throws std::runtime_error that says what is wrong with the arguments.
std::optional<Options> ParseOptions(int argc, char** argv);

}  // namespace sluice::box

// Many agents' sessions with one coordinator, each with a key, a ZeroMQ context and sockets of its
// own, as many processes would have them; on one thread, so that they fit on a small machine.
//
//   bench-agents trust FOLDER COUNT           writes FOLDER/trust.json, which names agents of COUNT
//                                             foundations and the key of FOLDER/coordinator.key,
//                                             and prints the root's public key
//   bench-agents run FOLDER COUNT ENDPOINT    dials as each of them; logs "all-connected" and
//                                             "all-lost" whenever that has become true
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/process.h"
#include "common/base/random.h"
#include "common/crypto/system_entropy.h"
#include "common/net/control_client.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/trust/key_file.h"
#include "common/trust/testing/test_trust.h"

namespace sluice::bench {
namespace {

constexpr int kExitFailed = 1;

std::vector<std::string> FoundationNames(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(absl::StrFormat("foundation-%d", i));
  return names;
}

Status WriteTrust(const std::string& folder, int count) {
  SystemFiles files;
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(const trust::CoordinatorKey coordinator,
                          trust::LoadCoordinatorKey(files, folder + "/coordinator.key"));
  trust::TestTrust trust(FoundationNames(count));
  trust::TrustContent content = trust.content();
  content.coordinator_curve = coordinator.curve.public_key();
  content.expires = absl::FromUnixSeconds(absl::ToUnixSeconds(clock.Now())) + absl::Hours(1);
  trust.Use(content);
  std::printf("%s\n", trust.root().signing.Public().text().c_str());
  return files.Replace(folder + "/trust.json", trust.document().envelope(), FileAccess::kEveryone);
}

// One agent's session.
struct Session {
  std::unique_ptr<net::Network> network;
  std::unique_ptr<net::ControlClient> client;
  bool connected = false;
};

class Sessions {
 public:
  Sessions(const std::string& folder, int count)
      : folder_(folder), trust_(FoundationNames(count)), random_(SeedFromKernel()) {
    for (const std::string& name : FoundationNames(count)) {
      sessions_.emplace_back();
      keys_.push_back(&trust_.agent(name).curve);
    }
  }

  Status Run(const std::string& endpoint) {
    SystemFiles files;
    SLUICE_ASSIGN_OR_RETURN(const trust::CoordinatorKey coordinator,
                            trust::LoadCoordinatorKey(files, folder_ + "/coordinator.key"));
    for (size_t i = 0; i < sessions_.size(); ++i) {
      Session& session = sessions_[i];
      SLUICE_ASSIGN_OR_RETURN(session.network,
                              net::Network::Start({.public_key = keys_[i]->public_key().bytes(),
                                                   .secret_key = keys_[i]->secret_bytes()},
                                                  nullptr));
      session.client = net::ControlClient::Dial(
          *session.network, loop_, clock_, entropy_, random_,
          {.endpoint = endpoint,
           .coordinator_key = coordinator.curve.public_key().bytes(),
           .features = {},
           .version = "bench",
           .bulk_endpoint = ""},
          {.on_welcome = [this, &session](const v1::Welcome&) { Count(session, true); },
           .on_message = [](const v1::ControlMessage&) {},
           .on_lost = [this, &session](const Status&) { Count(session, false); }});
    }
    loop_.Run();
    return absl::OkStatus();
  }

 private:
  void Count(Session& session, bool connected) {
    if (session.connected == connected) return;
    session.connected = connected;
    connected_ = connected ? connected_ + 1 : connected_ - 1;
    if (connected_ == sessions_.size()) Log(LogLevel::kInfo, "all-connected", {});
    if (connected_ == 0) Log(LogLevel::kInfo, "all-lost", {});
  }

  const std::string folder_;
  const trust::TestTrust trust_;
  const SystemClock clock_;
  crypto::SystemEntropy entropy_;
  SeededRandom random_;
  net::EventLoop loop_{clock_};
  std::vector<const crypto::CurveKeyPair*> keys_;
  std::vector<Session> sessions_;
  size_t connected_ = 0;
};

Status Perform(const std::vector<std::string>& words) {
  int count = 0;
  if (words.size() < 4 || !absl::SimpleAtoi(ToAbsl(words[3]), &count) || count < 1) {
    return NamedError(StatusCode::kInvalidArgument, "usage",
                      "bench-agents trust FOLDER COUNT | run FOLDER COUNT ENDPOINT");
  }
  if (words[1] == "trust") return WriteTrust(words[2], count);
  if (words[1] == "run" && words.size() == 5) return Sessions(words[2], count).Run(words[4]);
  return NamedError(StatusCode::kInvalidArgument, "usage", "trust or run");
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  sluice::StartLogging("bench-agents", sluice::LogLevel::kInfo);
  sluice::AllowManyDescriptors();
  const sluice::Status performed =
      sluice::bench::Perform(std::vector<std::string>(argv, argv + argc));
  if (performed.ok()) return 0;
  std::fprintf(stderr, "%s\n", sluice::Describe(performed).c_str());
  return sluice::bench::kExitFailed;
}

// A coordinator that lies: it holds the true coordinator's key, lets everybody in whom the trust
// document names, and passes to one agent the orders it was given, whatever is in them. What the
// agent answers is printed, one JSON object a line.
//
//   false-coordinator KEY TRUST_DOCUMENT ROOT LISTEN FOUNDATION source|target ORDER_FILE...
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/crypto/system_entropy.h"
#include "common/net/control_server.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/trust/key_file.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"
#include "sluice/v1/control.pb.h"

namespace sluice {
namespace {

constexpr size_t kOrderBytesMax = 64 * 1024;
constexpr int kExitFailed = 1;
constexpr int kExitBadInput = 2;

struct Falsehoods {
  std::string foundation;
  v1::JobRole role = v1::JOB_ROLE_TARGET;
  std::deque<std::string> orders;  // envelopes still to be passed on
};

void Print(const nlohmann::json& line) {
  std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  std::fflush(stdout);
}

// Passes the orders on one after the other: the next when the agent has reported on the last.
class FalseCoordinator final : public net::ControlEvents {
 public:
  explicit FalseCoordinator(Falsehoods falsehoods) : falsehoods_(std::move(falsehoods)) {}

  void set_sender(net::ControlSender* sender) { sender_ = sender; }
  bool done() const { return falsehoods_.orders.empty(); }

  void OnSessionOpened(net::SessionId session, const net::Peer& peer, const v1::Hello&) override {
    if (peer.role == net::PeerRole::kAgent && peer.name == falsehoods_.foundation) PassOn(session);
  }

  void OnMessage(net::SessionId session, const net::Peer& peer,
                 const v1::ControlMessage& message) override {
    if (peer.name != falsehoods_.foundation) return;
    if (message.has_error()) {
      Told(session, {{"event", "agent-refused-message"},
                     {"name", message.error().name()},
                     {"message", message.error().message()}});
    } else if (message.has_job_report()) {
      const v1::JobReport& report = message.job_report();
      Acknowledge(session, report);
      // Reports on earlier promotions come again after a new session.
      if (report.promotion() != promotion_) return;
      Told(session, {{"event", "agent-reported"},
                     {"promotion", report.promotion()},
                     {"source_state", v1::SourceState_Name(report.source_state())},
                     {"target_state", v1::TargetState_Name(report.target_state())},
                     {"name", report.error().name()},
                     {"message", report.error().message()}});
    }
  }

  void OnSessionClosed(net::SessionId, const net::Peer&) override {}

 private:
  void PassOn(net::SessionId session) {
    if (done()) return;
    const std::string& envelope = falsehoods_.orders.front();
    const StatusOr<trust::Order> order = trust::PeekOrder(envelope);
    // What is no order at all is passed on under a name of its own.
    promotion_ = order.ok() ? order->promotion.value() : "unreadable";
    v1::ControlMessage message;
    v1::JobCommand& command = *message.mutable_job_command();
    command.set_promotion(promotion_);
    command.set_role(falsehoods_.role);
    command.set_target_index(0);
    command.set_step(v1::JOB_STEP_ACCEPT);
    command.set_order(envelope);
    sender_->Send(session, std::move(message));
  }

  void Told(net::SessionId session, const nlohmann::json& what) {
    Print(what);
    falsehoods_.orders.pop_front();
    PassOn(session);
  }

  void Acknowledge(net::SessionId session, const v1::JobReport& report) {
    v1::ControlMessage message;
    v1::JobReportRecorded& recorded = *message.mutable_job_report_recorded();
    recorded.set_promotion(report.promotion());
    recorded.set_role(report.role());
    recorded.set_target_index(report.target_index());
    recorded.set_revision(report.revision());
    sender_->Send(session, std::move(message));
  }

  Falsehoods falsehoods_;
  std::string promotion_;
  net::ControlSender* sender_ = nullptr;
};

net::PeerDirectory Everybody(const trust::TrustDocument& document) {
  return [&document](std::string_view key) -> std::optional<net::Peer> {
    const auto curve = crypto::CurvePublicKey::FromBytes(key);
    if (!curve.ok()) return std::nullopt;
    const auto holder = document.CurveRole(*curve);
    if (!holder) return std::nullopt;
    const auto role = holder->role == trust::CurveHolder::Role::kAgent ? net::PeerRole::kAgent
                                                                       : net::PeerRole::kOperator;
    return net::Peer{role, holder->name, std::string(key)};
  };
}

struct Words {
  std::string key_file, trust_document, root, listen;
};

Status Lie(const Words& words, Falsehoods falsehoods) {
  SystemFiles files;
  const SystemClock clock;
  crypto::SystemEntropy entropy;
  SLUICE_ASSIGN_OR_RETURN(crypto::VerifyingKey root,
                          crypto::VerifyingKey::Parse(crypto::KeyKind::kRoot, words.root));
  const std::vector<crypto::VerifyingKey> roots = {root};
  SLUICE_ASSIGN_OR_RETURN(trust::TrustDocument document,
                          trust::TrustDocument::Load(files, words.trust_document, roots));
  SLUICE_ASSIGN_OR_RETURN(trust::CoordinatorKey key,
                          trust::LoadCoordinatorKey(files, words.key_file));
  SLUICE_ASSIGN_OR_RETURN(
      std::unique_ptr<net::Network> network,
      net::Network::Start({key.curve.public_key().bytes(), key.curve.secret_bytes()},
                          Everybody(document)));
  net::EventLoop loop(clock);
  FalseCoordinator coordinator(std::move(falsehoods));
  net::ControlServerOptions options;
  options.endpoint = words.listen;
  SLUICE_ASSIGN_OR_RETURN(
      std::unique_ptr<net::ControlServer> server,
      net::ControlServer::Listen(*network, loop, clock, entropy, coordinator, std::move(options)));
  coordinator.set_sender(server.get());
  Print({{"event", "false-coordinator-ready"}, {"endpoint", server->endpoint()}});
  loop.RunUntil([&] { return coordinator.done(); });
  return absl::OkStatus();
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  constexpr int kFixedWords = 7;
  const std::vector<std::string> words(argv, argv + argc);
  const bool target = argc > kFixedWords && words[6] == "target";
  if (argc <= kFixedWords || (!target && words[6] != "source")) {
    std::fputs(
        "usage: false-coordinator KEY TRUST_DOCUMENT ROOT LISTEN FOUNDATION source|target "
        "ORDER_FILE...\n",
        stderr);
    return sluice::kExitBadInput;
  }
  sluice::StartLogging("false-coordinator", sluice::LogLevel::kInfo);
  sluice::Falsehoods falsehoods;
  falsehoods.foundation = words[5];
  falsehoods.role = target ? sluice::v1::JOB_ROLE_TARGET : sluice::v1::JOB_ROLE_SOURCE;
  for (size_t i = kFixedWords; i < words.size(); ++i) {
    const auto order = sluice::SystemFiles().Read(words[i], sluice::kOrderBytesMax);
    if (!order.ok()) {
      std::fprintf(stderr, "%s\n", sluice::Describe(order.status()).c_str());
      return sluice::kExitBadInput;
    }
    falsehoods.orders.push_back(*order);
  }
  const sluice::Status lied =
      sluice::Lie({words[1], words[2], words[3], words[4]}, std::move(falsehoods));
  if (lied.ok()) return 0;
  std::fprintf(stderr, "%s\n", sluice::Describe(lied).c_str());
  return sluice::kExitFailed;
}

#include "coordinator/daemon/daemon.h"

#include <signal.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/net/control_server.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/trust/trust_expiry.h"
#include "coordinator/daemon/coordinator.h"
#include "coordinator/daemon/ledger_replay.h"
#include "coordinator/daemon/relay.h"
#include "coordinator/daemon/sqlite_ledger.h"
#include "coordinator/daemon/trust_in_force.h"

namespace sluice::coordinator {
namespace {

// The server is made with whom it tells, the coordinator with whom it sends through.
class EventsToCoordinator final : public net::ControlEvents {
 public:
  void Connect(net::ControlEvents* coordinator) { coordinator_ = coordinator; }
  void OnSessionOpened(net::SessionId session, const net::Peer& peer,
                       const v1::Hello& hello) override {
    coordinator_->OnSessionOpened(session, peer, hello);
  }
  void OnMessage(net::SessionId session, const net::Peer& peer,
                 const v1::ControlMessage& message) override {
    coordinator_->OnMessage(session, peer, message);
  }
  void OnSessionClosed(net::SessionId session, const net::Peer& peer) override {
    coordinator_->OnSessionClosed(session, peer);
  }

 private:
  net::ControlEvents* coordinator_ = nullptr;
};

class Daemon {
 public:
  Daemon(const Settings& settings, const DaemonWorld& world)
      : settings_(settings), world_(world), loop_(world.clock), replay_(settings.trust_roots) {}

  ~Daemon() {
    // The ledger's thread may wait for room among the loop's calls.
    loop_.Stop();
    loop_.UnwatchDescriptor(world_.signals.descriptor());
  }

  Status Run() {
    SLUICE_RETURN_IF_ERROR(OpenLedger());
    SLUICE_RETURN_IF_ERROR(OpenNetwork());
    coordinator_.emplace(CoordinatorParts{.sender = *server_,
                                          .ledger = *ledger_,
                                          .clock = world_.clock,
                                          .timers = loop_.timers(),
                                          .entropy = world_.entropy,
                                          .trust = *trust_,
                                          .trust_roots = settings_.trust_roots,
                                          .relay_endpoint = RelayEndpoint()},
                         std::move(replay_.book()));
    events_.Connect(&*coordinator_);
    if (trust_->Get()->version() != replay_.trust_floor().version) {
      SLUICE_RETURN_IF_ERROR(RecordFirstTrust());
    }
    expiry_.emplace(world_.clock, loop_.timers(), [this] { return trust_->Get(); });
    expiry_->Look();
    loop_.WatchDescriptor(world_.signals.descriptor(), [this] { TakeSignals(); });
    Log(LogLevel::kInfo, "coordinator-ready",
        {{"endpoint", server_->endpoint()},
         {"relay", relay_ ? relay_->endpoint() : ""},
         {"version", SLUICE_VERSION}});
    loop_.Run();
    Log(LogLevel::kInfo, "coordinator-ended", {});
    return absl::OkStatus();
  }

 private:
  Status OpenLedger() {
    SLUICE_RETURN_IF_ERROR(world_.files.MakeFolder(settings_.data_dir));
    SLUICE_ASSIGN_OR_RETURN(
        ledger_, SqliteLedger::Open(
                     world_.files, settings_.LedgerPath(),
                     [this](const LedgerEntry& entry, const SqliteLedger::EarlierHistory& earlier) {
                       return replay_.Take(entry, earlier);
                     },
                     [this](std::function<void()> call) { return loop_.Post(std::move(call)); }));
    return absl::OkStatus();
  }

  Status OpenNetwork() {
    SLUICE_ASSIGN_OR_RETURN(auto document, LoadTrust(world_.files, settings_.trust_document,
                                                     settings_.trust_roots, replay_.trust_floor()));
    SLUICE_ASSIGN_OR_RETURN(const trust::CoordinatorKey key,
                            LoadTrustedKey(world_.files, settings_, *document));
    trust_.emplace(std::move(document));
    SLUICE_ASSIGN_OR_RETURN(network_,
                            net::Network::Start({.public_key = key.curve.public_key().bytes(),
                                                 .secret_key = key.curve.secret_bytes()},
                                                trust_->Directory()));
    SLUICE_ASSIGN_OR_RETURN(
        server_, net::ControlServer::Listen(
                     *network_, loop_, world_.clock, world_.entropy, events_,
                     {.endpoint = settings_.listen, .features = {}, .version = SLUICE_VERSION}));
    if (settings_.relay_listen.empty()) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(relay_, Relay::Start(*network_, world_.clock, settings_.relay_listen));
    return absl::OkStatus();
  }

  // Bound to every address, it is dialled at the host where an agent dials the coordinator.
  std::string RelayEndpoint() const {
    if (!relay_) return "";
    if (!settings_.relay_advertise.empty()) return settings_.relay_advertise;
    const std::string& bound = relay_->endpoint();
    for (const std::string_view any : {"tcp://0.0.0.0:", "tcp://[::]:"}) {
      if (bound.starts_with(any)) return "tcp://*:" + bound.substr(any.size());
    }
    return bound;
  }

  // Before anything is decided by the document, the ledger has it.
  Status RecordFirstTrust() {
    std::optional<Status> recorded;
    SLUICE_RETURN_IF_ERROR(coordinator_->AdoptTrust(
        trust_->Get(), [&recorded](const Status& status) { recorded = status; }));
    loop_.RunUntil([&recorded] { return recorded.has_value(); });
    return *recorded;
  }

  void TakeSignals() {
    while (const auto signal = world_.signals.Take()) {
      if (*signal == SIGHUP) {
        ReloadTrust();
      } else {
        loop_.Stop();
      }
    }
  }

  // A document that may not follow is logged, and the one in force stays. Whichever is in force
  // then is looked at for its end.
  void ReloadTrust() {
    const auto in_force = trust_->Get();
    auto document = LoadTrust(world_.files, settings_.trust_document, settings_.trust_roots,
                              trust::FloorOf(*in_force));
    if (!document.ok()) {
      LogStatus(LogLevel::kError, "trust-not-adopted", document.status());
      return expiry_->Look();
    }
    const int64_t version = (*document)->version();
    if (version == in_force->version()) {
      Log(LogLevel::kInfo, "trust-unchanged", {{"version", version}});
      return expiry_->Look();
    }
    const auto done = [this, version](const Status& status) {
      if (status.ok()) {
        Log(LogLevel::kInfo, "trust-adopted", {{"version", version}});
      } else {
        LogStatus(LogLevel::kError, "trust-not-adopted", status);
      }
      expiry_->Look();
    };
    if (const Status begun = coordinator_->AdoptTrust(*std::move(document), done); !begun.ok()) {
      done(begun);
    }
  }

  const Settings& settings_;
  const DaemonWorld& world_;
  // Destroyed in the reverse order: first the logic, then who it sends through, then the ledger's
  // thread, which posts to the loop.
  net::EventLoop loop_;
  LedgerReplay replay_;
  EventsToCoordinator events_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::optional<TrustInForce> trust_;
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<net::ControlServer> server_;
  std::unique_ptr<Relay> relay_;  // null: not configured
  std::optional<Coordinator> coordinator_;
  std::optional<trust::ExpiryWatch> expiry_;
};

}  // namespace

Status RunDaemon(const Settings& settings, const DaemonWorld& world) {
  return Daemon(settings, world).Run();
}

StatusOr<std::vector<std::string>> CheckDaemon(const Settings& settings, Files& files,
                                               const Clock& clock) {
  SLUICE_ASSIGN_OR_RETURN(const trust::TrustFloor floor,
                          ReadTrustFloor(files, settings.LedgerPath(), settings.trust_roots));
  SLUICE_ASSIGN_OR_RETURN(const auto document,
                          LoadTrust(files, settings.trust_document, settings.trust_roots, floor));
  SLUICE_RETURN_IF_ERROR(LoadTrustedKey(files, settings, *document).status());
  return trust::ExpiryWarnings(*document, clock.Now());
}

}  // namespace sluice::coordinator

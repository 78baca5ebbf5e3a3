// A coordinator without network and disk, with agents and operators that a test speaks for.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/check.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/timers.h"
#include "common/net/control_server.h"
#include "common/trust/testing/test_trust.h"
#include "coordinator/daemon/coordinator.h"
#include "coordinator/daemon/ledger_replay.h"
#include "coordinator/daemon/testing/memory_ledger.h"
#include "coordinator/daemon/testing/signed_evidence.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {

// Keeps what each session was sent.
class RecordingSender final : public net::ControlSender {
 public:
  void Send(net::SessionId session, v1::ControlMessage message) override {
    if (on_send) on_send();
    sent[session].push_back(std::move(message));
  }
  void Close(net::SessionId session) override { closed.push_back(session); }

  std::map<net::SessionId, std::vector<v1::ControlMessage>> sent;
  std::vector<net::SessionId> closed;
  std::function<void()> on_send;
};

class CoordinatorWorld {
 public:
  explicit CoordinatorWorld(const std::vector<std::string>& foundations = {"dev", "prod"},
                            size_t ended_max = PromotionBook::kEndedMax)
      : trust(foundations), ended_max_(ended_max) {
    Start();
  }

  // From what the ledger has. Sessions are gone; nobody is told.
  void Restart() {
    coordinator.reset();
    ledger.Forget();
    sender.sent.clear();
    Start();
  }

  LedgerReplay Replayed() const {
    LedgerReplay replay(trust_roots, ended_max_);
    for (const LedgerEntry& entry : ledger.entries()) {
      const auto earlier = [&](const std::string& promotion) {
        return ledger.HistoryOf(promotion, entry.sequence - 1);
      };
      SLUICE_CHECK(replay.Take(entry, earlier).ok());
    }
    return replay;
  }

  net::Peer AgentPeer(const std::string& foundation) const {
    return {net::PeerRole::kAgent, foundation, trust.agent(foundation).curve.public_key().bytes()};
  }
  net::Peer OperatorPeer() const {
    return {net::PeerRole::kOperator, "alice", trust.alice().curve.public_key().bytes()};
  }

  net::SessionId Connect(const net::Peer& peer, const std::string& bulk_endpoint = "") {
    const net::SessionId session = ++last_session_;
    v1::Hello hello;
    hello.set_version("test");
    hello.set_bulk_endpoint(bulk_endpoint);
    peers_[session] = peer;
    coordinator->OnSessionOpened(session, peer, hello);
    ledger.Settle();
    return session;
  }
  void Disconnect(net::SessionId session) {
    coordinator->OnSessionClosed(session, peers_.at(session));
    ledger.Settle();
  }

  // The message arrives, and the ledger does what follows from it.
  void Say(net::SessionId session, const v1::ControlMessage& message) {
    coordinator->OnMessage(session, peers_.at(session), message);
    ledger.Settle();
  }
  // The latest thing that was sent there.
  const v1::ControlMessage& Heard(net::SessionId session) { return sender.sent[session].back(); }

  static v1::ControlMessage Submit(const std::string& envelope) {
    v1::ControlMessage message;
    message.set_request("submit");
    message.mutable_submit_order()->set_envelope(envelope);
    return message;
  }

  v1::ControlMessage SourceReport(uint64_t revision, v1::SourceState state) const {
    v1::ControlMessage message;
    auto* report = message.mutable_job_report();
    report->set_promotion(order.promotion.value());
    report->set_role(v1::JOB_ROLE_SOURCE);
    report->set_revision(revision);
    report->set_source_state(state);
    if (state == v1::SOURCE_STATE_ACCEPTED) {
      report->add_evidence(SignedStatement(trust, order, trust.Signed(order)));
    }
    return message;
  }
  v1::ControlMessage TargetReport(uint64_t revision, v1::TargetState state,
                                  uint32_t target = 0) const {
    v1::ControlMessage message;
    auto* report = message.mutable_job_report();
    report->set_promotion(order.promotion.value());
    report->set_role(v1::JOB_ROLE_TARGET);
    report->set_target_index(target);
    report->set_revision(revision);
    report->set_target_state(state);
    if (state == v1::TARGET_STATE_ACCEPTED) {
      report->add_evidence(SignedOffer(trust, order, trust.Signed(order), target));
    }
    if (state >= v1::TARGET_STATE_UPLOADED && state <= v1::TARGET_STATE_VERIFIED) {
      report->set_reported_sha256(order.artifact.sha256);
    }
    if (state == v1::TARGET_STATE_VERIFIED) {
      report->add_evidence(SignedReceipt(trust, order, trust.Signed(order), target));
    }
    return message;
  }

  trust::TestTrust trust;
  const std::vector<crypto::VerifyingKey> trust_roots{trust.root().signing.Public()};
  trust::Order order = trust.PromoteOrder();
  FakeClock clock;
  Timers timers{clock};
  FakeEntropy entropy;
  MemoryLedger ledger;
  RecordingSender sender;
  std::unique_ptr<TrustInForce> trust_in_force;
  std::unique_ptr<Coordinator> coordinator;

 private:
  void Start() {
    LedgerReplay replay = Replayed();
    trust_in_force = std::make_unique<TrustInForce>(trust.shared_document());
    coordinator = std::make_unique<Coordinator>(
        CoordinatorParts{sender, ledger, clock, timers, entropy, *trust_in_force, trust_roots},
        std::move(replay.book()));
    if (replay.trust_floor().version != trust.document().version()) {
      SLUICE_CHECK(coordinator->AdoptTrust(trust.shared_document(), [](const Status&) {}).ok());
      ledger.Settle();
    }
  }

  const size_t ended_max_;
  std::map<net::SessionId, net::Peer> peers_;
  net::SessionId last_session_ = 0;
};

}  // namespace sluice::coordinator

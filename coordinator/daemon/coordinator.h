// The coordinator's logic: what each message, connection and record leads to. No network, disk or
// clock of its own, so that whole histories can be run without them.
//
// Nothing is told to anybody before the ledger has it: orders are answered, wishes sent and reports
// acknowledged from the committed state only (event_recorder.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "common/crypto/signing_key.h"
#include "common/net/control_server.h"
#include "coordinator/daemon/agent_registry.h"
#include "coordinator/daemon/event_recorder.h"
#include "coordinator/daemon/latest_progress.h"
#include "coordinator/daemon/ledger.h"
#include "coordinator/daemon/promotion_book.h"
#include "coordinator/daemon/promotion_recall.h"
#include "coordinator/daemon/read_calls.h"
#include "coordinator/daemon/trust_in_force.h"
#include "coordinator/daemon/watch_list.h"
#include "coordinator/daemon/wish_delivery.h"

namespace sluice::v1 {
class JobProgress;
class JobReport;
class ListPromotions;
}  // namespace sluice::v1

namespace sluice::coordinator {

// All borrowed.
struct CoordinatorParts {
  net::ControlSender& sender;
  Ledger& ledger;
  const Clock& clock;
  Timers& timers;
  Entropy& entropy;
  TrustInForce& trust;
  const std::vector<crypto::VerifyingKey>& trust_roots;  // as for LedgerReplay
  std::string relay_endpoint = {};  // as agents are told to dial it; empty: no relay
};

// Belongs to the loop.
class Coordinator final : public net::ControlEvents {
 public:
  static constexpr size_t kUnderWayMax = 256;  // promotions that have not ended
  static constexpr size_t kListedMax = 1000;   // in one answer
  static constexpr size_t kListedByDefault = 100;
  static constexpr size_t kLedgerReadsMax = 64;  // in flight

  // `book` is what the ledger has (ledger_replay.h).
  Coordinator(const CoordinatorParts& parts, PromotionBook book);
  ~Coordinator() override;

  void OnSessionOpened(net::SessionId session, const net::Peer& peer,
                       const v1::Hello& hello) override;
  void OnMessage(net::SessionId session, const net::Peer& peer,
                 const v1::ControlMessage& message) override;
  void OnSessionClosed(net::SessionId session, const net::Peer& peer) override;

  // In force once the ledger has it; then connections that it does not admit are closed. Names of
  // EventRecorder::RecordTrust(); `done` is told how it ended.
  Status AdoptTrust(std::shared_ptr<const trust::TrustDocument> document,
                    std::function<void(const Status&)> done);

  const PromotionBook& book() const { return book_; }

 private:
  struct Asker {
    net::SessionId session = 0;
    std::string request;
  };

  Status TakeFromOperator(const Asker& asker, const net::Peer& peer,
                          const v1::ControlMessage& message);
  Status TakeFromAgent(const Asker& asker, const net::Peer& peer,
                       const v1::ControlMessage& message);

  Status PassRead(const Asker& asker, const v1::ControlMessage& message);
  void SubmitOrder(const Asker& asker, const net::Peer& peer, const std::string& envelope);
  Status TakeSubmitted(const Asker& asker, const net::Peer& peer, const std::string& envelope);
  void AnswerOrder(const std::string& order_sha256, const std::string& promotion,
                   const StatusOr<uint64_t>& sequence);
  Status ListPromotions(const Asker& asker, const v1::ListPromotions& question);
  void GetPromotion(const Asker& asker, const net::Peer& peer, const std::string& prefix);
  Status ShowPromotion(const Asker& asker, const std::string& id);
  void WatchPromotion(const Asker& asker, const net::Peer& peer, const std::string& prefix);
  Status Watch(const Asker& asker, const std::string& id);
  void ListFoundations(const Asker& asker);

  void TakeReport(const Asker& asker, const net::Peer& peer, const v1::JobReport& report);
  Status RecordReport(const net::Peer& peer, const v1::JobReport& report);
  void AnswerReport(const std::string& foundation, const v1::JobReport& report);
  Status PassProgress(const net::Peer& peer, const v1::JobProgress& progress);

  void OnChanged(const std::string& id);
  void Pursue(const std::string& id);
  void PursueAll();
  void AskAgainLater();
  void TellWatchers(const Promotion& promotion);
  void DropUnadmitted();

  void Answer(const Asker& asker, v1::ControlMessage message);
  void Refuse(const Asker& asker, const net::Peer& peer, const Status& refusal);
  absl::Time Now() const;

  const CoordinatorParts parts_;
  PromotionBook book_;
  EventRecorder recorder_;
  PromotionRecall recall_;
  AgentRegistry agents_;
  WishDelivery wishes_;
  ReadCalls reads_;
  WatchList watches_;
  std::map<net::SessionId, net::Peer> sessions_;
  // Orders that are being written, and who waits for the answer.
  std::map<std::string, std::vector<Asker>> submitted_;
  LatestProgress progress_;
  size_t ledger_reads_ = 0;
  std::optional<Timers::Id> asking_again_;
};

}  // namespace sluice::coordinator

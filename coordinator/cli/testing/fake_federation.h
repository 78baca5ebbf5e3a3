// A coordinator and its agents as the command line meets them, in one process and without a
// network: they check what is signed as the real ones do, answer what a test told them to, and play
// the events of a promotion one after another.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/testing/fake_clock.h"
#include "common/trust/order.h"
#include "common/trust/read_request.h"
#include "common/trust/testing/test_trust.h"
#include "coordinator/cli/coordinator_link.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {

class FakeFederation {
 public:
  // Something that a watcher hears, `after` so much time. kMessage changes the promotion and tells
  // its new state, or tells `progress` if there is any.
  struct Moment {
    absl::Duration after = absl::Seconds(1);
    Heard heard = Heard::kMessage;
    std::function<void(v1::PromotionDetail&)> change = {};
    std::optional<v1::Progress> progress = {};
  };

  // Borrowed.
  FakeFederation(const trust::TestTrust& trust, FakeClock& clock);

  std::unique_ptr<CoordinatorLink> Connect();

  // What the agent of a foundation answers to an action. Plans for PromoteOrder()'s apps are there
  // from the start, one for "west" that differs in its counter; all else is "unknown-read".
  void Answer(const std::string& foundation, const std::string& action,
              StatusOr<std::string> result);
  const std::string& AnswerOf(const std::string& foundation, const std::string& action) const;

  // A promotion that is recorded already.
  void Record(const trust::Order& order);
  v1::PromotionDetail& promotion(const std::string& id) { return promotions_.at(id).detail; }

  // What the source's agent states of a recorded promotion's or export's droplet.
  std::string StatementFor(const v1::PromotionDetail& detail) const;

  // The moments of a promotion that goes well, from recorded to done with a receipt of each target.
  std::deque<Moment> GoodEnd() const;
  // A receipt by the target's agent for the promotion as it stands.
  std::string ReceiptFor(const v1::PromotionDetail& detail, size_t index) const;

  std::deque<Moment> moments;
  std::set<std::string> disconnected;  // foundations whose agent is not there
  // Before anything is answered or told: what a lying coordinator changes.
  std::function<void(v1::ControlMessage&)> tamper;
  // Stands in for every answer, in turn: nothing answers as usual.
  std::deque<std::optional<Status>> failures;

  std::vector<trust::ReadRequest> questions;  // that agents found rightly signed
  std::vector<trust::Order> orders;           // recorded, in turn
  v1::ListPromotions listed;                  // what was asked for last
  uint64_t left_out = 0;                      // what answers say that they do not show
  int interrupts_forgotten = 0;
  int watched = 0;  // how often somebody began to watch

 private:
  struct Recorded {
    v1::PromotionDetail detail;
    std::string order_envelope;
  };
  class Link;

  StatusOr<v1::ControlMessage> AnswerTo(const v1::ControlMessage& question);
  StatusOr<v1::ControlMessage> AnswerRead(const v1::ReadCall& call);
  StatusOr<v1::ControlMessage> TakeOrder(const std::string& envelope);
  Status CheckByAgents(const std::string& envelope, const trust::Order& order) const;
  StatusOr<Recorded*> Find(const std::string& prefix);
  Heard Listen(absl::Duration wait,
               const std::function<void(const v1::ControlMessage&)>& on_message);
  void AddOrder(const std::string& envelope, const trust::Order& order);

  const trust::TestTrust& trust_;
  FakeClock& clock_;
  std::map<std::pair<std::string, std::string>, StatusOr<std::string>> answers_;
  std::map<std::string, Recorded> promotions_;
  std::string watched_id_;
  int silent_waits_ = 0;
};

}  // namespace sluice::cli

// The operator of a history: submits the order until it is recorded, activates or cancels if the
// history has it so.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "common/trust/order.h"
#include "common/trust/testing/test_trust.h"
#include "tests/simulation/control_links.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

class OperatorDesk {
 public:
  // All borrowed.
  OperatorDesk(World& world, ControlLinks& control, const trust::TestTrust& trust)
      : world_(world), control_(control), trust_(trust) {}

  void Begin();
  // Submits it then, and again until it is answered.
  void SubmitAt(absl::Duration at, const std::string& envelope);
  // An order that continues `promote`, whose envelope is given.
  std::string StepOrder(const trust::Order& promote, const std::string& envelope,
                        trust::Action action);

  // By the SHA-256 of the order: the ledger's sequence number.
  const std::map<std::string, uint64_t>& recorded() const { return recorded_; }
  // All that were to be submitted have been answered.
  bool done() const { return open_ == 0; }

 private:
  void Submit(const std::string& envelope);
  void OnMessage(const v1::ControlMessage& message);

  World& world_;
  ControlLinks& control_;
  const trust::TestTrust& trust_;
  ControlLinks::CallerNumber caller_ = 0;
  std::map<std::string, std::string> unanswered_;  // envelopes by request
  std::map<std::string, uint64_t> recorded_;
  int open_ = 0;
  int last_request_ = 0;
  int step_orders_ = 0;
};

}  // namespace sluice::simulation

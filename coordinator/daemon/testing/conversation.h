// What everybody usually says in one promotion, to a coordinator without network and disk.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "coordinator/daemon/job_states.h"
#include "coordinator/daemon/testing/coordinator_world.h"

namespace sluice::coordinator {

inline constexpr char kDevEndpoint[] = "tcp://dev.example:7720";

// A world of its own, with everybody in it and what they usually say.
class Conversation {
 public:
  explicit Conversation(size_t ended_max = PromotionBook::kEndedMax)
      : world_({"dev", "prod"}, ended_max) {}

  void ConnectAll(const std::string& dev_endpoint = kDevEndpoint,
                  const std::string& prod_endpoint = "") {
    dev_ = world_.Connect(world_.AgentPeer("dev"), dev_endpoint);
    prod_ = world_.Connect(world_.AgentPeer("prod"), prod_endpoint);
    alice_ = world_.Connect(world_.OperatorPeer());
  }
  void SubmitOrder() {
    world_.Say(alice_, CoordinatorWorld::Submit(world_.trust.Signed(world_.order)));
  }
  void AcceptAll() {
    world_.Say(dev_, world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED));
    world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED));
  }

  // A whole promotion, one message at a time, on whatever sessions there are then.
  std::vector<std::function<void()>> WholePromotion() {
    return {
        [this] { SubmitOrder(); },
        [this] { world_.Say(dev_, world_.SourceReport(1, v1::SOURCE_STATE_ACCEPTED)); },
        [this] { world_.Say(prod_, world_.TargetReport(1, v1::TARGET_STATE_ACCEPTED)); },
        [this] { world_.Say(dev_, world_.SourceReport(2, v1::SOURCE_STATE_SENDING)); },
        [this] { world_.Say(prod_, world_.TargetReport(2, v1::TARGET_STATE_TRANSFERRING)); },
        [this] { world_.Say(dev_, world_.SourceReport(3, v1::SOURCE_STATE_SENT)); },
        [this] { world_.Say(prod_, world_.TargetReport(3, v1::TARGET_STATE_UPLOADED)); },
        [this] { world_.Say(prod_, world_.TargetReport(4, v1::TARGET_STATE_ACTIVATING)); },
        [this] { world_.Say(prod_, world_.TargetReport(5, v1::TARGET_STATE_ACTIVE)); },
        [this] { world_.Say(prod_, world_.TargetReport(6, v1::TARGET_STATE_VERIFIED)); },
    };
  }

  const Promotion& promotion() const {
    return *world_.coordinator->book().Committed("promotion-1");
  }
  std::string state() const { return StateWord(promotion().state); }

  // The steps of all commands that a session was sent, in order.
  std::vector<v1::JobStep> Commanded(net::SessionId session) {
    std::vector<v1::JobStep> steps;
    for (const auto& message : world_.sender.sent[session]) {
      if (message.has_job_command()) steps.push_back(message.job_command().step());
    }
    return steps;
  }
  std::vector<v1::ControlMessage> Answers(net::SessionId session, const std::string& request) {
    std::vector<v1::ControlMessage> answers;
    for (const auto& message : world_.sender.sent[session]) {
      if (message.request() == request) answers.push_back(message);
    }
    return answers;
  }
  v1::ControlMessage Ask(v1::ControlMessage question) {
    question.set_request("question");
    world_.Say(alice_, question);
    return world_.Heard(alice_);
  }

  CoordinatorWorld world_;
  net::SessionId dev_ = 0;
  net::SessionId prod_ = 0;
  net::SessionId alice_ = 0;
};

}  // namespace sluice::coordinator

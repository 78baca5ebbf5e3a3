#include "tests/simulation/operator_desk.h"

#include "absl/strings/str_cat.h"

namespace sluice::simulation {
namespace {

constexpr absl::Duration kAskAgain = absl::Seconds(5);

}  // namespace

void OperatorDesk::Begin() {
  v1::Hello hello;
  hello.set_version("simulated");
  caller_ = control_.Attach(
      {.peer = {.role = net::PeerRole::kOperator,
                .name = "alice",
                .curve_key = trust_.alice().curve.public_key().bytes()},
       .hello = hello,
       .on_welcome = [](const v1::Welcome&) {},
       .on_message = [this](const v1::ControlMessage& message) { OnMessage(message); },
       .on_lost = [](const Status&) {}});
}

void OperatorDesk::SubmitAt(absl::Duration at, const std::string& envelope) {
  ++open_;
  world_.agenda.After(at - world_.clock.Monotonic(), [this, envelope] { Submit(envelope); });
}

void OperatorDesk::Submit(const std::string& envelope) {
  const std::string request = absl::StrCat("request-", ++last_request_);
  unanswered_[request] = envelope;
  v1::ControlMessage message;
  message.set_request(request);
  message.mutable_submit_order()->set_envelope(envelope);
  control_.SendUp(caller_, message);
  world_.agenda.After(kAskAgain, [this, request] {
    const auto found = unanswered_.find(request);
    if (found == unanswered_.end()) return;
    const std::string again = found->second;
    unanswered_.erase(found);
    Submit(again);
  });
}

void OperatorDesk::OnMessage(const v1::ControlMessage& message) {
  const auto found = unanswered_.find(message.request());
  if (found == unanswered_.end()) return;
  if (message.has_error()) {
    world_.trace.Note(absl::StrCat("alice hears: ", message.error().name()));
    // What may pass is asked again in a while; a verdict is one.
    const auto code = static_cast<StatusCode>(message.error().code());
    if (code == StatusCode::kUnavailable || code == StatusCode::kNotFound) return;
  } else if (message.has_order_recorded()) {
    recorded_[trust::OrderSha256(found->second)] = message.order_recorded().ledger_sequence();
  } else {
    return;
  }
  unanswered_.erase(found);
  --open_;
}

std::string OperatorDesk::StepOrder(const trust::Order& promote, const std::string& envelope,
                                    trust::Action action) {
  trust::Order order = promote;
  order.order_id = std::string(31, 'f') + std::to_string(++step_orders_);
  order.action = action;
  order.original_order_sha256 = trust::OrderSha256(envelope);
  for (trust::OrderTarget& target : order.targets) target.counter = 0;
  return trust_.Signed(order);
}

}  // namespace sluice::simulation

#include "coordinator/cli/testing/fake_federation.h"

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/trust/acceptance.h"
#include "common/trust/policy.h"
#include "common/trust/receipt.h"
#include "common/trust/statement.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

// So many waits in a row that hear nothing are a test that waits for ever.
constexpr int kSilentWaitsMax = 10000;

template <typename T>
T Must(StatusOr<T> value) {
  SLUICE_CHECK(value.ok());
  return *std::move(value);
}

bool Begins(const trust::Order& order) {
  return order.action == trust::Action::kPromote || order.action == trust::Action::kExport;
}

json SourcePlanJson(const trust::Order& order) {
  return {{"organization_guid", "11111111-0000-4000-8000-000000000003"},
          {"space_guid", "11111111-0000-4000-8000-000000000004"},
          {"app_guid", order.source.app_guid.value()},
          {"droplet_guid", order.source.droplet_guid.value()},
          {"sha256", order.artifact.sha256},
          {"size_bytes", order.artifact.size_bytes},
          {"stack", order.artifact.stack},
          {"lifecycle", order.artifact.lifecycle},
          {"buildpacks", {{{"name", "java"}, {"version", "4.63"}}}},
          {"process_types", {{"web", "java -jar app.jar"}, {"worker", "java -jar worker.jar"}}},
          {"created_at", "2025-12-31T23:00:00Z"},
          {"origin", nullptr},
          {"warnings", json::array()}};
}

json TargetPlanJson(const trust::OrderTarget& target) {
  return {{"organization_guid", target.organization_guid.value()},
          {"space_guid", target.space_guid.value()},
          {"app_guid", target.app_guid.value()},
          {"counter", target.counter},
          {"exists", true},
          {"state", "STARTED"},
          {"instances", 2},
          {"current_droplet_guid", target.expected_current_droplet_guid.value()},
          {"current_sha256", std::string(64, 'b')},
          {"already", "none"},
          {"upload", "cut-through"},
          {"upload_why", "no rate is known yet"},
          {"changes", {"droplet"}},
          {"warnings", json::array()},
          {"undo", "puts back the droplet that runs now"},
          {"estimated_seconds", nullptr}};
}

}  // namespace

class FakeFederation::Link final : public CoordinatorLink {
 public:
  explicit Link(FakeFederation& federation) : federation_(federation) {}

  std::vector<StatusOr<v1::ControlMessage>> AskAll(std::vector<v1::ControlMessage> questions,
                                                   absl::Duration) override {
    std::vector<StatusOr<v1::ControlMessage>> answers;
    for (const v1::ControlMessage& question : questions) {
      answers.push_back(federation_.AnswerTo(question));
    }
    return answers;
  }

  Heard Listen(absl::Duration wait,
               const std::function<void(const v1::ControlMessage&)>& on_message) override {
    return federation_.Listen(wait, on_message);
  }

  void ForgetInterrupt() override { ++federation_.interrupts_forgotten; }

 private:
  FakeFederation& federation_;
};

FakeFederation::FakeFederation(const trust::TestTrust& trust, FakeClock& clock)
    : trust_(trust), clock_(clock) {
  const trust::Order order = trust.PromoteOrder();
  Answer("dev", "plan-source", SourcePlanJson(order).dump());
  trust::OrderTarget target = order.targets.front();
  Answer("prod", "plan-target", TargetPlanJson(target).dump());
  target.counter += 6;
  Answer("west", "plan-target", TargetPlanJson(target).dump());
}

std::unique_ptr<CoordinatorLink> FakeFederation::Connect() { return std::make_unique<Link>(*this); }

void FakeFederation::Answer(const std::string& foundation, const std::string& action,
                            StatusOr<std::string> result) {
  answers_.insert_or_assign({foundation, action}, std::move(result));
}

const std::string& FakeFederation::AnswerOf(const std::string& foundation,
                                            const std::string& action) const {
  return answers_.at({foundation, action}).value();
}

void FakeFederation::Record(const trust::Order& order) { AddOrder(trust_.Signed(order), order); }

void FakeFederation::AddOrder(const std::string& envelope, const trust::Order& order) {
  Recorded& recorded = promotions_[order.promotion.value()];
  v1::PromotionDetail& detail = recorded.detail;
  if (Begins(order)) {
    recorded.order_envelope = envelope;
    v1::PromotionSummary& summary = *detail.mutable_summary();
    summary.set_id(order.promotion.value());
    summary.set_state(v1::PROMOTION_STATE_RECORDED);
    summary.set_source(order.source.reference.text());
    summary.set_sha256(order.artifact.sha256);
    summary.set_operator_("alice");
    summary.set_created_milliseconds(absl::ToUnixMillis(order.issued_at));
    summary.set_changed_milliseconds(absl::ToUnixMillis(order.issued_at));
    detail.set_size_bytes(static_cast<uint64_t>(order.artifact.size_bytes));
    detail.set_strategy(std::string(trust::StrategyName(order.strategy)));
    detail.set_activate(order.activate);
    if (order.recipient) summary.set_recipient("maria");
    for (const trust::OrderTarget& target : order.targets) {
      summary.add_targets(target.reference.text());
      v1::TargetDetail& told = *detail.add_targets();
      told.set_target(target.reference.text());
      told.set_state(v1::TARGET_STATE_PLANNED);
    }
  }
  if (order.action == trust::Action::kActivate) {
    detail.mutable_summary()->set_state(v1::PROMOTION_STATE_ACTIVATING);
  } else if (!Begins(order)) {
    detail.mutable_summary()->set_state(v1::PROMOTION_STATE_UNDOING);
  }
  v1::LedgerEntry& entry = *detail.add_entries();
  entry.set_sequence(static_cast<uint64_t>(detail.entries_size()));
  entry.set_at_milliseconds(absl::ToUnixMillis(clock_.Now()));
  entry.set_kind(Begins(order) ? "order" : "step-order");
  entry.set_body(envelope);
  entry.set_hash(std::string(32, '\x11'));
}

StatusOr<FakeFederation::Recorded*> FakeFederation::Find(const std::string& prefix) {
  Recorded* found = nullptr;
  for (auto& [id, recorded] : promotions_) {
    if (!absl::StartsWith(id, prefix)) continue;
    if (id == prefix) return &recorded;
    if (found != nullptr) {
      return NamedError(StatusCode::kInvalidArgument, "ambiguous-id",
                        absl::StrCat("\"", prefix, "\" is the beginning of several ids"));
    }
    found = &recorded;
  }
  if (found != nullptr) return found;
  return NamedError(StatusCode::kNotFound, "no-promotion",
                    absl::StrCat("there is no promotion \"", prefix, "\""));
}

StatusOr<v1::ControlMessage> FakeFederation::AnswerTo(const v1::ControlMessage& question) {
  if (!failures.empty()) {
    const std::optional<Status> failure = failures.front();
    failures.pop_front();
    if (failure) return *failure;
  }
  v1::ControlMessage answer;
  if (question.has_read_call()) return AnswerRead(question.read_call());
  if (question.has_submit_order()) return TakeOrder(question.submit_order().envelope());
  if (question.has_get_promotion() || question.has_watch_promotion()) {
    const bool watch = question.has_watch_promotion();
    SLUICE_ASSIGN_OR_RETURN(Recorded * found, Find(watch ? question.watch_promotion().id()
                                                         : question.get_promotion().id()));
    *answer.mutable_promotion_detail() = found->detail;
    answer.mutable_promotion_detail()->set_entries_left_out(left_out);
    if (watch) {
      ++watched;
      watched_id_ = found->detail.summary().id();
    }
  } else if (question.has_list_promotions()) {
    listed = question.list_promotions();
    answer.mutable_promotion_list()->set_not_shown(left_out);
    answer.mutable_promotion_list()->set_not_searched(left_out);
    for (const auto& [id, recorded] : promotions_) {
      *answer.mutable_promotion_list()->add_promotions() = recorded.detail.summary();
    }
  } else if (question.has_list_foundations()) {
    for (const auto& [name, foundation] : trust_.content().foundations) {
      v1::FoundationSummary& summary = *answer.mutable_foundation_list()->add_foundations();
      summary.set_name(name);
      summary.set_connected(!disconnected.contains(name));
      summary.set_since_milliseconds(absl::ToUnixMillis(clock_.Now()));
      summary.set_version("0.1.0");
      summary.set_agent(foundation.agents.front().identity.id());
    }
  }
  if (tamper) tamper(answer);
  return answer;
}

StatusOr<v1::ControlMessage> FakeFederation::AnswerRead(const v1::ReadCall& call) {
  const std::string& foundation = call.foundation();
  if (disconnected.contains(foundation)) {
    return NamedError(StatusCode::kUnavailable, "agent-not-connected",
                      absl::StrCat("the agent of ", foundation, " is not connected"));
  }
  const trust::Policy policy;
  trust::AcceptanceContext context;
  context.foundation = FoundationName(foundation);
  context.trust = &trust_.document();
  context.policy = &policy;
  context.now = clock_.Now();
  trust::ReadReply reply;
  reply.foundation = context.foundation;
  reply.at = absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now()));
  const StatusOr<trust::AcceptedRead> accepted = trust::AcceptRead(call.envelope(), context);
  if (accepted.ok()) {
    questions.push_back(accepted->request);
    const auto found = answers_.find({foundation, accepted->request.action});
    const StatusOr<std::string> result =
        found != answers_.end()
            ? found->second
            : NamedError(StatusCode::kInvalidArgument, "unknown-read", "no answer to that");
    reply.status = result.status();
    if (result.ok()) reply.result = *result;
  } else {
    reply.status = accepted.status();
  }
  v1::ControlMessage answer;
  answer.mutable_read_answer()->set_envelope(
      Must(trust::SignReadReply(reply, call.envelope(), trust_.agent(foundation).identity)));
  if (tamper) tamper(answer);
  return answer;
}

Status FakeFederation::CheckByAgents(const std::string& envelope, const trust::Order& order) const {
  const trust::Policy policy;
  std::set<std::string> parties = {order.source.reference.foundation.value()};
  for (const auto& target : order.targets) parties.insert(target.reference.foundation.value());
  for (const std::string& party : parties) {
    trust::AcceptanceContext context;
    context.foundation = FoundationName(party);
    context.trust = &trust_.document();
    context.policy = &policy;
    context.now = clock_.Now();
    context.order_seen = [this](const std::string& id) {
      for (const trust::Order& seen : orders) {
        if (seen.order_id == id) return true;
      }
      return false;
    };
    context.last_counter = [](const trust::OrderTarget&) { return 0; };
    context.order_accepted = [this](const std::string& sha256) {
      for (const auto& [id, recorded] : promotions_) {
        if (trust::OrderSha256(recorded.order_envelope) == sha256) return true;
      }
      return false;
    };
    SLUICE_RETURN_IF_ERROR(trust::AcceptOrder(envelope, context).status());
  }
  return absl::OkStatus();
}

StatusOr<v1::ControlMessage> FakeFederation::TakeOrder(const std::string& envelope) {
  SLUICE_ASSIGN_OR_RETURN(const trust::Order order, trust::PeekOrder(envelope));
  const std::string& id = order.promotion.value();
  if (Begins(order) && promotions_.contains(id)) {
    return NamedError(StatusCode::kFailedPrecondition, "promotion-exists",
                      absl::StrCat("promotion ", id, " has its order already"));
  }
  SLUICE_RETURN_IF_ERROR(CheckByAgents(envelope, order));
  AddOrder(envelope, order);
  orders.push_back(order);
  v1::ControlMessage answer;
  answer.mutable_order_recorded()->set_promotion(id);
  if (tamper) tamper(answer);
  return answer;
}

Heard FakeFederation::Listen(absl::Duration wait,
                             const std::function<void(const v1::ControlMessage&)>& on_message) {
  if (moments.empty() || moments.front().after > wait) {
    SLUICE_CHECK(++silent_waits_ < kSilentWaitsMax);
    if (!moments.empty()) moments.front().after -= wait;
    clock_.Advance(wait);
    return Heard::kNothing;
  }
  silent_waits_ = 0;
  const Moment moment = std::move(moments.front());
  moments.pop_front();
  clock_.Advance(moment.after);
  if (moment.heard != Heard::kMessage) return moment.heard;
  v1::ControlMessage message;
  if (moment.progress) {
    v1::JobProgress& told = *message.mutable_job_progress();
    told.set_promotion(watched_id_);
    told.set_role(v1::JOB_ROLE_TARGET);
    *told.mutable_progress() = *moment.progress;
  } else {
    v1::PromotionDetail& detail = promotions_.at(watched_id_).detail;
    moment.change(detail);
    detail.set_event_sequence(detail.event_sequence() + 1);
    v1::PromotionEvent& event = *message.mutable_promotion_event();
    event.set_id(watched_id_);
    event.set_event_sequence(detail.event_sequence());
    *event.mutable_detail() = detail;
    event.mutable_detail()->clear_entries();
  }
  if (tamper) tamper(message);
  on_message(message);
  return Heard::kMessage;
}

std::string FakeFederation::ReceiptFor(const v1::PromotionDetail& detail, size_t index) const {
  const Recorded& recorded = promotions_.at(detail.summary().id());
  const trust::Order order = Must(trust::PeekOrder(recorded.order_envelope));
  const trust::OrderTarget& target = order.targets[index];
  trust::Receipt receipt;
  receipt.sha256 = order.artifact.sha256;
  receipt.promotion = order.promotion;
  receipt.order_sha256 = trust::OrderSha256(recorded.order_envelope);
  receipt.target = target.reference;
  receipt.organization_guid = target.organization_guid;
  receipt.space_guid = target.space_guid;
  receipt.app_guid = AppGuid("22222222-0000-4000-8000-000000000003");
  receipt.droplet_guid = DropletGuid("22222222-0000-4000-8000-000000000009");
  receipt.reported_sha256 = order.artifact.sha256;
  receipt.previous_droplet_guid = target.expected_current_droplet_guid;
  receipt.outcome = detail.targets(static_cast<int>(index)).state() == v1::TARGET_STATE_ROLLED_BACK
                        ? trust::Outcome::kRolledBack
                        : trust::Outcome::kVerified;
  receipt.bytes_transferred = order.artifact.size_bytes;
  receipt.started_at = order.issued_at;
  receipt.finished_at = order.issued_at + absl::Seconds(60);
  return Must(
      trust::SignReceipt(receipt, trust_.agent(target.reference.foundation.value()).identity));
}

std::string FakeFederation::StatementFor(const v1::PromotionDetail& detail) const {
  const Recorded& recorded = promotions_.at(detail.summary().id());
  const trust::Order order = Must(trust::PeekOrder(recorded.order_envelope));
  const trust::Statement statement = {
      .sha256 = order.artifact.sha256,
      .size_bytes = order.artifact.size_bytes,
      .promotion = order.promotion,
      .order_sha256 = trust::OrderSha256(recorded.order_envelope),
      .source = order.source.reference,
      .app_guid = order.source.app_guid,
      .droplet_guid = order.source.droplet_guid,
      .stack = order.artifact.stack,
      .buildpacks = {},
      .process_types = {{"web", "java -jar app.jar"}, {"worker", "java -jar worker.jar"}},
      .lifecycle = order.artifact.lifecycle,
      .droplet_created_at = trust::kTestNow - absl::Hours(1),
      .signed_at = order.issued_at,
      .origin = {order.source.reference, order.source.app_guid, order.source.droplet_guid}};
  return Must(trust::SignStatement(
      statement, trust_.agent(order.source.reference.foundation.value()).identity));
}

std::deque<FakeFederation::Moment> FakeFederation::GoodEnd() const {
  const auto progress = [](uint64_t done, const char* phase) {
    v1::Progress told;
    told.set_bytes_done(done);
    told.set_bytes_total(187654321);
    told.set_phase(phase);
    return told;
  };
  const auto to = [](v1::PromotionState state, v1::TargetState target) {
    return [state, target](v1::PromotionDetail& detail) {
      detail.mutable_summary()->set_state(state);
      for (v1::TargetDetail& told : *detail.mutable_targets()) {
        told.set_state(target);
        told.set_path("direct");
      }
    };
  };
  std::deque<Moment> good;
  good.push_back({.change = to(v1::PROMOTION_STATE_TRANSFERRING, v1::TARGET_STATE_TRANSFERRING)});
  good.push_back({.progress = progress(40'000'000, "transfer")});
  good.push_back({.progress = progress(100'000'000, "transfer")});
  good.push_back({.change = to(v1::PROMOTION_STATE_ACTIVATING, v1::TARGET_STATE_ACTIVATING)});
  good.push_back({.change = [this, to](v1::PromotionDetail& detail) {
    detail.mutable_source_progress()->mutable_stages()->set_download_milliseconds(900);
    to(v1::PROMOTION_STATE_DONE, v1::TARGET_STATE_VERIFIED)(detail);
    for (int i = 0; i < detail.targets_size(); ++i) {
      v1::TargetDetail& target = *detail.mutable_targets(i);
      target.set_receipt(ReceiptFor(detail, static_cast<size_t>(i)));
      target.set_reported_sha256(detail.summary().sha256());
      target.set_droplet_guid("22222222-0000-4000-8000-000000000009");
      target.mutable_progress()->set_bytes_done(187654321);
      target.mutable_progress()->set_bytes_total(187654321);
      target.mutable_progress()->set_bytes_sent(188654321);
      target.mutable_progress()->set_milliseconds(4000);
      target.mutable_progress()->set_bytes_direct(180000000);
      target.mutable_progress()->set_bytes_peer(8654321);
      v1::Way* direct = target.mutable_progress()->add_ways();
      direct->set_path(v1::PATH_KIND_DIRECT);
      direct->set_endpoint("tcp://dev:7720");
      direct->set_tries(3);
      direct->set_times_ready(2);
      direct->set_bytes(180000000);
      direct->set_carries(true);
      direct->mutable_lost_by()->set_name("connection-silent");
      direct->mutable_lost_by()->set_message("no sign of life");
      target.mutable_progress()->add_ways()->set_path(v1::PATH_KIND_RELAY);
      v1::StageTimes* stages = target.mutable_progress()->mutable_stages();
      stages->set_transfer_milliseconds(4000);
      stages->set_upload_milliseconds(1500);
      stages->set_job_milliseconds(200);
      stages->set_activation_milliseconds(2500);
    }
  }});
  return good;
}

}  // namespace sluice::cli

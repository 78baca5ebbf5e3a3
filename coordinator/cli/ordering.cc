#include "coordinator/cli/ordering.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "coordinator/cli/rendering/promotion_json.h"
#include "coordinator/cli/rendering/promotion_text.h"
#include "coordinator/cli/rendering/text.h"
#include "coordinator/cli/watching.h"

namespace sluice::cli {
namespace {

constexpr size_t kOrderIdBytes = 16;
// For agents to accept it in; what runs goes on after it.
constexpr absl::Duration kOrderLife = absl::Hours(1);
constexpr absl::Duration kAnswerWait = absl::Seconds(30);

void ShowEnd(World& world, const GlobalArguments& global, const v1::PromotionDetail& detail) {
  if (global.output == OutputFormat::kJson) {
    world.terminal.Write(JsonLine(PromotionJson(detail, false)));
  } else {
    world.terminal.Write(RenderSummary(detail));
  }
}

void ShowRecorded(World& world, const GlobalArguments& global, const std::string& id) {
  if (global.output == OutputFormat::kJson) {
    world.terminal.Write(JsonLine({{"id", id}, {"state", "recorded"}}));
    return;
  }
  world.terminal.Write(absl::StrCat(id, "\n"));
  world.terminal.Note(absl::StrCat("recorded; watch it with: sluice watch ", id, "\n"));
}

// When no answer came, the order may be in the ledger, or may not.
Status OrderFailure(const Status& why, const std::string& id) {
  const std::string name = ErrorName(why);
  if (name != "interrupted" && name != "no-answer" && name != "coordinator-unreachable") return why;
  return NamedError(why.code(), name,
                    absl::StrCat(why.message(),
                                 "; the order may be recorded; look with: sluice "
                                 "promotion ",
                                 id));
}

}  // namespace

StatusOr<v1::PromotionDetail> GetPromotion(Session& session, const std::string& id) {
  v1::ControlMessage question;
  question.mutable_get_promotion()->set_id(id);
  SLUICE_ASSIGN_OR_RETURN(v1::ControlMessage answer, session.link().Ask(question, kAnswerWait));
  if (!answer.has_promotion_detail()) {
    return NamedError(StatusCode::kInternal, "unexpected-answer",
                      "the coordinator answered something else than was asked");
  }
  return std::move(*answer.mutable_promotion_detail());
}

void StampOrder(World& world, const Session& session, trust::Order& order) {
  order.order_id = ToHex(world.entropy.Bytes(kOrderIdBytes));
  order.federation = session.trust().federation();
  order.trust_version = session.trust().version();
  order.issued_at = absl::FromUnixSeconds(absl::ToUnixSeconds(world.clock.Now()));
  order.expires_at = order.issued_at + kOrderLife;
}

trust::Order StepOrder(const RecordedOrder& recorded, trust::Action action,
                       const std::string& reason) {
  trust::Order order = recorded.order;
  order.action = action;
  order.original_order_sha256 = recorded.sha256;
  order.reason = reason;
  order.activate_before.reset();
  order.bytes_per_second_max.reset();
  for (trust::OrderTarget& target : order.targets) target.counter = 0;
  return order;
}

Status Confirm(World& world, bool yes, std::string_view question) {
  if (yes) return absl::OkStatus();
  if (!world.terminal.CanAsk()) {
    return NamedError(StatusCode::kInvalidArgument, "needs-confirmation",
                      "there is no terminal to ask on; give --yes if this is what you want");
  }
  SLUICE_ASSIGN_OR_RETURN(std::string answer,
                          world.terminal.Ask(absl::StrCat(ToAbsl(question), " [y/N] ")));
  const std::string word = absl::AsciiStrToLower(absl::StripAsciiWhitespace(answer));
  if (word == "y" || word == "yes") return absl::OkStatus();
  return NamedError(StatusCode::kCancelled, "declined", "not confirmed; nothing was ordered");
}

StatusOr<std::string> Submit(Session& session, const trust::Order& order, absl::Duration wait) {
  SLUICE_ASSIGN_OR_RETURN(std::string envelope, trust::SignOrder(order, session.key().signing));
  v1::ControlMessage question;
  question.mutable_submit_order()->set_envelope(envelope);
  const StatusOr<v1::ControlMessage> answer = session.link().Ask(question, wait);
  if (!answer.ok()) return OrderFailure(answer.status(), order.promotion.value());
  if (!answer->has_order_recorded() ||
      answer->order_recorded().promotion() != order.promotion.value()) {
    return NamedError(StatusCode::kDataLoss, "record-differs",
                      "the coordinator recorded something else than was signed; do not rely on it");
  }
  return envelope;
}

Status FollowToEnd(World& world, Session& session, const GlobalArguments& global,
                   const WaitArguments& wait, const RecordedOrder& recorded, Aim aim,
                   const std::vector<std::string>& undone) {
  const std::string& id = recorded.order.promotion.value();
  if (wait.detach) {
    ShowRecorded(world, global, id);
    return absl::OkStatus();
  }
  const WatchRequest request{id, wait.timeout, [&recorded](const v1::PromotionDetail& detail) {
                               return CheckRecord(recorded, detail);
                             }};
  SLUICE_ASSIGN_OR_RETURN(v1::PromotionDetail detail,
                          Watch(world, session.link(), global, request));
  if (detail.summary().state() == v1::PROMOTION_STATE_DONE) {
    SLUICE_RETURN_IF_ERROR(CheckReceipts(recorded, detail, session.trust()));
  }
  ShowEnd(world, global, detail);
  return OutcomeOf(detail, aim, undone);
}

}  // namespace sluice::cli

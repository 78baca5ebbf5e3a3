#include "coordinator/cli/inspecting.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/trust/reference.h"
#include "coordinator/cli/evidence.h"
#include "coordinator/cli/listings.h"
#include "coordinator/cli/ordering.h"
#include "coordinator/cli/rendering/listing_text.h"
#include "coordinator/cli/rendering/promotion_json.h"
#include "coordinator/cli/rendering/promotion_text.h"
#include "coordinator/cli/session.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr absl::Duration kAnswerWait = absl::Seconds(30);

std::string Text(const json& fields) {
  return fields.dump(-1, ' ', false, json::error_handler_t::replace);
}

void Show(World& world, const GlobalArguments& global, const std::string& text, const json& value) {
  world.terminal.Write(global.output == OutputFormat::kJson ? JsonLine(value) : text);
}

StatusOr<v1::ControlMessage> AskFor(Session& session, const v1::ControlMessage& question,
                                    v1::ControlMessage::BodyCase expected) {
  SLUICE_ASSIGN_OR_RETURN(v1::ControlMessage answer, session.link().Ask(question, kAnswerWait));
  if (answer.body_case() == expected) return answer;
  return NamedError(StatusCode::kInternal, "unexpected-answer",
                    "the coordinator answered something else than was asked");
}

// What went wrong with one foundation is a problem of its row, and no reason to hide the others.
FoundationRow WithAnswer(FoundationRow row, const StatusOr<std::string>& answer) {
  Status problem = answer.status();
  if (answer.ok()) {
    StatusOr<FoundationRow> taken = TakeFoundation(*answer, row);
    if (taken.ok()) return *std::move(taken);
    problem = taken.status();
  }
  row.problems.push_back({ErrorName(problem), std::string(problem.message()), ""});
  return row;
}

}  // namespace

Status RunPromotions(World& world, const GlobalArguments& global,
                     const PromotionsArguments& arguments) {
  v1::ControlMessage question;
  question.mutable_list_promotions()->set_state(arguments.state);
  question.mutable_list_promotions()->set_limit(arguments.limit);
  if (!arguments.app.empty()) {
    SLUICE_ASSIGN_OR_RETURN(trust::AppReference app, trust::AppReference::Parse(arguments.app));
    question.mutable_list_promotions()->set_app(app.text());
  }
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Open(world, global));
  SLUICE_ASSIGN_OR_RETURN(v1::ControlMessage answer,
                          AskFor(*session, question, v1::ControlMessage::kPromotionList));
  json list = json::array();
  for (const v1::PromotionSummary& promotion : answer.promotion_list().promotions()) {
    list.push_back(PromotionJson(promotion));
  }
  const v1::PromotionList& answered = answer.promotion_list();
  world.terminal.Note(RenderLeftOut(answered));
  Show(world, global, RenderPromotionList(answered),
       {{"promotions", list},
        {"not_shown", answered.not_shown()},
        {"not_searched", answered.not_searched()}});
  return absl::OkStatus();
}

Status RunPromotion(World& world, const GlobalArguments& global,
                    const PromotionArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Open(world, global));
  SLUICE_ASSIGN_OR_RETURN(v1::PromotionDetail detail, GetPromotion(*session, arguments.id));
  SLUICE_ASSIGN_OR_RETURN(const RecordedOrder recorded, FindOrder(detail, session->trust()));
  world.terminal.Note(RevokedKeyNote(recorded));
  json shown = PromotionJson(detail, true);
  shown["revoked_key"] = recorded.revoked_key ? json(*recorded.revoked_key) : json(nullptr);
  Show(world, global, RenderPromotion(detail, arguments.explain), shown);
  return absl::OkStatus();
}

Status RunFoundations(World& world, const GlobalArguments& global) {
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Open(world, global));
  v1::ControlMessage question;
  question.mutable_list_foundations();
  SLUICE_ASSIGN_OR_RETURN(v1::ControlMessage answer,
                          AskFor(*session, question, v1::ControlMessage::kFoundationList));
  std::vector<FoundationRow> rows;
  std::vector<AgentQuestion> questions;
  std::vector<size_t> asked;
  for (const v1::FoundationSummary& foundation : answer.foundation_list().foundations()) {
    FoundationRow row;
    row.name = foundation.name();
    row.connected = foundation.connected();
    row.since_milliseconds = foundation.since_milliseconds();
    row.agent = foundation.agent();
    row.agent_version = foundation.version();
    if (row.connected) {
      asked.push_back(rows.size());
      questions.push_back({FoundationName(row.name), "foundation", "{}"});
    } else {
      row.problems.push_back({"agent-not-connected", "its agent is not connected", ""});
    }
    rows.push_back(std::move(row));
  }
  const std::vector<StatusOr<std::string>> answers = session->ReadAll(questions);
  for (size_t i = 0; i < asked.size(); ++i) {
    rows[asked[i]] = WithAnswer(std::move(rows[asked[i]]), answers[i]);
  }
  Show(world, global, RenderFoundations(rows), FoundationsJson(rows));
  return absl::OkStatus();
}

Status RunApps(World& world, const GlobalArguments& global, const AppsArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(trust::ListingReference scope,
                          trust::ListingReference::Parse(arguments.scope));
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Open(world, global));
  json fields = {{"organization", scope.organization}};
  if (scope.space) fields["space"] = *scope.space;
  SLUICE_ASSIGN_OR_RETURN(std::string answer,
                          session->Read({scope.foundation, "apps", Text(fields)}));
  const std::string& foundation = scope.foundation.value();
  SLUICE_ASSIGN_OR_RETURN(std::vector<ListedApp> apps, TakeApps(foundation, answer));
  Show(world, global, RenderApps(apps), AppsJson(foundation, apps));
  return absl::OkStatus();
}

Status RunDroplets(World& world, const GlobalArguments& global,
                   const DropletsArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(trust::AppReference app, trust::AppReference::Parse(arguments.app));
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<Session> session, Session::Open(world, global));
  const json fields = {{"organization", app.organization}, {"space", app.space}, {"app", app.app}};
  SLUICE_ASSIGN_OR_RETURN(std::string answer,
                          session->Read({app.foundation, "droplets", Text(fields)}));
  SLUICE_ASSIGN_OR_RETURN(std::vector<ListedDroplet> droplets,
                          TakeDroplets(app.foundation.value(), answer));
  Show(world, global, RenderDroplets(droplets), DropletsJson(app.text(), droplets));
  return absl::OkStatus();
}

}  // namespace sluice::cli

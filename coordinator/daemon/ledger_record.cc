#include "coordinator/daemon/ledger_record.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/trust/order.h"
#include "coordinator/daemon/job_states.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

using Json = nlohmann::json;

Json ErrorJson(const Status& error) {
  return {{"code", static_cast<int>(error.code())},
          {"name", ErrorName(error)},
          {"message", std::string(error.message())}};
}

Status ErrorFrom(const Json& json) {
  return StatusFromParts(json.at("code").get<int>(), json.at("name").get<std::string>(),
                         json.at("message").get<std::string>());
}

Json StagesJson(const StageTimes& stages) {
  return {{"download", stages.download},
          {"transfer", stages.transfer},
          {"upload", stages.upload},
          {"job", stages.job},
          {"activation", stages.activation}};
}

Json WayJson(const WayReport& way) {
  return {{"path", v1::PathKind_Name(way.path)},
          {"endpoint", way.endpoint},
          {"tries", way.tries},
          {"times_ready", way.times_ready},
          {"bytes", way.bytes},
          {"carries", way.carries},
          {"given_up", way.given_up},
          {"lost_by", ErrorJson(way.lost_by)}};
}

Json ProgressJson(const TransferProgress& progress) {
  Json json = {{"bytes_done", progress.bytes_done},     {"bytes_total", progress.bytes_total},
               {"bytes_sent", progress.bytes_sent},     {"bytes_again", progress.bytes_again},
               {"milliseconds", progress.milliseconds}, {"phase", progress.phase},
               {"bytes_direct", progress.bytes_direct}, {"bytes_relay", progress.bytes_relay},
               {"bytes_peer", progress.bytes_peer},     {"bytes_not_sent", progress.bytes_not_sent},
               {"stages", StagesJson(progress.stages)}};
  if (progress.ways.empty()) return json;
  json["ways"] = Json::array();
  for (const WayReport& way : progress.ways) json["ways"].push_back(WayJson(way));
  return json;
}

// Entries of before costs were reported have none of it.
StageTimes StagesFrom(const Json& json) {
  const auto number = [&json](const char* name) { return json.value(name, uint64_t{0}); };
  return {.download = number("download"),
          .transfer = number("transfer"),
          .upload = number("upload"),
          .job = number("job"),
          .activation = number("activation")};
}

struct NotReadable {};

WayReport WayFrom(const Json& json) {
  v1::PathKind path{};
  if (!v1::PathKind_Parse(json.at("path").get<std::string>(), &path)) throw NotReadable{};
  return {.path = path,
          .endpoint = json.at("endpoint").get<std::string>(),
          .tries = json.at("tries").get<uint64_t>(),
          .times_ready = json.at("times_ready").get<uint64_t>(),
          .bytes = json.at("bytes").get<uint64_t>(),
          .carries = json.at("carries").get<bool>(),
          .given_up = json.at("given_up").get<bool>(),
          .lost_by = ErrorFrom(json.at("lost_by"))};
}

std::vector<WayReport> WaysFrom(const Json& json) {
  std::vector<WayReport> ways;
  for (const Json& way : json) ways.push_back(WayFrom(way));
  return ways;
}

TransferProgress ProgressFrom(const Json& json) {
  return {.bytes_done = json.at("bytes_done").get<uint64_t>(),
          .bytes_total = json.at("bytes_total").get<uint64_t>(),
          .bytes_sent = json.at("bytes_sent").get<uint64_t>(),
          .bytes_again = json.at("bytes_again").get<uint64_t>(),
          .milliseconds = json.at("milliseconds").get<uint64_t>(),
          .phase = json.at("phase").get<std::string>(),
          .bytes_direct = json.value("bytes_direct", uint64_t{0}),
          .bytes_relay = json.value("bytes_relay", uint64_t{0}),
          .bytes_peer = json.value("bytes_peer", uint64_t{0}),
          .bytes_not_sent = json.value("bytes_not_sent", uint64_t{0}),
          .stages = StagesFrom(json.value("stages", Json::object())),
          .ways = WaysFrom(json.value("ways", Json::array()))};
}

std::string Decoded(const Json& json) {
  StatusOr<std::string> bytes = FromBase64(json.get<std::string>());
  if (!bytes.ok()) throw NotReadable{};
  return *std::move(bytes);
}

// States are kept by the protocol's names, so that an export can be read without this program.
Json BodyOf(const SourceReported& report) {
  return {{"revision", report.revision},
          {"state", v1::SourceState_Name(report.state)},
          {"error", ErrorJson(report.error)},
          {"statement", ToBase64(report.statement)},
          {"progress", ProgressJson(report.progress)},
          {"warnings", report.warnings}};
}

Json BodyOf(const TargetReported& report) {
  return {{"target_index", report.target_index},
          {"revision", report.revision},
          {"state", v1::TargetState_Name(report.state)},
          {"waiting_for", v1::WaitingFor_Name(report.waiting_for)},
          {"error", ErrorJson(report.error)},
          {"seal_offer", ToBase64(report.seal_offer)},
          {"receipt", ToBase64(report.receipt)},
          {"droplet_guid", report.droplet_guid},
          {"reported_sha256", report.reported_sha256},
          {"previous_droplet_guid", report.previous_droplet_guid},
          {"path", report.path},
          {"progress", ProgressJson(report.progress)},
          {"warnings", report.warnings}};
}

const char* PathWord(ChosenRoute::Path path) {
  switch (path) {
    case ChosenRoute::Path::kRelay:
      return "relay";
    case ChosenRoute::Path::kPeer:
      return "peer";
    case ChosenRoute::Path::kDirect:
      break;
  }
  return "direct";
}

const char* DialsWord(const ChosenRoute& route) {
  switch (route.path) {
    case ChosenRoute::Path::kRelay:
      return "both";
    case ChosenRoute::Path::kPeer:
      return "targets";
    case ChosenRoute::Path::kDirect:
      break;
  }
  return route.source_dials ? "source" : "target";
}

Json BodyOf(const RoutesChosen& event) {
  Json routes = Json::array();
  for (const ChosenRoute& route : event.routes) {
    routes.push_back({{"target_index", route.target_index},
                      {"path", PathWord(route.path)},
                      {"dials", DialsWord(route)},
                      {"endpoint", route.endpoint}});
  }
  return {{"routes", routes}};
}

Json BodyOf(const NoPathFound& event) { return {{"error", ErrorJson(event.error)}}; }

SourceReported SourceReportFrom(const Json& json) {
  SourceReported report;
  report.revision = json.at("revision").get<uint64_t>();
  if (!v1::SourceState_Parse(json.at("state").get<std::string>(), &report.state)) {
    throw NotReadable{};
  }
  report.error = ErrorFrom(json.at("error"));
  report.statement = Decoded(json.at("statement"));
  report.progress = ProgressFrom(json.at("progress"));
  report.warnings = json.at("warnings").get<std::vector<std::string>>();
  return report;
}

TargetReported TargetReportFrom(const Json& json) {
  TargetReported report;
  report.target_index = json.at("target_index").get<uint32_t>();
  report.revision = json.at("revision").get<uint64_t>();
  if (!v1::TargetState_Parse(json.at("state").get<std::string>(), &report.state) ||
      !v1::WaitingFor_Parse(json.at("waiting_for").get<std::string>(), &report.waiting_for)) {
    throw NotReadable{};
  }
  report.error = ErrorFrom(json.at("error"));
  report.seal_offer = Decoded(json.at("seal_offer"));
  report.receipt = Decoded(json.at("receipt"));
  report.droplet_guid = json.at("droplet_guid").get<std::string>();
  report.reported_sha256 = json.at("reported_sha256").get<std::string>();
  report.previous_droplet_guid = json.at("previous_droplet_guid").get<std::string>();
  report.path = json.at("path").get<std::string>();
  report.progress = ProgressFrom(json.at("progress"));
  report.warnings = json.at("warnings").get<std::vector<std::string>>();
  return report;
}

RoutesChosen RoutesFrom(const Json& json) {
  RoutesChosen event;
  for (const Json& route : json.at("routes")) {
    const std::string path = route.at("path").get<std::string>();
    event.routes.push_back({.target_index = route.at("target_index").get<uint32_t>(),
                            .path = path == "relay"  ? ChosenRoute::Path::kRelay
                                    : path == "peer" ? ChosenRoute::Path::kPeer
                                                     : ChosenRoute::Path::kDirect,
                            .source_dials = route.at("dials").get<std::string>() == "source",
                            .endpoint = route.at("endpoint").get<std::string>()});
  }
  return event;
}

std::string KindOf(const Event& event) {
  static constexpr const char* kKinds[] = {"order",  "source-report", "target-report",
                                           "routes", "no-path",       "step-order"};
  static_assert(std::size(kKinds) == std::variant_size_v<decltype(Event::what)>);
  return kKinds[event.what.index()];
}

StatusOr<RecordedEvent> OrderEvent(const LedgerEntry& entry, const OperatorOf& operator_of) {
  SLUICE_ASSIGN_OR_RETURN(const trust::Order order, trust::PeekOrder(entry.body));
  RecordedEvent recorded{.promotion = order.promotion.value(),
                         .event = {.at = absl::FromUnixMillis(entry.at_milliseconds), .what = {}}};
  if (BeginsPromotion(order.action)) {
    recorded.event.what = RecordedOrder(order, entry.body, operator_of(entry.body));
  } else {
    recorded.event.what = RecordedStep(order, entry.body, operator_of(entry.body));
  }
  return recorded;
}

}  // namespace

LedgerDraft RecordOf(const Event& event, const std::string& promotion) {
  LedgerDraft draft{.at = event.at, .kind = KindOf(event), .promotion = promotion, .body = ""};
  std::visit(
      [&](const auto& what) {
        if constexpr (requires { what.envelope; }) {
          draft.body = what.envelope;
        } else {
          Json body = BodyOf(what);
          body["promotion"] = promotion;
          draft.body = body.dump(-1, ' ', false, Json::error_handler_t::replace);
        }
      },
      event.what);
  return draft;
}

StatusOr<RecordedEvent> EventOf(const LedgerEntry& entry, const OperatorOf& operator_of) {
  const auto unreadable = [&entry](std::string_view why) {
    return NamedError(StatusCode::kDataLoss, "ledger-unreadable",
                      absl::StrCat("an entry of kind \"", entry.kind, "\" cannot be read: ",
                                   ToAbsl(why), "; was it written by a newer version?"));
  };
  if (entry.kind == "order" || entry.kind == "step-order") {
    StatusOr<RecordedEvent> order = OrderEvent(entry, operator_of);
    return order.ok() ? order : unreadable(FromAbsl(order.status().message()));
  }
  try {
    const Json body = Json::parse(entry.body);
    RecordedEvent recorded{
        .promotion = body.at("promotion").get<std::string>(),
        .event = {.at = absl::FromUnixMillis(entry.at_milliseconds), .what = {}}};
    if (entry.kind == "source-report") {
      recorded.event.what = SourceReportFrom(body);
    } else if (entry.kind == "target-report") {
      recorded.event.what = TargetReportFrom(body);
    } else if (entry.kind == "routes") {
      recorded.event.what = RoutesFrom(body);
    } else if (entry.kind == "no-path") {
      recorded.event.what = NoPathFound{ErrorFrom(body.at("error"))};
    } else {
      return unreadable("this kind is unknown here");
    }
    return recorded;
  } catch (const Json::exception& error) {
    return unreadable(error.what());
  } catch (const NotReadable&) {
    return unreadable("a state or an envelope is not what this version knows");
  }
}

bool BeginsPromotion(trust::Action action) {
  return action == trust::Action::kPromote || action == trust::Action::kExport;
}

OrderRecorded RecordedOrder(const trust::Order& order, std::string envelope,
                            std::string operator_name) {
  PromotionTerms terms{.source_foundation = order.source.reference.foundation.value(),
                       .source = order.source.reference.text(),
                       .targets = {},
                       .recipient = order.recipient ? operator_name : "",
                       .sha256 = order.artifact.sha256,
                       .size_bytes = static_cast<uint64_t>(order.artifact.size_bytes),
                       .strategy = std::string(trust::StrategyName(order.strategy)),
                       .activate = order.activate};
  for (const trust::OrderTarget& target : order.targets) {
    terms.targets.push_back({target.reference.foundation.value(), target.reference.text()});
  }
  return {.promotion = order.promotion.value(),
          .order_sha256 = trust::OrderSha256(envelope),
          .envelope = std::move(envelope),
          .operator_name = std::move(operator_name),
          .terms = std::move(terms)};
}

StepOrdered RecordedStep(const trust::Order& order, std::string envelope,
                         std::string operator_name) {
  StepAction action = StepAction::kActivate;
  switch (order.action) {
    case trust::Action::kActivate:
      break;
    case trust::Action::kCancel:
      action = StepAction::kCancel;
      break;
    case trust::Action::kRollback:
      action = StepAction::kRollback;
      break;
    case trust::Action::kRead:
    case trust::Action::kPromote:
    case trust::Action::kExport:
      SLUICE_CHECK(false);
  }
  std::vector<std::string> targets;
  for (const trust::OrderTarget& target : order.targets) targets.push_back(target.reference.text());
  return {.action = action,
          .targets = std::move(targets),
          .order_sha256 = trust::OrderSha256(envelope),
          .envelope = std::move(envelope),
          .operator_name = std::move(operator_name)};
}

}  // namespace sluice::coordinator

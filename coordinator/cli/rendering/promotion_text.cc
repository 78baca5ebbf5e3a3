#include "coordinator/cli/rendering/promotion_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/trust/order.h"
#include "coordinator/cli/rendering/cost.h"
#include "coordinator/cli/rendering/explanation.h"
#include "coordinator/cli/rendering/table.h"
#include "coordinator/cli/rendering/text.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

constexpr size_t kShortDigestDigits = 12;

std::string ShortDigest(const std::string& sha256) { return sha256.substr(0, kShortDigestDigits); }

std::string TargetState(const v1::TargetDetail& target) {
  const std::string waiting = WaitingName(target.waiting_for());
  if (waiting.empty()) return StateName(target.state());
  return absl::StrCat(StateName(target.state()), ", waiting for ", waiting);
}

std::string Field(std::string_view name, const std::string& value) {
  return absl::StrFormat("%-10s%s\n", name, value.empty() ? "-" : Printable(value));
}

std::string ErrorLine(const v1::TargetDetail& target) {
  const std::string text = Printable(WithPlace(target.target(), target.error().message()));
  const std::string name = Printable(target.error().name());
  return name.empty() ? absl::StrCat(text, "\n") : absl::StrCat(text, " [", name, "]\n");
}

std::string TargetLines(const v1::PromotionDetail& detail) {
  const std::string& recipient = detail.summary().recipient();
  if (!recipient.empty()) return Field("exported", absl::StrCat("to operator ", recipient));
  std::vector<std::vector<std::string>> rows;
  for (const v1::TargetDetail& target : detail.targets()) {
    rows.push_back({target.target(), TargetState(target), target.droplet_guid(),
                    target.reported_sha256().empty() ? "" : ShortDigest(target.reported_sha256()),
                    target.path(), CostText(target)});
  }
  std::string out = RenderTable({"TARGET", "STATE", "DROPLET", "SHA256", "PATH", "TRANSFER"}, rows);
  for (const v1::TargetDetail& target : detail.targets()) {
    if (target.has_error()) {
      absl::StrAppend(&out, ErrorLine(target));
    }
    for (const std::string& warning : target.warnings()) {
      absl::StrAppend(&out, "warning: ", Printable(WithPlace(target.target(), warning)), "\n");
    }
  }
  return out;
}

std::string Times(const v1::PromotionDetail& detail) {
  const std::string stages = RenderStages(detail);
  return stages.empty() ? "" : absl::StrCat("\n", stages);
}

// A target that was undone because something failed elsewhere knows nothing of that, or what the
// source of the transfer told.
bool TellsWhy(const v1::TargetDetail& target) {
  const auto code = static_cast<StatusCode>(target.error().code());
  return target.has_error() && code != StatusCode::kCancelled && code != StatusCode::kUnknown;
}

// Its targets say why it failed, if they do.
std::string Heading(const v1::PromotionDetail& detail) {
  const v1::PromotionSummary& summary = detail.summary();
  const bool told = std::any_of(detail.targets().begin(), detail.targets().end(), TellsWhy);
  std::string state = StateName(summary.state());
  if (!summary.reason().empty() && !told) absl::StrAppend(&state, ": ", summary.reason());
  return absl::StrCat(
      Field("promotion", summary.id()), Field("state", state), Field("source", summary.source()),
      Field("droplet",
            absl::StrCat("sha256:", summary.sha256(), "  ", FormatBytes(detail.size_bytes()))));
}

// What an order asks for and why; which state a report tells.
std::string EntryContent(const v1::LedgerEntry& entry) {
  const StatusOr<trust::Order> order = trust::PeekOrder(entry.body());
  if (order.ok()) {
    const absl::string_view action = ToAbsl(trust::ActionName(order->action));
    return order->reason.empty() ? std::string(action) : absl::StrCat(action, ": ", order->reason);
  }
  const nlohmann::json body = nlohmann::json::parse(entry.body(), nullptr, false);
  const auto state = body.is_object() ? body.find("state") : body.end();
  if (state == body.end() || !state->is_string()) return "";
  // SOURCE_STATE_SENT and TARGET_STATE_UPLOADED: the enum's prefix says nothing new.
  const std::string name = state->get<std::string>();
  const size_t prefix = name.find("_STATE_");
  return absl::AsciiStrToLower(prefix == std::string::npos ? name : name.substr(prefix + 7));
}

}  // namespace

std::string RenderPromotionList(const v1::PromotionList& list) {
  std::vector<std::vector<std::string>> rows;
  for (const v1::PromotionSummary& promotion : list.promotions()) {
    std::vector<std::string> targets(promotion.targets().begin(), promotion.targets().end());
    if (!promotion.recipient().empty()) {
      targets = {absl::StrCat("(export to ", promotion.recipient(), ")")};
    }
    rows.push_back({promotion.id(), StateName(promotion.state()), promotion.source(),
                    absl::StrJoin(targets, " "), ShortDigest(promotion.sha256()),
                    promotion.operator_(), FormatMilliseconds(promotion.created_milliseconds())});
  }
  return RenderTable({"ID", "STATE", "SOURCE", "TARGETS", "SHA256", "OPERATOR", "CREATED"}, rows);
}

std::string RenderLeftOut(const v1::PromotionList& list) {
  std::string out;
  if (list.not_shown() > 0) {
    absl::StrAppend(&out, list.not_shown(),
                    " older ones are not shown; narrow the list by --app or --state, or give "
                    "--limit\n");
  }
  if (list.not_searched() > 0) {
    absl::StrAppend(&out, list.not_searched(),
                    " that ended before these are in the ledger only "
                    "and were not searched; see one by its id: sluice promotion ID\n");
  }
  return out;
}

std::string RenderSummary(const v1::PromotionDetail& detail) {
  return absl::StrCat(Heading(detail), "\n", TargetLines(detail), Times(detail));
}

std::string RenderPromotion(const v1::PromotionDetail& detail, bool explained) {
  const v1::PromotionSummary& summary = detail.summary();
  std::vector<std::vector<std::string>> rows;
  for (const v1::LedgerEntry& entry : detail.entries()) {
    rows.push_back({absl::StrCat(entry.sequence()), FormatMilliseconds(entry.at_milliseconds()),
                    entry.kind(), EntryContent(entry)});
    if (rows.size() == 1 && detail.entries_left_out() > 0) {
      rows.push_back(
          {"...", "", "", absl::StrCat(detail.entries_left_out(), " entries are not shown")});
    }
  }
  return absl::StrCat(Heading(detail), Field("strategy", detail.strategy()),
                      Field("operator", summary.operator_()),
                      Field("created", FormatMilliseconds(summary.created_milliseconds())),
                      Field("changed", FormatMilliseconds(summary.changed_milliseconds())), "\n",
                      TargetLines(detail), Times(detail), "\n",
                      explained ? absl::StrCat(RenderWays(detail), "\n") : "",
                      RenderTable({"LEDGER", "AT", "KIND", "CONTENT"}, rows));
}

}  // namespace sluice::cli

#include "coordinator/cli/rendering/explanation.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/rendering/cost.h"
#include "coordinator/cli/rendering/table.h"
#include "coordinator/cli/rendering/text.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

using nlohmann::json;

constexpr char kLegend[] =
    "A direct way carries whenever one is ready, the relay while none is; targets that reach each\n"
    "other pass on what they have.\n";

std::string PathName(v1::PathKind path) {
  switch (path) {
    case v1::PATH_KIND_DIRECT:
      return "direct";
    case v1::PATH_KIND_RELAY:
      return "relay";
    case v1::PATH_KIND_PEER:
      return "peer";
    default:
      return absl::StrCat("kind ", static_cast<int>(path));
  }
}

std::string Standing(const v1::Way& way) {
  std::string text;
  if (way.carries()) {
    text = "carries";
  } else if (way.given_up()) {
    text = "given up";
  } else if (way.times_ready() == 0) {
    text = "never came";
  } else {
    text = "in reserve";
  }
  if (!way.has_lost_by()) return text;
  return absl::StrCat(text, "; lost last: ", way.lost_by().message(), " [", way.lost_by().name(),
                      "]");
}

}  // namespace

std::string RenderWays(const v1::PromotionDetail& detail) {
  std::vector<std::vector<std::string>> rows;
  for (const v1::TargetDetail& target : detail.targets()) {
    const v1::Progress& progress = target.progress();
    for (const v1::Way& way : progress.ways()) {
      const std::string end = way.endpoint().empty() ? "dialled by the other" : way.endpoint();
      rows.push_back({target.target(), PathName(way.path()), end, absl::StrCat(way.tries()),
                      absl::StrCat(way.times_ready()), FormatBytes(way.bytes()), Standing(way)});
    }
    if (progress.ways().empty()) {
      rows.push_back({target.target(), target.path(), "", "", "", "", CostText(target)});
    }
  }
  return absl::StrCat(
      RenderTable({"WAYS", "PATH", "ENDPOINT", "TRIED", "READY", "BYTES", "STANDS"}, rows),
      kLegend);
}

json WaysJson(const v1::Progress& target) {
  json ways = json::array();
  for (const v1::Way& way : target.ways()) {
    json lost_by = nullptr;
    if (way.has_lost_by()) {
      lost_by = {{"name", way.lost_by().name()}, {"message", way.lost_by().message()}};
    }
    ways.push_back({{"path", PathName(way.path())},
                    {"endpoint", way.endpoint().empty() ? json(nullptr) : json(way.endpoint())},
                    {"tries", way.tries()},
                    {"times_ready", way.times_ready()},
                    {"bytes", way.bytes()},
                    {"carries", way.carries()},
                    {"given_up", way.given_up()},
                    {"lost_by", std::move(lost_by)}});
  }
  return ways;
}

}  // namespace sluice::cli

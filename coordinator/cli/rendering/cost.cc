#include "coordinator/cli/rendering/cost.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "coordinator/cli/rendering/table.h"
#include "coordinator/cli/rendering/text.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

constexpr double kMillisecondsPerSecond = 1000;

// Headers and seals: what went over the wire and was no part of the droplet.
uint64_t Overhead(const v1::Progress& progress) {
  const uint64_t payload = progress.bytes_done() + progress.bytes_again();
  return progress.bytes_sent() - std::min(progress.bytes_sent(), payload);
}

std::string NotSent(const std::string& path) {
  if (path == "stored") return "0 B: the droplet was there";
  if (path == "copied") return "0 B: another app there had the droplet";
  if (path == "running") return "0 B: the app ran the droplet";
  return "";
}

// "" when all came directly.
std::string ByPath(const v1::Progress& progress) {
  const std::vector<std::pair<std::string_view, uint64_t>> paths = {
      {"direct", progress.bytes_direct()},
      {"relay", progress.bytes_relay()},
      {"peer", progress.bytes_peer()}};
  std::vector<std::string> used;
  for (const auto& [name, bytes] : paths) {
    if (bytes > 0) used.push_back(absl::StrCat(FormatBytes(bytes), " ", ToAbsl(name)));
  }
  if (progress.bytes_relay() + progress.bytes_peer() == 0) return "";
  return absl::StrCat(", ", absl::StrJoin(used, " + "));
}

std::string Time(uint64_t milliseconds) {
  return milliseconds == 0 ? "" : FormatSeconds(absl::Milliseconds(milliseconds));
}

}  // namespace

std::string CostText(const v1::TargetDetail& target) {
  const v1::Progress& progress = target.progress();
  const std::string not_sent = NotSent(target.path());
  if (!not_sent.empty()) return not_sent;
  if (progress.bytes_done() == 0) return "0 B";
  std::string out = FormatBytes(progress.bytes_done());
  if (progress.bytes_sent() == 0) return out;
  const auto done = static_cast<double>(progress.bytes_done());
  if (progress.milliseconds() > 0) {
    const double seconds = static_cast<double>(progress.milliseconds()) / kMillisecondsPerSecond;
    absl::StrAppend(&out, " in ", FormatSeconds(absl::Seconds(seconds)), " (",
                    FormatRate(done / seconds), ")");
  }
  const double overhead = 100 * static_cast<double>(Overhead(progress)) / done;
  return absl::StrCat(out, absl::StrFormat(", %.1f%% overhead, ", overhead),
                      FormatBytes(progress.bytes_again()), " again", ByPath(progress));
}

std::string_view SlowestStage(const v1::Progress& source, const v1::Progress& target) {
  const uint64_t download = source.stages().download_milliseconds();
  const v1::StageTimes& stages = target.stages();
  const uint64_t transfer = stages.transfer_milliseconds();
  const std::vector<std::pair<std::string_view, uint64_t>> worked = {
      {"download", transfer == 0 ? 0 : download},
      {"transfer", transfer - std::min(transfer, download)},
      {"upload", stages.upload_milliseconds()},
      {"job", stages.job_milliseconds()},
      {"activation", stages.activation_milliseconds()}};
  const auto slowest = std::max_element(
      worked.begin(), worked.end(),
      [](const auto& one, const auto& other) { return one.second < other.second; });
  return slowest->second == 0 ? "" : slowest->first;
}

std::string RenderStages(const v1::PromotionDetail& detail) {
  const v1::Progress& source = detail.source_progress();
  std::vector<std::vector<std::string>> rows;
  for (const v1::TargetDetail& target : detail.targets()) {
    const std::string_view slowest = SlowestStage(source, target.progress());
    if (slowest.empty()) continue;
    const v1::StageTimes& stages = target.progress().stages();
    const bool transferred = stages.transfer_milliseconds() > 0;
    rows.push_back({target.target(),
                    transferred ? Time(source.stages().download_milliseconds()) : "",
                    Time(stages.transfer_milliseconds()), Time(stages.upload_milliseconds()),
                    Time(stages.job_milliseconds()), Time(stages.activation_milliseconds()),
                    std::string(slowest)});
  }
  if (rows.empty()) return "";
  return RenderTable({"TIMES", "DOWNLOAD", "TRANSFER", "UPLOAD", "JOB", "ACTIVATION", "SLOWEST"},
                     rows);
}

nlohmann::json CostJson(const v1::Progress& source, const v1::Progress& target) {
  const v1::StageTimes& stages = target.stages();
  const std::string_view slowest = SlowestStage(source, target);
  return {{"bytes_done", target.bytes_done()},
          {"bytes_total", target.bytes_total()},
          {"bytes_sent", target.bytes_sent()},
          {"bytes_by_path",
           {{"direct", target.bytes_direct()},
            {"relay", target.bytes_relay()},
            {"peer", target.bytes_peer()}}},
          {"bytes_again", target.bytes_again()},
          {"bytes_not_sent", target.bytes_not_sent()},
          {"bytes_overhead", target.bytes_sent() == 0 ? 0 : Overhead(target)},
          {"milliseconds", target.milliseconds()},
          {"stages",
           {{"download", source.stages().download_milliseconds()},
            {"transfer", stages.transfer_milliseconds()},
            {"upload", stages.upload_milliseconds()},
            {"job", stages.job_milliseconds()},
            {"activation", stages.activation_milliseconds()}}},
          {"slowest",
           slowest.empty() ? nlohmann::json(nullptr) : nlohmann::json(std::string(slowest))}};
}

}  // namespace sluice::cli

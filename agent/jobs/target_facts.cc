#include "agent/jobs/target_facts.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "agent/jobs/journal_json.h"

namespace sluice::agent {
namespace {

using nlohmann::json;

json FormatWays(const std::vector<transfer::WayFigures>& ways) {
  json formatted = json::array();
  for (const transfer::WayFigures& way : ways) {
    formatted.push_back({{"peer", way.peer},
                         {"kind", way.kind},
                         {"endpoint", way.endpoint},
                         {"carrying", way.carrying},
                         {"state", way.state},
                         {"tries", way.tries},
                         {"times_ready", way.times_ready},
                         {"bytes", way.bytes},
                         {"why", FormatStatusJson(way.why)}});
  }
  return formatted;
}

std::vector<transfer::WayFigures> ParseWays(const json& values) {
  std::vector<transfer::WayFigures> ways;
  for (const json& value : values) {
    ways.push_back({.peer = value.at("peer").get<size_t>(),
                    .kind = value.at("kind").get<transfer::WayKind>(),
                    .endpoint = value.at("endpoint").get<std::string>(),
                    .carrying = value.at("carrying").get<bool>(),
                    .state = value.at("state").get<transfer::LineWays::State>(),
                    .tries = value.at("tries").get<uint64_t>(),
                    .times_ready = value.at("times_ready").get<uint64_t>(),
                    .bytes = value.at("bytes").get<uint64_t>(),
                    .why = ParseStatusJson(value.at("why"))});
  }
  return ways;
}

json FormatGuids(const std::vector<DropletGuid>& droplets) {
  json formatted = json::array();
  for (const DropletGuid& droplet : droplets) formatted.push_back(droplet.value());
  return formatted;
}

std::vector<DropletGuid> ParseGuids(const json& values) {
  std::vector<DropletGuid> droplets;
  for (const json& value : values) droplets.emplace_back(value.get<std::string>());
  return droplets;
}

StatusOr<TargetFacts> ParseFacts(const json& value) {
  const auto text = [&value](const char* name) { return value.at(name).get<std::string>(); };
  TargetFacts facts;
  facts.app_guid = AppGuid(text("app_guid"));
  facts.app_created = value.at("app_created").get<bool>();
  facts.app_was_started = value.at("app_was_started").get<bool>();
  facts.previous_droplet_guid = DropletGuid(text("previous_droplet_guid"));
  facts.droplet_guid = DropletGuid(text("droplet_guid"));
  facts.droplet_made = value.at("droplet_made").get<bool>();
  facts.droplet_asked = value.value("droplet_asked", false);
  facts.droplets_before = ParseGuids(value.value("droplets_before", json::array()));
  facts.droplet_staged = value.at("droplet_staged").get<bool>();
  facts.reported_sha256 = text("reported_sha256");
  facts.path = text("path");
  facts.activation_begun = value.at("activation_begun").get<bool>();
  facts.deployment_guid = DeploymentGuid(text("deployment_guid"));
  facts.bytes_transferred = value.at("bytes_transferred").get<int64_t>();
  facts.bytes_received = value.at("bytes_received").get<int64_t>();
  facts.bytes_direct = value.value("bytes_direct", int64_t{0});
  facts.bytes_relay = value.value("bytes_relay", int64_t{0});
  facts.bytes_peer = value.value("bytes_peer", int64_t{0});
  facts.bytes_again = value.at("bytes_again").get<int64_t>();
  facts.transfer_milliseconds = value.at("transfer_milliseconds").get<int64_t>();
  facts.upload_milliseconds = value.value("upload_milliseconds", int64_t{0});
  facts.job_milliseconds = value.value("job_milliseconds", int64_t{0});
  facts.activation_milliseconds = value.value("activation_milliseconds", int64_t{0});
  facts.uploads_begun = value.value("uploads_begun", int64_t{0});
  facts.waiting_for = value.value("waiting_for", "");
  facts.started_at = absl::FromUnixSeconds(value.at("started_at").get<int64_t>());
  facts.finished_at = absl::FromUnixSeconds(value.at("finished_at").get<int64_t>());
  facts.ways = ParseWays(value.value("ways", json::array()));
  facts.warnings = value.at("warnings").get<std::vector<std::string>>();
  return facts;
}

}  // namespace

bool TargetFacts::FromSource() const {
  return path == kDirectPath || path == kRelayPath || path == kPeerPath;
}

std::vector<transfer::WayFigures> MostUsed(std::vector<transfer::WayFigures> ways) {
  std::stable_sort(ways.begin(), ways.end(), [](const auto& one, const auto& other) {
    const bool to_source = one.peer == 0;
    if (to_source != (other.peer == 0)) return to_source;
    return !to_source && one.bytes > other.bytes;
  });
  if (ways.size() > kWaysMax) ways.resize(kWaysMax);
  return ways;
}

std::string FormatTargetFacts(const TargetFacts& facts) {
  return FormatJournalJson({{"app_guid", facts.app_guid.value()},
                            {"app_created", facts.app_created},
                            {"app_was_started", facts.app_was_started},
                            {"previous_droplet_guid", facts.previous_droplet_guid.value()},
                            {"droplet_guid", facts.droplet_guid.value()},
                            {"droplet_made", facts.droplet_made},
                            {"droplet_asked", facts.droplet_asked},
                            {"droplets_before", FormatGuids(facts.droplets_before)},
                            {"droplet_staged", facts.droplet_staged},
                            {"reported_sha256", facts.reported_sha256},
                            {"path", facts.path},
                            {"activation_begun", facts.activation_begun},
                            {"deployment_guid", facts.deployment_guid.value()},
                            {"bytes_transferred", facts.bytes_transferred},
                            {"bytes_received", facts.bytes_received},
                            {"bytes_direct", facts.bytes_direct},
                            {"bytes_relay", facts.bytes_relay},
                            {"bytes_peer", facts.bytes_peer},
                            {"bytes_again", facts.bytes_again},
                            {"transfer_milliseconds", facts.transfer_milliseconds},
                            {"upload_milliseconds", facts.upload_milliseconds},
                            {"job_milliseconds", facts.job_milliseconds},
                            {"activation_milliseconds", facts.activation_milliseconds},
                            {"uploads_begun", facts.uploads_begun},
                            {"waiting_for", facts.waiting_for},
                            {"started_at", absl::ToUnixSeconds(facts.started_at)},
                            {"finished_at", absl::ToUnixSeconds(facts.finished_at)},
                            {"ways", FormatWays(facts.ways)},
                            {"warnings", facts.warnings}});
}

StatusOr<TargetFacts> ParseTargetFacts(std::string_view text) {
  return ParseJournalJson<TargetFacts>(text, ParseFacts);
}

}  // namespace sluice::agent

#include "common/image/run_image_config.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/image/bounded_json.h"
#include "common/registry/digest_text.h"

namespace sluice::image {
namespace {

using nlohmann::json;

StatusOr<HistoryEntry> ParseHistoryEntry(const json& value) {
  HistoryEntry entry;
  SLUICE_ASSIGN_OR_RETURN(entry.created, TextField(value, "created"));
  SLUICE_ASSIGN_OR_RETURN(entry.created_by, TextField(value, "created_by"));
  SLUICE_ASSIGN_OR_RETURN(entry.author, TextField(value, "author"));
  SLUICE_ASSIGN_OR_RETURN(entry.comment, TextField(value, "comment"));
  const auto empty = value.find("empty_layer");
  entry.empty_layer = empty != value.end() && empty->is_boolean() && empty->get<bool>();
  return entry;
}

StatusOr<std::vector<HistoryEntry>> ParseHistory(const json& config, size_t layers) {
  SLUICE_ASSIGN_OR_RETURN(const json list, ListField(config, "history"));
  if (list.size() > kHistoryEntriesMax) return MalformedRunImage("the base's history is too long");
  std::vector<HistoryEntry> history;
  for (const json& each : list) {
    SLUICE_ASSIGN_OR_RETURN(HistoryEntry entry, ParseHistoryEntry(each));
    history.push_back(std::move(entry));
  }
  const auto with_layer = std::count_if(
      history.begin(), history.end(), [](const HistoryEntry& entry) { return !entry.empty_layer; });
  // A history that does not go with the layers would shift ours against them.
  if (static_cast<size_t>(with_layer) != layers) history.clear();
  return history;
}

StatusOr<std::vector<crypto::Sha256Digest>> ParseDiffIds(const json& config) {
  SLUICE_ASSIGN_OR_RETURN(const json root, ObjectField(config, "rootfs"));
  SLUICE_ASSIGN_OR_RETURN(const json list, ListField(root, "diff_ids"));
  if (list.size() > kImageLayersMax) {
    return NamedError(
        StatusCode::kFailedPrecondition, "base-too-many-layers",
        absl::StrCat("the base has ", list.size(), " layers, more than ", kImageLayersMax));
  }
  std::vector<crypto::Sha256Digest> diff_ids;
  for (const json& each : list) {
    if (!each.is_string()) return MalformedRunImage("a diff_id of the base is no text");
    const auto diff_id = registry::ParseDigest(each.get<std::string>());
    if (!diff_id.ok()) return MalformedRunImage("a diff_id of the base is no digest as sha256:HEX");
    diff_ids.push_back(*diff_id);
  }
  return diff_ids;
}

}  // namespace

StatusOr<RunImageConfig> ParseRunImageConfig(std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(const json document, ParseBoundedJson(text, "the base's config"));
  RunImageConfig base;
  SLUICE_ASSIGN_OR_RETURN(base.architecture, TextField(document, "architecture"));
  SLUICE_ASSIGN_OR_RETURN(base.variant, TextField(document, "variant"));
  SLUICE_ASSIGN_OR_RETURN(base.os, TextField(document, "os"));
  SLUICE_ASSIGN_OR_RETURN(base.diff_ids, ParseDiffIds(document));
  SLUICE_ASSIGN_OR_RETURN(base.history, ParseHistory(document, base.diff_ids.size()));
  SLUICE_ASSIGN_OR_RETURN(const json config, ObjectField(document, "config"));
  SLUICE_ASSIGN_OR_RETURN(base.user, TextField(config, "User"));
  SLUICE_ASSIGN_OR_RETURN(const json environment, ListField(config, "Env"));
  for (const json& each : environment) {
    if (!each.is_string()) return MalformedRunImage("a variable of the base is no text");
    const std::string variable = each.get<std::string>();
    const size_t equals = variable.find('=');
    const std::string name = variable.substr(0, equals);
    if (equals == std::string::npos || (name != "PATH" && name != "LANG")) continue;
    base.environment[name] = variable.substr(equals + 1);
  }
  SLUICE_ASSIGN_OR_RETURN(const json labels, ObjectField(config, "Labels"));
  for (const auto& [name, value] : labels.items()) {
    if (!value.is_string()) return MalformedRunImage("a label of the base is no text");
    base.labels[name] = value.get<std::string>();
  }
  return base;
}

}  // namespace sluice::image

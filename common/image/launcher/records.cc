#include "common/image/launcher/records.h"

#include <nlohmann/json.hpp>

namespace sluice::image::launcher {
namespace {

using Json = nlohmann::json;

// An object; empty for a text of blanks, nullopt for everything else.
std::optional<Json> ParseDocument(const std::string& text) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return Json::object();
  Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return std::nullopt;
  return document;
}

// Empty when there is no such member; nullopt when it is no text.
std::optional<std::string> Text(const Json& document, const char* name) {
  const auto found = document.find(name);
  if (found == document.end() || found->is_null()) return "";
  if (!found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

}  // namespace

std::optional<LaunchRecord> ParseLaunchRecord(const std::string& text) {
  const std::optional<Json> document = ParseDocument(text);
  if (!document) return std::nullopt;
  const std::optional<std::string> id = Text(*document, "application_id");
  const std::optional<std::string> name = Text(*document, "application_name");
  const std::optional<std::string> process_type = Text(*document, "default_process_type");
  if (!id || !name || !process_type) return std::nullopt;
  LaunchRecord record{*id, *name, *process_type, {}};
  const auto types = document->find("process_types");
  if (types == document->end()) return record;
  if (!types->is_object()) return std::nullopt;
  for (const auto& [type, command] : types->items()) {
    if (!command.is_string()) return std::nullopt;
    record.process_types[type] = command.get<std::string>();
  }
  return record;
}

std::optional<StagingRecord> ParseStagingRecord(const std::string& text) {
  const std::optional<Json> document = ParseDocument(text);
  if (!document) return std::nullopt;
  const std::optional<std::string> command = Text(*document, "start_command");
  if (!command) return std::nullopt;
  StagingRecord record{*command, ""};
  const auto config = document->find("config");
  if (config == document->end() || !config->is_object()) return record;
  const std::optional<std::string> prefix = Text(*config, "entrypoint_prefix");
  if (!prefix) return std::nullopt;
  record.entrypoint_prefix = *prefix;
  return record;
}

}  // namespace sluice::image::launcher

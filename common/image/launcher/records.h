// The two files that say what an image starts.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace sluice::image::launcher {

// /sluice/launch.json, which the exporter writes:
//   {"application_id":…,"application_name":…,"default_process_type":…,"process_types":{TYPE:COMMAND}}
// Whatever is missing is empty.
struct LaunchRecord {
  std::string application_id;
  std::string application_name;
  std::string default_process_type;
  std::map<std::string, std::string, std::less<>> process_types;
};

// staging_info.yml, which Cloud Foundry's builder writes as one line of JSON.
struct StagingRecord {
  std::string start_command;      // the web process's
  std::string entrypoint_prefix;  // stands in the place of `bash -c`
};

// nullopt when the text is not such a record. An empty text is an empty record, as to YAML.
std::optional<LaunchRecord> ParseLaunchRecord(const std::string& text);
std::optional<StagingRecord> ParseStagingRecord(const std::string& text);

}  // namespace sluice::image::launcher

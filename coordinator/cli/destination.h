// Where an export goes: "droplet:FILE".
#pragma once

#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"

namespace sluice::cli {

struct Destination {
  std::string file;

  // Beside the file, for the agent's signed statement about the droplet.
  std::string StatementFile() const { return file + ".statement.json"; }
  // In the file's folder, hidden, for as long as the export of this id takes.
  std::string TemporaryFile(std::string_view id) const;
  std::string SpoolFolder(std::string_view id) const;
};

// InvalidArgument "unknown-destination", "bad-destination".
StatusOr<Destination> ParseDestination(const std::string& text);

// Before anything is ordered: InvalidArgument "file-exists" unless `replace`, "bad-destination"
// when there is no such folder or the name is one's, "destination-not-writable".
Status CheckDestination(Files& files, const Destination& destination, bool replace);

}  // namespace sluice::cli

// Where an export goes: "droplet:FILE", "oci-archive:FILE[:TAG]" or
// "docker-archive:FILE[:REPOSITORY:TAG]", the latter two as skopeo has them.
#pragma once

#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"

namespace sluice::cli {

enum class DestinationKind { kDroplet, kOciArchive, kDockerArchive };

struct Destination {
  DestinationKind kind = DestinationKind::kDroplet;
  std::string file;
  // How an image is called in its archive; may be empty.
  std::string repository;
  std::string tag;

  bool IsImage() const { return kind != DestinationKind::kDroplet; }

  // Beside the file, for the agent's signed statement about the droplet.
  std::string StatementFile() const { return file + ".statement.json"; }
  // In the file's folder, hidden, for as long as the export of this id takes.
  std::string TemporaryFile(std::string_view id) const;
  std::string SpoolFolder(std::string_view id) const;
  std::string WorkFolder(std::string_view id) const;  // for an image's layers
};

// InvalidArgument "unknown-destination", "bad-destination".
StatusOr<Destination> ParseDestination(const std::string& text);

// Before anything is ordered: InvalidArgument "file-exists" unless `replace`, "bad-destination"
// when there is no such folder or the name is one's, "destination-not-writable".
Status CheckDestination(Files& files, const Destination& destination, bool replace);

}  // namespace sluice::cli

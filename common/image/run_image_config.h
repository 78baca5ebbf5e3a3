// The config of a base image (OCI image-spec, config.md; docker's is the same): what of it an
// exported image takes over.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/crypto/digest.h"

namespace sluice::image {

// overlayfs and docker take no more in all.
inline constexpr size_t kImageLayersMax = 127;
inline constexpr size_t kHistoryEntriesMax = 1024;

struct HistoryEntry {
  std::string created;  // RFC 3339, as it was written
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;
};

struct RunImageConfig {
  std::string architecture;  // a GOARCH
  std::string variant;
  std::string os;
  std::string user;
  // Of its environment PATH and LANG alone: all else was for another program.
  std::map<std::string, std::string> environment;
  std::map<std::string, std::string> labels;
  std::vector<crypto::Sha256Digest> diff_ids;
  // As many entries with a layer as there are diff_ids, or none at all.
  std::vector<HistoryEntry> history;
};

// FailedPrecondition "base-malformed", "base-too-many-layers".
StatusOr<RunImageConfig> ParseRunImageConfig(std::string_view text);

}  // namespace sluice::image

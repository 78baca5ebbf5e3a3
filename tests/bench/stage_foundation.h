// A foundation's two halves of a promotion by themselves, each between its Cloud Controller and a
// file, by the client that agents use.
#pragma once

#include <string>

#include "common/base/status.h"

namespace sluice::bench {

struct FoundationAccess {
  std::string api_url;
  std::string ca_file;
  std::string client_id;
  std::string client_secret_file;
};

// Hashes what comes and compares, as an agent does: DataLoss "digest-mismatch".
Status DownloadToFile(const FoundationAccess& access, const std::string& droplet_guid,
                      const std::string& sha256, const std::string& file);
// Returns when Cloud Controller reports the droplet STAGED.
Status UploadFromFile(const FoundationAccess& access, const std::string& app_guid,
                      const std::string& file);

}  // namespace sluice::bench

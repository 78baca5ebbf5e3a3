// The CLI's configuration: where the coordinator is, whom to trust, and the operator's key.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/signing_key.h"

namespace sluice::cli {

// The process's environment, as main() read it.
using Environment = std::map<std::string, std::string, std::less<>>;

struct Settings {
  std::string file;                  // "" when there is none and everything comes from SLUICE_…
  std::string coordinator_endpoint;  // "tcp://HOST:PORT"
  absl::Duration connect_wait;       // how long a command tries to reach it
  std::string trust_document;
  std::vector<crypto::VerifyingKey> trust_roots;
  std::string key_file;
};

// `config_file` if given, else $SLUICE_CONFIG, else $XDG_CONFIG_HOME/sluice/config.yaml, else
// ~/.config/sluice/config.yaml; only the last two may be missing. SLUICE_COORDINATOR_ENDPOINT,
// SLUICE_TRUST_DOCUMENT, SLUICE_TRUST_ROOTS, SLUICE_KEY_FILE override what it says. Paths in it are
// relative to its folder; those of the environment to the working directory.
//
// InvalidArgument "no-configuration" or "bad-configuration", the latter with a line for each
// mistake.
StatusOr<Settings> LoadSettings(const Files& files, const Environment& environment,
                                const std::optional<std::string>& config_file);

// The same for `sluice trust show`, which needs neither coordinator nor key.
StatusOr<Settings> LoadTrustSettings(const Files& files, const Environment& environment,
                                     const std::optional<std::string>& config_file);

}  // namespace sluice::cli

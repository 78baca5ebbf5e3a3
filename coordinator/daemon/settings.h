// What the operator configures of a coordinator (coordinator.yaml).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/config.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "common/trust/key_file.h"
#include "common/trust/trust_document.h"

namespace sluice::coordinator {

struct Settings {
  std::string key_file;
  std::string trust_document;
  std::vector<crypto::VerifyingKey> trust_roots;
  std::string listen = "tcp://0.0.0.0:7710";
  std::string relay_listen = "tcp://0.0.0.0:7711";  // empty: there is no relay
  std::string relay_advertise;  // what agents dial; empty: where they dial the coordinator
  std::string data_dir;
  LogLevel log_level = LogLevel::kInfo;
  std::vector<std::string> unknown_variables;  // SLUICE_... of the environment, for a warning

  std::string LedgerPath() const { return data_dir + "/ledger.db"; }
};

// Paths in the file are relative to its folder; those of overrides to the working directory.
// InvalidArgument "no-configuration", or "bad-configuration" with every mistake and its line.
StatusOr<Settings> LoadSettings(const Files& files, const std::string& path,
                                const ConfigReader::Overrides& overrides);

// The key, when it is the one that the trust document names. Names as LoadCoordinatorKey(), and
// PermissionDenied "coordinator-key-not-trusted".
StatusOr<trust::CoordinatorKey> LoadTrustedKey(const Files& files, const Settings& settings,
                                               const trust::TrustDocument& trust);

}  // namespace sluice::coordinator

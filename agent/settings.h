// The agent's configuration, agent.yaml.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/jobs/parallel_limit.h"
#include "agent/jobs/upload_start.h"
#include "common/base/config.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/key_agreement.h"
#include "common/crypto/signing_key.h"
#include "common/transfer/transfer_pace.h"

namespace sluice::agent {

struct Settings {
  std::string file;
  FoundationName foundation;
  std::string key_file;
  std::string trust_document;
  std::vector<crypto::VerifyingKey> trust_roots;
  std::string coordinator_endpoint;  // "tcp://HOST:PORT"
  std::string bulk_listen;           // empty: this agent only dials
  std::string bulk_advertise;        // empty: what was bound
  std::string api_url;
  std::string ca_file;  // empty: the system's certificates
  std::string client_id;
  Secret client_secret;            // of the environment; empty: see client_secret_file
  std::string client_secret_file;  // read again at every login
  absl::Duration job_poll_first;
  absl::Duration job_poll_max;
  absl::Duration deployment_poll;
  uint64_t droplet_bytes_max = 0;  // cc.app_bits_max_body_size of the foundation
  UploadLimits upload_limits;      // likewise of the foundation, or what stands before it
  std::string spool_folder;        // for what arrives, sealed, until its upload is done
  uint64_t spool_bytes_max = 0;
  crypto::SealSuite seal_suite = crypto::SealSuite::kX25519HkdfSha256Aes256Gcm;
  transfer::Rates rates;  // of all transfers together
  // Droplets that are read from Cloud Controller, and that arrive for it, at a time.
  size_t downloads_max = ParallelLimit::kPlacesDefault;
  size_t uploads_max = ParallelLimit::kPlacesDefault;
  std::string policy_file;  // empty: none
  std::string data_dir;
  LogLevel log_level = LogLevel::kInfo;
  std::vector<std::string> unknown_variables;  // SLUICE_… that nothing asked for

  std::string JournalPath() const { return data_dir + "/journal.db"; }
  std::string OutgoingFolder() const { return data_dir + "/outgoing"; }
};

// Paths in the file are relative to its folder; SLUICE_… in `overrides` replace what it says.
// InvalidArgument "no-configuration" or "bad-configuration", the latter with a line for each
// mistake.
StatusOr<Settings> LoadSettings(const Files& files, const std::string& path,
                                const ConfigReader::Overrides& overrides);

}  // namespace sluice::agent

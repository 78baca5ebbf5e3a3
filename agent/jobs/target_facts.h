// What a target's job has done so far in its foundation, so that it can be undone whatever happens:
// journalled before each effect that an undo has to take back, and again when it is known what came
// of it. What may be repeated without harm, such as a mark or a deletion, has no entry of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "agent/jobs/target_job.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/transfer/bulk_exchange.h"

namespace sluice::agent {

struct TargetFacts {
  AppGuid app_guid;
  bool app_created = false;  // by this promotion
  bool app_was_started = false;
  DropletGuid previous_droplet_guid;  // what the app had; empty: none
  DropletGuid droplet_guid;           // the promoted droplet here
  bool droplet_made = false;          // uploaded or copied by this promotion, not found
  bool droplet_asked = false;  // to be made; besides droplet_guid there may be others of ours
  std::vector<DropletGuid> droplets_before;  // of the app, when it was; at most kDropletsBeforeMax
  bool droplet_staged = false;               // and its digest confirmed
  std::string reported_sha256;               // by this foundation's Cloud Controller
  std::string path;                // "direct", "relay", "peer", "copied", "stored", "running"
  bool activation_begun = false;   // the app's droplet may have been changed
  DeploymentGuid deployment_guid;  // the deployment that does it; empty: none (yet)
  int64_t bytes_transferred = 0;   // of the droplet, over the wire and authenticated here
  int64_t bytes_received = 0;      // as they were on the wire
  int64_t bytes_direct = 0;        // of these, by the path they took
  int64_t bytes_relay = 0;
  int64_t bytes_peer = 0;
  int64_t bytes_again = 0;  // of these, chunks that had come before
  int64_t transfer_milliseconds = 0;
  int64_t upload_milliseconds = 0;  // while an upload was going on and had bytes to send
  int64_t job_milliseconds = 0;     // Cloud Controller's, after an upload
  int64_t activation_milliseconds = 0;
  int64_t uploads_begun = 0;  // POSTs of the bits: an upload that broke is begun again
  std::string waiting_for;    // one of kWaitingFor…; empty: for nothing
  absl::Time started_at = absl::UnixEpoch();
  absl::Time finished_at = absl::UnixEpoch();
  std::vector<transfer::WayFigures> ways;  // of the latest connection; at most kWaysMax
  std::vector<std::string> warnings;       // for people, at most kWarningsMax

  // The bytes came, or come, from the source's agent: by one of the paths below.
  bool FromSource() const;
};
inline constexpr size_t kWarningsMax = 32;
inline constexpr size_t kWaysMax = 8;
// Some 40 KB of JSON. Cloud Controller keeps 5 staged ones of its own per app.
inline constexpr size_t kDropletsBeforeMax = 1000;
inline constexpr char kWaitingForRoom[] = "room";    // in the spool or on its disk
inline constexpr char kWaitingForPeer[] = "peer";    // no byte comes
inline constexpr char kWaitingForLimit[] = "limit";  // as many droplets arrive as may at a time
inline constexpr char kWaitingForFoundation[] = "foundation";  // an undo, while it is unavailable
// Which way most bytes came.
inline constexpr char kDirectPath[] = "direct";
inline constexpr char kRelayPath[] = "relay";
inline constexpr char kPeerPath[] = "peer";  // other targets passed them on

// All to the source, and of those to fellows the ones that carried most; at most kWaysMax.
std::vector<transfer::WayFigures> MostUsed(std::vector<transfer::WayFigures> ways);

std::string FormatTargetFacts(const TargetFacts& facts);
// DataLoss "journal-unreadable".
StatusOr<TargetFacts> ParseTargetFacts(std::string_view text);

// Makes the facts durable. A step goes no further when it fails.
using Checkpoint = std::function<Status(const TargetFacts&)>;

}  // namespace sluice::agent

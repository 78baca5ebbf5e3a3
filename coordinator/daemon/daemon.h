// The coordinator as a process: ledger, network and logic on one loop, until it is told to end.
#pragma once

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/files.h"
#include "common/base/signals.h"
#include "common/base/status.h"
#include "coordinator/daemon/settings.h"

namespace sluice::coordinator {

// All borrowed.
struct DaemonWorld {
  Files& files;
  const Clock& clock;
  Entropy& entropy;
  SignalDescriptor& signals;  // SIGTERM and SIGINT end it, SIGHUP reads the trust document again
};

// OK: it was told to end. Names of LoadTrust(), LoadTrustedKey(), SqliteLedger::Open(),
// LedgerReplay, ControlServer::Listen() and Relay::Start(). Logs "coordinator-ready" with the
// endpoint when it serves.
Status RunDaemon(const Settings& settings, const DaemonWorld& world);

// What RunDaemon() would find of files and keys, without serving, while another one does or not:
// names of ReadTrustFloor(), LoadTrust() and LoadTrustedKey(), and PermissionDenied
// "trust-expired". Otherwise what is good now and will not be soon, a sentence each.
StatusOr<std::vector<std::string>> CheckDaemon(const Settings& settings, Files& files,
                                               const Clock& clock);

}  // namespace sluice::coordinator

// `sluice-agent run`: puts the agent together from its configuration and serves until told to end.
#pragma once

#include "agent/settings.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/files.h"
#include "common/base/signals.h"
#include "common/base/status.h"

namespace sluice::agent {

// All borrowed. SIGTERM and SIGINT end it well; SIGHUP reads secrets, trust document and policy
// again.
struct Surroundings {
  Files& files;
  const Clock& clock;
  Entropy& entropy;
  SignalDescriptor& signals;
};

Status RunAgent(const Settings& settings, const Surroundings& surroundings);

}  // namespace sluice::agent

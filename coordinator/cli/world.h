// What a command may touch besides its arguments; the tests' is made of fakes.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/curve_key.h"
#include "coordinator/cli/coordinator_link.h"
#include "coordinator/cli/droplet_transfer.h"
#include "coordinator/cli/settings.h"
#include "coordinator/cli/terminal.h"

namespace sluice::cli {

struct LinkOptions {
  std::string endpoint;
  crypto::CurvePublicKey coordinator;  // whom to expect there
  crypto::CurveKeyPair own;
  absl::Duration connect_wait;
};

using LinkMaker =
    std::function<StatusOr<std::unique_ptr<CoordinatorLink>>(const LinkOptions& options)>;

// All borrowed.
struct World {
  Terminal& terminal;
  Files& files;
  const Clock& clock;
  Entropy& entropy;
  Environment environment;
  LinkMaker connect;
  TransferMaker receive;
};

}  // namespace sluice::cli

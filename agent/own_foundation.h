// The foundation that the agent's configuration names, ready to be called.
#pragma once

#include "agent/foundation/cloud_controller.h"
#include "agent/settings.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/http/curl_transport.h"
#include "common/http/waiter.h"

namespace sluice::agent {

// The client's id and secret, as they are now.
StatusOr<foundation::ClientCredentials> ReadCredentials(const Settings& settings,
                                                        const Files& files);

// Thread-safe. Settings, files and clock are borrowed.
class OwnFoundation {
 public:
  OwnFoundation(const Settings& settings, const Files& files, const Clock& clock);

  foundation::CloudController& cloud_controller() { return cloud_controller_; }
  http::Waiter& waiter() { return waiter_; }

 private:
  http::CurlTransport transport_;
  http::RealWaiter waiter_;
  foundation::CloudController cloud_controller_;
};

}  // namespace sluice::agent

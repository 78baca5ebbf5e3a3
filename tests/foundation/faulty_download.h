// Downloads that go wrong: CC redirects to an origin of the box's own instead of nginx, and that
// origin sends something other than the droplet.
#pragma once

#include <string>

#include "tests/foundation/foundation.h"
#include "tests/foundation/http_server.h"

namespace sluice::box {

// Where to redirect the download of this droplet while a faulty one is due; "" when none is.
std::string FaultyDownloadUrl(Foundation& foundation, const std::string& droplet_guid);

// Serves /faulty/<misbehaviour>/<droplet guid>?parameters.
void ServeFaultyDownload(Foundation& foundation, Exchange& exchange);

// Sends the droplet's bytes from CC itself, as older releases with a local blobstore did.
void SendDropletDirectly(Foundation& foundation, Exchange& exchange,
                         const std::string& droplet_guid);

}  // namespace sluice::box

// What a registry's refusal means to the caller.
#pragma once

#include <string_view>

#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::registry {

// A status for an answer that was not the one hoped for; `what` says what was asked, for people
// ("the manifest r.example/app:1"). By name:
//   Unauthenticated     registry-login-refused
//   PermissionDenied    registry-denied
//   NotFound            registry-not-found
//   Unavailable         registry-busy (429), registry-unavailable (408 and 5xx)
//   DataLoss            registry-digest-refused: the registry got other bytes than were meant
//   FailedPrecondition  registry-blob-missing, registry-session-lost, registry-too-large,
//                       registry-unsupported, registry-refused
// The registry's own code and text go with it, cut and escaped.
Status StatusFromAnswer(const http::HttpResponse& answer, std::string_view what);

// Whether the same request may have another fate a little later.
bool IsTransientAnswer(int http_status);

}  // namespace sluice::registry

// What an answer of Cloud Controller's that is not a success means, by name.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/foundation/records.h"
#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::foundation {

// `where` names foundation and call, without a query: "prod: POST /v3/droplets". The body is read
// as JSON only if it looks like it; a page of nginx's or gorouter's is never shown.
Status StatusFromAnswer(const http::HttpResponse& answer, std::string_view where);

// `name` instead of "cc-10010" (ResourceNotFound), to say which thing is missing; any other status
// stays as it is.
Status NameMissing(const Status& status, std::string_view name);

// True for an answer 401: the token, not the request, is at fault.
bool TokenRefused(const http::HttpResponse& answer);

// "CF-BlobstoreError (150007): ...; ..." cut to a bearable length.
std::string DescribeErrors(const std::vector<JobError>& errors);

// At most `bytes_max` bytes of `text`, cut between UTF-8 characters, control characters blanked.
std::string Excerpt(std::string_view text, size_t bytes_max);

}  // namespace sluice::foundation

// What libcurl's result codes mean to a caller.
#pragma once

#include <string_view>

#include "common/base/status.h"

namespace sluice::http {

// `curl_code` is a CURLcode other than CURLE_OK; `detail` is libcurl's own text (may be empty) and
// `where` names the request without its query.
Status StatusFromCurl(int curl_code, std::string_view detail, std::string_view where);

}  // namespace sluice::http

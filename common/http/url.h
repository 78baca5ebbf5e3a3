// The little that Sluice needs to know about URLs.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"

namespace sluice::http {

struct Url {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address without its brackets
  std::string port;    // empty when not given
  std::string path;    // begins with "/"
  std::string query;   // without "?"

  // What may be shown and logged: no user, no query (signatures live there), no fragment.
  std::string Display() const;
  std::string Origin() const;  // scheme://host[:port]
};

// InvalidArgument "bad-url" unless an absolute http or https URL with a host and without a user.
StatusOr<Url> ParseUrl(std::string_view text);

// Url::Display(), or "(not a URL)".
std::string DisplayUrl(std::string_view text);

// A Location header against the URL that answered with it (RFC 3986 section 5).
StatusOr<std::string> ResolveLocation(std::string_view base_url, std::string_view location);

// 127.0.0.0/8, ::1 and localhost.
bool IsLoopbackHost(std::string_view host);

}  // namespace sluice::http

#include "common/http/url.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace sluice::http {
namespace {

constexpr size_t kUrlBytesMax = 16 * 1024;  // signed URLs reach some 2 KiB

Status BadUrl(std::string_view why) {
  return NamedError(StatusCode::kInvalidArgument, "bad-url", why);
}

bool IsHostCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
}

bool IsHostName(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), IsHostCharacter);
}

bool IsIpv6(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(c)) || c == ':' || c == '.';
  });
}

bool IsPort(std::string_view port) {
  int number = 0;
  return absl::SimpleAtoi(ToAbsl(port), &number) && number > 0 && number <= 65535 &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

// Fills host and port from "host[:port]" or "[v6][:port]".
Status ParseAuthority(std::string_view authority, Url& url) {
  std::string_view rest;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return BadUrl("an IPv6 host lacks its closing bracket");
    url.host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
    if (!IsIpv6(url.host)) return BadUrl("the host in brackets is not an IPv6 address");
  } else {
    const size_t colon = authority.find(':');
    url.host = authority.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
    if (!IsHostName(url.host)) return BadUrl("the URL has no host, or one with odd characters");
  }
  absl::AsciiStrToLower(&url.host);
  if (rest.empty()) return absl::OkStatus();
  if (rest.front() != ':' || !IsPort(rest.substr(1))) return BadUrl("the port is not a number");
  url.port = rest.substr(1);
  return absl::OkStatus();
}

}  // namespace

StatusOr<Url> ParseUrl(std::string_view text) {
  if (text.size() > kUrlBytesMax) return BadUrl("the URL is too long");
  // Strict, because libcurl parses again: a character that the two could read differently (space,
  // backslash, control, not ASCII) is refused.
  const bool odd = std::any_of(text.begin(), text.end(),
                               [](char c) { return c <= ' ' || c > '~' || c == '\\'; });
  if (odd) return BadUrl("the URL holds a character that must be percent-encoded");
  Url url;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos) return BadUrl("the URL does not begin with https://");
  url.scheme = absl::AsciiStrToLower(ToAbsl(text.substr(0, colon)));
  if (url.scheme != "http" && url.scheme != "https") {
    return BadUrl("the URL's scheme is neither https nor http");
  }
  std::string_view rest = text.substr(colon + 3);
  rest = rest.substr(0, rest.find('#'));
  const size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, authority_end);
  if (authority.find('@') != std::string_view::npos) {
    return BadUrl("the URL holds a user or password");
  }
  SLUICE_RETURN_IF_ERROR(ParseAuthority(authority, url));
  rest.remove_prefix(authority_end);
  const size_t question = rest.find('?');
  url.path = rest.substr(0, question);
  if (url.path.empty()) url.path = "/";
  if (question != std::string_view::npos) url.query = rest.substr(question + 1);
  return url;
}

std::string Url::Origin() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return absl::StrCat(scheme, "://", ipv6 ? "[" : "", host, ipv6 ? "]" : "",
                      port.empty() ? "" : ":", port);
}

std::string Url::Display() const { return Origin() + path; }

std::string DisplayUrl(std::string_view text) {
  const StatusOr<Url> url = ParseUrl(text);
  return url.ok() ? url->Display() : "(not a URL)";
}

StatusOr<std::string> ResolveLocation(std::string_view base_url, std::string_view location) {
  std::string resolved;
  SLUICE_ASSIGN_OR_RETURN(const Url base, ParseUrl(base_url));
  if (location.empty()) return BadUrl("the Location of a redirect is empty");
  if (location.find("://") != std::string_view::npos &&
      location.find("://") < location.find_first_of("/?#")) {
    resolved = location;
  } else if (location.starts_with("//")) {
    resolved = absl::StrCat(base.scheme, ":", ToAbsl(location));
  } else if (location.starts_with('/')) {
    resolved = absl::StrCat(base.Origin(), ToAbsl(location));
  } else {
    const std::string folder = base.path.substr(0, base.path.rfind('/') + 1);
    resolved = absl::StrCat(base.Origin(), folder, ToAbsl(location));
  }
  SLUICE_RETURN_IF_ERROR(ParseUrl(resolved).status());
  return resolved;
}

bool IsLoopbackHost(std::string_view host) {
  if (host == "localhost" || host == "::1") return true;
  // Four numbers, so that 127.example.org does not pass.
  return host.starts_with("127.") && std::count(host.begin(), host.end(), '.') == 3 &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace sluice::http

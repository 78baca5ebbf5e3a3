#include "common/http/curl_error.h"

#include <curl/curl.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::http {
namespace {

constexpr size_t kDetailBytesMax = 200;

struct Meaning {
  StatusCode code;
  std::string_view name;
  std::string_view advice;
};

Meaning MeaningOf(int curl_code) {
  switch (curl_code) {
    case CURLE_URL_MALFORMAT:
      return {StatusCode::kInvalidArgument, "bad-url", "the URL cannot be used"};
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {StatusCode::kUnavailable, "dns-failed", "the host's name does not resolve"};
    case CURLE_COULDNT_CONNECT:
      return {StatusCode::kUnavailable, "connect-failed", "no connection to the host"};
    case CURLE_OPERATION_TIMEDOUT:  // only the connect phase is timed by libcurl
      return {StatusCode::kUnavailable, "connect-timeout", "the host did not answer in time"};
    case CURLE_PEER_FAILED_VERIFICATION:
      return {StatusCode::kFailedPrecondition, "tls-untrusted",
              "the server's certificate is not trusted; configure the CA file of this foundation"};
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return {StatusCode::kInvalidArgument, "ca-file-unreadable",
              "the configured CA file cannot be used"};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
      return {StatusCode::kUnavailable, "tls-failed", "the TLS handshake failed"};
    case CURLE_UNSUPPORTED_PROTOCOL:  // a reply without a status line, read as HTTP/0.9
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
      return {StatusCode::kUnavailable, "not-http", "the server does not speak HTTP"};
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_FAIL_REWIND:
      return {StatusCode::kUnavailable, "connection-cut", "the connection was cut"};
    case CURLE_OUT_OF_MEMORY:
      return {StatusCode::kResourceExhausted, "out-of-memory", "libcurl has no memory"};
    default:
      return {StatusCode::kUnavailable, "http-failed", "the request failed"};
  }
}

}  // namespace

Status StatusFromCurl(int curl_code, std::string_view detail, std::string_view where) {
  const Meaning meaning = MeaningOf(curl_code);
  const char* own_text = curl_easy_strerror(static_cast<CURLcode>(curl_code));
  std::string text(detail.empty() ? std::string_view(own_text) : detail);
  if (text.size() > kDetailBytesMax) text.resize(kDetailBytesMax);
  return NamedError(meaning.code, meaning.name,
                    absl::StrCat(ToAbsl(where), ": ", ToAbsl(meaning.advice), " (", text, ")"));
}

}  // namespace sluice::http

#include "agent/foundation/uaa.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "agent/foundation/json_fields.h"
#include "common/base/encoding.h"
#include "common/http/url.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {
namespace {

constexpr size_t kErrorCodeBytesMax = 40;
constexpr uint64_t kAnswerBytesMax = 256 * 1024;

http::HttpRequest TokenRequest(std::string_view token_url, const ClientCredentials& credentials) {
  // As form fields, not as HTTP Basic: UAA releases differ in whether they decode the latter.
  return {.method = "POST",
          .url = std::string(token_url),
          .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                      {"Accept", "application/json"}},
          .body = absl::StrCat(
              "grant_type=client_credentials&client_id=", PercentEncode(credentials.client_id),
              "&client_secret=", PercentEncode(credentials.client_secret.Reveal())),
          .response_bytes_max = kAnswerBytesMax,
          .timeouts = {}};
}

// The `error` of UAA's answer, such as "invalid_client"; "" for anything that is no plain code, so
// that nothing a strange server echoes reaches a message.
std::string ErrorCode(const http::HttpResponse& answer) {
  const StatusOr<nlohmann::json> json = ParseJson(answer.body);
  if (!json.ok()) return "";
  JsonFields fields(*json, "error");
  std::string code = fields.OptionalText("error");
  const bool plain = code.size() <= kErrorCodeBytesMax &&
                     std::all_of(code.begin(), code.end(),
                                 [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return plain ? code : "";
}

Status Refusal(const http::HttpResponse& answer, std::string_view where,
               const std::string& client_id) {
  if (answer.status == 429) {
    return NamedError(StatusCode::kUnavailable, "rate-limited",
                      absl::StrCat(ToAbsl(where), ": 429, UAA limits the rate of logins"));
  }
  const std::string code = ErrorCode(answer);
  const bool about_credentials = answer.status == 401 || code == "invalid_client" ||
                                 code == "unauthorized" || code == "unauthorized_client" ||
                                 code == "unsupported_grant_type" || code == "invalid_grant";
  if (!about_credentials) {
    return NamedError(StatusCode::kUnavailable, "uaa-unavailable",
                      absl::StrFormat("%s: %d, UAA gives no token", where, answer.status));
  }
  return NamedError(StatusCode::kUnauthenticated, "login-refused",
                    absl::StrFormat("%s: %d %s, the login of client %s was refused; check its id, "
                                    "secret and grant type client_credentials",
                                    where, answer.status, code, client_id));
}

StatusOr<AccessToken> ReadToken(const http::HttpResponse& answer, absl::Duration asked_at,
                                const std::string& client_id) {
  SLUICE_ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(answer.body));
  JsonFields fields(json, "token");
  const std::string scope = fields.OptionalText("scope");
  AccessToken token{.text = Secret(fields.Text("access_token")),
                    .client_id = client_id,
                    .scopes = absl::StrSplit(scope, ' ', absl::SkipEmpty()),
                    .issued_at = asked_at,
                    .life = absl::Seconds(fields.Number("expires_in").value_or(0))};
  if (token.life <= absl::ZeroDuration()) fields.Fail("expires_in", "is not a number of seconds");
  if (!fields.status().ok()) return fields.status();
  std::sort(token.scopes.begin(), token.scopes.end());
  return token;
}

}  // namespace

StatusOr<AccessToken> LogIn(std::string_view login_url, const ClientCredentials& credentials,
                            RetryingClient& client, std::stop_token stop) {
  const std::string url = absl::StrCat(ToAbsl(login_url), "/oauth/token");
  const std::string where = absl::StrCat("POST ", http::DisplayUrl(url));
  const absl::Duration asked_at = client.clock().Monotonic();
  SLUICE_ASSIGN_OR_RETURN(
      const http::HttpResponse answer,
      client.Perform(TokenRequest(url, credentials), http::Repeat::kAfterAnyTransient, stop));
  if (answer.status != 200) return Refusal(answer, where, credentials.client_id);
  StatusOr<AccessToken> token = ReadToken(answer, asked_at, credentials.client_id);
  if (!token.ok()) return WithContext(token.status(), where);
  return token;
}

}  // namespace sluice::foundation

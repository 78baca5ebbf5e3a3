#include "common/registry/login.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/encoding.h"
#include "common/http/retry.h"
#include "common/registry/token.h"

namespace sluice::registry {
namespace {

// A push has two scopes at most; repositories of one registry are few.
constexpr size_t kTokensMax = 256;
constexpr char kClientId[] = "sluice";

// Renewed so long before its end that a request just begun still finds it valid.
absl::Duration Margin(absl::Duration life) { return std::min(life / 4, absl::Seconds(10)); }

Status RefusedLogin(const char* name, std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, name, message);
}

}  // namespace

std::string PullScope(const std::string& repository_path) {
  return absl::StrCat("repository:", repository_path, ":pull");
}

std::string PushScope(const std::string& repository_path) {
  return absl::StrCat("repository:", repository_path, ":pull,push");
}

Login::Login(Options options, http::Url registry, Credentials credentials,
             http::HttpTransport& transport, const Clock& clock)
    : options_(std::move(options)),
      registry_(std::move(registry)),
      credentials_(std::move(credentials)),
      transport_(transport),
      clock_(clock) {}

Secret Login::BasicField() const {
  return Secret("Basic " +
                ToBase64(credentials_.user + ":" + std::string(credentials_.password.Reveal())));
}

StatusOr<std::optional<Secret>> Login::Authorization(const Scopes& scopes, std::stop_token stop) {
  MutexLock lock(mutex_);
  if (scheme_ == Scheme::kNone) return std::nullopt;
  if (scheme_ == Scheme::kBasic) return BasicField();
  const auto cached = tokens_.find(scopes);
  if (cached != tokens_.end() && clock_.Monotonic() < cached->second.ends) {
    return Secret("Bearer " + std::string(cached->second.value.Reveal()));
  }
  SLUICE_ASSIGN_OR_RETURN(const Secret token, TokenLocked(scopes, stop));
  return Secret("Bearer " + std::string(token.Reveal()));
}

Status Login::Refused(const Scopes& scopes, const http::HttpHeaders& answer) {
  std::vector<Challenge> challenges;
  for (const std::string& field : answer.FindAll("WWW-Authenticate")) {
    SLUICE_ASSIGN_OR_RETURN(std::vector<Challenge> some, ParseChallenges(field));
    challenges.insert(challenges.end(), some.begin(), some.end());
  }
  MutexLock lock(mutex_);
  tokens_.erase(scopes);
  return LearnLocked(challenges);
}

Status Login::LearnLocked(const std::vector<Challenge>& challenges) {
  const auto of_scheme = [&challenges](const char* scheme) {
    return std::find_if(challenges.begin(), challenges.end(),
                        [scheme](const Challenge& each) { return each.scheme == scheme; });
  };
  if (const auto bearer = of_scheme("bearer"); bearer != challenges.end()) {
    const std::string realm = bearer->Parameter("realm");
    SLUICE_RETURN_IF_ERROR(CheckRealm(realm));
    const std::string service = bearer->Parameter("service");
    if (realm != realm_ || service != service_) tokens_.clear();
    scheme_ = Scheme::kBearer;
    realm_ = realm;
    service_ = service;
    return absl::OkStatus();
  }
  if (of_scheme("basic") == challenges.end()) {
    return RefusedLogin("unknown-login-scheme",
                        absl::StrCat(registry_.Origin(),
                                     " asks for a login that is neither Basic "
                                     "nor Bearer"));
  }
  if (credentials_.user.empty()) {
    return NamedError(
        StatusCode::kUnauthenticated, "registry-login-needed",
        absl::StrCat(registry_.Origin(), " asks for a login, and there are no credentials for it"));
  }
  if (registry_.scheme != "https" && !http::IsLoopbackHost(registry_.host)) {
    return RefusedLogin(
        "plain-login-refused",
        absl::StrCat(registry_.Origin(), " asks for a password, which is not sent without TLS"));
  }
  scheme_ = Scheme::kBasic;
  return absl::OkStatus();
}

Status Login::CheckRealm(const std::string& realm) const {
  const StatusOr<http::Url> url = http::ParseUrl(realm);
  const auto refuse = [this](std::string_view why) {
    return RefusedLogin("token-realm-refused", absl::StrCat(registry_.Origin(),
                                                            " names a token "
                                                            "server that is not asked: ",
                                                            ToAbsl(why)));
  };
  if (!url.ok()) return refuse("it is no URL");
  if (url->scheme != "https" && !options_.plain_http) return refuse("it is without TLS");
  const bool named = std::find(options_.token_hosts.begin(), options_.token_hosts.end(),
                               url->host) != options_.token_hosts.end();
  if (!options_.token_hosts.empty() && !named) {
    return refuse(url->host + " is none of the configured token hosts");
  }
  if (url->scheme != "https" && !http::IsLoopbackHost(url->host) && !credentials_.empty()) {
    return refuse("a password is not sent without TLS");
  }
  return absl::OkStatus();
}

http::HttpRequest Login::TokenRequestLocked(const Scopes& scopes) const {
  http::HttpRequest request;
  request.timeouts.total = options_.call_timeout;
  request.response_bytes_max = kTokenAnswerBytesMax;
  if (!credentials_.identity_token.empty()) {
    request.method = "POST";
    request.url = realm_;
    request.headers.Add("Content-Type", "application/x-www-form-urlencoded");
    request.body = absl::StrCat(
        "grant_type=refresh_token&client_id=", kClientId, "&service=", PercentEncode(service_),
        "&scope=", PercentEncode(absl::StrJoin(scopes, " ")),
        "&refresh_token=", PercentEncode(credentials_.identity_token.Reveal()));
    return request;
  }
  // The realm may have a query of its own.
  request.url = absl::StrCat(realm_, realm_.find('?') == std::string::npos ? "?" : "&",
                             "service=", PercentEncode(service_), "&client_id=", kClientId);
  for (const std::string& scope : scopes) {
    absl::StrAppend(&request.url, "&scope=", PercentEncode(scope));
  }
  if (!credentials_.user.empty()) {
    request.headers.Add("Authorization", BasicField().Reveal());
  }
  return request;
}

StatusOr<Secret> Login::TokenLocked(const Scopes& scopes, std::stop_token stop) {
  const http::HttpRequest request = TokenRequestLocked(scopes);
  StatusOr<http::HttpResponse> answer = transport_.Perform(request, stop);
  if (!answer.ok()) return WithContext(answer.status(), "the registry's token server");
  const std::string where = http::DisplayUrl(request.url);
  if (answer->status == 429 || answer->status >= 500) {
    return NamedError(StatusCode::kUnavailable, "token-server-unavailable",
                      absl::StrCat(where, " answered ", answer->status));
  }
  if (answer->status != 200) {
    return NamedError(StatusCode::kUnauthenticated, "registry-login-refused",
                      absl::StrCat(where, " answered ", answer->status,
                                   ": look at the credentials for ", registry_.Origin()));
  }
  SLUICE_ASSIGN_OR_RETURN(const Token token, ParseTokenAnswer(answer->body));
  if (tokens_.size() >= kTokensMax) tokens_.clear();
  tokens_[scopes] = {token.value, clock_.Monotonic() + token.life - Margin(token.life)};
  return token.value;
}

}  // namespace sluice::registry

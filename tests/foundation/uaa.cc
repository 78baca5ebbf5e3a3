#include "tests/foundation/uaa.h"

#include <nlohmann/json.hpp>

#include "tests/foundation/digests.h"
#include "tests/foundation/request_log.h"
#include "tests/foundation/tokens.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

constexpr size_t kFormBytesMax = 64 * 1024;

Response JsonAnswer(int status, const Json& body) {
  Response response = TextResponse(status, "application/json", body.dump());
  response.headers.Set("Cache-Control", "no-store");
  return response;
}

Response OauthError(int status, const std::string& error, const std::string& description) {
  return JsonAnswer(status, {{"error", error}, {"error_description", description}});
}

Response BadClient() {
  Response response = OauthError(401, "invalid_client", "Bad credentials");
  response.headers.Set("WWW-Authenticate",
                       "Basic realm=\"UAA/client\", error=\"unauthorized\", "
                       "error_description=\"Bad credentials\"");
  return response;
}

std::string Field(const std::vector<std::pair<std::string, std::string>>& form,
                  const std::string& name) {
  for (const auto& [key, value] : form) {
    if (key == name) return value;
  }
  return "";
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace

Response Uaa::Grant(const std::string& client_id, const std::string& secret,
                    const std::string& grant_type) {
  std::vector<std::string> scopes;
  double valid_seconds = foundation_.options.token_seconds;
  {
    std::lock_guard lock(foundation_.store.mutex);
    auto client = foundation_.store.clients.find(client_id);
    if (client == foundation_.store.clients.end() || client->second.secret != secret) {
      return BadClient();
    }
    scopes = client->second.scopes;
    valid_seconds = client->second.token_seconds.value_or(valid_seconds);
  }
  if (auto fault = foundation_.misbehaviours.Take("short-token")) {
    valid_seconds = fault->Number("seconds", 1);
  }
  double announced_seconds = valid_seconds;
  // The clocks of UAA and client differ: what is announced as valid has run out already.
  if (foundation_.misbehaviours.Take("expired-token")) valid_seconds = -60;
  return JsonAnswer(200, {{"access_token",
                           foundation_.tokens->Make(client_id, scopes, grant_type, valid_seconds)},
                          {"token_type", "bearer"},
                          {"expires_in", static_cast<int64_t>(announced_seconds)},
                          {"scope", Joined(scopes)},
                          {"jti", RandomHex(16)}});
}

Response Uaa::TokenResponse(Exchange& exchange) {
  auto body = exchange.ReadWholeBody(kFormBytesMax);
  if (!body) return OauthError(400, "invalid_request", "the body cannot be read");
  auto form = ParseQuery(*body);
  std::string grant_type = Field(form, "grant_type");
  std::string client_id = Field(form, "client_id");
  std::string secret = Field(form, "client_secret");
  auto authorization = exchange.request().headers.Get("Authorization");
  if (authorization && LowerCase(*authorization).starts_with("basic ")) {
    auto pair = Base64Decode(std::string_view(*authorization).substr(6));
    size_t colon = pair ? pair->find(':') : std::string::npos;
    if (colon == std::string::npos) return BadClient();
    client_id = PercentDecode(pair->substr(0, colon), true);
    secret = PercentDecode(pair->substr(colon + 1), true);
  }
  if (grant_type == "client_credentials") return Grant(client_id, secret, grant_type);
  if (grant_type == "password") {
    // Users are registered as clients are; the client of their grant is cf with an empty secret.
    if (client_id != "cf" || !secret.empty()) return BadClient();
    Response response = Grant(Field(form, "username"), Field(form, "password"), grant_type);
    response.headers.Remove("WWW-Authenticate");
    return response;
  }
  if (grant_type.empty()) return OauthError(400, "invalid_request", "Missing grant type");
  return OauthError(400, "unsupported_grant_type", "Unsupported grant type");
}

void Uaa::Serve(Exchange& exchange) {
  const Request& request = exchange.request();
  Response response;
  if (foundation_.misbehaviours.Take("uaa-down")) {
    response = NginxErrorPage(503);
  } else if (request.path == "/oauth/token" && request.method == "POST") {
    response = TokenResponse(exchange);
  } else if (request.path == "/token_keys") {
    response = JsonAnswer(200, foundation_.tokens->PublicKeys());
  } else if (request.path == "/.well-known/openid-configuration") {
    response = JsonAnswer(200, {{"issuer", foundation_.uaa_url + "/oauth/token"},
                                {"token_endpoint", foundation_.uaa_url + "/oauth/token"}});
  } else if (request.path == "/info" || request.path == "/login" || request.path == "/healthz") {
    response = JsonAnswer(200, {{"app", {{"version", "77.0.0"}}}});
  } else {
    response = OauthError(404, "not_found", "not found");
  }
  foundation_.requests->Record(request.method, request.path, response.status);
  exchange.Send(std::move(response));
}

}  // namespace sluice::box

#include "agent/foundation/cloud_controller.h"

#include <utility>

#include "agent/foundation/api_session.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/resource_calls.h"

namespace sluice::foundation {

CloudController::CloudController(Options options, CredentialsSource credentials,
                                 http::HttpTransport& transport, const Clock& clock,
                                 http::Waiter& waiter, uint64_t jitter_seed)
    : options_(std::move(options)),
      session_(std::make_unique<ApiSession>(
          ApiSession::Options{
              .foundation = options_.foundation,
              .api_url = options_.api_url,
              .client = {.call_timeout = options_.call_timeout, .retry = options_.retry}},
          std::move(credentials), transport, clock, waiter, jitter_seed)) {}

CloudController::~CloudController() = default;

StatusOr<Endpoints> CloudController::Discover(std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(Discovery discovery, session_->Discover(std::move(stop)));
  return std::move(discovery.endpoints);
}

ProbeFacts CloudController::Probe(std::stop_token stop) {
  ProbeFacts facts;
  const StatusOr<Discovery> discovery = session_->Discover(stop);
  facts.discovery = discovery.status();
  if (!discovery.ok()) {
    facts.login = facts.discovery;
    facts.roles_read = facts.discovery;
    return facts;
  }
  facts.api_version = discovery->endpoints.api_version;
  facts.latency = discovery->latency;
  facts.clock_skew = discovery->clock_skew;
  // Not with the token that is held: it may outlive the client's secret.
  const StatusOr<AccessToken> token = session_->LogIn(stop);
  facts.login = token.status();
  if (!token.ok()) {
    facts.roles_read = facts.login;
    return facts;
  }
  facts.client_id = token->client_id;
  facts.scopes = token->scopes;
  StatusOr<std::vector<Role>> roles = ListOwnRoles(std::move(stop));
  facts.roles_read = roles.status();
  if (roles.ok()) facts.roles = *std::move(roles);
  return facts;
}

void CloudController::Reload() { session_->Reload(); }

}  // namespace sluice::foundation

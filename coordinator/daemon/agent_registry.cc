#include "coordinator/daemon/agent_registry.h"

#include <utility>

namespace sluice::coordinator {

void AgentRegistry::Open(std::string_view foundation, AgentSession session) {
  auto& sessions = foundations_[std::string(foundation)].sessions;
  if (sessions.size() >= kSessionsPerFoundationMax) sessions.erase(sessions.begin());
  sessions.push_back(std::move(session));
}

void AgentRegistry::Close(std::string_view foundation, net::SessionId session, absl::Time now) {
  const auto found = foundations_.find(foundation);
  if (found == foundations_.end()) return;
  std::erase_if(found->second.sessions,
                [session](const AgentSession& known) { return known.session == session; });
  if (found->second.sessions.empty()) found->second.lost_at = now;
}

const AgentSession* AgentRegistry::Find(std::string_view foundation) const {
  const auto found = foundations_.find(foundation);
  if (found == foundations_.end() || found->second.sessions.empty()) return nullptr;
  return &found->second.sessions.back();
}

absl::Time AgentRegistry::LostAt(std::string_view foundation) const {
  const auto found = foundations_.find(foundation);
  return found == foundations_.end() ? absl::InfinitePast() : found->second.lost_at;
}

}  // namespace sluice::coordinator

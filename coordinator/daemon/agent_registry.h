// Which foundations' agents are connected, since when, and what they said of themselves.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/net/peer.h"

namespace sluice::coordinator {

// One connection of an agent.
struct AgentSession {
  net::SessionId session = 0;
  std::string curve_key;  // 32 raw bytes: which of the foundation's agents it is
  std::string version;
  std::vector<std::string> features;
  std::string bulk_endpoint;  // what others may dial; empty: it only dials out
  absl::Time since;
};

// Belongs to the loop.
class AgentRegistry {
 public:
  // Older ones are forgotten: they are left over from broken connections.
  static constexpr size_t kSessionsPerFoundationMax = 4;

  void Open(std::string_view foundation, AgentSession session);
  // One that is not known is fine.
  void Close(std::string_view foundation, net::SessionId session, absl::Time now);

  // The agent that gets the foundation's jobs: the one that came last. Null when none is
  // connected. Valid until the registry is changed.
  const AgentSession* Find(std::string_view foundation) const;
  // When the last one went; InfinitePast when there never was one.
  absl::Time LostAt(std::string_view foundation) const;

 private:
  struct Foundation {
    std::vector<AgentSession> sessions;  // in the order they came
    absl::Time lost_at = absl::InfinitePast();
  };
  std::map<std::string, Foundation, std::less<>> foundations_;
};

}  // namespace sluice::coordinator

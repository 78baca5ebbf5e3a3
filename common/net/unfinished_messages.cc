#include "common/net/unfinished_messages.h"

#include <algorithm>
#include <utility>

namespace sluice::net {

void UnfinishedMessages::OnWhole(int descriptor, const std::string& user_id) {
  const auto found = connections_.find(descriptor);
  if (found == connections_.end()) return;
  found->second.whole_since_look = true;
  found->second.whole_ever = true;
  if (found->second.user_id.empty()) found->second.user_id = user_id;
}

std::vector<UnfinishedMessages::Excess> UnfinishedMessages::Look() {
  std::vector<Excess> held;
  uint64_t all = 0;
  for (auto& [descriptor, connection] : connections_) {
    const std::optional<uint64_t> taken = taken_(descriptor);
    if (!taken) continue;
    if (std::exchange(connection.whole_since_look, false)) connection.taken_when_whole = *taken;
    if (*taken <= connection.taken_when_whole) continue;
    const uint64_t bytes = *taken - connection.taken_when_whole;
    const bool over_first = !connection.whole_ever && bytes > kFirstMessageBytesMax;
    const bool again = std::exchange(connection.over_first, over_first) && over_first;
    held.push_back({descriptor, bytes, connection.user_id, again || bytes > kUnfinishedBytesMax});
    all += held.back().bytes;
  }
  std::sort(held.begin(), held.end(), [](const Excess& one, const Excess& other) {
    return std::pair(one.by_itself, one.bytes) > std::pair(other.by_itself, other.bytes);
  });
  size_t excessive = 0;
  while (excessive < held.size() && (held[excessive].by_itself || all > kUnfinishedBytesOfAllMax)) {
    all -= held[excessive].bytes;
    connections_.erase(held[excessive].descriptor);
    ++excessive;
  }
  held.resize(excessive);
  return held;
}

}  // namespace sluice::net

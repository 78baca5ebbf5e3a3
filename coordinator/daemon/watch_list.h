// Which sessions watch which promotions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/net/peer.h"

namespace sluice::coordinator {

// Belongs to the loop.
class WatchList {
 public:
  static constexpr size_t kWatchesPerSessionMax = 64;

  // Watching again is fine. ResourceExhausted "too-many-watches".
  Status Add(net::SessionId session, const std::string& promotion);
  void RemoveSession(net::SessionId session);
  void RemovePromotion(const std::string& promotion);
  std::vector<net::SessionId> Watchers(const std::string& promotion) const;

 private:
  std::map<std::string, std::set<net::SessionId>> watchers_;
  std::map<net::SessionId, std::set<std::string>> watched_;
};

}  // namespace sluice::coordinator

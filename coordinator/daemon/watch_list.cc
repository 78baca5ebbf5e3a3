#include "coordinator/daemon/watch_list.h"

#include "absl/strings/str_cat.h"

namespace sluice::coordinator {

Status WatchList::Add(net::SessionId session, const std::string& promotion) {
  auto& watched = watched_[session];
  if (watched.size() >= kWatchesPerSessionMax && !watched.contains(promotion)) {
    return NamedError(StatusCode::kResourceExhausted, "too-many-watches",
                      absl::StrCat("one connection watches at most ", kWatchesPerSessionMax,
                                   " promotions; open another"));
  }
  watched.insert(promotion);
  watchers_[promotion].insert(session);
  return absl::OkStatus();
}

void WatchList::RemoveSession(net::SessionId session) {
  const auto found = watched_.find(session);
  if (found == watched_.end()) return;
  for (const std::string& promotion : found->second) {
    auto& watchers = watchers_[promotion];
    watchers.erase(session);
    if (watchers.empty()) watchers_.erase(promotion);
  }
  watched_.erase(found);
}

void WatchList::RemovePromotion(const std::string& promotion) {
  for (const net::SessionId session : Watchers(promotion)) {
    auto& watched = watched_[session];
    watched.erase(promotion);
    if (watched.empty()) watched_.erase(session);
  }
  watchers_.erase(promotion);
}

std::vector<net::SessionId> WatchList::Watchers(const std::string& promotion) const {
  const auto found = watchers_.find(promotion);
  if (found == watchers_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

}  // namespace sluice::coordinator

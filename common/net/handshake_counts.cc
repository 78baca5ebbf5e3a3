#include "common/net/handshake_counts.h"

#include <algorithm>
#include <utility>

namespace sluice::net {

void HandshakeCounts::OnAccepted(int descriptor, absl::Duration now) {
  ++accepted_;
  open_[descriptor] = now;
}

RefusedConnections HandshakeCounts::Take(absl::Duration now) {
  // libzmq closes what does not even begin as ZMTP does, and what announces too large a frame,
  // without an event of its own, and an event of a handshake does not say which connection it is
  // of. So these are those that are missing: accepted, and neither admitted, refused, nor young
  // enough to be still under way.
  const auto young =
      static_cast<uint64_t>(std::count_if(open_.begin(), open_.end(), [&](const auto& open) {
        return now - open.second <= kHandshakeMax;
      }));
  const uint64_t told =
      admitted_ + refused_.not_admitted + refused_.bad_handshake + refused_.unfinished + young;
  RefusedConnections all = refused_;
  all.not_zmtp = std::max(taken_.not_zmtp, accepted_ > told ? accepted_ - told : 0);
  const RefusedConnections before = std::exchange(taken_, all);
  return {.not_admitted = all.not_admitted - before.not_admitted,
          .bad_handshake = all.bad_handshake - before.bad_handshake,
          .unfinished = all.unfinished - before.unfinished,
          .not_zmtp = all.not_zmtp - before.not_zmtp,
          .not_accepted = all.not_accepted - before.not_accepted};
}

}  // namespace sluice::net

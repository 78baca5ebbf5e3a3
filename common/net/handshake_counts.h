// How many connections a listening socket did not let in, and why: what its monitor tells of peers
// that never get as far as a message. Pure.
#pragma once

#include <cstdint>
#include <map>

#include "absl/time/time.h"

namespace sluice::net {

// From the TCP connection to the end of CURVE and ZAP (ZMQ_HANDSHAKE_IVL).
inline constexpr absl::Duration kHandshakeMax = absl::Seconds(5);

struct RefusedConnections {
  uint64_t not_admitted = 0;   // a key that the trust document does not name, or not for this
  uint64_t bad_handshake = 0;  // without CURVE, or for another server key than ours
  uint64_t unfinished = 0;     // silent for kHandshakeMax, or closed before its end
  uint64_t not_zmtp = 0;       // another protocol, or a frame above the limit before its end
  uint64_t not_accepted = 0;   // the process has no descriptor left

  uint64_t all() const {
    return not_admitted + bad_handshake + unfinished + not_zmtp + not_accepted;
  }
};

class HandshakeCounts {
 public:
  void OnAccepted(int descriptor, absl::Duration now);
  void OnAdmitted() { ++admitted_; }
  void OnNotAdmitted() { ++refused_.not_admitted; }
  void OnBadHandshake() { ++refused_.bad_handshake; }
  void OnUnfinished() { ++refused_.unfinished; }
  void OnNotAccepted() { ++refused_.not_accepted; }
  void OnEnded(int descriptor) { open_.erase(descriptor); }

  // Since the last call. A connection counts once, at the latest when kHandshakeMax is over.
  RefusedConnections Take(absl::Duration now);

 private:
  uint64_t accepted_ = 0;
  uint64_t admitted_ = 0;
  RefusedConnections refused_;  // from the beginning, but for not_zmtp
  RefusedConnections taken_;
  std::map<int, absl::Duration> open_;  // since when
};

}  // namespace sluice::net

// Bytes of messages that are not whole yet.
//
// libzmq hands a message over when its last frame has come, and keeps all before until then: it
// limits a frame (ZMQ_MAXMSGSIZE) and counts whole messages (ZMQ_RCVHWM), so that one message of
// endless frames takes all memory there is and nobody is told. What can be seen from outside is
// how many bytes it has taken from a connection since that gave a whole message.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace sluice::net {

// Of one connection. Above all that an honest peer may have under way while nobody reads: the
// credit of one process (common/transfer, 16 MiB), and the messages around it.
inline constexpr uint64_t kUnfinishedBytesMax = 20 << 20;
// Of a connection that has not given a whole message yet: first of all comes an Announce, an Open
// or a Hello, and nothing more until that is answered. At two looks, as whoever reads may be late.
inline constexpr uint64_t kFirstMessageBytesMax = 1 << 20;
// Of all connections of one listening socket, or all that were dialled: above what a relay lets
// through at once (48 MiB).
inline constexpr uint64_t kUnfinishedBytesOfAllMax = 64 << 20;
// What comes in between two looks is held beyond the limits: at a Gbit/s 6 MB.
inline constexpr absl::Duration kLookForUnfinishedEvery = absl::Milliseconds(50);

class UnfinishedMessages {
 public:
  // How many bytes libzmq has taken from a connection so far; nothing when it has ended.
  using BytesTaken = std::function<std::optional<uint64_t>(int descriptor)>;

  struct Excess {
    int descriptor;
    uint64_t bytes;
    std::string user_id;    // of its whole messages; empty if there was none
    bool by_itself = true;  // else it met the limit of all, which others may have used up
  };

  explicit UnfinishedMessages(BytesTaken taken) : taken_(std::move(taken)) {}

  void OnOpened(int descriptor) { connections_[descriptor] = {}; }
  void OnClosed(int descriptor) { connections_.erase(descriptor); }
  // A whole message was read from it.
  void OnWhole(int descriptor, const std::string& user_id);
  bool empty() const { return connections_.empty(); }

  // To be called every kLookForUnfinishedEvery, after what is whole was read. The connections that
  // must end because they, or all together, hold too much: those with most first. They are
  // forgotten.
  std::vector<Excess> Look();

 private:
  struct Connection {
    uint64_t taken_when_whole = 0;
    bool whole_since_look = false;
    bool whole_ever = false;
    bool over_first = false;  // at the look before; what is whole may not have been read by then
    std::string user_id;
  };

  const BytesTaken taken_;
  std::map<int, Connection> connections_;
};

}  // namespace sluice::net

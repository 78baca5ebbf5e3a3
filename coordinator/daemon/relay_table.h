// Who is joined with whom through the relay, and how much may be on its way between them: a state
// machine, messages in, messages out. Knows no socket and no clock.
//
// The relay is blind: of what passes it reads the headers of the conversation alone, to count. It
// changes only how soon a target's credit reaches the source, so that what it holds of a line is
// bounded by that line's window whatever the target takes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/net/bulk_sockets.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::coordinator {

inline constexpr size_t kRelayLinesMax = 256;
// Of payloads on their way through the relay: of one line, and of all together, in equal shares,
// but never less than the least window.
inline constexpr uint64_t kRelayWindowMax = uint64_t{16} << 20;
inline constexpr uint64_t kRelayWindowMin = uint64_t{3} << 20;
inline constexpr uint64_t kRelayBytesShared = uint64_t{48} << 20;
// A target's credit that waits for room: more is more than the protocol allows it.
inline constexpr size_t kRelayHeldChunksMax = 256;
// A connection that says nothing for so long is forgotten.
inline constexpr absl::Duration kRelaySilenceMax = absl::Seconds(30);

// What the relay has passed, for logs and tests.
struct RelayFigures {
  size_t lines = 0;  // with at least one end
  uint64_t messages = 0;
  uint64_t payload_bytes = 0;
};

class RelayTable {
 public:
  struct Out {
    net::ConnectionId to;
    v1::BulkMessage message;
    std::string payload;
  };
  // To be hung up. The table has forgotten it already.
  struct HangUp {
    net::ConnectionId connection;
  };
  using Action = std::variant<Out, HangUp>;
  using Actions = std::vector<Action>;

  // Of an agent of `foundation`. What cannot be passed on ends the connection by a name, told to it
  // by RelayParted: "relay-not-joined", "relay-full", "relay-credit-exceeded",
  // "relay-bad-join".
  Actions OnMessage(net::ConnectionId from, const std::string& foundation, v1::BulkMessage message,
                    std::string payload, absl::Duration now);
  // The connection has broken, or does not take what it is sent.
  Actions OnGone(net::ConnectionId connection, const Status& why);
  // A few times in kRelaySilenceMax.
  Actions OnTime(absl::Duration now);

  const RelayFigures& figures() const { return figures_; }

 private:
  // Transfer, and the two foundations in their order.
  using LineKey = std::tuple<std::string, std::string, std::string>;
  struct End {
    std::optional<net::ConnectionId> connection;
    absl::Duration heard_at;
    uint64_t passed_bytes = 0;  // of payloads to this end, over its present connection
    uint64_t taken_bytes = 0;   // of these, it says that it has them
  };
  struct Line {
    std::array<End, 2> ends;
    // Credit that the source was given and has not used, in chunks; and that of conversations
    // before, which it may have used when it had not heard of their end.
    uint64_t granted = 0;
    uint64_t granted_before = 0;
    uint64_t chunk_bytes = 0;  // largest payload of a chunk so far; 0: none yet
    std::deque<uint32_t> held_indexes;
    uint64_t held_chunks = 0;
  };
  struct Place {
    LineKey line;
    size_t end = 0;
  };

  Actions OnJoin(net::ConnectionId from, const std::string& foundation,
                 const v1::BulkMessage& message, absl::Duration now);
  Actions Join(net::ConnectionId from, const LineKey& key, size_t end, absl::Duration now);
  void Pass(Line& line, size_t from, v1::BulkMessage message, std::string payload,
            Actions& actions);
  // A target's credit: as much of it as there is room for, the rest later.
  void OnGrant(Line& line, size_t from, v1::BulkMessage message, Actions& actions);
  void ReleaseHeld(const std::string& transfer, Line& line, size_t target, Actions& actions);
  uint64_t RoomForChunks(const Line& line, size_t target) const;
  uint64_t Window() const;
  // The conversation of a line is over, or has begun anew.
  static void ForgetCredit(Line& line);
  void Part(const Place& place, const Status& why, Actions& actions);
  static Actions Refuse(net::ConnectionId connection, const std::string& transfer,
                        const Status& why);

  std::map<LineKey, Line> lines_;
  std::map<net::ConnectionId, Place> places_;
  RelayFigures figures_;
};

}  // namespace sluice::coordinator

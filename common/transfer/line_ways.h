// The ways by which one line reaches its other end, and which of them carries: a state machine,
// events in, actions out. Knows no socket and no clock.
//
// One end of a line chooses, the other follows. All ways are tried at once. The best that is ready
// carries; one that breaks is replaced by another; when a better one becomes ready, the line moves
// to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/base/status.h"

namespace sluice::transfer {

enum class WayKind {
  kDialled,   // this end dials the other
  kAccepted,  // the other end dials this one
  kRelay      // both dial the coordinator's relay; only where no direct way is ready
};
// "direct" or "relay".
const char* PathOf(WayKind kind);

enum class LineEnd { kChooses, kFollows };

// How long a ready relay is held back at the start, for a direct way that is being tried still.
inline constexpr absl::Duration kDirectHeadStart = absl::Milliseconds(300);
// Redialling, with full jitter: a line that carries nothing is in a hurry, reserve is not.
inline constexpr absl::Duration kRedialFirst = absl::Milliseconds(100);
inline constexpr absl::Duration kRedialMax = absl::Seconds(2);
inline constexpr absl::Duration kReserveRedialMin = absl::Seconds(2);
inline constexpr absl::Duration kReserveRedialMax = absl::Seconds(10);
// Handshakes refused in a row, after which a way is given up.
inline constexpr int kRefusalsMax = 3;

class LineWays {
 public:
  // What to do, in this order. Ways are named by their place among those of the line.
  struct Dial {
    size_t way;
  };
  // The line's messages go this way from now on, and the other end is to be met anew over it.
  struct Carry {
    size_t way;
  };
  // The other end cannot know of this way in reserve: it is to be told.
  struct MakeKnown {
    size_t way;
  };
  // Its connection is of no use any more.
  struct HangUp {
    size_t way;
  };
  // Nothing carries the line; `for_good` when every way is given up.
  struct Lost {
    Status why;
    bool for_good = false;
  };
  using Action = std::variant<Dial, Carry, MakeKnown, HangUp, Lost>;
  using Actions = std::vector<Action>;

  enum class State { kWaiting, kTrying, kReady, kGivenUp };
  // What became of a way, for people who ask why.
  struct Account {
    WayKind kind{};
    State state = State::kWaiting;
    uint64_t tries = 0;  // to dial
    uint64_t times_ready = 0;
    // It was lost last, here or at the other end; one that was left for a better one was not lost.
    Status why;
  };

  // `random` is borrowed.
  LineWays(const std::vector<WayKind>& kinds, LineEnd end, Random& random);

  Actions OnBegin(absl::Duration now);
  // A dialled way passed its handshake, or both ends have come to the relay.
  Actions OnReady(size_t way, absl::Duration now);
  // The other end goes on with the transfer over this way. One that takes a connection and then
  // has nothing to say but that all is over is dialled less and less often.
  void OnHeard(size_t way) { ways_[way].attempts = 0; }
  // Its connection failed or broke.
  Actions OnLost(size_t way, const Status& why, absl::Duration now);
  // The other end has left the relay; the connection to it stands.
  Actions OnParted(size_t way, const Status& why, absl::Duration now);
  // The other end spoke a message with which a conversation over a new connection begins.
  struct Heard {
    Actions actions;
    bool is_for_line;  // else it only made the way known
  };
  // `new_connection`: an accepted one that was not this way's before.
  Heard OnMeeting(size_t way, bool new_connection, absl::Duration now);
  Actions OnTime(absl::Duration now);
  // When OnTime() has something to do.
  std::optional<absl::Duration> due_at() const;

  std::optional<size_t> carrying() const { return carrying_; }
  std::vector<Account> accounts() const;

 private:
  struct Way {
    Account account;
    int attempts = 0;  // since something was heard
    int refusals = 0;
    std::optional<absl::Duration> redial_at;
    bool tried = false;      // one attempt at least has ended
    bool announced = false;  // the other end has spoken over this connection
  };

  // Lets the best ready way carry, if none does or a better one may.
  void Choose(absl::Duration now, Actions& actions);
  std::optional<size_t> BestReady(absl::Duration now) const;
  void Break(size_t way, const Status& why, absl::Duration now, Actions& actions);
  // What carried does no longer.
  void Uncarry(const Status& why, absl::Duration now, Actions& actions);
  // Hangs up a way that was left for a better one; it becomes reserve.
  void Retire(size_t way, absl::Duration now, Actions& actions);
  void SetReady(size_t way);
  absl::Duration Jitter(absl::Duration least, absl::Duration ceiling);
  bool DirectMayStillCome() const;
  bool AllGivenUp() const;

  const bool chooses_;
  Random& random_;
  std::vector<Way> ways_;
  std::optional<size_t> carrying_;
  absl::Duration head_start_until_;
};

}  // namespace sluice::transfer

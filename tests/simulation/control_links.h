// Sessions between the simulated coordinator and those who dial it: agents, and the operator.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "common/net/control_server.h"
#include "common/net/peer.h"
#include "sluice/v1/control.pb.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

// Who dials, and is dialled again for as long as it is attached.
struct Caller {
  net::Peer peer;
  v1::Hello hello;
  std::function<void(const v1::Welcome&)> on_welcome;
  std::function<void(const v1::ControlMessage&)> on_message;
  std::function<void(const Status&)> on_lost;
};

// What is sent is delayed, in order within a session. Each end notices that a session is over in
// its own time.
class ControlLinks final : public net::ControlSender {
 public:
  using CallerNumber = uint64_t;

  // Borrowed.
  explicit ControlLinks(World& world) : world_(world) {}

  // Null while the coordinator is dead.
  void SetCoordinator(net::ControlEvents* coordinator);
  CallerNumber Attach(Caller caller);
  // The caller is dead: nothing is passed to it any more.
  void Detach(CallerNumber caller);
  // Lost without a session.
  void SendUp(CallerNumber caller, v1::ControlMessage message);

  void Send(net::SessionId session, v1::ControlMessage message) override;
  void Close(net::SessionId session) override;

  // Before a message of an agent or operator is passed to the coordinator, or one of the
  // coordinator to them. False: it is not passed on.
  std::function<bool(const net::Peer& from, const v1::ControlMessage&)> on_up =
      [](const net::Peer&, const v1::ControlMessage&) { return true; };
  std::function<bool(const net::Peer& to, v1::ControlMessage&)> on_down =
      [](const net::Peer&, v1::ControlMessage&) { return true; };

 private:
  struct Line {
    Caller caller;
    net::SessionId session = 0;  // 0: none, as far as the caller knows
    int attempts = 0;
  };
  struct Session {
    CallerNumber caller = 0;
    net::Peer peer;
    bool open_above = false;  // the coordinator knows of it
    bool broken = false;
    absl::Duration up_free_at;
    absl::Duration down_free_at;
    absl::Duration delay;
  };

  void Redial(CallerNumber caller);
  void Dial(CallerNumber caller);
  void OpenAbove(net::SessionId id);
  void CloseAbove(net::SessionId id);
  void LoseBelow(net::SessionId id, const Status& why);
  void Break(net::SessionId id);
  void PassUp(net::SessionId id, const v1::ControlMessage& message);
  void PassDown(net::SessionId id, v1::ControlMessage message);
  // When a message that is sent now arrives.
  absl::Duration Arrival(Session& session, absl::Duration& free_at);

  World& world_;
  net::ControlEvents* coordinator_ = nullptr;
  std::map<CallerNumber, Line> lines_;
  std::map<net::SessionId, Session> sessions_;
  CallerNumber last_caller_ = 0;
  net::SessionId last_session_ = 0;
};

}  // namespace sluice::simulation

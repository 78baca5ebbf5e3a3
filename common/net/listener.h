// A listening socket with an eye on who connects to it: counts whom libzmq turns away without a
// word to anybody, and ends connections that fill the memory. For .cc files of this room only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "common/net/event_loop.h"
#include "common/net/handshake_counts.h"
#include "common/net/sockets.h"
#include "common/net/unfinished_messages.h"

namespace sluice::net {

// How often those that were refused are told, in one line for each listening socket.
inline constexpr absl::Duration kRefusedToldEvery = absl::Seconds(10);

// Lives on the loop's thread.
class Listener {
 public:
  // `on_readable` is called when there is something to Receive(). Unavailable "cannot-listen".
  static StatusOr<std::unique_ptr<Listener>> Open(Network& network, EventLoop& loop,
                                                  const std::string& domain,
                                                  const SocketLimits& limits,
                                                  const std::string& endpoint,
                                                  std::function<void()> on_readable);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::optional<Received> Receive();
  Status Send(const std::string& route, Frames frames);
  std::string endpoint() const { return BoundEndpoint(listening_.socket); }

 private:
  Listener(Network& network, EventLoop& loop, ListeningSocket listening);
  void ReadEvents();
  void TakeEvent(const ListenEvent& event);
  void LookForUnfinished();
  void TellRefused();

  Network& network_;
  EventLoop& loop_;
  ListeningSocket listening_;
  HandshakeCounts handshakes_;
  UnfinishedMessages unfinished_;
  std::optional<Timers::Id> look_;  // while anybody is connected
  Timers::Id tell_ = 0;
};

}  // namespace sluice::net

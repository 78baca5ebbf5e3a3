#include "common/net/listener.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/base/logging.h"
#include "common/net/network.h"
#include "common/net/tcp_connection.h"

namespace sluice::net {
namespace {

uint16_t PortOf(const std::string& endpoint) {
  uint32_t port = 0;
  const bool number = absl::SimpleAtoi(endpoint.substr(endpoint.rfind(':') + 1), &port);
  SLUICE_CHECK(number);  // libzmq has bound it
  return static_cast<uint16_t>(port);
}

int64_t Number(uint64_t count) { return static_cast<int64_t>(count); }

}  // namespace

StatusOr<std::unique_ptr<Listener>> Listener::Open(Network& network, EventLoop& loop,
                                                   const std::string& domain,
                                                   const SocketLimits& limits,
                                                   const std::string& endpoint,
                                                   std::function<void()> on_readable) {
  SLUICE_ASSIGN_OR_RETURN(ListeningSocket listening,
                          MakeListener(network, domain, limits, endpoint));
  std::unique_ptr<Listener> listener(new Listener(network, loop, std::move(listening)));
  loop.WatchSocket(listener->listening_.socket.handle(), std::move(on_readable));
  return listener;
}

Listener::Listener(Network& network, EventLoop& loop, ListeningSocket listening)
    : network_(network), loop_(loop), listening_(std::move(listening)), unfinished_(BytesTaken) {
  loop_.WatchSocket(listening_.monitor.handle(), [this] { ReadEvents(); });
  tell_ = loop_.timers().After(kRefusedToldEvery, [this] { TellRefused(); });
}

Listener::~Listener() {
  if (look_) loop_.timers().Cancel(*look_);
  loop_.timers().Cancel(tell_);
  loop_.UnwatchSocket(listening_.monitor.handle());
  loop_.UnwatchSocket(listening_.socket.handle());
  CloseListener(listening_);
}

std::optional<Received> Listener::Receive() {
  auto received = net::Receive(listening_.socket, true);
  if (received) unfinished_.OnWhole(received->descriptor, received->user_id);
  return received;
}

Status Listener::Send(const std::string& route, Frames frames) {
  return net::Send(listening_.socket, &route, std::move(frames));
}

void Listener::ReadEvents() {
  while (const auto event = NextListenEvent(listening_.monitor)) TakeEvent(*event);
  if (!look_ && !unfinished_.empty()) {
    look_ = loop_.timers().After(kLookForUnfinishedEvery, [this] { LookForUnfinished(); });
  }
}

void Listener::TakeEvent(const ListenEvent& event) {
  switch (event.kind) {
    case ListenEvent::Kind::kAccepted:
      handshakes_.OnAccepted(event.descriptor, loop_.clock().Monotonic());
      return unfinished_.OnOpened(event.descriptor);
    case ListenEvent::Kind::kAdmitted:
      return handshakes_.OnAdmitted();
    case ListenEvent::Kind::kNotAdmitted:
      return handshakes_.OnNotAdmitted();
    case ListenEvent::Kind::kBadHandshake:
      return handshakes_.OnBadHandshake();
    case ListenEvent::Kind::kUnfinished:
      return handshakes_.OnUnfinished();
    case ListenEvent::Kind::kEnded:
      handshakes_.OnEnded(event.descriptor);
      return unfinished_.OnClosed(event.descriptor);
    case ListenEvent::Kind::kNotAccepted:
      return handshakes_.OnNotAccepted();
  }
}

void Listener::LookForUnfinished() {
  look_.reset();
  const uint16_t port = PortOf(endpoint());
  for (const auto& excess : unfinished_.Look()) {
    const auto key = FromHex(excess.user_id);
    const auto peer = key.ok() ? network_.FindPeer(*key) : std::nullopt;
    Log(LogLevel::kWarning, "endless-message-refused",
        {{"name", peer ? peer->name : ""},
         {"address", RemoteAddress(excess.descriptor)},
         {"endpoint", endpoint()},
         {"bytes", Number(excess.bytes)}});
    if (key.ok() && excess.by_itself) network_.ShutOut(*key);
    EndConnection(excess.descriptor, port);
  }
  if (!unfinished_.empty()) {
    look_ = loop_.timers().After(kLookForUnfinishedEvery, [this] { LookForUnfinished(); });
  }
}

void Listener::TellRefused() {
  tell_ = loop_.timers().After(kRefusedToldEvery, [this] { TellRefused(); });
  const RefusedConnections refused = handshakes_.Take(loop_.clock().Monotonic());
  if (refused.all() == 0) return;
  Log(LogLevel::kWarning, "connections-refused",
      {{"endpoint", endpoint()},
       {"count", Number(refused.all())},
       {"not_admitted", Number(refused.not_admitted)},
       {"bad_handshake", Number(refused.bad_handshake)},
       {"unfinished", Number(refused.unfinished)},
       {"not_zmtp", Number(refused.not_zmtp)},
       {"not_accepted", Number(refused.not_accepted)}});
}

}  // namespace sluice::net

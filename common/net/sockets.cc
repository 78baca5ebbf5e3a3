#include "common/net/sockets.h"

#include <string.h>

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/net/handshake_counts.h"

namespace sluice::net {
namespace {

constexpr int kZapEnforceDomain = 93;  // a draft constant, yet honoured by libzmq 4.3.4
constexpr int64_t kCurveOverheadBytes = 33;

void SetCommonOptions(zmq::socket_t& socket, const SocketLimits& limits) {
  socket.set(zmq::sockopt::linger, 500);
  socket.set(zmq::sockopt::affinity, limits.io_thread);
  socket.set(zmq::sockopt::maxmsgsize, limits.frame_bytes_max + kCurveOverheadBytes);
  socket.set(zmq::sockopt::sndhwm, limits.queued_messages_max);
  socket.set(zmq::sockopt::rcvhwm, limits.queued_messages_max);
  socket.set(zmq::sockopt::handshake_ivl,
             static_cast<int>(absl::ToInt64Milliseconds(kHandshakeMax)));
  socket.set(zmq::sockopt::connect_timeout, 10000);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, 30);
  socket.set(zmq::sockopt::tcp_keepalive_cnt, 3);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, 10);
  socket.set(zmq::sockopt::tcp_maxrt, 30000);
  socket.set(zmq::sockopt::ipv6, 1);
}

zmq::context_t& ContextOf(Network& network) {
  return *static_cast<zmq::context_t*>(network.context());
}

zmq::const_buffer Bytes(std::string_view text) { return zmq::buffer(text.data(), text.size()); }

constexpr int kHandshakeEvents =
    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

// To be drained as long as it lives.
zmq::socket_t MakeMonitor(Network& network, zmq::socket_t& watched, int events) {
  static std::atomic<uint64_t> monitors{0};
  zmq::socket_t monitor(ContextOf(network), zmq::socket_type::pair);
  monitor.set(zmq::sockopt::linger, 0);
  const std::string name = absl::StrCat("inproc://monitor-", ++monitors);
  if (zmq_socket_monitor(watched.handle(), name.c_str(), events) != 0) throw zmq::error_t();
  monitor.connect(name);
  return monitor;
}

// Event number and value (zmq_socket_monitor(3)).
struct MonitorEvent {
  uint16_t number = 0;
  uint32_t value = 0;
};
std::optional<MonitorEvent> NextEvent(zmq::socket_t& monitor) {
  zmq::message_t frame;
  if (!monitor.recv(frame, zmq::recv_flags::dontwait)) return std::nullopt;
  MonitorEvent event;
  if (frame.size() >= sizeof event.number + sizeof event.value) {
    memcpy(&event.number, frame.data(), sizeof event.number);
    memcpy(&event.value, frame.data<char>() + sizeof event.number, sizeof event.value);
  }
  while (frame.more()) {
    if (!monitor.recv(frame, zmq::recv_flags::dontwait)) break;
  }
  return event;
}

std::string UserIdOf(zmq::message_t& message) {
  // Absent without ZAP, which every listener of ours has; DEALERs have none.
  const char* user = zmq_msg_gets(message.handle(), "User-Id");
  return user == nullptr ? "" : user;
}

// ZMQ_SRCFD is deprecated; libzmq has nothing in its place.
int DescriptorOf(zmq::message_t& message) { return zmq_msg_get(message.handle(), ZMQ_SRCFD); }

void CloseMonitored(zmq::socket_t& socket, zmq::socket_t& monitor) {
  if (socket.handle() == nullptr) return;
  zmq_socket_monitor(socket.handle(), nullptr, 0);
  monitor.close();
  socket.close();
}

}  // namespace

StatusOr<ListeningSocket> MakeListener(Network& network, const std::string& domain,
                                       const SocketLimits& limits, const std::string& endpoint) {
  try {
    ListeningSocket listening{zmq::socket_t(ContextOf(network), zmq::socket_type::router), {}};
    zmq::socket_t& socket = listening.socket;
    SetCommonOptions(socket, limits);
    socket.set(zmq::sockopt::router_mandatory, 1);
    socket.set(zmq::sockopt::curve_server, 1);
    socket.set(zmq::sockopt::curve_secretkey, Bytes(network.identity().secret_key.Reveal()));
    socket.set(zmq::sockopt::zap_domain, domain);
    const int enforce = 1;
    SLUICE_CHECK(zmq_setsockopt(socket.handle(), kZapEnforceDomain, &enforce, sizeof enforce) == 0);
    listening.monitor = MakeMonitor(
        network, socket,
        ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_ACCEPT_FAILED | ZMQ_EVENT_DISCONNECTED | kHandshakeEvents);
    socket.bind(endpoint);
    return listening;
  } catch (const zmq::error_t& error) {
    return NamedError(StatusCode::kUnavailable, "cannot-listen",
                      absl::StrCat("cannot listen at ", endpoint, ": ", error.what()));
  }
}

std::string BoundEndpoint(const zmq::socket_t& listener) {
  const std::string endpoint = listener.get(zmq::sockopt::last_endpoint);
  constexpr std::string_view kMapped = "tcp://[::ffff:";
  const size_t close = endpoint.find(']');
  if (!endpoint.starts_with(kMapped) || close == std::string::npos) return endpoint;
  return "tcp://" + endpoint.substr(kMapped.size(), close - kMapped.size()) +
         endpoint.substr(close + 1);
}

StatusOr<DialedSocket> MakeDialer(Network& network, const SocketLimits& limits,
                                  const std::string& endpoint, const std::string& server_key) {
  try {
    DialedSocket dialed{zmq::socket_t(ContextOf(network), zmq::socket_type::dealer), {}};
    SetCommonOptions(dialed.socket, limits);
    dialed.socket.set(zmq::sockopt::immediate, 1);
    dialed.socket.set(zmq::sockopt::reconnect_ivl, -1);
    dialed.socket.set(zmq::sockopt::curve_serverkey, Bytes(server_key));
    dialed.socket.set(zmq::sockopt::curve_publickey, Bytes(network.identity().public_key));
    dialed.socket.set(zmq::sockopt::curve_secretkey, Bytes(network.identity().secret_key.Reveal()));
    dialed.monitor = MakeMonitor(
        network, dialed.socket,
        ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | kHandshakeEvents);
    dialed.socket.connect(endpoint);
    return dialed;
  } catch (const zmq::error_t& error) {
    return NamedError(StatusCode::kInvalidArgument, "bad-endpoint",
                      absl::StrCat("cannot dial ", endpoint, ": ", error.what()));
  }
}

void CloseListener(ListeningSocket& listening) {
  CloseMonitored(listening.socket, listening.monitor);
}

void CloseDialer(DialedSocket& dialed) { CloseMonitored(dialed.socket, dialed.monitor); }

std::optional<ListenEvent> NextListenEvent(zmq::socket_t& monitor) {
  using Kind = ListenEvent::Kind;
  while (const auto event = NextEvent(monitor)) {
    const int descriptor = static_cast<int>(event->value);
    switch (event->number) {
      case ZMQ_EVENT_ACCEPTED:
        return ListenEvent{Kind::kAccepted, descriptor};
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return ListenEvent{Kind::kAdmitted, -1};
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return ListenEvent{Kind::kNotAdmitted, -1};
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        return ListenEvent{Kind::kBadHandshake, -1};
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        return ListenEvent{Kind::kUnfinished, -1};
      case ZMQ_EVENT_DISCONNECTED:
        return ListenEvent{Kind::kEnded, descriptor};
      case ZMQ_EVENT_ACCEPT_FAILED:
        return ListenEvent{Kind::kNotAccepted, -1};
      default:
        break;
    }
  }
  return std::nullopt;
}

std::optional<DialEvent> NextDialEvent(DialedSocket& dialed) {
  const auto event = NextEvent(dialed.monitor);
  if (!event) return std::nullopt;
  switch (event->number) {
    case ZMQ_EVENT_CONNECTED:
      dialed.descriptor = static_cast<int>(event->value);
      return DialEvent::kOther;
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
      return DialEvent::kReady;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return DialEvent::kRefused;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      return DialEvent::kHandshakeFailed;
    case ZMQ_EVENT_DISCONNECTED:
    case ZMQ_EVENT_CLOSED:
      return DialEvent::kLost;
    default:
      return DialEvent::kOther;
  }
}

std::optional<Received> Receive(zmq::socket_t& socket, bool routed) {
  Received received;
  zmq::message_t frame;
  if (!socket.recv(frame, zmq::recv_flags::dontwait)) return std::nullopt;
  size_t count = 0;
  bool excessive = false;
  while (true) {
    // Only the last frame carries the properties after a poll (libzmq pull request 4317).
    if (!frame.more()) {
      received.user_id = UserIdOf(frame);
      received.descriptor = DescriptorOf(frame);
    }
    if (routed && count == 0) {
      received.route = frame.to_string();
    } else if (received.frames.size() < kFramesMax) {
      received.frames.push_back(frame.to_string());
    } else {
      excessive = true;
    }
    ++count;
    if (!frame.more()) break;
    if (!socket.recv(frame, zmq::recv_flags::none)) break;
  }
  if (excessive) received.frames.clear();
  return received;
}

Status Send(zmq::socket_t& socket, const std::string* route, Frames frames) {
  try {
    if (route != nullptr) {
      if (!socket.send(zmq::buffer(*route), zmq::send_flags::sndmore | zmq::send_flags::dontwait)) {
        return NamedError(StatusCode::kResourceExhausted, "link-full",
                          "the peer does not take messages as fast as they come");
      }
    }
    for (size_t i = 0; i < frames.size(); ++i) {
      const auto more = i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
      // The string becomes the message: a sealed chunk is not copied again on its way out.
      auto* owned = new std::string(std::move(frames[i]));
      zmq::message_t message(
          owned->data(), owned->size(),
          [](void*, void* hint) { delete static_cast<std::string*>(hint); }, owned);
      if (!socket.send(message, more | zmq::send_flags::dontwait)) {
        return NamedError(StatusCode::kResourceExhausted, "link-full",
                          "the peer does not take messages as fast as they come");
      }
    }
    return absl::OkStatus();
  } catch (const zmq::error_t& error) {
    return NamedError(StatusCode::kNotFound, "link-gone",
                      absl::StrCat("the connection is gone: ", error.what()));
  }
}

}  // namespace sluice::net

// ZeroMQ sockets with the options that every socket of Sluice has. For .cc files of this room only:
// nothing else includes zmq.hpp.
//
// Facts behind the options: libzmq 4.3.4. ZAP fails open unless a domain is set and enforced
// (zmq_setsockopt ZMQ_ZAP_ENFORCE_DOMAIN, draft constant 93); a refused client never reconnects by
// itself (libzmq issue 3519), so reconnection is ours (RECONNECT_IVL -1); heartbeats of ZMTP would
// kill a connection that is busy with one large frame (issue 2709), so they are not used.
#pragma once

#include <optional>
#include <string>
#include <zmq.hpp>

#include "common/base/status.h"
#include "common/net/network.h"
#include "common/net/wire.h"

namespace sluice::net {

struct SocketLimits {
  int64_t frame_bytes_max;  // inbound, without CURVE's 33 bytes
  int queued_messages_max;  // per peer and direction
  uint64_t io_thread;       // bit mask: control and bulk do not share one
};

inline constexpr SocketLimits kControlLimits = {static_cast<int64_t>(kControlHeaderBytesMax), 256,
                                                1};
// Above twice what a transfer has under way: libzmq counts what was taken once per half of the
// limit (common/transfer, kCreditChunksMax).
inline constexpr SocketLimits kBulkLimits = {static_cast<int64_t>(kBulkPayloadBytesMax), 320, 2};

inline constexpr char kControlDomain[] = "sluice-control";
inline constexpr char kBulkDomain[] = "sluice-bulk";
inline constexpr char kRelayDomain[] = "sluice-relay";

// A bound ROUTER that lets in only whom the ZAP handler admits to `domain`. Its monitor is
// connected to the PAIR from the beginning.
struct ListeningSocket {
  zmq::socket_t socket;
  zmq::socket_t monitor;
};
// Unavailable "cannot-listen".
StatusOr<ListeningSocket> MakeListener(Network& network, const std::string& domain,
                                       const SocketLimits& limits, const std::string& endpoint);
// As CloseDialer().
void CloseListener(ListeningSocket& listening);

// What befell a connection that a listener has accepted. `descriptor` is -1 for what happens in a
// handshake: libzmq does not say in which.
struct ListenEvent {
  enum class Kind {
    kAccepted,
    kAdmitted,
    kNotAdmitted,   // by our ZAP handler
    kBadHandshake,  // against the rules of ZMTP or CURVE
    kUnfinished,    // the handshake took too long, or was left
    kEnded,
    kNotAccepted  // the process has no descriptor left
  };
  Kind kind;
  int descriptor;
};
// The next event, or nothing when there is none now.
std::optional<ListenEvent> NextListenEvent(zmq::socket_t& monitor);

// Where a listener is bound, with its port. libzmq says an IPv4 address as one mapped into IPv6,
// which no configuration file has; it is said as people write it.
std::string BoundEndpoint(const zmq::socket_t& listener);

// A DEALER that connects once to `endpoint` and expects `server_key` there. Its monitor is
// connected to the returned PAIR before the connection begins.
struct DialedSocket {
  zmq::socket_t socket;
  zmq::socket_t monitor;
  int descriptor = -1;  // of its TCP connection, once there is one
};
// InvalidArgument "bad-endpoint".
StatusOr<DialedSocket> MakeDialer(Network& network, const SocketLimits& limits,
                                  const std::string& endpoint, const std::string& server_key);
// Stops the monitor and closes both: an undrained monitor would block the I/O thread
// (libzmq issue 3575).
void CloseDialer(DialedSocket& dialed);

// What became of a dialled connection.
enum class DialEvent {
  kOther,
  kReady,            // CURVE and ZAP have passed
  kRefused,          // the other side's ZAP handler does not admit our key
  kHandshakeFailed,  // the other side has another key than expected, or closed in the handshake
  kLost              // no connection, or no longer
};
// The next event, or nothing when there is none now.
std::optional<DialEvent> NextDialEvent(DialedSocket& dialed);

// All frames of one message, or nothing when none waits. More than kFramesMax frames are read and
// dropped: the result is then empty frames.
inline constexpr size_t kFramesMax = 4;
struct Received {
  std::string route;    // ROUTER only
  std::string user_id;  // set by our ZAP handler: hexadecimal CURVE key
  int descriptor = -1;  // of the connection it came over; of no use once that has ended
  Frames frames;
};
std::optional<Received> Receive(zmq::socket_t& socket, bool routed);

// Never waits. ResourceExhausted "link-full", NotFound "link-gone".
Status Send(zmq::socket_t& socket, const std::string* route, Frames frames);

}  // namespace sluice::net

#include "common/net/network.h"

#include <stdlib.h>

#include <map>
#include <zmq.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/encoding.h"
#include "common/base/logging.h"
#include "common/base/mailbox.h"
#include "common/base/mutex.h"
#include "common/base/thread.h"
#include "common/net/log_allowance.h"
#include "common/net/sockets.h"

namespace sluice::net {
namespace {

constexpr char kZapEndpoint[] = "inproc://zeromq.zap.01";
constexpr char kSelfTestDomain[] = "sluice-self-test";
constexpr size_t kCurveKeyBytes = 32;

bool DomainAdmits(std::string_view domain, const Peer& peer) {
  if (domain == kControlDomain) return peer.role != PeerRole::kCoordinator;
  if (domain == kBulkDomain) return peer.role == PeerRole::kAgent;
  // Who receives an export is met at the relay, where nothing passes but between two ends that name
  // each other.
  if (domain == kRelayDomain) return peer.role != PeerRole::kCoordinator;
  return false;
}

// Keys that are not let in for a while. Any thread. Holds only keys of admitted peers, so it is
// bounded by the trust document.
class ShutOutKeys {
 public:
  void Add(std::string_view key) {
    MutexLock lock(mutex_);
    const absl::Duration now = clock_.Monotonic();
    std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
    until_[std::string(key)] = now + kShutOutFor;
  }
  bool Contains(std::string_view key) const {
    MutexLock lock(mutex_);
    const auto found = until_.find(key);
    return found != until_.end() && clock_.Monotonic() < found->second;
  }

 private:
  const SystemClock clock_;
  mutable Mutex mutex_;
  std::map<std::string, absl::Duration, std::less<>> until_ ABSL_GUARDED_BY(mutex_);
};

// The ZAP handler (ZMQ RFC 27): answers whether a CURVE key may connect to a domain.
class ZapResponder {
 public:
  ZapResponder(zmq::context_t& context, const PeerDirectory& peers, const ShutOutKeys& shut_out)
      : socket_(context, zmq::socket_type::rep), peers_(peers), shut_out_(shut_out) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.bind(kZapEndpoint);
    thread_.emplace("zap", [this] { Run(); });
  }
  ~ZapResponder() {
    stop_.Signal();
    thread_.reset();
  }

 private:
  void Run() {
    while (true) {
      zmq::pollitem_t items[] = {{socket_.handle(), 0, ZMQ_POLLIN, 0},
                                 {nullptr, stop_.descriptor(), ZMQ_POLLIN, 0}};
      zmq::poll(items, 2, std::chrono::milliseconds(-1));
      if (items[1].revents != 0) break;
      Answer();
    }
    socket_.close();
  }

  // Request: version, id, domain, address, identity, mechanism, credentials. The "identity" is the
  // server socket's own (libzmq issue 4161), so names are bound to keys per message instead.
  void Answer() {
    std::vector<std::string> request;
    zmq::message_t frame;
    do {
      if (!socket_.recv(frame, zmq::recv_flags::none)) return;
      request.push_back(frame.to_string());
    } while (frame.more());
    const std::string id = request.size() > 1 ? request[1] : "1";
    const bool wellformed = request.size() == 7 && request[0] == "1.0" && request[5] == "CURVE" &&
                            request[6].size() == kCurveKeyBytes;
    std::optional<Peer> peer;
    if (wellformed) peer = peers_(request[6]);
    const bool shut_out = wellformed && shut_out_.Contains(request[6]);
    const bool admitted = peer && !shut_out && DomainAdmits(request[2], *peer);
    if (!admitted && wellformed && request[2] != kSelfTestDomain &&
        named_.Take(clock_.Monotonic())) {
      Log(LogLevel::kWarning, "connection-refused",
          {{"address", request[3]},
           {"key", ToHex(request[6]).substr(0, 16)},
           {"reason", shut_out ? "shut-out" : "not-admitted"}});
    }
    // 400 is told to the client at once; 300 ("temporary") would leave it waiting for the handshake
    // to time out. That libzmq's client never comes back after 400 (issue 3519) does no harm: ours
    // makes a new socket for each attempt.
    const std::string replies[] = {"1.0",
                                   id,
                                   admitted ? "200" : "400",
                                   admitted ? "OK" : "unknown key",
                                   admitted ? ToHex(request[6]) : "",
                                   ""};
    for (size_t i = 0; i < std::size(replies); ++i) {
      const auto more =
          i + 1 < std::size(replies) ? zmq::send_flags::sndmore : zmq::send_flags::none;
      if (!socket_.send(zmq::buffer(replies[i]), more)) return;
    }
  }

  zmq::socket_t socket_;  // made here, then used and closed by the thread alone
  const PeerDirectory& peers_;
  const ShutOutKeys& shut_out_;
  const SystemClock clock_;
  LogAllowance named_;
  WakeDescriptor stop_;
  std::optional<Thread> thread_;
};

class CurveNetwork final : public Network {
 public:
  CurveNetwork(CurveIdentity identity, PeerDirectory peers)
      : identity_(std::move(identity)), peers_(std::move(peers)), context_(2) {
    if (peers_) zap_.emplace(context_, peers_, shut_out_);
  }

  const CurveIdentity& identity() const override { return identity_; }
  std::optional<Peer> FindPeer(std::string_view curve_key) const override {
    return peers_ ? peers_(curve_key) : std::nullopt;
  }
  void ShutOut(std::string_view curve_key) override {
    if (FindPeer(curve_key)) shut_out_.Add(curve_key);
  }
  void* context() override { return &context_; }

 private:
  const CurveIdentity identity_;
  const PeerDirectory peers_;
  ShutOutKeys shut_out_;
  zmq::context_t context_;
  std::optional<ZapResponder> zap_;
};

CurveIdentity ThrowAwayIdentity() {
  char public_text[41];
  char secret_text[41];
  std::string public_key(kCurveKeyBytes, '\0');
  std::string secret_key(kCurveKeyBytes, '\0');
  zmq_curve_keypair(public_text, secret_text);
  zmq_z85_decode(reinterpret_cast<uint8_t*>(public_key.data()), public_text);
  zmq_z85_decode(reinterpret_cast<uint8_t*>(secret_key.data()), secret_text);
  return {public_key, Secret(secret_key)};
}

// ZAP fails open in several ways (no handler, no domain, not enforced), so the refusal of a
// stranger is seen with our own eyes before anything listens in earnest.
Status SelfTest(CurveNetwork& network) {
  const Status failed = NamedError(StatusCode::kInternal, "zap-self-test",
                                   "an unknown key was not refused; this process will not listen");
  SLUICE_ASSIGN_OR_RETURN(
      ListeningSocket listening,
      MakeListener(network, kSelfTestDomain, kControlLimits, "tcp://127.0.0.1:*"));
  zmq::socket_t& listener = listening.socket;
  listener.set(zmq::sockopt::linger, 0);
  CurveNetwork stranger(ThrowAwayIdentity(), nullptr);
  SLUICE_ASSIGN_OR_RETURN(DialedSocket dialed, MakeDialer(stranger, kControlLimits,
                                                          listener.get(zmq::sockopt::last_endpoint),
                                                          network.identity().public_key));
  dialed.socket.set(zmq::sockopt::linger, 0);
  Status result = failed;
  zmq::pollitem_t items[] = {{dialed.monitor.handle(), 0, ZMQ_POLLIN, 0}};
  std::optional<DialEvent> event;
  while ((!event || event == DialEvent::kOther) &&
         zmq::poll(items, 1, std::chrono::seconds(5)) > 0) {
    event = NextDialEvent(dialed);
  }
  if (event == DialEvent::kRefused) result = absl::OkStatus();
  CloseDialer(dialed);
  CloseListener(listening);
  return result;
}

}  // namespace

StatusOr<std::unique_ptr<Network>> Network::Start(CurveIdentity identity, PeerDirectory peers) {
  // libzmq draws reconnection jitter and routing ids from rand(), which it never seeds (issue
  // 4633).
  srand(static_cast<unsigned>(SeedFromKernel()));
  const bool listens = peers != nullptr;
  auto network = std::make_unique<CurveNetwork>(std::move(identity), std::move(peers));
  if (listens) SLUICE_RETURN_IF_ERROR(SelfTest(*network));
  return network;
}

}  // namespace sluice::net

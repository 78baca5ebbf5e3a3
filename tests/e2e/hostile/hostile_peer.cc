// A peer that means harm to one listening socket, again and again until it is ended. Every time
// that it was turned away is printed, one JSON object a line.
//
//   hostile-peer unknown-key ENDPOINT SERVER_KEY             with a key that nobody knows
//   hostile-peer endless-message ENDPOINT SERVER_KEY KEY     with an agent's key, which is
//   admitted:
//                                                            a message that does not end
//
// SERVER_KEY is the CURVE key of whoever listens, as its card has it.
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/logging.h"
#include "common/base/status.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/system_entropy.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/net/sockets.h"
#include "common/net/wire.h"
#include "common/trust/key_file.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitBadInput = 2;
// What every socket lets in as one frame, and so many of them that no machine holds them all.
constexpr size_t kFrameBytes = 512 << 10;
constexpr int kFrames = 1 << 16;
constexpr absl::Duration kBetweenStrangers = absl::Milliseconds(10);
constexpr size_t kTransferIdBytes = 16;

void Print(const nlohmann::json& line) {
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

// Dials until what it says after the handshake has got it thrown out, and then again.
class HostilePeer {
 public:
  HostilePeer(net::Network& network, net::EventLoop& loop, std::string endpoint,
              std::string server_key, bool endless)
      : network_(network),
        loop_(loop),
        endpoint_(std::move(endpoint)),
        server_key_(std::move(server_key)),
        endless_(endless) {}

  Status Dial() {
    SLUICE_ASSIGN_OR_RETURN(dialed_,
                            net::MakeDialer(network_, net::kBulkLimits, endpoint_, server_key_));
    dialed_->socket.set(zmq::sockopt::linger, 0);
    loop_.WatchSocket(dialed_->monitor.handle(), [this] { ReadEvents(); });
    return absl::OkStatus();
  }

 private:
  void ReadEvents() {
    while (const auto event = net::NextDialEvent(*dialed_)) {
      if (*event == net::DialEvent::kReady && endless_) {
        SayWithoutEnd();
      } else if (*event != net::DialEvent::kReady && *event != net::DialEvent::kOther) {
        return DialAgain();
      }
    }
  }

  void DialAgain() {
    Print({{"event", "turned-away"}});
    loop_.UnwatchSocket(dialed_->monitor.handle());
    net::CloseDialer(*dialed_);
    dialed_.reset();
    loop_.timers().After(kBetweenStrangers, [this] {
      const Status dialled = Dial();
      if (!dialled.ok()) loop_.Stop();
    });
  }

  // libzmq sends nothing of a message before it was given the last frame. All share their bytes,
  // so that it costs the listener much more than this side.
  void SayWithoutEnd() {
    // One whole message first: by that the listener knows whose connection it is.
    v1::BulkMessage announce;
    announce.set_transfer(std::string(kTransferIdBytes, 't'));
    announce.mutable_announce();
    const Status said = net::Send(dialed_->socket, nullptr, net::EncodeBulk(announce, ""));
    if (!said.ok()) return;
    Print({{"event", "endless-message"}});
    for (int i = 0; i < kFrames; ++i) {
      zmq::message_t frame(bytes_.data(), bytes_.size(), nullptr);
      const auto more = i + 1 < kFrames ? zmq::send_flags::sndmore : zmq::send_flags::none;
      if (!dialed_->socket.send(frame, more | zmq::send_flags::dontwait)) return;
    }
  }

  net::Network& network_;
  net::EventLoop& loop_;
  const std::string endpoint_;
  const std::string server_key_;
  const bool endless_;
  std::string bytes_ = std::string(kFrameBytes, 'e');
  std::optional<net::DialedSocket> dialed_;
};

net::CurveIdentity Stranger(Entropy& entropy) {
  const crypto::CurveKeyPair key = crypto::CurveKeyPair::Generate(entropy);
  return {key.public_key().bytes(), key.secret_bytes()};
}

Status Attack(const std::vector<std::string>& words) {
  const SystemFiles files;
  const SystemClock clock;
  crypto::SystemEntropy entropy;
  const bool endless = words[1] == "endless-message";
  net::CurveIdentity identity = Stranger(entropy);
  if (endless) {
    SLUICE_ASSIGN_OR_RETURN(trust::AgentKey key, trust::LoadAgentKey(files, words[4]));
    identity = {key.curve.public_key().bytes(), key.curve.secret_bytes()};
  }
  SLUICE_ASSIGN_OR_RETURN(const crypto::CurvePublicKey server,
                          crypto::CurvePublicKey::Parse(words[3]));
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<net::Network> network,
                          net::Network::Start(std::move(identity), nullptr));
  net::EventLoop loop(clock);
  HostilePeer peer(*network, loop, words[2], server.bytes(), endless);
  SLUICE_RETURN_IF_ERROR(peer.Dial());
  loop.Run();
  return absl::OkStatus();
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv, argv + argc);
  const bool stranger = words.size() == 4 && words[1] == "unknown-key";
  const bool admitted = words.size() == 5 && words[1] == "endless-message";
  if (!stranger && !admitted) {
    std::fputs(
        "usage: hostile-peer unknown-key ENDPOINT SERVER_KEY\n"
        "       hostile-peer endless-message ENDPOINT SERVER_KEY KEY\n",
        stderr);
    return sluice::kExitBadInput;
  }
  sluice::StartLogging("hostile-peer", sluice::LogLevel::kError);
  const sluice::Status attacked = sluice::Attack(words);
  if (attacked.ok()) return 0;
  std::fprintf(stderr, "%s\n", sluice::Describe(attacked).c_str());
  return sluice::kExitFailed;
}

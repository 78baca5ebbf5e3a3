// Goal: a peer that was dialled can fill the memory no more than one that has dialled. Method: it
// listens with a bare socket, which says what BulkSockets never would.
#include "common/net/bulk_sockets.h"

#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/net/event_loop.h"
#include "common/net/sockets.h"
#include "common/net/testing/test_network.h"
#include "gtest/gtest.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::net {
namespace {

constexpr size_t kFrameBytes = 512 << 10;
constexpr int kFrames = 512;  // 256 MiB

struct Heard final : BulkEvents {
  void OnConnectionReady(ConnectionId connection) override { ready.push_back(connection); }
  void OnBulkMessage(ConnectionId, const Peer&, const v1::BulkMessage&, std::string) override {
    ++messages;
  }
  void OnConnectionLost(ConnectionId, const Status& why) override { lost.push_back(why); }
  std::vector<ConnectionId> ready;
  int messages = 0;
  std::vector<Status> lost;
};

TEST(BulkSocketsTest, DialledPeerWhoseMessageDoesNotEndIsGivenUpByName) {
  const std::string frame(kFrameBytes, 'e');  // outlives the sockets that send it
  TestDirectory directory;
  const CurveIdentity hostile_identity = directory.Admit(PeerRole::kAgent, "hostile");
  const CurveIdentity own_identity = directory.Admit(PeerRole::kAgent, "dev");
  const auto hostile_network = directory.Start(hostile_identity);
  const auto own_network = directory.Start(own_identity);
  const SystemClock clock;
  EventLoop loop(clock);
  auto hostile = MakeListener(*hostile_network, kBulkDomain, kBulkLimits, "tcp://127.0.0.1:*");
  ASSERT_THAT(hostile, IsOk());
  Heard heard;
  auto sockets = *BulkSockets::Open(*own_network, loop, heard, "");
  const ConnectionId connection = sockets->Dial(
      BoundEndpoint(hostile->socket), {PeerRole::kAgent, "hostile", hostile_identity.public_key});
  loop.RunUntil([&] { return !heard.ready.empty(); });
  v1::BulkMessage announce;
  announce.mutable_announce();
  ASSERT_THAT(sockets->Send(connection, announce, ""), IsOk());

  loop.WatchSocket(hostile->socket.handle(), [&] {
    const auto received = Receive(hostile->socket, true);
    if (!received) return;
    ASSERT_TRUE(hostile->socket.send(zmq::buffer(received->route), zmq::send_flags::sndmore));
    for (int i = 0; i < kFrames; ++i) {
      zmq::message_t part(const_cast<char*>(frame.data()), frame.size(), nullptr);
      const auto more = i + 1 < kFrames ? zmq::send_flags::sndmore : zmq::send_flags::none;
      ASSERT_TRUE(hostile->socket.send(part, more));
    }
  });
  loop.RunUntil([&] { return !heard.lost.empty(); });
  EXPECT_THAT(heard.lost[0], HasErrorName("endless-message"));
  EXPECT_EQ(heard.messages, 0);
  loop.UnwatchSocket(hostile->socket.handle());
  CloseListener(*hostile);
}

}  // namespace
}  // namespace sluice::net

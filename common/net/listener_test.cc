// Goal: what an admitted peer sends without end costs a bounded piece of memory, and nobody else
// anything. Method: real sockets; the message is larger than what may be held, its frames are not.
#include "common/net/listener.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/net/testing/test_network.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

constexpr size_t kFrameBytes = 512 << 10;
constexpr int kFrames = 512;           // 256 MiB, of which kUnfinishedBytesMax are let in
constexpr size_t kWholeMessages = 64;  // more than that in all

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    auto listener = Listener::Open(*listening_, loop_, kBulkDomain, kBulkLimits,
                                   "tcp://127.0.0.1:*", [this] { ReadSome(); });
    SLUICE_CHECK(listener.ok());
    listener_ = *std::move(listener);
  }

  void ReadSome() {
    while (auto received = listener_->Receive()) {
      received_.push_back(std::move(received->frames));
    }
  }
  DialedSocket Dial(Network& network, DialEvent outcome = DialEvent::kReady) {
    auto dialed =
        MakeDialer(network, kBulkLimits, listener_->endpoint(), listening_->identity().public_key);
    SLUICE_CHECK(dialed.ok());
    EXPECT_EQ(AwaitEvent(*dialed, {DialEvent::kReady, DialEvent::kRefused}), outcome);
    return *std::move(dialed);
  }
  // The first of these that befalls the connection.
  DialEvent AwaitEvent(DialedSocket& dialed, std::vector<DialEvent> awaited) {
    std::optional<DialEvent> seen;
    loop_.WatchSocket(dialed.monitor.handle(), [&] {
      while (const auto event = NextDialEvent(dialed)) {
        if (!seen && std::count(awaited.begin(), awaited.end(), *event) > 0) seen = event;
      }
    });
    loop_.RunUntil([&] { return seen.has_value(); });
    loop_.UnwatchSocket(dialed.monitor.handle());
    return *seen;
  }
  // libzmq sends nothing of a message before its last frame was given to it; all share their bytes.
  void SendEndless(DialedSocket& dialed) {
    for (int i = 0; i < kFrames; ++i) {
      zmq::message_t message(frame_.data(), frame_.size(), nullptr);
      const auto more = i + 1 < kFrames ? zmq::send_flags::sndmore : zmq::send_flags::none;
      ASSERT_TRUE(dialed.socket.send(message, more | zmq::send_flags::dontwait));
    }
  }

  std::string frame_ = std::string(kFrameBytes, 'e');  // outlives the sockets that send it
  TestDirectory directory_;
  CurveIdentity listening_identity_ = directory_.Admit(PeerRole::kAgent, "dev");
  CurveIdentity hostile_identity_ = directory_.Admit(PeerRole::kAgent, "hostile");
  CurveIdentity honest_identity_ = directory_.Admit(PeerRole::kAgent, "prod");
  std::unique_ptr<Network> listening_ = directory_.Start(listening_identity_);
  std::unique_ptr<Network> hostile_ = directory_.Start(hostile_identity_);
  std::unique_ptr<Network> honest_ = directory_.Start(honest_identity_);
  SystemClock clock_;
  EventLoop loop_{clock_};
  std::unique_ptr<Listener> listener_;
  std::vector<Frames> received_;
};

TEST_F(ListenerTest, EndlessMessageEndsItsConnectionAndNoOther) {
  DialedSocket honest = Dial(*hostile_);
  DialedSocket endless = Dial(*hostile_);
  SendEndless(endless);
  AwaitEvent(endless, {DialEvent::kLost});
  EXPECT_TRUE(received_.empty());
  ASSERT_THAT(Send(honest.socket, nullptr, {"hello"}), IsOk());
  loop_.RunUntil([&] { return !received_.empty(); });
  EXPECT_EQ(received_, (std::vector<Frames>{{"hello"}}));
  CloseDialer(honest);
  CloseDialer(endless);
}

TEST_F(ListenerTest, KeyThatHasSentAnEndlessMessageIsNotLetInAgainAndOthersAre) {
  DialedSocket endless = Dial(*hostile_);
  ASSERT_THAT(Send(endless.socket, nullptr, {"hello"}), IsOk());
  loop_.RunUntil([&] { return !received_.empty(); });
  SendEndless(endless);
  AwaitEvent(endless, {DialEvent::kLost});
  CloseDialer(endless);
  DialedSocket again = Dial(*hostile_, DialEvent::kRefused);
  CloseDialer(again);
  DialedSocket honest = Dial(*honest_);
  CloseDialer(honest);
}

TEST_F(ListenerTest, MessagesThatAreWholeMayBeAnyNumber) {
  DialedSocket honest = Dial(*hostile_);
  size_t sent = 0;
  while (received_.size() < kWholeMessages) {
    while (sent < kWholeMessages && sent < received_.size() + 16) {
      ASSERT_THAT(Send(honest.socket, nullptr, {std::string(kFrameBytes, 'h')}), IsOk());
      ++sent;
    }
    const size_t before = received_.size();
    loop_.RunUntil([&] { return received_.size() > before; });
  }
  CloseDialer(honest);
}

}  // namespace
}  // namespace sluice::net

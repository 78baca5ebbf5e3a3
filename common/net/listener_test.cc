// Goal: what an admitted peer sends without end costs a bounded piece of memory, and nobody else
// anything. Method: real sockets; the message is larger than what may be held, its frames are not.
#include "common/net/listener.h"

#include <memory>
#include <string>

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
  DialedSocket Dial(Network& network) {
    auto dialed =
        MakeDialer(network, kBulkLimits, listener_->endpoint(), listening_->identity().public_key);
    SLUICE_CHECK(dialed.ok());
    AwaitEvent(*dialed, DialEvent::kReady);
    return *std::move(dialed);
  }
  void AwaitEvent(DialedSocket& dialed, DialEvent wanted) {
    bool seen = false;
    loop_.WatchSocket(dialed.monitor.handle(), [&] {
      while (const auto event = NextDialEvent(dialed)) seen = seen || *event == wanted;
    });
    loop_.RunUntil([&] { return seen; });
    loop_.UnwatchSocket(dialed.monitor.handle());
  }

  std::string frame_ = std::string(kFrameBytes, 'e');  // outlives the sockets that send it
  TestDirectory directory_;
  CurveIdentity listening_identity_ = directory_.Admit(PeerRole::kAgent, "dev");
  CurveIdentity hostile_identity_ = directory_.Admit(PeerRole::kAgent, "hostile");
  std::unique_ptr<Network> listening_ = directory_.Start(listening_identity_);
  std::unique_ptr<Network> hostile_ = directory_.Start(hostile_identity_);
  SystemClock clock_;
  EventLoop loop_{clock_};
  std::unique_ptr<Listener> listener_;
  std::vector<Frames> received_;
};

TEST_F(ListenerTest, EndlessMessageEndsItsConnectionAndNoOther) {
  DialedSocket honest = Dial(*hostile_);
  DialedSocket endless = Dial(*hostile_);
  // libzmq sends nothing of a message before its last frame was given to it; all share their bytes.
  for (int i = 0; i < kFrames; ++i) {
    zmq::message_t message(frame_.data(), frame_.size(), nullptr);
    const auto more = i + 1 < kFrames ? zmq::send_flags::sndmore : zmq::send_flags::none;
    ASSERT_TRUE(endless.socket.send(message, more | zmq::send_flags::dontwait));
  }
  AwaitEvent(endless, DialEvent::kLost);
  EXPECT_TRUE(received_.empty());
  ASSERT_THAT(Send(honest.socket, nullptr, {"hello"}), IsOk());
  loop_.RunUntil([&] { return !received_.empty(); });
  EXPECT_EQ(received_, (std::vector<Frames>{{"hello"}}));
  CloseDialer(honest);
  CloseDialer(endless);
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

// An exchange against an other end that is made by hand, and so can do what ours never does: fall
// silent, vanish, or send what is not its to send.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mailbox.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/crypto/system_entropy.h"
#include "common/net/bulk_sockets.h"
#include "common/net/event_loop.h"
#include "common/net/testing/test_network.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/bulk_message.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr char kAnyPort[] = "tcp://127.0.0.1:*";

// Bulk sockets on the test's own thread. Destroyed, its connections end as those of a killed
// process do: without a word.
class HandMadePeer final : public net::BulkEvents {
 public:
  HandMadePeer(net::Network& network, const Clock& clock) : loop_(clock) {
    auto sockets = net::BulkSockets::Open(network, loop_, *this, kAnyPort);
    SLUICE_CHECK(sockets.ok());
    sockets_ = *std::move(sockets);
  }

  std::string endpoint() const { return sockets_->endpoint(); }
  void Dial(const std::string& endpoint, const net::Peer& peer) {
    connection_ = sockets_->Dial(endpoint, peer);
    loop_.RunUntil([&] { return ready_; });
  }
  void Say(const v1::BulkMessage& message, std::string payload = "") {
    SLUICE_CHECK(sockets_->Send(connection_, message, std::move(payload)).ok());
  }
  // Runs until a message of this kind has come; drops those before it.
  v1::BulkMessage Await(v1::BulkMessage::BodyCase kind) {
    std::optional<v1::BulkMessage> found;
    loop_.RunUntil([&] {
      while (!found && !messages_.empty()) {
        if (messages_.front().body_case() == kind) found = messages_.front();
        messages_.erase(messages_.begin());
      }
      return found.has_value();
    });
    return *found;
  }

 private:
  void OnConnectionReady(net::ConnectionId) override { ready_ = true; }
  void OnBulkMessage(net::ConnectionId connection, const net::Peer&, const v1::BulkMessage& message,
                     std::string) override {
    connection_ = connection;
    messages_.push_back(message);
  }
  void OnConnectionLost(net::ConnectionId, const Status&) override {}

  net::EventLoop loop_;
  std::unique_ptr<net::BulkSockets> sockets_;
  net::ConnectionId connection_ = 0;
  bool ready_ = false;
  std::vector<v1::BulkMessage> messages_;
};

class PeerFaultTest : public testing::Test {
 protected:
  PeerFaultTest() {
    net::CurveIdentity by_hand = directory_.Admit(net::PeerRole::kAgent, "by-hand");
    net::CurveIdentity ours = directory_.Admit(net::PeerRole::kAgent, "ours");
    peer_ = {net::PeerRole::kAgent, "by-hand", by_hand.public_key};
    own_ = {net::PeerRole::kAgent, "ours", ours.public_key};
    peer_network_ = directory_.Start(std::move(by_hand));
    own_network_ = directory_.Start(std::move(ours));
    by_hand_ = std::make_unique<HandMadePeer>(*peer_network_, clock_);
    auto exchange = BulkExchange::Start(*own_network_, clock_, entropy_, {kAnyPort});
    SLUICE_CHECK(exchange.ok());
    exchange_ = *std::move(exchange);
  }

  std::unique_ptr<IncomingTransfer> Receive(bool dial, absl::Duration silence_max) {
    IncomingOptions options = stream_.Incoming();
    options.meeting = {peer_, dial, by_hand_->endpoint()};
    options.silence_max = silence_max;
    auto incoming = exchange_->Receive(std::move(options));
    SLUICE_CHECK(incoming.ok());
    return *std::move(incoming);
  }
  std::unique_ptr<OutgoingTransfer> Send(bool dial, absl::Duration silence_max) {
    OutgoingOptions options = stream_.Outgoing();
    options.meetings = {{peer_, dial, by_hand_->endpoint()}};
    options.silence_max = silence_max;
    auto outgoing = exchange_->Send(std::move(options));
    SLUICE_CHECK(outgoing.ok());
    return *std::move(outgoing);
  }
  // The source by hand up to its header and all but the last chunks.
  void SayHeaderAndChunks(uint32_t chunks) {
    by_hand_->Await(v1::BulkMessage::kOpen);
    by_hand_->Say(HeaderMessage(id_), stream_.Header());
    by_hand_->Await(v1::BulkMessage::kFetch);
    for (uint32_t i = 0; i < chunks; ++i) SayChunk(stream_.SealAll()[i]);
  }
  void SayChunk(const SealedChunk& chunk) {
    by_hand_->Say(ChunkMessage(id_, chunk.index, chunk.signature), chunk.sealed);
  }
  static Status ReadToTheEnd(IncomingTransfer& incoming) {
    std::string buffer(10'000, '\0');
    while (true) {
      const auto count = incoming.Read(buffer);
      if (!count.ok()) return count.status();
      if (*count == 0) return absl::OkStatus();
    }
  }

  SystemClock clock_;
  crypto::SystemEntropy entropy_;
  StreamFixture stream_{4 * kChunkBytesMin};
  const TransferId id_ = stream_.layout.transfer;
  net::TestDirectory directory_;
  net::Peer peer_;
  net::Peer own_;
  std::unique_ptr<net::Network> peer_network_;
  std::unique_ptr<net::Network> own_network_;
  std::unique_ptr<HandMadePeer> by_hand_;
  std::unique_ptr<BulkExchange> exchange_;
};

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr absl::Duration kShort = absl::Seconds(1);

TEST_F(PeerFaultTest, TargetThatDialledLearnsOfAKilledSourceAtOnce) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(2);
  by_hand_.reset();
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("peer-unreachable"));
}

TEST_F(PeerFaultTest, SourceThatDialledLearnsOfAKilledTargetAtOnce) {
  auto outgoing = Send(true, kLong);
  by_hand_->Await(v1::BulkMessage::kAnnounce);
  by_hand_->Say(OpenMessage(id_, 0));
  by_hand_->Await(v1::BulkMessage::kHeader);
  by_hand_->Say(FetchMessage(id_, {0, 1}));
  ASSERT_THAT(outgoing->Write(stream_.PlainChunk(0)), IsOk());
  by_hand_->Await(v1::BulkMessage::kChunk);
  by_hand_.reset();
  Status written = outgoing->Write(stream_.droplet.substr(kChunkBytesMin));
  if (written.ok()) written = outgoing->Finish();
  EXPECT_THAT(written, HasErrorName("peer-unreachable"));
}

TEST_F(PeerFaultTest, TargetThatListensMissesAKilledSourceWithinItsLimit) {
  auto incoming = Receive(false, kShort);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(AnnounceMessage(id_));
  SayHeaderAndChunks(2);
  by_hand_.reset();
  EXPECT_THAT(ReadToTheEnd(*incoming),
              testing::AnyOf(HasErrorName("peer-silent"), HasErrorName("peer-unreachable")));
}

TEST_F(PeerFaultTest, SourceThatListensMissesAKilledTargetWithinItsLimit) {
  auto outgoing = Send(false, kShort);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0));
  by_hand_->Say(FetchMessage(id_, {0, 1}));
  ASSERT_THAT(outgoing->Write(stream_.droplet), IsOk());
  by_hand_->Await(v1::BulkMessage::kChunk);
  by_hand_.reset();
  EXPECT_THAT(outgoing->Finish(), HasErrorName("peer-silent"));
}

TEST_F(PeerFaultTest, TargetMissesASourceThatHangsThoughItsConnectionStands) {
  auto incoming = Receive(true, kShort);
  SayHeaderAndChunks(2);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("peer-silent"));
}

TEST_F(PeerFaultTest, SourceMissesATargetThatHangsThoughItsConnectionStands) {
  auto outgoing = Send(true, kShort);
  by_hand_->Await(v1::BulkMessage::kAnnounce);
  by_hand_->Say(OpenMessage(id_, 0));
  by_hand_->Say(FetchMessage(id_, {0, 1, 2, 3}));
  ASSERT_THAT(outgoing->Write(stream_.droplet), IsOk());
  EXPECT_THAT(outgoing->Finish(), HasErrorName("peer-silent"));
}

TEST_F(PeerFaultTest, ChunkOfAnotherTransferIsRefusedThoughTheSameSourceSignedIt) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  StreamFixture other = stream_;
  other.layout.transfer = TransferId::Generate(entropy_);
  SayChunk(other.SealAll()[1]);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-bad-signature"));
  EXPECT_EQ(by_hand_->Await(v1::BulkMessage::kCancel).cancel().name(), "chunk-bad-signature");
}

TEST_F(PeerFaultTest, ChunkSentTwiceIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(2);
  SayChunk(stream_.SealAll()[1]);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-twice"));
}

TEST_F(PeerFaultTest, ChunkOfAnotherLengthIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  SealedChunk chunk = stream_.SealAll()[1];
  chunk.sealed.push_back('x');
  SayChunk(chunk);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-wrong-length"));
}

TEST_F(PeerFaultTest, ChunksOutOfOrderMakeTheSameDroplet) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(0);
  for (const uint32_t index : {3u, 1u, 0u, 2u}) SayChunk(stream_.SealAll()[index]);
  EXPECT_THAT(ReadToTheEnd(*incoming), IsOk());
  EXPECT_EQ(by_hand_->Await(v1::BulkMessage::kVerified).verified().sha256(),
            stream_.droplet_sha256.bytes());
}

TEST_F(PeerFaultTest, VerifiedIsRepeatedUntilTheSourceSaysClosedEvenAfterTheReaderHasGone) {
  auto incoming = Receive(true, absl::Seconds(3));
  SayHeaderAndChunks(4);
  EXPECT_THAT(ReadToTheEnd(*incoming), IsOk());
  incoming.reset();
  for (int i = 0; i < 3; ++i) by_hand_->Await(v1::BulkMessage::kVerified);
  by_hand_->Say(ClosedMessage(id_));
}

TEST_F(PeerFaultTest, ClosedIsSaidAgainToATargetThatMissedIt) {
  auto outgoing = Send(false, kLong);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0));
  by_hand_->Say(FetchMessage(id_, {0, 1, 2, 3}));
  ASSERT_THAT(outgoing->Write(stream_.droplet), IsOk());
  const v1::BulkMessage verified =
      VerifiedMessage(id_, stream_.droplet_sha256, stream_.layout.droplet_bytes);
  by_hand_->Say(verified);
  EXPECT_THAT(outgoing->Finish(), IsOk());
  by_hand_->Await(v1::BulkMessage::kClosed);
  by_hand_->Say(verified);
  by_hand_->Await(v1::BulkMessage::kClosed);
}

TEST_F(PeerFaultTest, EndOfATransferIsToldToWhoComesLate) {
  Send(false, kLong)->Cancel(NamedError(StatusCode::kDataLoss, "download-cut", "cut"));
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0));
  EXPECT_EQ(by_hand_->Await(v1::BulkMessage::kCancel).cancel().name(), "download-cut");
}

TEST_F(PeerFaultTest, TargetWithAFullyReceivedDropletNeedsNoConnectionAnyMore) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(4);
  std::string first(1, '\0');
  ASSERT_THAT(incoming->Read(first), IsOk());
  while (incoming->figures().bytes_sent < 4 * (kChunkBytesMin + kSealBytes)) {
  }
  by_hand_.reset();
  EXPECT_THAT(ReadToTheEnd(*incoming), IsOk());
}

}  // namespace
}  // namespace sluice::transfer

// An exchange against an other end that is made by hand, and so can do what ours never does: fall
// silent, vanish, or send what is not its to send.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mailbox.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/crypto/system_entropy.h"
#include "common/net/bulk_sockets.h"
#include "common/net/event_loop.h"
#include "common/net/testing/test_network.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/bulk_message.h"
#include "common/transfer/spool.h"
#include "common/transfer/testing/memory_droplet.h"
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
  // The same, and it must come over another connection than the one before.
  v1::BulkMessage AwaitOverNewConnection(v1::BulkMessage::BodyCase kind) {
    const net::ConnectionId before = connection_;
    while (true) {
      const v1::BulkMessage message = Await(kind);
      if (connection_ != before) return message;
    }
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
    SLUICE_CHECK(files_.MakeFolder("/agent").ok());
    auto spool = Spool::Open(files_, "/agent/spool", uint64_t{1} << 20);
    SLUICE_CHECK(spool.ok());
    spool_ = *std::move(spool);
    auto exchange = BulkExchange::Start(*own_network_, clock_, entropy_, files_, *spool_,
                                        {.listen_endpoint = kAnyPort});
    SLUICE_CHECK(exchange.ok());
    exchange_ = *std::move(exchange);
  }

  std::unique_ptr<IncomingTransfer> Receive(bool dial, absl::Duration silence_max) {
    IncomingOptions options = stream_.Incoming();
    options.meeting = DirectMeeting(peer_, dial ? by_hand_->endpoint() : "");
    options.silence_max = silence_max;
    auto incoming = exchange_->Receive(std::move(options));
    SLUICE_CHECK(incoming.ok());
    return *std::move(incoming);
  }
  std::unique_ptr<OutgoingTransfer> Send(bool dial, absl::Duration silence_max) {
    OutgoingOptions options = stream_.Outgoing();
    options.meetings = {DirectMeeting(peer_, dial ? by_hand_->endpoint() : "")};
    options.digest_log_path = "/agent/digests";
    options.silence_max = silence_max;
    auto outgoing = exchange_->Send(std::move(options));
    SLUICE_CHECK(outgoing.ok());
    return *std::move(outgoing);
  }
  // The source by hand up to its header and all but the last chunks.
  void SayHeaderAndChunks(uint32_t chunks) {
    by_hand_->Await(v1::BulkMessage::kOpen);
    by_hand_->Say(HeaderMessage(id_), header_);
    by_hand_->Await(v1::BulkMessage::kCredit);
    for (uint32_t i = 0; i < chunks; ++i) SayChunk(stream_.SealAll()[i]);
  }
  void SayChunk(const SealedChunk& chunk) {
    by_hand_->Say(ChunkMessage(id_, chunk.index, chunk.signature), chunk.sealed);
  }
  static Status ReadToTheEnd(IncomingTransfer& incoming) {
    const auto droplet = incoming.Open();
    std::string buffer(10'000, '\0');
    while (true) {
      const auto count = droplet->Read(buffer);
      if (!count.ok()) return count.status();
      if (*count == 0) return absl::OkStatus();
    }
  }
  static void AwaitStored(const IncomingTransfer& incoming, uint32_t chunks) {
    while (incoming.figures().bytes_done < chunks * uint64_t{kChunkBytesMin}) {
    }
  }
  // The same agent in another process.
  void RestartPeer() {
    by_hand_.reset();
    by_hand_ = std::make_unique<HandMadePeer>(*peer_network_, clock_);
  }
  // What the target says to have, in Open and in what follows.
  void ExpectHas(const v1::BulkMessage& open, std::initializer_list<uint32_t> indexes) {
    ChunkSet stored(4);
    for (const uint32_t index : indexes) stored.Insert(index);
    EXPECT_EQ(open.open().have(), stored.Encode());
  }
  v1::BulkMessage Verified() const {
    return VerifiedMessage(id_, stream_.droplet_sha256, stream_.layout.droplet_bytes);
  }

  SystemClock clock_;
  crypto::SystemEntropy entropy_;
  StreamFixture stream_{4 * kChunkBytesMin};
  const std::string header_ = stream_.Header();
  const TransferId id_ = stream_.layout.transfer;
  net::TestDirectory directory_;
  net::Peer peer_;
  net::Peer own_;
  std::unique_ptr<net::Network> peer_network_;
  std::unique_ptr<net::Network> own_network_;
  std::unique_ptr<HandMadePeer> by_hand_;
  FakeFiles files_;
  std::unique_ptr<Spool> spool_;
  std::unique_ptr<BulkExchange> exchange_;
};

// A source under test runs on a thread of its own.
class RunningSource {
 public:
  RunningSource(OutgoingTransfer& outgoing, const std::string& droplet)
      : droplet_(droplet), thread_("source", [this, &outgoing] {
          result_.Put(outgoing.Run(droplet_, absl::Seconds(30)));
        }) {}
  Status Get() { return *result_.WaitAndTake(); }
  const MemoryDroplet& droplet() const { return droplet_; }

 private:
  MemoryDroplet droplet_;
  Mailbox<Status> result_{1};
  Thread thread_;
};

constexpr absl::Duration kLong = absl::Seconds(60);
constexpr absl::Duration kShort = absl::Seconds(1);

TEST_F(PeerFaultTest, TargetAsksASourceThatWasKilledOnlyForWhatItLacks) {
  auto incoming = Receive(false, kLong);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(AnnounceMessage(id_));
  SayHeaderAndChunks(2);
  AwaitStored(*incoming, 2);
  RestartPeer();
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(AnnounceMessage(id_));
  ExpectHas(by_hand_->Await(v1::BulkMessage::kOpen), {0, 1});
  by_hand_->Say(HeaderMessage(id_), header_);
  EXPECT_EQ(by_hand_->Await(v1::BulkMessage::kCredit).credit().chunks(), 2u);
  for (const uint32_t index : {2u, 3u}) SayChunk(stream_.SealAll()[index]);
  EXPECT_THAT(ReadToTheEnd(*incoming), IsOk());
}

TEST_F(PeerFaultTest, TargetThatDialledDialsAgainWhenItsSourceHangs) {
  auto incoming = Receive(true, kShort);
  SayHeaderAndChunks(2);
  // Not another word over that connection; the next begins as each does.
  ExpectHas(by_hand_->AwaitOverNewConnection(v1::BulkMessage::kOpen), {0, 1});
  by_hand_->Say(HeaderMessage(id_), header_);
  EXPECT_EQ(by_hand_->Await(v1::BulkMessage::kCredit).credit().chunks(), 2u);
  for (const uint32_t index : {2u, 3u}) SayChunk(stream_.SealAll()[index]);
  EXPECT_THAT(ReadToTheEnd(*incoming), IsOk());
}

TEST_F(PeerFaultTest, SourceThatDialledDialsAgainWhenItsTargetHangs) {
  auto outgoing = Send(true, kShort);
  RunningSource source(*outgoing, stream_.droplet);
  by_hand_->Await(v1::BulkMessage::kAnnounce);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  by_hand_->Say(FetchMessage(id_, {0, 1}));
  by_hand_->AwaitOverNewConnection(v1::BulkMessage::kAnnounce);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  by_hand_->Say(FetchMessage(id_, {2, 3}));
  by_hand_->Await(v1::BulkMessage::kChunk);
  by_hand_->Say(Verified());
  EXPECT_THAT(source.Get(), IsOk());
}

TEST_F(PeerFaultTest, SourceServesATargetThatWasKilledWhereItLeftOff) {
  auto outgoing = Send(false, kLong);
  RunningSource source(*outgoing, stream_.droplet);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  by_hand_->Say(FetchMessage(id_, {0, 1}));
  by_hand_->Await(v1::BulkMessage::kChunk);
  RestartPeer();
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  by_hand_->Say(FetchMessage(id_, {0, 2, 3}));
  for (int i = 0; i < 3; ++i) by_hand_->Await(v1::BulkMessage::kChunk);
  by_hand_->Say(Verified());
  EXPECT_THAT(source.Get(), IsOk());
  EXPECT_EQ(outgoing->figures().bytes_again, kChunkBytesMin + kSealBytes);
  EXPECT_EQ(source.droplet().offsets().front(), 0u);
}

TEST_F(PeerFaultTest, SourceIsReadFromWhereTheFirstWantedChunkBegins) {
  auto outgoing = Send(false, kLong);
  RunningSource source(*outgoing, stream_.droplet);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  by_hand_->Say(FetchMessage(id_, {2, 3}));
  for (int i = 0; i < 2; ++i) by_hand_->Await(v1::BulkMessage::kChunk);
  by_hand_->Say(Verified());
  EXPECT_THAT(source.Get(), IsOk());
  EXPECT_THAT(source.droplet().offsets(), testing::ElementsAre(2 * kChunkBytesMin));
}

TEST_F(PeerFaultTest, SourceThatNobodyAsksIsNeverRead) {
  auto outgoing = Send(false, kLong);
  RunningSource source(*outgoing, stream_.droplet);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  by_hand_->Say(CancelMessage(
      id_, NamedError(StatusCode::kAlreadyExists, "already-stored", "it is there already")));
  EXPECT_THAT(source.Get(), HasErrorName("already-stored"));
  EXPECT_THAT(source.droplet().offsets(), testing::IsEmpty());
}

TEST_F(PeerFaultTest, ClosedIsSaidAgainToATargetThatMissedIt) {
  auto outgoing = Send(false, kLong);
  RunningSource source(*outgoing, stream_.droplet);
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  by_hand_->Say(FetchMessage(id_, {0, 1, 2, 3}));
  by_hand_->Say(Verified());
  EXPECT_THAT(source.Get(), IsOk());
  by_hand_->Await(v1::BulkMessage::kClosed);
  by_hand_->Say(Verified());
  by_hand_->Await(v1::BulkMessage::kClosed);
}

TEST_F(PeerFaultTest, EndOfATransferIsToldToWhoComesLate) {
  Send(false, kLong)->Cancel(NamedError(StatusCode::kDataLoss, "download-cut", "cut"));
  by_hand_->Dial(exchange_->endpoint(), own_);
  by_hand_->Say(OpenMessage(id_, 0, ChunkSet(4)));
  EXPECT_EQ(by_hand_->Await(v1::BulkMessage::kCancel).cancel().name(), "download-cut");
}

TEST_F(PeerFaultTest, TargetWithAFullyReceivedDropletNeedsNoConnectionAnyMore) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(4);
  AwaitStored(*incoming, 4);
  by_hand_.reset();
  EXPECT_THAT(ReadToTheEnd(*incoming), IsOk());
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

// Every recipient holds the content key, and could seal another droplet under it. The source's
// signing key is the source's alone.
TEST_F(PeerFaultTest, ChunkThatARecipientHasForgedIsRefusedThoughItsSealIsGood) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  StreamFixture forger = stream_;
  forger.source_key = crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy_);
  forger.droplet[kChunkBytesMin] = static_cast<char>(~forger.droplet[kChunkBytesMin]);
  const SealedChunk forged = forger.SealAll()[1];
  ASSERT_THAT(stream_.Opener().Open(forged), IsOk());
  SayChunk(forged);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-bad-signature"));
  EXPECT_EQ(by_hand_->Await(v1::BulkMessage::kCancel).cancel().name(), "chunk-bad-signature");
}

TEST_F(PeerFaultTest, ForgedChunkUnderTheSignatureOfTheTrueOneIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  StreamFixture forger = stream_;
  forger.droplet[kChunkBytesMin] = static_cast<char>(~forger.droplet[kChunkBytesMin]);
  SealedChunk forged = forger.SealAll()[1];
  forged.signature = stream_.SealAll()[1].signature;
  ASSERT_THAT(stream_.Opener().Open(forged), IsOk());
  SayChunk(forged);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-bad-signature"));
}

TEST_F(PeerFaultTest, ChunkUnderTheIndexOfAnotherIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  SealedChunk chunk = stream_.SealAll()[1];
  chunk.index = 2;
  SayChunk(chunk);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-bad-signature"));
}

TEST_F(PeerFaultTest, ChunkBeyondTheLastIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  SealedChunk chunk = stream_.SealAll()[1];
  chunk.index = stream_.layout.chunk_count;
  SayChunk(chunk);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-out-of-range"));
}

TEST_F(PeerFaultTest, ChunkSentTwiceIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(2);
  SayChunk(stream_.SealAll()[1]);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-twice"));
}

TEST_F(PeerFaultTest, OverlongChunkIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  SealedChunk chunk = stream_.SealAll()[1];
  chunk.sealed.push_back('x');
  SayChunk(chunk);
  EXPECT_THAT(ReadToTheEnd(*incoming), HasErrorName("chunk-wrong-length"));
}

TEST_F(PeerFaultTest, TruncatedChunkIsRefused) {
  auto incoming = Receive(true, kLong);
  SayHeaderAndChunks(1);
  SealedChunk chunk = stream_.SealAll()[1];
  chunk.sealed.pop_back();
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

}  // namespace
}  // namespace sluice::transfer

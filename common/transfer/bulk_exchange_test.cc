// Two exchanges with real CURVE sockets between them, each as in a process of its own.
#include "common/transfer/bulk_exchange.h"

#include <memory>
#include <string>
#include <utility>

#include "common/base/mailbox.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/crypto/system_entropy.h"
#include "common/net/testing/test_network.h"
#include "common/transfer/stream_machine.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr char kAnyPort[] = "tcp://127.0.0.1:*";

struct Party {
  net::Peer peer;
  std::unique_ptr<net::Network> network;
  std::unique_ptr<BulkExchange> exchange;
};

struct ReadResult {
  Status status;
  std::string bytes;
};

// Until the end or an error, `piece` bytes at a time.
ReadResult ReadAll(IncomingTransfer& incoming, size_t piece = 10'000) {
  ReadResult result;
  std::string buffer(piece, '\0');
  while (true) {
    const auto count = incoming.Read(buffer);
    if (!count.ok()) {
      result.status = count.status();
      return result;
    }
    if (*count == 0) return result;
    result.bytes.append(buffer, 0, *count);
  }
}

// In pieces that do not fit the chunks; the first error, or that of Finish().
Status WriteAll(OutgoingTransfer& outgoing, std::string_view bytes, size_t piece = 7'001) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    SLUICE_RETURN_IF_ERROR(outgoing.Write(bytes.substr(0, piece)));
  }
  return outgoing.Finish();
}

// Runs `body` on a thread of its own and has its result.
template <typename Result>
class Running {
 public:
  explicit Running(std::function<Result()> body)
      : thread_(std::make_unique<Thread>(
            "test", [this, body = std::move(body)] { result_.Put(body()); })) {}
  Result Get() { return *result_.WaitAndTake(); }

 private:
  Mailbox<Result> result_{1};
  std::unique_ptr<Thread> thread_;
};

class BulkExchangeTest : public testing::Test {
 protected:
  BulkExchangeTest() {
    net::CurveIdentity source = directory_.Admit(net::PeerRole::kAgent, "dev");
    net::CurveIdentity target = directory_.Admit(net::PeerRole::kAgent, "prod");
    net::CurveIdentity other = directory_.Admit(net::PeerRole::kAgent, "other");
    Start(source_, "dev", std::move(source));
    Start(target_, "prod", std::move(target));
    Start(other_, "other", std::move(other));
  }

  void Start(Party& party, const std::string& name, net::CurveIdentity identity) {
    party.peer = {net::PeerRole::kAgent, name, identity.public_key};
    party.network = directory_.Start(std::move(identity));
    auto exchange = BulkExchange::Start(*party.network, clock_, entropy_, {kAnyPort});
    ASSERT_THAT(exchange, IsOk());
    party.exchange = *std::move(exchange);
  }

  // The meetings of both ends; one of them dials.
  enum class Dials { kSource, kTarget };
  Meeting OfSource(Dials dials) const {
    return {target_.peer, dials == Dials::kSource, target_.exchange->endpoint()};
  }
  Meeting OfTarget(Dials dials) const {
    return {source_.peer, dials == Dials::kTarget, source_.exchange->endpoint()};
  }
  std::unique_ptr<OutgoingTransfer> Send(const StreamFixture& stream, Dials dials) {
    OutgoingOptions options = stream.Outgoing();
    options.meetings = {OfSource(dials)};
    auto outgoing = source_.exchange->Send(std::move(options));
    SLUICE_CHECK(outgoing.ok());
    return *std::move(outgoing);
  }
  std::unique_ptr<IncomingTransfer> Receive(const StreamFixture& stream, Dials dials) {
    IncomingOptions options = stream.Incoming();
    options.meeting = OfTarget(dials);
    auto incoming = target_.exchange->Receive(std::move(options));
    SLUICE_CHECK(incoming.ok());
    return *std::move(incoming);
  }

  SystemClock clock_;
  crypto::SystemEntropy entropy_;
  net::TestDirectory directory_;
  Party source_;
  Party target_;
  Party other_;
};

TEST_F(BulkExchangeTest, DropletArrivesByteForByteWhicheverEndDialsAndWhicheverBeginsFirst) {
  uint64_t seed = 0;
  for (const Dials dials : {Dials::kSource, Dials::kTarget}) {
    for (const bool source_first : {false, true}) {
      StreamFixture stream(3 * kChunkBytesMin + 5, kChunkBytesMin, ++seed);
      std::unique_ptr<OutgoingTransfer> outgoing;
      std::unique_ptr<IncomingTransfer> incoming;
      if (source_first) {
        outgoing = Send(stream, dials);
        incoming = Receive(stream, dials);
      } else {
        incoming = Receive(stream, dials);
        outgoing = Send(stream, dials);
      }
      Running<ReadResult> read([&] { return ReadAll(*incoming); });
      EXPECT_THAT(WriteAll(*outgoing, stream.droplet), IsOk());
      const ReadResult result = read.Get();
      EXPECT_THAT(result.status, IsOk());
      EXPECT_EQ(result.bytes, stream.droplet);
    }
  }
}

TEST_F(BulkExchangeTest, SourceThatAwaitsItsReceiverGoesOnWhenItAsks) {
  StreamFixture stream(3 * kChunkBytesMin, kChunkBytesMin, 60);
  const auto outgoing = Send(stream, Dials::kTarget);
  const auto incoming = Receive(stream, Dials::kTarget);
  Running<ReadResult> read([&] { return ReadAll(*incoming); });
  EXPECT_THAT(outgoing->AwaitReceiver(), IsOk());
  EXPECT_THAT(WriteAll(*outgoing, stream.droplet), IsOk());
  EXPECT_EQ(read.Get().bytes, stream.droplet);
}

TEST_F(BulkExchangeTest, SourceThatAwaitsAReceiverInVainHasTheCauseForWhichItEnded) {
  StreamFixture stream(3 * kChunkBytesMin, kChunkBytesMin, 61);
  const auto outgoing = Send(stream, Dials::kTarget);
  Running<Status> waited([&] { return outgoing->AwaitReceiver(); });
  outgoing->Cancel(NamedError(StatusCode::kCancelled, "cancelled", "no longer wanted"));
  EXPECT_THAT(waited.Get(), HasErrorName("cancelled"));
}

TEST_F(BulkExchangeTest, DropletOfAnySizeArrivesByteForByte) {
  constexpr uint64_t kChunk = kChunkBytesMin;
  uint64_t seed = 100;
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{1}, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk, 300 * kChunk + 17}) {
    StreamFixture stream(bytes, kChunk, ++seed);
    auto incoming = Receive(stream, Dials::kSource);
    auto outgoing = Send(stream, Dials::kSource);
    Running<ReadResult> read([&] { return ReadAll(*incoming); });
    EXPECT_THAT(WriteAll(*outgoing, stream.droplet), IsOk());
    const ReadResult result = read.Get();
    EXPECT_THAT(result.status, IsOk());
    EXPECT_TRUE(result.bytes == stream.droplet) << bytes;
    EXPECT_EQ(outgoing->figures().bytes_done, bytes);
    EXPECT_EQ(incoming->figures().bytes_done, bytes);
    EXPECT_EQ(outgoing->figures().bytes_sent, incoming->figures().bytes_sent);
  }
}

// Faults that the ends find, each by its name at both ends.
class FaultTest : public BulkExchangeTest {
 protected:
  struct Ends {
    Status source;
    ReadResult target;
  };
  Ends Transfer(const StreamFixture& stream, OutgoingOptions send, IncomingOptions receive) {
    send.meetings = {OfSource(Dials::kSource)};
    receive.meeting = OfTarget(Dials::kSource);
    auto incoming = target_.exchange->Receive(std::move(receive));
    auto outgoing = source_.exchange->Send(std::move(send));
    SLUICE_CHECK(incoming.ok() && outgoing.ok());
    Running<ReadResult> read([&] { return ReadAll(**incoming); });
    const Status written = WriteAll(**outgoing, stream.droplet);
    return {written, read.Get()};
  }
  void ExpectBoth(const Ends& ends, const std::string& name) {
    EXPECT_THAT(ends.source, HasErrorName(name));
    EXPECT_THAT(ends.target.status, HasErrorName(name));
  }

  const StreamFixture stream_{5 * kChunkBytesMin + 1};
};

TEST_F(FaultTest, DigestMismatchKeepsTheLastChunkBack) {
  OutgoingOptions send = stream_.Outgoing();
  send.droplet_sha256 = std::nullopt;
  IncomingOptions receive = stream_.Incoming();
  receive.droplet_sha256 = crypto::Sha256Of("another droplet");
  const Ends ends = Transfer(stream_, std::move(send), std::move(receive));
  ExpectBoth(ends, "digest-mismatch");
  EXPECT_THAT(ends.target.status, StatusIs(StatusCode::kDataLoss));
  EXPECT_EQ(ends.target.bytes, stream_.droplet.substr(0, 5 * kChunkBytesMin));
}

TEST_F(FaultTest, EmptyDropletOfAnotherDigestIsRefused) {
  const StreamFixture empty(0);
  OutgoingOptions send = empty.Outgoing();
  send.droplet_sha256 = std::nullopt;
  IncomingOptions receive = empty.Incoming();
  receive.droplet_sha256 = stream_.droplet_sha256;
  ExpectBoth(Transfer(empty, std::move(send), std::move(receive)), "digest-mismatch");
}

TEST_F(FaultTest, ChunkOfABadSignatureIsNotGivenOut) {
  OutgoingOptions send = stream_.Outgoing();
  // The header is signed first, then the chunks.
  send.sign = [sign = stream_.Sign(), calls = 0](std::string_view message) mutable {
    std::string signature = sign(message);
    if (++calls == 4) signature[10] = static_cast<char>(signature[10] ^ 1);
    return signature;
  };
  const Ends ends = Transfer(stream_, std::move(send), stream_.Incoming());
  ExpectBoth(ends, "chunk-bad-signature");
  EXPECT_TRUE(stream_.droplet.substr(0, 2 * kChunkBytesMin) == ends.target.bytes);
}

TEST_F(FaultTest, HeaderOfAnotherAgentIsRefused) {
  IncomingOptions receive = stream_.Incoming();
  receive.verify = StreamFixture(1, kChunkBytesMin, 77).Verify();
  ExpectBoth(Transfer(stream_, stream_.Outgoing(), std::move(receive)), "header-bad-signature");
}

TEST_F(FaultTest, StreamOfAnotherStatementIsRefused) {
  IncomingOptions receive = stream_.Incoming();
  receive.statement_sha256 = crypto::Sha256Of("another statement");
  ExpectBoth(Transfer(stream_, stream_.Outgoing(), std::move(receive)), "header-wrong-statement");
}

TEST_F(FaultTest, StreamOfAnotherSizeIsRefused) {
  IncomingOptions receive = stream_.Incoming();
  receive.layout =
      *StreamLayout::Cut(stream_.layout.transfer, stream_.layout.droplet_bytes - 1, kChunkBytesMin);
  ExpectBoth(Transfer(stream_, stream_.Outgoing(), std::move(receive)), "header-wrong-layout");
}

TEST_F(FaultTest, StreamForAnotherSealKeyIsRefused) {
  IncomingOptions receive = stream_.Incoming();
  receive.recipient = StreamFixture(1, kChunkBytesMin, 77).recipient;
  ExpectBoth(Transfer(stream_, stream_.Outgoing(), std::move(receive)), "not-a-recipient");
}

TEST_F(FaultTest, SourceThatEndsEarlyFailsByNameAtBothEnds) {
  StreamFixture shorter = stream_;
  shorter.droplet.pop_back();
  ExpectBoth(Transfer(shorter, stream_.Outgoing(), stream_.Incoming()), "stream-truncated");
}

TEST_F(FaultTest, SourceThatGoesOnTooLongFailsByNameAtBothEnds) {
  StreamFixture longer = stream_;
  longer.droplet.push_back('x');
  ExpectBoth(Transfer(longer, stream_.Outgoing(), stream_.Incoming()), "stream-overrun");
}

TEST_F(FaultTest, SealKeyOfSmallOrderIsRefusedBeforeAnythingIsSent) {
  OutgoingOptions send = stream_.Outgoing();
  send.recipients[0].public_key.assign(32, '\0');
  send.meetings = {OfSource(Dials::kSource)};
  EXPECT_THAT(source_.exchange->Send(std::move(send)), HasErrorName("bad-seal-key"));
}

TEST_F(FaultTest, OneTransferIsUnderWayOnceInAProcess) {
  const auto outgoing = Send(stream_, Dials::kSource);
  OutgoingOptions again = stream_.Outgoing();
  again.meetings = {OfSource(Dials::kSource)};
  EXPECT_THAT(source_.exchange->Send(std::move(again)), HasErrorName("transfer-exists"));
}

TEST_F(FaultTest, AgentIsMetOnceInATransfer) {
  OutgoingOptions twice = stream_.Outgoing();
  twice.recipients.push_back(twice.recipients.front());
  twice.meetings = {OfSource(Dials::kSource), OfSource(Dials::kSource)};
  EXPECT_THAT(source_.exchange->Send(std::move(twice)), HasErrorName("peer-twice"));
}

TEST_F(FaultTest, SecondListenerOnAnEndpointFailsByName) {
  EXPECT_THAT(
      BulkExchange::Start(*source_.network, clock_, entropy_, {target_.exchange->endpoint()}),
      HasErrorName("cannot-listen"));
}

TEST_F(FaultTest, AdmittedAgentThatIsNotThePeerIsNotHeard) {
  auto incoming = Receive(stream_, Dials::kSource);
  // Everything right, even the keys, but for the CURVE key of who brings it.
  OutgoingOptions send = stream_.Outgoing();
  send.meetings = {OfSource(Dials::kSource)};
  send.silence_max = absl::Milliseconds(400);
  auto intruder = other_.exchange->Send(std::move(send));
  ASSERT_THAT(intruder, IsOk());
  EXPECT_THAT(WriteAll(**intruder, stream_.droplet), HasErrorName("peer-silent"));
  // And the true source still comes through.
  auto outgoing = Send(stream_, Dials::kSource);
  Running<ReadResult> read([&] { return ReadAll(*incoming); });
  EXPECT_THAT(WriteAll(*outgoing, stream_.droplet), IsOk());
  EXPECT_TRUE(read.Get().bytes == stream_.droplet);
}

TEST_F(FaultTest, DialledAgentOfAnotherKeyIsRefusedAtOnce) {
  OutgoingOptions send = stream_.Outgoing();
  send.meetings = {{target_.peer, true, other_.exchange->endpoint()}};
  auto outgoing = source_.exchange->Send(std::move(send));
  ASSERT_THAT(outgoing, IsOk());
  EXPECT_THAT(WriteAll(**outgoing, stream_.droplet), HasErrorName("peer-not-admitted"));
}

TEST_F(FaultTest, EndpointThatIsNoneFailsAtOnce) {
  OutgoingOptions send = stream_.Outgoing();
  send.meetings = {{target_.peer, true, "nowhere"}};
  auto outgoing = source_.exchange->Send(std::move(send));
  ASSERT_THAT(outgoing, IsOk());
  EXPECT_THAT(WriteAll(**outgoing, stream_.droplet), HasErrorName("bad-endpoint"));
}

TEST_F(FaultTest, PeerThatNobodyReachesFailsByNameAtItsLimit) {
  OutgoingOptions send = stream_.Outgoing();
  send.meetings = {{target_.peer, true, "tcp://127.0.0.1:1"}};
  send.silence_max = absl::Milliseconds(400);
  auto outgoing = source_.exchange->Send(std::move(send));
  ASSERT_THAT(outgoing, IsOk());
  EXPECT_THAT(WriteAll(**outgoing, stream_.droplet), HasErrorName("peer-unreachable"));
}

// Larger than all credit, so that both ends wait for each other at some time.
class LargeTest : public BulkExchangeTest {
 protected:
  static constexpr uint64_t kWindowBytes = uint64_t{kCreditChunksMax} * kChunkBytesMin;
  const StreamFixture stream_{4 * kWindowBytes + 1};
};

TEST_F(LargeTest, SlowReaderHoldsTheSourceBackWithinTheCredit) {
  auto incoming = Receive(stream_, Dials::kTarget);
  auto outgoing = Send(stream_, Dials::kTarget);
  Running<Status> write([&] { return WriteAll(*outgoing, stream_.droplet); });
  std::string first(1, '\0');
  ASSERT_THAT(incoming->Read(first), IsOk());
  const uint64_t sealed_max = kCreditChunksMax * uint64_t{kChunkBytesMin + kSealBytes};
  while (incoming->figures().bytes_sent < sealed_max) {
  }
  // All credit has been used, none was returned: what has gone is the credit and the header.
  EXPECT_LE(outgoing->figures().bytes_sent, sealed_max + kHeaderBytesMax);
  EXPECT_EQ(outgoing->figures().bytes_done, kWindowBytes);
  const ReadResult rest = ReadAll(*incoming);
  EXPECT_THAT(rest.status, IsOk());
  EXPECT_THAT(write.Get(), IsOk());
  EXPECT_TRUE(first + rest.bytes == stream_.droplet);
}

TEST_F(LargeTest, CancelOfTheTargetReachesAWriterThatWaits) {
  auto incoming = Receive(stream_, Dials::kSource);
  auto outgoing = Send(stream_, Dials::kSource);
  Running<Status> write([&] { return WriteAll(*outgoing, stream_.droplet); });
  std::string first(1, '\0');
  ASSERT_THAT(incoming->Read(first), IsOk());
  incoming->Cancel(NamedError(StatusCode::kUnavailable, "upload-failed", "the CC is gone"));
  EXPECT_THAT(incoming->Read(first), HasErrorName("upload-failed"));
  EXPECT_THAT(write.Get(), HasErrorName("upload-failed"));
}

TEST_F(LargeTest, CancelOfTheSourceReachesAReaderThatWaits) {
  auto incoming = Receive(stream_, Dials::kSource);
  auto outgoing = Send(stream_, Dials::kSource);
  Running<ReadResult> read([&] { return ReadAll(*incoming); });
  ASSERT_THAT(outgoing->Write(stream_.droplet.substr(0, kChunkBytesMin + 1)), IsOk());
  outgoing->Cancel(NamedError(StatusCode::kDataLoss, "download-cut", "cut"));
  EXPECT_THAT(outgoing->Write("x"), HasErrorName("download-cut"));
  EXPECT_THAT(outgoing->Finish(), HasErrorName("download-cut"));
  EXPECT_THAT(read.Get().status, HasErrorName("download-cut"));
}

TEST_F(LargeTest, EndThatIsDroppedCancels) {
  auto incoming = Receive(stream_, Dials::kSource);
  auto outgoing = Send(stream_, Dials::kSource);
  Running<Status> write([&] { return WriteAll(*outgoing, stream_.droplet); });
  incoming.reset();
  EXPECT_THAT(write.Get(), HasErrorName("cancelled"));
}

// The farewell is said, and may be lost: whoever closes a TCP connection with chunks still unread
// resets it, and what it sent last dies in the other end's kernel (RFC 1122 section 4.2.2.13).
TEST_F(LargeTest, ExchangeThatStopsFailsItsTransfersAndTheOtherEndMissesItAtOnce) {
  auto incoming = Receive(stream_, Dials::kSource);
  auto outgoing = Send(stream_, Dials::kSource);
  Running<Status> write([&] { return WriteAll(*outgoing, stream_.droplet); });
  std::string first(1, '\0');
  ASSERT_THAT(incoming->Read(first), IsOk());
  target_.exchange.reset();
  EXPECT_THAT(incoming->Read(first), HasErrorName("cancelled"));
  EXPECT_THAT(write.Get(),
              ::testing::AnyOf(HasErrorName("cancelled"), HasErrorName("peer-unreachable")));
}

TEST_F(LargeTest, TwoTransfersShareTheCredit) {
  const StreamFixture other(2 * kWindowBytes, kChunkBytesMin, 2);
  auto first_in = Receive(stream_, Dials::kSource);
  auto second_in = Receive(other, Dials::kTarget);
  auto first_out = Send(stream_, Dials::kSource);
  auto second_out = Send(other, Dials::kTarget);
  Running<Status> first_write([&] { return WriteAll(*first_out, stream_.droplet); });
  Running<Status> second_write([&] { return WriteAll(*second_out, other.droplet); });
  Running<ReadResult> first_read([&] { return ReadAll(*first_in); });
  EXPECT_TRUE(ReadAll(*second_in).bytes == other.droplet);
  EXPECT_TRUE(first_read.Get().bytes == stream_.droplet);
  EXPECT_THAT(first_write.Get(), IsOk());
  EXPECT_THAT(second_write.Get(), IsOk());
}

TEST_F(LargeTest, OneSourceServesTwoTargets) {
  StreamFixture stream(kWindowBytes + 1, kChunkBytesMin, 3);
  const crypto::SealKeyPair second =
      crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, entropy_);
  OutgoingOptions send = stream.Outgoing();
  send.recipients.push_back({second.suite, second.public_key});
  send.meetings = {{target_.peer, true, target_.exchange->endpoint()},
                   {other_.peer, true, other_.exchange->endpoint()}};
  IncomingOptions to_first = stream.Incoming();
  to_first.meeting = OfTarget(Dials::kSource);
  IncomingOptions to_second = stream.Incoming();
  to_second.recipient = second;
  to_second.target_index = 1;
  to_second.meeting = OfTarget(Dials::kSource);
  auto first_in = target_.exchange->Receive(std::move(to_first));
  auto second_in = other_.exchange->Receive(std::move(to_second));
  auto outgoing = source_.exchange->Send(std::move(send));
  ASSERT_THAT(outgoing, IsOk());
  Running<ReadResult> first_read([&] { return ReadAll(**first_in); });
  Running<ReadResult> second_read([&] { return ReadAll(**second_in); });
  EXPECT_THAT(WriteAll(**outgoing, stream.droplet), IsOk());
  EXPECT_TRUE(first_read.Get().bytes == stream.droplet);
  EXPECT_TRUE(second_read.Get().bytes == stream.droplet);
}

}  // namespace
}  // namespace sluice::transfer

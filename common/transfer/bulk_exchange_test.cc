// Two exchanges with real CURVE sockets between them, each as in a process of its own.
#include "common/transfer/testing/exchange_fixture.h"

namespace sluice::transfer {
namespace {

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
      EXPECT_THAT(SendAll(*outgoing, stream.droplet), IsOk());
      const ReadResult result = read.Get();
      EXPECT_THAT(result.status, IsOk());
      EXPECT_EQ(result.bytes, stream.droplet);
    }
  }
}

// A rate so low that after the first chunk nothing may go for hours.
class PacedExchangeTest : public BulkExchangeTest {
 protected:
  static constexpr uint64_t kLow = 1;
  struct Rated {
    Rate source;
    Rate target;
  };
  // Both ends cancelled, and their causes; after that not a byte more than a chunk has gone.
  void CancelWhileWaiting(const StreamFixture& stream, const Rated& rated) {
    OutgoingOptions send = stream.Outgoing();
    send.meetings = {OfSource(Dials::kSource)};
    send.digest_log_path = LogPath(stream);
    send.rate = rated.source;
    IncomingOptions receive = stream.Incoming();
    receive.meeting = OfTarget(Dials::kSource);
    receive.rate = rated.target;
    auto incoming = target_.exchange->Receive(std::move(receive));
    auto outgoing = source_.exchange->Send(std::move(send));
    ASSERT_THAT(incoming, IsOk());
    ASSERT_THAT(outgoing, IsOk());
    Running<Status> sent([&] { return SendAll(**outgoing, stream.droplet); });
    // The first chunk has come, and the rest waits.
    const auto came = (*incoming)->Open()->AwaitBytes(absl::Minutes(1));
    ASSERT_THAT(came, IsOk());
    ASSERT_TRUE(*came);
    (*outgoing)->Cancel(NamedError(StatusCode::kCancelled, "by-hand", "cancelled by hand"));
    EXPECT_THAT(sent.Get(), HasErrorName("by-hand"));
    EXPECT_THAT((*incoming)->AwaitVerified(), HasErrorName("by-hand"));
    EXPECT_EQ((*incoming)->figures().bytes_done, stream.layout.chunk_bytes);
    EXPECT_EQ((*outgoing)->figures().bytes_sent,
              stream.Header().size() + stream.layout.SealedBytes(0));
  }
};

TEST_F(PacedExchangeTest, CancelEndsTheWaitForASourcesRate) {
  CancelWhileWaiting(StreamFixture(8 * kChunkBytesMin), {.source = kLow, .target = {}});
}

TEST_F(PacedExchangeTest, CancelEndsTheWaitForATargetsRate) {
  CancelWhileWaiting(StreamFixture(8 * kChunkBytesMin), {.source = {}, .target = kLow});
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
    EXPECT_THAT(SendAll(*outgoing, stream.droplet), IsOk());
    const ReadResult result = read.Get();
    EXPECT_THAT(result.status, IsOk());
    EXPECT_TRUE(result.bytes == stream.droplet) << bytes;
    EXPECT_EQ(outgoing->figures().bytes_done, bytes);
    EXPECT_EQ(incoming->figures().bytes_done, bytes);
    EXPECT_EQ(outgoing->figures().bytes_sent, incoming->figures().bytes_sent);
    EXPECT_FALSE(source_.files.Read(LogPath(stream), 1 << 20).ok()) << "the log is cleaned up";
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
    send.digest_log_path = LogPath(stream);
    receive.meeting = OfTarget(Dials::kSource);
    auto incoming = target_.exchange->Receive(std::move(receive));
    auto outgoing = source_.exchange->Send(std::move(send));
    SLUICE_CHECK(incoming.ok() && outgoing.ok());
    Running<ReadResult> read([&] { return ReadAll(**incoming); });
    const Status written = SendAll(**outgoing, stream.droplet);
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
  IncomingOptions receive = stream_.Incoming();
  receive.droplet_sha256 = crypto::Sha256Of("another droplet");
  const Ends ends = Transfer(stream_, std::move(send), std::move(receive));
  ExpectBoth(ends, "digest-mismatch");
  EXPECT_THAT(ends.target.status, StatusIs(StatusCode::kDataLoss));
  EXPECT_TRUE(stream_.droplet.starts_with(ends.target.bytes));
  EXPECT_LE(ends.target.bytes.size(), 5 * kChunkBytesMin);
}

TEST_F(FaultTest, SourceThatGivesOtherBytesThanWerePublishedIsFoundOutAtTheSource) {
  OutgoingOptions send = stream_.Outgoing();
  send.droplet_sha256 = crypto::Sha256Of("another droplet");
  const Ends ends = Transfer(stream_, std::move(send), stream_.Incoming());
  ExpectBoth(ends, "digest-mismatch");
  EXPECT_THAT(std::string(ends.source.message()), testing::HasSubstr("the source gave"));
}

TEST_F(FaultTest, EmptyDropletOfAnotherDigestIsRefused) {
  const StreamFixture empty(0);
  IncomingOptions receive = empty.Incoming();
  receive.droplet_sha256 = stream_.droplet_sha256;
  ExpectBoth(Transfer(empty, empty.Outgoing(), std::move(receive)), "digest-mismatch");
}

TEST_F(FaultTest, ChunkOfABadSignatureIsNotGivenOut) {
  OutgoingOptions send = stream_.Outgoing();
  send.sign = [sign = stream_.Sign(), calls = 0](std::string_view message) mutable {
    std::string signature = sign(message);
    if (++calls == 3) signature[10] = static_cast<char>(signature[10] ^ 1);
    return signature;
  };
  const Ends ends = Transfer(stream_, std::move(send), stream_.Incoming());
  ExpectBoth(ends, "chunk-bad-signature");
  EXPECT_TRUE(stream_.droplet.starts_with(ends.target.bytes));
  EXPECT_LE(ends.target.bytes.size(), 2 * kChunkBytesMin);
}

// Nonce reuse would show both plain texts to whoever has seen both sealed ones.
TEST_F(FaultTest, BytesThatHaveChangedSinceTheyWereReadBeforeAreNotSent) {
  {
    auto log = ChunkDigestLog::Open(source_.files, LogPath(stream_), stream_.layout);
    ASSERT_THAT(log, IsOk());
    ASSERT_THAT((*log)->Append(2, crypto::Sha256Of("what was sealed before")), IsOk());
    ASSERT_THAT((*log)->Sync(), IsOk());
  }
  ExpectBoth(Transfer(stream_, stream_.Outgoing(), stream_.Incoming()), "chunk-changed");
}

TEST_F(FaultTest, TargetWithoutRoomSaysSoAndTheSourceWaits) {
  auto tiny = Spool::Open(target_.files, absl::StrCat(kFolder, "/tiny"), 4096);
  ASSERT_THAT(tiny, IsOk());
  auto exchange = BulkExchange::Start(*target_.network, clock_, entropy_, target_.files, **tiny,
                                      {.listen_endpoint = kAnyPort});
  ASSERT_THAT(exchange, IsOk());
  auto outgoing = Send(stream_, Dials::kTarget);
  Running<Status> sent([&] { return SendAll(*outgoing, stream_.droplet); });
  IncomingOptions receive = stream_.Incoming();
  receive.meeting = OfTarget(Dials::kTarget);
  EXPECT_THAT((*exchange)->Receive(receive), HasErrorName("spool-full"));
  exchange->reset();
  // There is room now.
  auto incoming = Receive(stream_, Dials::kTarget);
  EXPECT_TRUE(ReadAll(*incoming).bytes == stream_.droplet);
  EXPECT_THAT(sent.Get(), IsOk());
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

TEST_F(FaultTest, OneTransferIsUnderWayOnceInAProcess) {
  const auto outgoing = Send(stream_, Dials::kSource);
  OutgoingOptions again = stream_.Outgoing();
  again.meetings = {OfSource(Dials::kSource)};
  again.digest_log_path = LogPath(stream_);
  EXPECT_THAT(source_.exchange->Send(std::move(again)), HasErrorName("transfer-exists"));
}

TEST_F(FaultTest, AgentIsMetOnceInATransfer) {
  OutgoingOptions twice = stream_.Outgoing();
  twice.meetings = {OfSource(Dials::kSource), OfSource(Dials::kSource)};
  EXPECT_THAT(source_.exchange->Send(std::move(twice)), HasErrorName("peer-twice"));
}

TEST_F(FaultTest, SecondListenerOnAnEndpointFailsByName) {
  EXPECT_THAT(BulkExchange::Start(*source_.network, clock_, entropy_, source_.files, *source_.spool,
                                  {.listen_endpoint = target_.exchange->endpoint()}),
              HasErrorName("cannot-listen"));
}

TEST_F(FaultTest, AdmittedAgentThatIsNotThePeerIsNotHeard) {
  auto incoming = Receive(stream_, Dials::kSource);
  // Everything right, even the keys, but for the CURVE key of who brings it.
  OutgoingOptions send = stream_.Outgoing();
  send.meetings = {OfSource(Dials::kSource)};
  send.digest_log_path = LogPath(stream_);
  auto intruder = other_.exchange->Send(std::move(send));
  ASSERT_THAT(intruder, IsOk());
  Running<Status> intrusion([&] { return SendAll(**intruder, stream_.droplet); });
  // And the true source comes through.
  auto outgoing = Send(stream_, Dials::kSource);
  Running<ReadResult> read([&] { return ReadAll(*incoming); });
  EXPECT_THAT(SendAll(*outgoing, stream_.droplet), IsOk());
  EXPECT_TRUE(read.Get().bytes == stream_.droplet);
  EXPECT_EQ((*intruder)->figures().bytes_done, 0u);
  (*intruder)->Cancel(NamedError(StatusCode::kCancelled, "cancelled", "in vain"));
  EXPECT_THAT(intrusion.Get(), HasErrorName("cancelled"));
}

TEST_F(FaultTest, DialledAgentOfAnotherKeyIsGivenUpAfterAFewTries) {
  OutgoingOptions send = stream_.Outgoing();
  send.meetings = {DirectMeeting(target_.peer, other_.exchange->endpoint())};
  send.digest_log_path = LogPath(stream_);
  auto outgoing = source_.exchange->Send(std::move(send));
  ASSERT_THAT(outgoing, IsOk());
  EXPECT_THAT(SendAll(**outgoing, stream_.droplet), HasErrorName("peer-not-admitted"));
}

TEST_F(FaultTest, EndpointThatIsNoneFailsAtOnce) {
  OutgoingOptions send = stream_.Outgoing();
  send.meetings = {DirectMeeting(target_.peer, "nowhere")};
  send.digest_log_path = LogPath(stream_);
  auto outgoing = source_.exchange->Send(std::move(send));
  ASSERT_THAT(outgoing, IsOk());
  EXPECT_THAT(SendAll(**outgoing, stream_.droplet), HasErrorName("bad-endpoint"));
}

// Larger than all credit, so that both ends wait for each other at some time.
class LargeTest : public BulkExchangeTest {
 protected:
  static constexpr uint64_t kWindowBytes = uint64_t{kCreditChunksMax} * kChunkBytesMin;
  // Until so many bytes of the droplet are durable at the target.
  static void AwaitDone(const IncomingTransfer& incoming, uint64_t bytes) {
    while (incoming.figures().bytes_done < bytes) {
    }
  }

  const StreamFixture stream_{4 * kWindowBytes + 1};
};

TEST_F(LargeTest, TransferNeverWaitsForItsReader) {
  auto incoming = Receive(stream_, Dials::kTarget);
  auto outgoing = Send(stream_, Dials::kTarget);
  EXPECT_THAT(SendAll(*outgoing, stream_.droplet), IsOk()) << "without a single Read()";
  EXPECT_THAT(incoming->AwaitVerified(), IsOk());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(ReadAll(*incoming).bytes == stream_.droplet);
}

TEST_F(LargeTest, CancelOfTheTargetReachesASourceThatReads) {
  auto incoming = Receive(stream_, Dials::kSource);
  auto outgoing = Send(stream_, Dials::kSource);
  Running<Status> sent([&] { return SendAll(*outgoing, stream_.droplet); });
  incoming->Cancel(NamedError(StatusCode::kUnavailable, "upload-failed", "the CC is gone"));
  EXPECT_THAT(ReadAll(*incoming).status, HasErrorName("upload-failed"));
  EXPECT_THAT(sent.Get(), HasErrorName("upload-failed"));
}

TEST_F(LargeTest, CancelOfTheSourceReachesAReaderThatWaits) {
  auto incoming = Receive(stream_, Dials::kSource);
  auto outgoing = Send(stream_, Dials::kSource);
  Running<ReadResult> read([&] { return ReadAll(*incoming); });
  outgoing->Cancel(NamedError(StatusCode::kDataLoss, "download-cut", "cut"));
  EXPECT_THAT(SendAll(*outgoing, stream_.droplet), HasErrorName("download-cut"));
  EXPECT_THAT(read.Get().status, HasErrorName("download-cut"));
}

// Both processes are stopped and started again, and nothing that was durable is asked for again.
TEST_F(LargeTest, RestartOfEitherEndCostsOnlyWhatWasUnderWay) {
  for (const Dials dials : {Dials::kSource, Dials::kTarget}) {
    StreamFixture stream(4 * kWindowBytes + 1, kChunkBytesMin, dials == Dials::kSource ? 11 : 12);
    const uint64_t whole = stream.layout.droplet_bytes;
    const std::string source_endpoint = source_.exchange->endpoint();
    const std::string target_endpoint = target_.exchange->endpoint();
    MemoryDroplet droplet(stream.droplet);
    auto incoming = Receive(stream, dials);
    auto outgoing = Send(stream, dials);
    const auto run = [&] { return outgoing->Run(droplet, kIdleMax); };

    // The source's: with a quarter at the target, and another on its way.
    droplet.StopAt(whole / 2);
    auto sent = std::make_unique<Running<Status>>(run);
    AwaitDone(*incoming, whole / 4);
    Restart(source_, source_endpoint);
    droplet.Release();
    EXPECT_THAT(sent->Get(), HasErrorName("cancelled"));
    outgoing.reset();
    outgoing = Send(stream, dials);

    // The target's.
    droplet.StopAt(3 * whole / 4);
    sent = std::make_unique<Running<Status>>(run);
    AwaitDone(*incoming, whole / 2);
    incoming.reset();
    Restart(target_, target_endpoint);
    droplet.Release();
    incoming = Receive(stream, dials);
    Running<ReadResult> read([&] { return ReadAll(*incoming); });
    EXPECT_THAT(sent->Get(), IsOk());
    EXPECT_TRUE(read.Get().bytes == stream.droplet);
    EXPECT_LE(incoming->figures().bytes_sent, whole - whole / 2 + kHeaderBytesMax);
  }
}

TEST_F(LargeTest, TwoTransfersShareTheCredit) {
  const StreamFixture other(2 * kWindowBytes, kChunkBytesMin, 2);
  auto first_in = Receive(stream_, Dials::kSource);
  auto second_in = Receive(other, Dials::kTarget);
  auto first_out = Send(stream_, Dials::kSource);
  auto second_out = Send(other, Dials::kTarget);
  Running<Status> first_write([&] { return SendAll(*first_out, stream_.droplet); });
  Running<Status> second_write([&] { return SendAll(*second_out, other.droplet); });
  Running<ReadResult> first_read([&] { return ReadAll(*first_in); });
  EXPECT_TRUE(ReadAll(*second_in).bytes == other.droplet);
  EXPECT_TRUE(first_read.Get().bytes == stream_.droplet);
  EXPECT_THAT(first_write.Get(), IsOk());
  EXPECT_THAT(second_write.Get(), IsOk());
}

// Both ends of a transfer to two targets.
struct TwoTargets {
  OutgoingOptions send;
  IncomingOptions first;
  IncomingOptions second;
};

class TwoTargetsTest : public LargeTest {
 protected:
  TwoTargets Ends(const StreamFixture& stream) {
    TwoTargets ends;
    const crypto::SealKeyPair second =
        crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, entropy_);
    const auto seed =
        MakeTransferSeed({.layout = stream.layout,
                          .statement_sha256 = stream.statement_sha256,
                          .recipients = {{stream.recipient.suite, stream.recipient.public_key},
                                         {second.suite, second.public_key}},
                          .sign = stream.Sign()},
                         entropy_);
    SLUICE_CHECK(seed.ok());
    ends.send = stream.Outgoing();
    ends.send.seed = *seed;
    ends.send.digest_log_path = LogPath(stream);
    ends.send.meetings = {DirectMeeting(target_.peer, target_.exchange->endpoint()),
                          DirectMeeting(other_.peer, other_.exchange->endpoint())};
    ends.first = stream.Incoming();
    ends.first.meeting = OfTarget(Dials::kSource);
    ends.second = stream.Incoming();
    ends.second.recipient = second;
    ends.second.target_index = 1;
    ends.second.meeting = OfTarget(Dials::kSource);
    return ends;
  }
};

TEST_F(TwoTargetsTest, TargetThatWaivesTheBytesKeepsThemFromNoOther) {
  StreamFixture stream(kWindowBytes + 1, kChunkBytesMin, 4);
  TwoTargets ends = Ends(stream);
  auto first_in = target_.exchange->Receive(std::move(ends.first));
  auto second_in = other_.exchange->Receive(std::move(ends.second));
  auto outgoing = source_.exchange->Send(std::move(ends.send));
  ASSERT_TRUE(first_in.ok() && second_in.ok() && outgoing.ok());
  (*first_in)->Waive();
  Running<ReadResult> read([&] { return ReadAll(**second_in); });
  EXPECT_THAT(SendAll(**outgoing, stream.droplet), IsOk());
  EXPECT_TRUE(read.Get().bytes == stream.droplet);
  // Its intake has ended with the transfer: nothing of it is waited for.
  first_in->reset();
}

TEST_F(TwoTargetsTest, OneSourceServesBothWithOneReading) {
  StreamFixture stream(kWindowBytes + 1, kChunkBytesMin, 3);
  TwoTargets ends = Ends(stream);
  auto first_in = target_.exchange->Receive(std::move(ends.first));
  auto second_in = other_.exchange->Receive(std::move(ends.second));
  auto outgoing = source_.exchange->Send(std::move(ends.send));
  ASSERT_TRUE(first_in.ok() && second_in.ok() && outgoing.ok());
  MemoryDroplet droplet(stream.droplet);
  EXPECT_THAT((*outgoing)->Run(droplet, kIdleMax), IsOk());
  EXPECT_TRUE(ReadAll(**first_in).bytes == stream.droplet);
  EXPECT_TRUE(ReadAll(**second_in).bytes == stream.droplet);
  // All of it lies within what is kept for the other: however they run, nothing is read twice.
  EXPECT_THAT(droplet.offsets(), testing::ElementsAre(0));
}

// Three targets that reach each other.
}  // namespace
}  // namespace sluice::transfer

#include "common/transfer/sender_machine.h"

#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "common/transfer/bulk_message.h"
#include "common/transfer/testing/effects.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr absl::Duration kSilenceMax = absl::Seconds(30);

class SenderMachineTest : public testing::Test {
 protected:
  explicit SenderMachineTest(uint32_t chunks = 300)
      : stream_(uint64_t{chunks} * kChunkBytesMin), id_(stream_.layout.transfer) {}

  SenderMachine Machine(size_t receivers = 1) const {
    return SenderMachine({stream_.layout, "header", receivers, stream_.droplet_sha256, kSilenceMax},
                         now_);
  }
  Effects Say(SenderMachine& machine, const v1::BulkMessage& message, size_t peer = 0) const {
    return machine.OnMessage(peer, message, "", now_);
  }
  // Meets and opens.
  SenderMachine Opened(size_t receivers = 1) const {
    SenderMachine machine = Machine(receivers);
    for (uint32_t peer = 0; peer < receivers; ++peer) {
      machine.OnConnected(peer, now_);
      Say(machine, OpenMessage(id_, peer), peer);
    }
    return machine;
  }
  SealedChunk Chunk(uint32_t index) const {
    return {index, std::string(kSignatureBytes, 's'), "sealed " + std::to_string(index)};
  }
  std::vector<uint32_t> Range(uint32_t from, uint32_t to) const {
    std::vector<uint32_t> indexes;
    for (uint32_t i = from; i < to; ++i) indexes.push_back(i);
    return indexes;
  }
  static std::vector<uint32_t> Wanted(const Effects& effects) {
    std::vector<uint32_t> indexes;
    for (const ChunksWanted& wanted : AllOf<ChunksWanted>(effects)) {
      indexes.insert(indexes.end(), wanted.indexes.begin(), wanted.indexes.end());
    }
    return indexes;
  }
  v1::BulkMessage Verified() const {
    return VerifiedMessage(id_, stream_.droplet_sha256, stream_.layout.droplet_bytes);
  }
  // The transfer ends by this name, and the receiver is told so.
  void ExpectRefused(const Effects& effects, const std::string& name) const {
    EXPECT_THAT(EndOf(effects), HasErrorName(name));
    const auto messages = AllOf<MessageOut>(effects);
    ASSERT_THAT(messages, SizeIs(1));
    EXPECT_EQ(messages[0].message.cancel().name(), name);
  }

  const StreamFixture stream_;
  const TransferId id_;
  absl::Duration now_ = absl::Hours(1);
};

// Two chunks, to go through a whole transfer.
class SmallSenderMachineTest : public SenderMachineTest {
 protected:
  SmallSenderMachineTest() : SenderMachineTest(2) {}
};

TEST_F(SmallSenderMachineTest, WholeTransferGoesFromAnnouncementToClosed) {
  SenderMachine machine = Machine();
  EXPECT_TRUE(OnlyMessage(machine.OnConnected(0, now_)).message.has_announce());
  const MessageOut header = OnlyMessage(Say(machine, OpenMessage(id_, 0)));
  EXPECT_TRUE(header.message.has_header());
  EXPECT_EQ(header.payload, "header");
  EXPECT_THAT(Wanted(Say(machine, FetchMessage(id_, {0, 1}))), ElementsAre(0, 1));
  for (const uint32_t index : {1u, 0u}) {
    const MessageOut chunk = OnlyMessage(machine.OnChunkSealed(Chunk(index)));
    EXPECT_EQ(chunk.message.chunk().index(), index);
    EXPECT_EQ(chunk.message.chunk().signature(), Chunk(index).signature);
    EXPECT_EQ(chunk.payload, Chunk(index).sealed);
  }
  const Effects verified = Say(machine, Verified());
  EXPECT_TRUE(OnlyMessage(verified).message.has_closed());
  EXPECT_THAT(EndOf(verified), IsOk());
  EXPECT_EQ(machine.bytes_again(), 0u);
}

TEST_F(SmallSenderMachineTest, ChunkThatTwoReceiversWantIsReadOnce) {
  SenderMachine machine = Opened(2);
  EXPECT_THAT(Wanted(Say(machine, FetchMessage(id_, {0}), 0)), ElementsAre(0));
  EXPECT_THAT(Say(machine, FetchMessage(id_, {0}), 1), IsEmpty());
  const auto out = AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0)));
  ASSERT_THAT(out, SizeIs(2));
  for (size_t peer : {0, 1}) {
    EXPECT_EQ(out[peer].peer, peer);
    EXPECT_EQ(out[peer].payload, Chunk(0).sealed);
  }
}

TEST_F(SmallSenderMachineTest, ChunkIsKeptForAReceiverThatComesALittleLater) {
  SenderMachine machine = Opened(2);
  Say(machine, FetchMessage(id_, {0}), 0);
  EXPECT_EQ(OnlyMessage(machine.OnChunkSealed(Chunk(0))).peer, 0u);
  const Effects second = Say(machine, FetchMessage(id_, {0}), 1);
  EXPECT_EQ(OnlyMessage(second).peer, 1u);
  EXPECT_EQ(OnlyMessage(second).payload, Chunk(0).sealed);
  EXPECT_EQ(machine.bytes_again(), 0u);
}

TEST_F(SenderMachineTest, WhatIsKeptIsBoundedAndTheOldestIsReadAgain) {
  // One chunk more than is kept: 300 chunks of 4 KiB are far fewer, so the chunks are large here.
  const StreamFixture large(uint64_t{10} * kChunkBytesDefault, kChunkBytesDefault);
  SenderMachine machine({large.layout, "header", 2, large.droplet_sha256, kSilenceMax}, now_);
  const TransferId id = large.layout.transfer;
  const auto say = [&](size_t peer, const v1::BulkMessage& message) {
    return machine.OnMessage(peer, message, "", now_);
  };
  for (uint32_t peer : {0u, 1u}) say(peer, OpenMessage(id, peer));
  constexpr uint32_t kKept = kKeptBytesMax / kChunkBytesDefault;
  say(0, FetchMessage(id, Range(0, kKept + 1)));
  for (uint32_t index = 0; index <= kKept; ++index) machine.OnChunkSealed(Chunk(index));
  EXPECT_THAT(Wanted(say(1, FetchMessage(id, {0}))), ElementsAre(0)) << "given up";
  EXPECT_THAT(Wanted(say(1, FetchMessage(id, {1}))), IsEmpty()) << "still there";
}

TEST_F(SenderMachineTest, LastChunkIsWantedAndTheOneAfterItRefused) {
  SenderMachine machine = Opened();
  EXPECT_THAT(Wanted(Say(machine, FetchMessage(id_, {299}))), ElementsAre(299));
  ExpectRefused(Say(machine, FetchMessage(id_, {300})), "chunk-asked-out-of-range");
}

TEST_F(SenderMachineTest, ChunkAskedTwiceIsSentOnceWhileItIsAwaited) {
  SenderMachine machine = Opened();
  Say(machine, FetchMessage(id_, {5}));
  EXPECT_THAT(Say(machine, FetchMessage(id_, {5})), IsEmpty());
  EXPECT_THAT(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(5))), SizeIs(1));
}

TEST_F(SenderMachineTest, ChunkAskedForAgainAfterItWasSentIsReadAgainAndCounted) {
  SenderMachine machine = Opened();
  Say(machine, FetchMessage(id_, {5}));
  machine.OnChunkSealed(Chunk(5));
  EXPECT_THAT(Wanted(Say(machine, FetchMessage(id_, {5}))), ElementsAre(5));
  EXPECT_EQ(OnlyMessage(machine.OnChunkSealed(Chunk(5))).payload, Chunk(5).sealed);
  EXPECT_EQ(machine.bytes_again(), stream_.layout.SealedBytes(5));
}

TEST_F(SenderMachineTest, CreditIsBoundedOnBothSidesOfItsLimit) {
  SenderMachine machine = Opened();
  EXPECT_THAT(AllOf<Ended>(Say(machine, FetchMessage(id_, Range(0, kCreditChunksMax)))), IsEmpty());
  // One is sent, so one more may be asked for.
  EXPECT_THAT(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0))), SizeIs(1));
  EXPECT_THAT(AllOf<Ended>(Say(machine, FetchMessage(id_, {kCreditChunksMax}))), IsEmpty());
  ExpectRefused(Say(machine, FetchMessage(id_, {kCreditChunksMax + 1})), "credit-exceeded");
}

TEST_F(SenderMachineTest, WhatWasAskedForOverABrokenConnectionIsNotSentOverTheNext) {
  SenderMachine machine = Opened();
  Say(machine, FetchMessage(id_, Range(0, kCreditChunksMax)));
  machine.OnUnreachable(0, NamedError(StatusCode::kUnavailable, "peer-unreachable", "cut"));
  EXPECT_FALSE(machine.connected());
  machine.OnConnected(0, now_);
  EXPECT_THAT(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0))), IsEmpty());
  ExpectRefused(Say(machine, FetchMessage(id_, {1})), "unexpected-message");
}

TEST_F(SenderMachineTest, ReceiverThatOpensAgainHasAllItsCreditAgain) {
  SenderMachine machine = Opened();
  Say(machine, FetchMessage(id_, Range(0, kCreditChunksMax)));
  EXPECT_EQ(OnlyMessage(Say(machine, OpenMessage(id_, 0))).payload, "header");
  const Effects asked = Say(machine, FetchMessage(id_, Range(0, kCreditChunksMax)));
  EXPECT_THAT(AllOf<Ended>(asked), IsEmpty());
  EXPECT_THAT(Wanted(asked), IsEmpty()) << "they are being read already";
}

TEST_F(SmallSenderMachineTest, VerifiedOfAReceiverThatAnEarlierProcessHasServedCounts) {
  SenderMachine machine = Opened();
  EXPECT_THAT(EndOf(Say(machine, Verified())), IsOk());
}

TEST_F(SenderMachineTest, SilentReceiverIsHungUpAtTheLimitAndNotBeforeAndWaitedFor) {
  SenderMachine machine = Opened();
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
  Say(machine, PingMessage(id_));
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
  now_ += absl::Milliseconds(1);
  const Effects effects = machine.OnTime(now_);
  ASSERT_THAT(AllOf<HungUp>(effects), SizeIs(1));
  EXPECT_THAT(AllOf<HungUp>(effects)[0].why, HasErrorName("peer-silent"));
  EXPECT_THAT(machine.OnTime(now_ + absl::Hours(5)), IsEmpty()) << "there is nothing to hang up";
  EXPECT_TRUE(OnlyMessage(machine.OnConnected(0, now_)).message.has_announce());
}

TEST_F(SmallSenderMachineTest, OpenSaidTwiceIsAnsweredTwice) {
  SenderMachine machine = Opened();
  EXPECT_EQ(OnlyMessage(Say(machine, OpenMessage(id_, 0))).payload, "header");
}

TEST_F(SmallSenderMachineTest, PingIsAnswered) {
  SenderMachine machine = Machine();
  EXPECT_TRUE(OnlyMessage(Say(machine, PingMessage(id_))).message.has_pong());
}

TEST_F(SmallSenderMachineTest, TransferEndsWhenTheLastReceiverHasVerified) {
  SenderMachine machine = Opened(2);
  for (size_t peer : {0, 1}) Say(machine, FetchMessage(id_, {0, 1}), peer);
  for (uint32_t index : {0u, 1u}) machine.OnChunkSealed(Chunk(index));
  const Effects first = Say(machine, Verified(), 1);
  EXPECT_TRUE(OnlyMessage(first).message.has_closed());
  EXPECT_THAT(EndOf(first), StatusIs(StatusCode::kUnknown));
  EXPECT_TRUE(OnlyMessage(Say(machine, Verified(), 1)).message.has_closed()) << "said again";
  EXPECT_THAT(EndOf(Say(machine, Verified(), 0)), IsOk());
}

TEST_F(SmallSenderMachineTest, FailureOfOneReceiverIsToldToTheOthers) {
  SenderMachine machine = Opened(2);
  const Status why = NamedError(StatusCode::kDataLoss, "digest-mismatch", "differs");
  const Effects effects = Say(machine, CancelMessage(id_, why), 0);
  EXPECT_EQ(EndOf(effects), why);
  const MessageOut told = OnlyMessage(effects);
  EXPECT_EQ(told.peer, 1u);
  EXPECT_EQ(told.message.cancel().name(), "digest-mismatch");
}

TEST_F(SenderMachineTest, MessagesThatAreNotAReceiversAreRefused) {
  for (const v1::BulkMessage& message :
       {AnnounceMessage(id_), HeaderMessage(id_), ChunkMessage(id_, 0, "s"), ClosedMessage(id_),
        PongMessage(id_)}) {
    SenderMachine machine = Opened();
    ExpectRefused(Say(machine, message), "unexpected-message");
  }
}

TEST_F(SenderMachineTest, MessageAboutAnotherTransferIsRefused) {
  FakeEntropy entropy(99);
  SenderMachine machine = Opened();
  ExpectRefused(Say(machine, PingMessage(TransferId::Generate(entropy))), "wrong-transfer");
}

TEST_F(SenderMachineTest, ReceiverThatTakesAnothersPlaceIsRefused) {
  SenderMachine machine = Machine();
  ExpectRefused(Say(machine, OpenMessage(id_, 1)), "wrong-target-index");
}

TEST_F(SenderMachineTest, ChunksAreNotGivenBeforeTheStreamIsOpened) {
  SenderMachine machine = Machine();
  ExpectRefused(Say(machine, FetchMessage(id_, {0})), "unexpected-message");
}

TEST_F(SmallSenderMachineTest, VerifiedOfOtherBytesIsRefused) {
  const auto refused = [&](const v1::BulkMessage& claim) {
    SenderMachine machine = Opened();
    Say(machine, FetchMessage(id_, {0, 1}));
    for (uint32_t index : {0u, 1u}) machine.OnChunkSealed(Chunk(index));
    ExpectRefused(Say(machine, claim), "verified-mismatch");
  };
  const uint64_t bytes = stream_.layout.droplet_bytes;
  refused(VerifiedMessage(id_, stream_.droplet_sha256, bytes - 1));
  refused(VerifiedMessage(id_, crypto::Sha256Of("other"), bytes));
  v1::BulkMessage short_digest = Verified();
  short_digest.mutable_verified()->set_sha256("short");
  refused(short_digest);
}

TEST_F(SenderMachineTest, NothingHappensAfterTheEnd) {
  SenderMachine machine = Opened();
  const Status why = NamedError(StatusCode::kCancelled, "cancelled", "by hand");
  ExpectRefused(machine.GiveUp(why), "cancelled");
  EXPECT_THAT(machine.GiveUp(why), IsEmpty());
  EXPECT_THAT(machine.OnConnected(0, now_), IsEmpty());
  EXPECT_THAT(machine.OnChunkSealed(Chunk(0)), IsEmpty());
  EXPECT_THAT(Say(machine, OpenMessage(id_, 0)), IsEmpty());
  EXPECT_THAT(machine.OnTime(now_ + kSilenceMax), IsEmpty());
}

TEST(CancelCauseTest, IsAnErrorWithAPlainNameWhateverWasSent) {
  const TransferId id;
  v1::BulkCancel cancel;
  EXPECT_THAT(CancelCause(cancel), HasErrorName("peer-cancelled"));
  EXPECT_THAT(CancelCause(cancel), StatusIs(StatusCode::kCancelled));
  cancel.set_code(4711);
  cancel.set_name("Two Words");
  cancel.set_message(std::string(5000, 'x') + "\n");
  EXPECT_THAT(CancelCause(cancel), StatusIs(StatusCode::kUnknown));
  EXPECT_THAT(CancelCause(cancel), HasErrorName("peer-cancelled"));
  EXPECT_LE(CancelCause(cancel).message().size(), 1024u);
  const Status why = NamedError(StatusCode::kDataLoss, "digest-mismatch", "caf\xc3\xa9 differs");
  const Status told = CancelCause(CancelMessage(id, why).cancel());
  EXPECT_EQ(told.code(), why.code());
  EXPECT_THAT(told, HasErrorName("digest-mismatch"));
  EXPECT_EQ(std::string(told.message()), "caf?? differs");
}

}  // namespace
}  // namespace sluice::transfer

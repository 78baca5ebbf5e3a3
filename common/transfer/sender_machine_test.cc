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
      Say(machine, OpenMessage(id_, peer, None()), peer);
    }
    return machine;
  }
  ChunkSet None() const { return ChunkSet(stream_.layout.chunk_count); }
  v1::BulkMessage Credit(uint32_t chunks, const std::vector<uint32_t>& stored = {}) const {
    return CreditMessage(id_, chunks, stored);
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
  const MessageOut header = OnlyMessage(Say(machine, OpenMessage(id_, 0, None())));
  EXPECT_TRUE(header.message.has_header());
  EXPECT_EQ(header.payload, "header");
  EXPECT_THAT(Wanted(Say(machine, Credit(2))), ElementsAre(0, 1));
  for (const uint32_t index : {1u, 0u}) {
    const MessageOut chunk = OnlyMessage(machine.OnChunkSealed(Chunk(index), now_));
    EXPECT_EQ(chunk.message.chunk().index(), index);
    EXPECT_EQ(chunk.message.chunk().signature(), Chunk(index).signature);
    EXPECT_EQ(chunk.payload, Chunk(index).sealed);
  }
  const Effects verified = Say(machine, Verified());
  EXPECT_TRUE(OnlyMessage(verified).message.has_closed());
  EXPECT_THAT(EndOf(verified), IsOk());
  EXPECT_EQ(machine.bytes_again(), 0u);
}

TEST_F(SmallSenderMachineTest, ChunkForTwoReceiversThatDoNotReachEachOtherIsReadOnce) {
  SenderMachine machine = Opened(2);
  EXPECT_THAT(Wanted(Say(machine, Credit(1), 0)), ElementsAre(0));
  EXPECT_THAT(Say(machine, Credit(1), 1), IsEmpty());
  const auto out = AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0), now_));
  ASSERT_THAT(out, SizeIs(2));
  for (size_t peer : {0, 1}) {
    EXPECT_EQ(out[peer].peer, peer);
    EXPECT_EQ(out[peer].payload, Chunk(0).sealed);
  }
}

TEST_F(SmallSenderMachineTest, ChunkIsKeptForAReceiverThatComesALittleLater) {
  SenderMachine machine = Opened(2);
  Say(machine, Credit(1), 0);
  EXPECT_EQ(OnlyMessage(machine.OnChunkSealed(Chunk(0), now_)).peer, 0u);
  const Effects second = Say(machine, Credit(1), 1);
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
  for (uint32_t peer : {0u, 1u}) say(peer, OpenMessage(id, peer, ChunkSet(10)));
  constexpr uint32_t kKept = kKeptBytesMax / kChunkBytesDefault;
  say(0, CreditMessage(id, kKept + 1, {}));
  for (uint32_t index = 0; index <= kKept; ++index) machine.OnChunkSealed(Chunk(index), now_);
  EXPECT_THAT(Wanted(say(1, CreditMessage(id, 1, {}))), ElementsAre(0)) << "given up";
  EXPECT_THAT(Wanted(say(1, CreditMessage(id, 1, {}))), IsEmpty()) << "still there";
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
  EXPECT_THAT(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(5), now_)), SizeIs(1));
}

TEST_F(SenderMachineTest, ChunkAskedForAgainAfterItWasSentIsReadAgainAndCounted) {
  SenderMachine machine = Opened();
  Say(machine, FetchMessage(id_, {5}));
  machine.OnChunkSealed(Chunk(5), now_);
  EXPECT_THAT(Wanted(Say(machine, FetchMessage(id_, {5}))), ElementsAre(5));
  EXPECT_EQ(OnlyMessage(machine.OnChunkSealed(Chunk(5), now_)).payload, Chunk(5).sealed);
  EXPECT_EQ(machine.bytes_again(), stream_.layout.SealedBytes(5));
}

TEST_F(SenderMachineTest, CreditIsBoundedOnBothSidesOfItsLimit) {
  SenderMachine machine = Opened();
  EXPECT_THAT(AllOf<Ended>(Say(machine, Credit(kCreditChunksMax))), IsEmpty());
  // One is stored, so one more may come.
  EXPECT_THAT(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0), now_)), SizeIs(1));
  EXPECT_THAT(AllOf<Ended>(Say(machine, Credit(1, {0}))), IsEmpty());
  ExpectRefused(Say(machine, Credit(1)), "credit-exceeded");
}

TEST_F(SenderMachineTest, CreditOfMoreThanANumberHoldsIsRefused) {
  SenderMachine machine = Opened();
  Say(machine, Credit(kCreditChunksMax));
  ExpectRefused(Say(machine, Credit(UINT32_MAX - kCreditChunksMax + 2)), "credit-exceeded");
}

TEST_F(SenderMachineTest, ChunksAskedForByNameAreOfTheSameBound) {
  SenderMachine machine = Opened();
  EXPECT_THAT(AllOf<Ended>(Say(machine, FetchMessage(id_, Range(0, kCreditChunksMax)))), IsEmpty());
  ExpectRefused(Say(machine, FetchMessage(id_, {kCreditChunksMax})), "credit-exceeded");
}

TEST_F(SenderMachineTest, WhatWasForABrokenConnectionIsNotSentOverTheNext) {
  SenderMachine machine = Opened();
  Say(machine, Credit(kCreditChunksMax));
  machine.OnUnreachable(0, NamedError(StatusCode::kUnavailable, "peer-unreachable", "cut"));
  EXPECT_FALSE(machine.connected());
  machine.OnConnected(0, now_);
  EXPECT_THAT(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0), now_)), IsEmpty());
  EXPECT_THAT(Say(machine, Credit(1)), IsEmpty());
}

TEST_F(SenderMachineTest, ReceiverThatOpensAgainHasAllItsCreditAgain) {
  SenderMachine machine = Opened();
  Say(machine, Credit(kCreditChunksMax));
  EXPECT_EQ(OnlyMessage(Say(machine, OpenMessage(id_, 0, None()))).payload, "header");
  const Effects credit = Say(machine, Credit(kCreditChunksMax));
  EXPECT_THAT(AllOf<Ended>(credit), IsEmpty());
  EXPECT_THAT(Wanted(credit), IsEmpty()) << "they are being read already";
}

TEST_F(SenderMachineTest, ReceiverThatOpensAgainIsSentWhatItLacksAndThatIsCounted) {
  SenderMachine machine = Opened();
  Say(machine, Credit(3));
  for (const uint32_t index : {0u, 1u, 2u}) machine.OnChunkSealed(Chunk(index), now_);
  ChunkSet stored = None();
  stored.Insert(1);
  Say(machine, OpenMessage(id_, 0, stored));
  EXPECT_THAT(Wanted(Say(machine, Credit(3))), ElementsAre(0, 2, 3));
  EXPECT_EQ(machine.bytes_again(), 2 * stream_.layout.SealedBytes(0));
}

TEST_F(SenderMachineTest, ReceiverThatComesLateGoesWithTheOthersAndHasTheHeadAtTheEnd) {
  constexpr uint32_t kChunks = 203;
  constexpr uint32_t kKept = kKeptBytesMax / kChunkBytesDefault;
  const auto cut =
      StreamLayout::Cut(id_, kChunks * uint64_t{kChunkBytesDefault}, kChunkBytesDefault);
  ASSERT_THAT(cut, IsOk());
  SenderMachine machine({*cut, "header", 2, stream_.droplet_sha256, kSilenceMax}, now_);
  Say(machine, OpenMessage(id_, 0, ChunkSet(kChunks)), 0);
  for (uint32_t index = 0; index < 200; ++index) {
    Say(machine, CreditMessage(id_, 1, index == 0 ? Range(0, 0) : Range(index - 1, index)), 0);
    machine.OnChunkSealed(Chunk(index), now_);
  }
  Say(machine, CreditMessage(id_, 1, {199}), 0);
  Say(machine, OpenMessage(id_, 1, ChunkSet(kChunks)), 1);
  const Effects joined = Say(machine, CreditMessage(id_, kKept + 3, {}), 1);
  const auto kept = AllOf<MessageOut>(joined);
  ASSERT_THAT(kept, SizeIs(kKept));
  EXPECT_EQ(kept.front().message.chunk().index(), 200 - kKept);
  EXPECT_THAT(Wanted(joined), ElementsAre(201, 202)) << "200 is being read already";
  for (const uint32_t index : {200u, 201u, 202u}) machine.OnChunkSealed(Chunk(index), now_);
  EXPECT_THAT(Wanted(Say(machine, CreditMessage(id_, 2, Range(200 - kKept, 203)), 1)),
              ElementsAre(0, 1));
}

TEST_F(SenderMachineTest, FellowsAreSentEachChunkOnceBetweenThem) {
  SenderMachine machine = Opened(3);
  Say(machine, FellowsMessage(id_, {1}), 0);
  Say(machine, FellowsMessage(id_, {0}), 1);
  EXPECT_THAT(Wanted(Say(machine, Credit(2), 0)), ElementsAre(0, 1));
  EXPECT_THAT(Wanted(Say(machine, Credit(2), 1)), ElementsAre(2, 3));
  EXPECT_THAT(Say(machine, Credit(2), 2), IsEmpty()) << "0 and 1, which are being read";
  EXPECT_EQ(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0), now_)).size(), 2u);
  EXPECT_EQ(OnlyMessage(machine.OnChunkSealed(Chunk(2), now_)).peer, 1u);
}

TEST_F(SmallSenderMachineTest, CreditThatFindsNoChunkIsKeptUntilThereIsOne) {
  SenderMachine machine = Opened(2);
  Say(machine, FellowsMessage(id_, {1}), 0);
  Say(machine, FellowsMessage(id_, {0}), 1);
  Say(machine, Credit(2), 0);
  EXPECT_THAT(Say(machine, Credit(2), 1), IsEmpty());
  machine.OnUnreachable(0, NamedError(StatusCode::kUnavailable, "peer-unreachable", "cut"));
  machine.OnTime(now_);
  for (const uint32_t index : {0u, 1u}) {
    EXPECT_EQ(OnlyMessage(machine.OnChunkSealed(Chunk(index), now_)).peer, 1u);
  }
}

TEST_F(SenderMachineTest, ChunksThatWereStoredOutsideTheStreamAreRefused) {
  SenderMachine machine = Opened();
  ExpectRefused(Say(machine, Credit(1, {300})), "chunk-stored-out-of-range");
}

TEST_F(SenderMachineTest, MapThatIsNotOneIsRefused) {
  SenderMachine machine = Machine();
  v1::BulkMessage open = OpenMessage(id_, 0, None());
  open.mutable_open()->set_have("\x02");
  ExpectRefused(Say(machine, open), "chunk-map-malformed");
}

TEST_F(SenderMachineTest, FellowsThatAreNoneAreRefused) {
  for (const std::vector<uint32_t>& fellows : {std::vector<uint32_t>{0}, {2}, {1, 1}}) {
    SenderMachine machine = Machine(2);
    machine.OnConnected(0, now_);
    ExpectRefused(Say(machine, FellowsMessage(id_, fellows)), "wrong-fellow");
  }
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
  EXPECT_EQ(OnlyMessage(Say(machine, OpenMessage(id_, 0, None()))).payload, "header");
}

TEST_F(SmallSenderMachineTest, PingIsAnswered) {
  SenderMachine machine = Machine();
  EXPECT_TRUE(OnlyMessage(Say(machine, PingMessage(id_))).message.has_pong());
}

TEST_F(SmallSenderMachineTest, TransferEndsWhenTheLastReceiverHasVerified) {
  SenderMachine machine = Opened(2);
  for (size_t peer : {0, 1}) Say(machine, Credit(2), peer);
  for (uint32_t index : {0u, 1u}) machine.OnChunkSealed(Chunk(index), now_);
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
  EXPECT_THAT(EndOf(effects), HasErrorName("digest-mismatch"));
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
  ExpectRefused(Say(machine, OpenMessage(id_, 1, None())), "wrong-target-index");
}

TEST_F(SenderMachineTest, WhatIsAskedBeforeTheStreamIsOpenedIsNotHeard) {
  for (const v1::BulkMessage& message : {FetchMessage(id_, {0}), Credit(1)}) {
    SenderMachine machine = Machine();
    EXPECT_TRUE(Say(machine, message).empty()) << "it may be of an earlier conversation";
    EXPECT_FALSE(Say(machine, OpenMessage(id_, 0, None())).empty());
  }
}

TEST_F(SmallSenderMachineTest, ReceiverThatHasVerifiedMaySayThatItIsOverForItAndNoOther) {
  SenderMachine machine = Opened(2);
  ASSERT_TRUE(OnlyMessage(Say(machine, Verified(), 0)).message.has_closed());
  machine.OnConnected(0, now_);
  EXPECT_THAT(Say(machine, ClosedMessage(id_), 0), IsEmpty());
  EXPECT_THAT(EndOf(Say(machine, ClosedMessage(id_), 1)), HasErrorName("unexpected-message"));
}

TEST_F(SmallSenderMachineTest, VerifiedOfOtherBytesIsRefused) {
  const auto refused = [&](const v1::BulkMessage& claim) {
    SenderMachine machine = Opened();
    Say(machine, Credit(2));
    for (uint32_t index : {0u, 1u}) machine.OnChunkSealed(Chunk(index), now_);
    ExpectRefused(Say(machine, claim), "verified-mismatch");
  };
  const uint64_t bytes = stream_.layout.droplet_bytes;
  refused(VerifiedMessage(id_, stream_.droplet_sha256, bytes - 1));
  refused(VerifiedMessage(id_, crypto::Sha256Of("other"), bytes));
  v1::BulkMessage short_digest = Verified();
  short_digest.mutable_verified()->set_sha256("short");
  refused(short_digest);
}

// Of a rate that the test sets, a chunk at a time.
class PacedSenderMachineTest : public SenderMachineTest {
 protected:
  SenderMachine Opened(size_t receivers) {
    SenderMachine machine({.layout = stream_.layout,
                           .header = "header",
                           .receivers = receivers,
                           .droplet_sha256 = stream_.droplet_sha256,
                           .silence_max = kSilenceMax,
                           .allowance = {.may_go =
                                             [this](uint64_t bytes) {
                                               if (allowed_ < bytes) return false;
                                               allowed_ -= bytes;
                                               return true;
                                             },
                                         .goes = [this](uint64_t bytes) { owed_ += bytes; }}},
                          now_);
    for (uint32_t peer = 0; peer < receivers; ++peer) {
      machine.OnConnected(peer, now_);
      Say(machine, OpenMessage(id_, peer, None()), peer);
    }
    return machine;
  }

  const uint64_t chunk_ = stream_.layout.SealedBytes(0);
  uint64_t allowed_ = 0;
  uint64_t owed_ = 0;
};

TEST_F(PacedSenderMachineTest, HandsOutWhatTheRateAllowsAndTheRestWhenItDoes) {
  SenderMachine machine = Opened(1);
  allowed_ = 2 * chunk_;
  EXPECT_THAT(Wanted(Say(machine, Credit(5))), ElementsAre(0, 1));
  EXPECT_THAT(Wanted(machine.OnTime(now_)), IsEmpty());
  allowed_ = 10 * chunk_;
  EXPECT_THAT(Wanted(machine.OnTime(now_)), ElementsAre(2, 3, 4));
  EXPECT_EQ(allowed_, 7 * chunk_) << "credit is used up, and nothing more is taken";
}

TEST_F(PacedSenderMachineTest, WhatOneIsNotHandedForWantOfARateAnotherMayHave) {
  SenderMachine machine = Opened(2);
  Say(machine, Credit(1), 0);
  allowed_ = chunk_;
  EXPECT_THAT(Wanted(Say(machine, Credit(1), 1)), ElementsAre(0));
  allowed_ = chunk_;
  machine.OnTime(now_);
  const Effects sealed = machine.OnChunkSealed(Chunk(0), now_);
  EXPECT_THAT(AllOf<MessageOut>(sealed), SizeIs(2)) << "each has had its one chunk";
}

TEST_F(PacedSenderMachineTest, ChunkThatIsAskedForByNameGoesAndIsWaitedForAfterwards) {
  SenderMachine machine = Opened(1);
  EXPECT_THAT(Wanted(Say(machine, FetchMessage(id_, {7}))), ElementsAre(7));
  EXPECT_EQ(owed_, chunk_);
}

TEST_F(PacedSenderMachineTest, WaitingForTheRateIsEndedByACancelAtOnce) {
  SenderMachine machine = Opened(1);
  EXPECT_THAT(Wanted(Say(machine, Credit(5))), IsEmpty());
  ExpectRefused(machine.GiveUp(NamedError(StatusCode::kCancelled, "cancelled", "by hand")),
                "cancelled");
  allowed_ = 10 * chunk_;
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
}

TEST_F(SenderMachineTest, NothingHappensAfterTheEnd) {
  SenderMachine machine = Opened();
  const Status why = NamedError(StatusCode::kCancelled, "cancelled", "by hand");
  ExpectRefused(machine.GiveUp(why), "cancelled");
  EXPECT_THAT(machine.GiveUp(why), IsEmpty());
  EXPECT_THAT(machine.OnConnected(0, now_), IsEmpty());
  EXPECT_THAT(machine.OnChunkSealed(Chunk(0), now_), IsEmpty());
  EXPECT_THAT(Say(machine, OpenMessage(id_, 0, None())), IsEmpty());
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
  EXPECT_THAT(told, StatusIs(StatusCode::kUnknown)) << "an echo";
  EXPECT_THAT(told, HasErrorName("digest-mismatch"));
  EXPECT_EQ(std::string(told.message()), "caf?? differs");
}

}  // namespace
}  // namespace sluice::transfer

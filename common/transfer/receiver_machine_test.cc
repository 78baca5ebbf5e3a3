#include "common/transfer/receiver_machine.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
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

constexpr absl::Duration kSilenceMax = absl::Seconds(6);

class ReceiverMachineTest : public testing::Test {
 protected:
  // `credit_` chunks in all; what an earlier process has stored.
  ReceiverMachine Machine(ChunkSet stored = ChunkSet(4), const std::string& header = "") const {
    return ReceiverMachine({.layout = stream_.layout,
                            .target_index = 3,
                            .silence_max = kSilenceMax,
                            .credit =
                                [this](uint32_t outstanding, uint32_t more) {
                                  return std::min(more, credit_ - std::min(credit_, outstanding));
                                },
                            .header = header,
                            .stored = std::move(stored)},
                           now_);
  }
  Effects Say(ReceiverMachine& machine, const v1::BulkMessage& message,
              const std::string& payload = "") const {
    return machine.OnMessage(0, message, payload, now_);
  }
  ReceiverMachine Reading(uint32_t credit = 2) {
    credit_ = credit;
    ReceiverMachine machine = Machine();
    machine.OnConnected(0, now_);
    Say(machine, HeaderMessage(id_), "header");
    machine.OnHeaderOpened(now_);
    return machine;
  }
  Effects Arrive(ReceiverMachine& machine, uint32_t index) const {
    return Say(machine, ChunkMessage(id_, index, std::string(kSignatureBytes, 's')),
               std::string(stream_.layout.SealedBytes(index), static_cast<char>('a' + index)));
  }
  ReceiverMachine Verified() {
    ReceiverMachine machine = Reading(4);
    for (uint32_t index = 0; index < 4; ++index) Arrive(machine, index);
    machine.OnStored({0, 1, 2, 3}, now_);
    machine.OnDigestHolds(stream_.droplet_sha256, now_);
    return machine;
  }
  static ChunkSet SetOf(std::initializer_list<uint32_t> indexes) {
    ChunkSet set(4);
    for (const uint32_t index : indexes) set.Insert(index);
    return set;
  }
  void ExpectRefused(const Effects& effects, const std::string& name) const {
    EXPECT_THAT(EndOf(effects), HasErrorName(name));
    const auto messages = AllOf<MessageOut>(effects);
    ASSERT_THAT(messages, SizeIs(1));
    EXPECT_EQ(messages[0].message.cancel().name(), name);
  }

  // Four chunks, the last of one byte.
  const StreamFixture stream_{3 * kChunkBytesMin + 1};
  const TransferId id_ = stream_.layout.transfer;
  absl::Duration now_ = absl::Hours(1);
  uint32_t credit_ = 4;
};

TEST_F(ReceiverMachineTest, WholeTransferGoesFromOpenToClosed) {
  credit_ = 2;
  ReceiverMachine machine = Machine();
  const MessageOut open = OnlyMessage(machine.OnConnected(0, now_));
  EXPECT_EQ(open.message.open().target_index(), 3u);
  EXPECT_EQ(open.message.open().have(), ChunkSet(4).Encode());
  const auto header = AllOf<HeaderArrived>(Say(machine, HeaderMessage(id_), "header"));
  ASSERT_THAT(header, SizeIs(1));
  EXPECT_EQ(header[0].bytes, "header");
  EXPECT_EQ(CreditOf(OnlyMessage(machine.OnHeaderOpened(now_))), 2u);
  const auto chunk = AllOf<ChunkArrived>(Arrive(machine, 1));
  ASSERT_THAT(chunk, SizeIs(1));
  EXPECT_EQ(chunk[0].chunk.index, 1u);
  EXPECT_EQ(chunk[0].chunk.sealed, std::string(stream_.layout.SealedBytes(1), 'b'));
  const MessageOut credit = OnlyMessage(machine.OnStored({1}, now_));
  EXPECT_EQ(CreditOf(credit), 1u);
  EXPECT_THAT(StoredOf(credit), ElementsAre(1));
  for (uint32_t index : {0u, 2u}) Arrive(machine, index);
  EXPECT_EQ(CreditOf(OnlyMessage(machine.OnStored({0, 2}, now_))), 1u) << "one is left to send";
  Arrive(machine, 3);
  const MessageOut last = OnlyMessage(machine.OnStored({3}, now_));
  EXPECT_EQ(CreditOf(last), 0u);
  EXPECT_THAT(StoredOf(last), ElementsAre(3));
  const MessageOut verified = OnlyMessage(machine.OnDigestHolds(stream_.droplet_sha256, now_));
  EXPECT_EQ(verified.message.verified().sha256(), stream_.droplet_sha256.bytes());
  EXPECT_EQ(verified.message.verified().bytes(), stream_.layout.droplet_bytes);
  const Effects closed = Say(machine, ClosedMessage(id_));
  EXPECT_THAT(EndOf(closed), IsOk());
  EXPECT_THAT(AllOf<MessageOut>(closed), IsEmpty());
}

TEST_F(ReceiverMachineTest, NoMoreIsTakenThanTheCreditAndItMayShrink) {
  ReceiverMachine machine = Reading(3);
  EXPECT_EQ(machine.outstanding(), 3u);
  Arrive(machine, 0);
  credit_ = 2;
  EXPECT_EQ(CreditOf(OnlyMessage(machine.OnStored({0}, now_))), 0u);
  EXPECT_EQ(machine.outstanding(), 2u);
}

TEST_F(ReceiverMachineTest, CreditThatOthersGiveBackIsUsedInTime) {
  ReceiverMachine machine = Reading(0);
  EXPECT_EQ(machine.outstanding(), 0u);
  credit_ = 1;
  EXPECT_EQ(CreditOf(OnlyMessage(machine.OnTime(now_))), 1u);
}

TEST_F(ReceiverMachineTest, WhatIsUnderWayIsBoundedByWhatAQueueTakes) {
  // Small chunks: the window in bytes would be far more of them.
  const StreamFixture large(300 * uint64_t{kChunkBytesMin});
  ReceiverMachine machine({.layout = large.layout,
                           .target_index = 0,
                           .silence_max = kSilenceMax,
                           .credit = [](uint32_t, uint32_t more) { return more; },
                           .header = "",
                           .stored = ChunkSet(300)},
                          now_);
  machine.OnConnected(0, now_);
  machine.OnMessage(0, HeaderMessage(large.layout.transfer), "header", now_);
  EXPECT_EQ(CreditOf(OnlyMessage(machine.OnHeaderOpened(now_))), kCreditChunksMax);
}

TEST_F(ReceiverMachineTest, SourceHearsOverTheNextConnectionWhatIsHereAndHasCreditAgain) {
  ReceiverMachine machine = Reading(3);
  Arrive(machine, 1);
  machine.OnUnreachable(0, NamedError(StatusCode::kUnavailable, "peer-unreachable", "cut"));
  EXPECT_EQ(machine.outstanding(), 1u) << "what has arrived is still being stored";
  const MessageOut open = OnlyMessage(machine.OnConnected(0, now_));
  EXPECT_EQ(open.message.open().have(), SetOf({1}).Encode()) << "it need not come again";
  EXPECT_THAT(machine.OnStored({1}, now_), IsEmpty()) << "the stream is not open yet";
  const MessageOut credit = OnlyMessage(Say(machine, HeaderMessage(id_), "header"));
  EXPECT_EQ(CreditOf(credit), 3u);
  EXPECT_THAT(StoredOf(credit), ElementsAre(1));
  EXPECT_EQ(machine.bytes_again(), 2 * (kChunkBytesMin + kSealBytes));
}

TEST_F(ReceiverMachineTest, SourceThatAnnouncesItselfAgainHasForgottenWhatItWasAsked) {
  ReceiverMachine machine = Reading(2);
  EXPECT_TRUE(OnlyMessage(Say(machine, AnnounceMessage(id_))).message.has_open());
  EXPECT_EQ(CreditOf(OnlyMessage(Say(machine, HeaderMessage(id_), "header"))), 2u);
}

TEST_F(ReceiverMachineTest, WhatAnEarlierProcessHasStoredIsSaidAndNotTakenAgain) {
  ReceiverMachine machine = Machine(SetOf({0, 2}), "header");
  const MessageOut open = OnlyMessage(machine.OnConnected(0, now_));
  EXPECT_EQ(open.message.open().have(), SetOf({0, 2}).Encode());
  EXPECT_THAT(machine.OnHeaderOpened(now_), IsEmpty()) << "not over this connection yet";
  EXPECT_EQ(CreditOf(OnlyMessage(Say(machine, HeaderMessage(id_), "header"))), 2u);
  ExpectRefused(Arrive(machine, 2), "chunk-twice");
}

TEST_F(ReceiverMachineTest, StreamThatIsNotTheOneInTheSpoolIsRefused) {
  ReceiverMachine machine = Machine(SetOf({0}), "header");
  machine.OnConnected(0, now_);
  ExpectRefused(Say(machine, HeaderMessage(id_), "of another key"), "header-changed");
}

TEST_F(ReceiverMachineTest, WholeDropletInTheSpoolIsVerifiedWithoutAConnection) {
  ReceiverMachine machine = Machine(SetOf({0, 1, 2, 3}), "header");
  machine.OnHeaderOpened(now_);
  EXPECT_THAT(machine.OnDigestHolds(stream_.droplet_sha256, now_), IsEmpty());
  EXPECT_TRUE(OnlyMessage(machine.OnConnected(0, now_)).message.has_verified());
}

TEST_F(ReceiverMachineTest, SilentSourceIsHungUpAtTheLimitAndNotBeforeAndWaitedFor) {
  ReceiverMachine machine = Reading(0);
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_ping());
  Say(machine, PongMessage(id_));
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_ping());
  now_ += absl::Milliseconds(1);
  const Effects effects = machine.OnTime(now_);
  ASSERT_THAT(AllOf<HungUp>(effects), SizeIs(1));
  EXPECT_THAT(AllOf<HungUp>(effects)[0].why, HasErrorName("peer-silent"));
  EXPECT_THAT(machine.OnTime(now_ + absl::Hours(5)), IsEmpty()) << "there is nothing to hang up";
}

TEST_F(ReceiverMachineTest, SilenceIsMeasuredByHowLongChunksTakeOnASlowLine) {
  ReceiverMachine machine = Reading(2);
  const auto quiet_for = [&](absl::Duration time) {
    now_ += time;
    return AllOf<HungUp>(machine.OnTime(now_)).empty();
  };
  EXPECT_TRUE(quiet_for(absl::Seconds(29))) << "the first chunk";
  Arrive(machine, 0);
  EXPECT_TRUE(quiet_for(absl::Seconds(29))) << "the next, at that rate";
  EXPECT_FALSE(quiet_for(absl::Seconds(2)));
}

TEST_F(ReceiverMachineTest, NothingUndoesAVerifiedDroplet) {
  const Status why = NamedError(StatusCode::kCancelled, "cancelled", "by hand");
  ReceiverMachine cancelled = Verified();
  EXPECT_THAT(cancelled.GiveUp(why), IsEmpty());
  EXPECT_THAT(EndOf(Say(cancelled, CancelMessage(id_, why))), IsOk());
}

TEST_F(ReceiverMachineTest, VerifiedIsNotRepeatedForEver) {
  ReceiverMachine machine = Verified();
  machine.OnUnreachable(0, NamedError(StatusCode::kUnavailable, "peer-unreachable", "cut"));
  EXPECT_THAT(machine.OnTime(now_ + absl::Minutes(9)), IsEmpty());
  EXPECT_THAT(EndOf(machine.OnTime(now_ + absl::Minutes(10))), IsOk());
}

TEST_F(ReceiverMachineTest, EmptyDropletIsVerifiedWithoutAChunk) {
  const StreamFixture empty(0);
  ReceiverMachine machine({.layout = empty.layout,
                           .target_index = 0,
                           .silence_max = kSilenceMax,
                           .credit = [](uint32_t, uint32_t more) { return more; },
                           .header = "",
                           .stored = ChunkSet(0)},
                          now_);
  machine.OnConnected(0, now_);
  machine.OnMessage(0, HeaderMessage(empty.layout.transfer), "header", now_);
  EXPECT_THAT(machine.OnHeaderOpened(now_), IsEmpty());
  EXPECT_TRUE(
      OnlyMessage(machine.OnDigestHolds(empty.droplet_sha256, now_)).message.has_verified());
}

TEST_F(ReceiverMachineTest, NothingHappensAfterTheEnd) {
  ReceiverMachine machine = Reading();
  const Status why = NamedError(StatusCode::kCancelled, "cancelled", "by hand");
  ExpectRefused(machine.GiveUp(why), "cancelled");
  EXPECT_THAT(machine.GiveUp(why), IsEmpty());
  EXPECT_THAT(machine.OnConnected(0, now_), IsEmpty());
  EXPECT_THAT(Arrive(machine, 0), IsEmpty());
  EXPECT_THAT(machine.OnHeaderOpened(now_), IsEmpty());
  EXPECT_THAT(machine.OnDigestHolds(stream_.droplet_sha256, now_), IsEmpty());
  EXPECT_THAT(machine.OnTime(now_ + kSilenceMax), IsEmpty());
}

TEST_F(ReceiverMachineTest, ChunkOutOfRangeIsRefused) {
  ReceiverMachine machine = Reading(4);
  ExpectRefused(Say(machine, ChunkMessage(id_, 4, "s"), "bytes"), "chunk-out-of-range");
}

TEST_F(ReceiverMachineTest, ChunkBeyondTheCreditIsRefused) {
  ReceiverMachine machine = Reading(2);
  for (const uint32_t index : {3u, 1u}) {
    EXPECT_THAT(AllOf<ChunkArrived>(Arrive(machine, index)), SizeIs(1)) << "any may be sent";
  }
  ExpectRefused(Arrive(machine, 2), "chunk-not-asked");
}

TEST_F(ReceiverMachineTest, ChunkBeforeTheHeaderIsRefused) {
  ReceiverMachine machine = Machine();
  machine.OnConnected(0, now_);
  ExpectRefused(Arrive(machine, 0), "chunk-not-asked");
}

TEST_F(ReceiverMachineTest, ChunkThatCameBeforeIsRefused) {
  ReceiverMachine given = Reading(2);
  Arrive(given, 0);
  ExpectRefused(Arrive(given, 0), "chunk-twice");
  ReceiverMachine waiting = Reading(2);
  Arrive(waiting, 1);
  ExpectRefused(Arrive(waiting, 1), "chunk-twice");
}

TEST_F(ReceiverMachineTest, ChunkOfAnotherLengthIsRefused) {
  for (const int difference : {-1, 1}) {
    ReceiverMachine machine = Reading(2);
    const size_t bytes = stream_.layout.SealedBytes(0) + static_cast<size_t>(difference);
    ExpectRefused(Say(machine, ChunkMessage(id_, 0, "s"), std::string(bytes, 'x')),
                  "chunk-wrong-length");
  }
}

TEST_F(ReceiverMachineTest, MessageAboutAnotherTransferIsRefused) {
  FakeEntropy entropy(99);
  ReceiverMachine machine = Reading(2);
  ExpectRefused(Say(machine, PongMessage(TransferId::Generate(entropy))), "wrong-transfer");
}

TEST_F(ReceiverMachineTest, MessagesThatAreNotASendersAreRefused) {
  for (const v1::BulkMessage& message :
       {OpenMessage(id_, 0, ChunkSet(4)), FetchMessage(id_, {0}), CreditMessage(id_, 1, {}),
        PingMessage(id_), ClosedMessage(id_), VerifiedMessage(id_, stream_.droplet_sha256, 1)}) {
    ReceiverMachine machine = Reading();
    ExpectRefused(Say(machine, message), "unexpected-message");
  }
}

TEST_F(ReceiverMachineTest, HeaderIsTakenOnceAndMayBeRepeatedUnchanged) {
  ReceiverMachine machine = Reading();
  EXPECT_THAT(Say(machine, HeaderMessage(id_), "header"), IsEmpty());
  ExpectRefused(Say(machine, HeaderMessage(id_), "other header"), "header-changed");
}

TEST_F(ReceiverMachineTest, HeaderThatNobodyAskedForIsRefused) {
  ReceiverMachine machine = Machine();
  EXPECT_THAT(EndOf(Say(machine, HeaderMessage(id_), "header")),
              HasErrorName("unexpected-message"));
}

TEST_F(ReceiverMachineTest, AnnouncementIsAnsweredByOpen) {
  ReceiverMachine machine = Machine();
  EXPECT_TRUE(OnlyMessage(Say(machine, AnnounceMessage(id_))).message.has_open());
}

TEST_F(ReceiverMachineTest, OpenIsRepeatedUntilTheHeaderComes) {
  ReceiverMachine machine = Machine();
  machine.OnConnected(0, now_);
  now_ += absl::Milliseconds(999);
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_open());
  Say(machine, HeaderMessage(id_), "header");
  now_ += absl::Seconds(2);
  EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_ping());
}

TEST_F(ReceiverMachineTest, ReceiverThatHasNothingToSayPings) {
  ReceiverMachine machine = Reading();
  now_ += kSilenceMax / 6 - absl::Milliseconds(1);
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
  now_ += absl::Milliseconds(1);
  EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_ping());
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
  EXPECT_THAT(Say(machine, PongMessage(id_)), IsEmpty());
}

TEST_F(ReceiverMachineTest, VerifiedIsRepeatedUntilItIsHeard) {
  ReceiverMachine machine = Verified();
  for (int i = 0; i < 3; ++i) {
    now_ += absl::Seconds(1);
    EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_verified());
  }
  EXPECT_TRUE(OnlyMessage(machine.OnConnected(0, now_)).message.has_verified())
      << "over a new connection too";
  EXPECT_THAT(EndOf(Say(machine, ClosedMessage(id_))), IsOk());
  EXPECT_THAT(machine.OnTime(now_ + absl::Seconds(1)), IsEmpty());
}

TEST_F(ReceiverMachineTest, CauseOfTheSourceIsTheEndAndNotToldBack) {
  ReceiverMachine machine = Reading();
  const Status why = NamedError(StatusCode::kDataLoss, "stream-truncated", "too short");
  const Effects effects = Say(machine, CancelMessage(id_, why));
  EXPECT_THAT(EndOf(effects), HasErrorName("stream-truncated"));
  EXPECT_THAT(AllOf<MessageOut>(effects), IsEmpty());
}

}  // namespace
}  // namespace sluice::transfer

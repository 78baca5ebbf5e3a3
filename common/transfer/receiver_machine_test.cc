#include "common/transfer/receiver_machine.h"

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

class ReceiverMachineTest : public testing::Test {
 protected:
  ReceiverMachine Machine() const {
    return ReceiverMachine({stream_.layout, 3, kSilenceMax}, now_);
  }
  Effects Say(ReceiverMachine& machine, const v1::BulkMessage& message,
              const std::string& payload = "") const {
    return machine.OnMessage(0, message, payload, now_);
  }
  ReceiverMachine Reading(uint32_t window = 2) const {
    ReceiverMachine machine = Machine();
    machine.OnConnected(0, now_);
    Say(machine, HeaderMessage(id_), "header");
    machine.OnHeaderOpened();
    machine.Grant(0, window, now_);
    return machine;
  }
  Effects Arrive(ReceiverMachine& machine, uint32_t index) const {
    return Say(machine, ChunkMessage(id_, index, std::string(kSignatureBytes, 's')),
               std::string(stream_.layout.SealedBytes(index), static_cast<char>('a' + index)));
  }
  ReceiverMachine Verified() const {
    ReceiverMachine machine = Reading(4);
    for (uint32_t index = 0; index < 4; ++index) Arrive(machine, index);
    machine.Grant(4, 4, now_);
    machine.OnDigestHolds(stream_.droplet_sha256, now_);
    return machine;
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
};

TEST_F(ReceiverMachineTest, WholeTransferGoesFromOpenToClosed) {
  ReceiverMachine machine = Machine();
  const MessageOut open = OnlyMessage(machine.OnConnected(0, now_));
  EXPECT_EQ(open.message.open().target_index(), 3u);
  const auto header = AllOf<HeaderArrived>(Say(machine, HeaderMessage(id_), "header"));
  ASSERT_THAT(header, SizeIs(1));
  EXPECT_EQ(header[0].bytes, "header");
  machine.OnHeaderOpened();
  EXPECT_THAT(IndexesOf(OnlyMessage(machine.Grant(0, 2, now_))), ElementsAre(0, 1));
  const auto chunk = AllOf<ChunkArrived>(Arrive(machine, 0));
  ASSERT_THAT(chunk, SizeIs(1));
  EXPECT_EQ(chunk[0].chunk.index, 0u);
  EXPECT_THAT(chunk[0].chunk.sealed, SizeIs(stream_.layout.SealedBytes(0)));
  EXPECT_THAT(IndexesOf(OnlyMessage(machine.Grant(1, 2, now_))), ElementsAre(2));
  for (uint32_t index : {1u, 2u}) Arrive(machine, index);
  EXPECT_THAT(IndexesOf(OnlyMessage(machine.Grant(2, 2, now_))), ElementsAre(3));
  Arrive(machine, 3);
  EXPECT_THAT(machine.Grant(1, 2, now_), IsEmpty()) << "nothing is left to ask for";
  const MessageOut verified = OnlyMessage(machine.OnDigestHolds(stream_.droplet_sha256, now_));
  EXPECT_EQ(verified.message.verified().sha256(), stream_.droplet_sha256.bytes());
  EXPECT_EQ(verified.message.verified().bytes(), stream_.layout.droplet_bytes);
  const Effects closed = Say(machine, ClosedMessage(id_));
  EXPECT_THAT(EndOf(closed), IsOk());
  EXPECT_THAT(AllOf<MessageOut>(closed), IsEmpty());
}

TEST_F(ReceiverMachineTest, NoMoreIsAskedForThanTheWindowAndItMayShrink) {
  ReceiverMachine machine = Reading(3);
  EXPECT_EQ(machine.outstanding(), 3u);
  EXPECT_THAT(machine.Grant(0, 3, now_), IsEmpty());
  Arrive(machine, 0);
  EXPECT_THAT(machine.Grant(1, 2, now_), IsEmpty());
  EXPECT_EQ(machine.outstanding(), 2u);
}

TEST_F(ReceiverMachineTest, WindowIsBoundedByWhatAQueueTakes) {
  const StreamFixture large(300 * uint64_t{kChunkBytesMin});
  ReceiverMachine machine({large.layout, 0, kSilenceMax}, now_);
  machine.OnConnected(0, now_);
  machine.OnMessage(0, HeaderMessage(large.layout.transfer), "header", now_);
  machine.OnHeaderOpened();
  EXPECT_THAT(IndexesOf(OnlyMessage(machine.Grant(0, 1000, now_))), SizeIs(kCreditChunksMax));
}

TEST_F(ReceiverMachineTest, ChunksAreGivenInOrderHoweverTheyArrive) {
  ReceiverMachine machine = Reading(4);
  EXPECT_THAT(AllOf<ChunkArrived>(Arrive(machine, 2)), IsEmpty());
  EXPECT_THAT(AllOf<ChunkArrived>(Arrive(machine, 1)), IsEmpty());
  const auto given = AllOf<ChunkArrived>(Arrive(machine, 0));
  ASSERT_THAT(given, SizeIs(3));
  for (uint32_t index = 0; index < 3; ++index) {
    EXPECT_EQ(given[index].chunk.index, index);
    EXPECT_EQ(given[index].chunk.sealed[0], static_cast<char>('a' + index));
  }
}

TEST_F(ReceiverMachineTest, ChunkOutOfRangeIsRefused) {
  ReceiverMachine machine = Reading(4);
  ExpectRefused(Say(machine, ChunkMessage(id_, 4, "s"), "bytes"), "chunk-out-of-range");
}

TEST_F(ReceiverMachineTest, ChunkNotAskedForIsRefused) {
  ReceiverMachine machine = Reading(2);
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
       {OpenMessage(id_, 0), FetchMessage(id_, {0}), PingMessage(id_), ClosedMessage(id_),
        VerifiedMessage(id_, stream_.droplet_sha256, 1)}) {
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
  ExpectRefused(Say(machine, HeaderMessage(id_), "header"), "unexpected-message");
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
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
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

TEST_F(ReceiverMachineTest, SilentSourceEndsTheTransferAtTheLimitAndNotBefore) {
  ReceiverMachine machine = Reading();
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_ping());
  Say(machine, PongMessage(id_));
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_TRUE(OnlyMessage(machine.OnTime(now_)).message.has_ping());
  now_ += absl::Milliseconds(1);
  ExpectRefused(machine.OnTime(now_), "peer-silent");
}

TEST_F(ReceiverMachineTest, UnreachableSourceIsNamedAsSuchWhenItsTimeIsUp) {
  ReceiverMachine machine = Machine();
  machine.OnUnreachable(0, NamedError(StatusCode::kUnavailable, "peer-unreachable", "refused"));
  now_ += kSilenceMax;
  const Effects effects = machine.OnTime(now_);
  EXPECT_THAT(EndOf(effects), HasErrorName("peer-unreachable"));
  EXPECT_THAT(AllOf<MessageOut>(effects), IsEmpty());
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

TEST_F(ReceiverMachineTest, NothingUndoesAVerifiedDroplet) {
  ReceiverMachine silent = Verified();
  EXPECT_THAT(EndOf(silent.OnTime(now_ + kSilenceMax)), IsOk());
  ReceiverMachine cancelled = Verified();
  const Status why = NamedError(StatusCode::kCancelled, "cancelled", "by hand");
  EXPECT_THAT(cancelled.GiveUp(why), IsEmpty());
  EXPECT_THAT(EndOf(Say(cancelled, CancelMessage(id_, why))), IsOk());
}

TEST_F(ReceiverMachineTest, EmptyDropletIsVerifiedWithoutAChunk) {
  const StreamFixture empty(0);
  ReceiverMachine machine({empty.layout, 0, kSilenceMax}, now_);
  machine.OnConnected(0, now_);
  machine.OnMessage(0, HeaderMessage(empty.layout.transfer), "header", now_);
  machine.OnHeaderOpened();
  EXPECT_THAT(machine.Grant(0, 4, now_), IsEmpty());
  EXPECT_TRUE(
      OnlyMessage(machine.OnDigestHolds(empty.droplet_sha256, now_)).message.has_verified());
}

TEST_F(ReceiverMachineTest, CauseOfTheSourceIsTheEndAndNotToldBack) {
  ReceiverMachine machine = Reading();
  const Status why = NamedError(StatusCode::kDataLoss, "stream-truncated", "too short");
  const Effects effects = Say(machine, CancelMessage(id_, why));
  EXPECT_EQ(EndOf(effects), why);
  EXPECT_THAT(AllOf<MessageOut>(effects), IsEmpty());
}

TEST_F(ReceiverMachineTest, ConnectionThatBreaksWithChunksUnderWayEndsTheTransfer) {
  ReceiverMachine machine = Reading(2);
  EXPECT_FALSE(machine.MayMeetAgain(0));
  ExpectRefused(machine.OnConnected(0, now_), "peer-unreachable");
}

TEST_F(ReceiverMachineTest, ConnectionMayBreakWhenNothingIsUnderWay) {
  ReceiverMachine machine = Reading(2);
  for (uint32_t index : {0u, 1u}) Arrive(machine, index);
  EXPECT_TRUE(machine.MayMeetAgain(0));
  EXPECT_THAT(machine.OnConnected(0, now_), IsEmpty());
  EXPECT_THAT(IndexesOf(OnlyMessage(machine.Grant(2, 2, now_))), ElementsAre(2, 3));
}

TEST_F(ReceiverMachineTest, NothingHappensAfterTheEnd) {
  ReceiverMachine machine = Reading();
  const Status why = NamedError(StatusCode::kCancelled, "cancelled", "by hand");
  ExpectRefused(machine.GiveUp(why), "cancelled");
  EXPECT_THAT(machine.GiveUp(why), IsEmpty());
  EXPECT_THAT(machine.OnConnected(0, now_), IsEmpty());
  EXPECT_THAT(Arrive(machine, 0), IsEmpty());
  EXPECT_THAT(machine.Grant(0, 4, now_), IsEmpty());
  EXPECT_THAT(machine.OnDigestHolds(stream_.droplet_sha256, now_), IsEmpty());
  EXPECT_THAT(machine.OnTime(now_ + kSilenceMax), IsEmpty());
}

}  // namespace
}  // namespace sluice::transfer

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

// The fourth of four targets, with lines to the first and the second.
class FellowReceiverTest : public ReceiverMachineTest {
 protected:
  ReceiverMachine Reading(uint32_t credit) {
    ReceiverMachine machine({.layout = stream_.layout,
                             .target_index = 3,
                             .silence_max = kSilenceMax,
                             .credit =
                                 [credit](uint32_t outstanding, uint32_t more) {
                                   return std::min(more, credit - std::min(credit, outstanding));
                                 },
                             .header = "",
                             .stored = ChunkSet(4),
                             .fellows = {0, 1}},
                            now_);
    for (size_t peer = 0; peer < 3; ++peer) machine.OnConnected(peer, now_);
    Say(machine, HeaderMessage(id_), "header");
    machine.OnHeaderOpened(now_);
    return machine;
  }
  Effects SayAs(ReceiverMachine& machine, size_t peer, const v1::BulkMessage& message) const {
    return machine.OnMessage(peer, message, "", now_);
  }
  Effects ArriveFrom(ReceiverMachine& machine, size_t peer, uint32_t index) const {
    return machine.OnMessage(peer, ChunkMessage(id_, index, std::string(kSignatureBytes, 's')),
                             std::string(stream_.layout.SealedBytes(index), 'x'), now_);
  }
  static std::vector<MessageOut> To(const Effects& effects, size_t peer) {
    std::vector<MessageOut> messages;
    for (const MessageOut& out : AllOf<MessageOut>(effects)) {
      if (out.peer == peer) messages.push_back(out);
    }
    return messages;
  }
  v1::BulkMessage Map(std::initializer_list<uint32_t> indexes) const {
    return HaveMessage(id_, SetOf(indexes).Encode(), {});
  }
};

TEST_F(FellowReceiverTest, FellowIsAskedForWhatItHasAndNobodyTwice) {
  ReceiverMachine machine = Reading(8);
  const auto asked = To(SayAs(machine, 1, Map({1, 2})), 1);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(IndexesOf(asked[0]), ElementsAre(1));
  const auto other = To(SayAs(machine, 2, Map({1, 2})), 2);
  ASSERT_THAT(other, SizeIs(1));
  EXPECT_THAT(IndexesOf(other[0]), ElementsAre(2));
}

TEST_F(FellowReceiverTest, WhatIsStoredIsToldToTheSourceAndToAllFellows) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({1}));
  SayAs(machine, 2, Map({}));
  EXPECT_THAT(AllOf<ChunkArrived>(ArriveFrom(machine, 1, 1)), SizeIs(1));
  const Effects stored = machine.OnStored({1}, now_);
  for (const size_t peer : {1, 2}) {
    const auto told = To(stored, peer);
    ASSERT_THAT(told, SizeIs(1)) << peer;
    EXPECT_THAT(told[0].message.have().stored(), ElementsAre(1));
  }
  EXPECT_THAT(StoredOf(To(stored, 0).back()), ElementsAre(1));
}

TEST_F(FellowReceiverTest, WhatIsStoredBeforeAFellowHasAnsweredIsToldItToo) {
  ReceiverMachine machine = Reading(8);
  Arrive(machine, 0);
  const auto told = To(machine.OnStored({0}, now_), 1);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].message.have().stored(), ElementsAre(0));
}

TEST_F(FellowReceiverTest, BadChunkOfAFellowEndsItsLineAndIsWantedFromOthers) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({1}));
  ArriveFrom(machine, 1, 1);
  SayAs(machine, 2, Map({1}));
  const Status why = NamedError(StatusCode::kDataLoss, "chunk-bad-signature", "bad");
  const Effects blamed = machine.OnBadChunk(1, 1, why, now_);
  EXPECT_THAT(EndOf(blamed), StatusIs(StatusCode::kUnknown)) << "the transfer goes on";
  ASSERT_THAT(AllOf<LineOver>(blamed), SizeIs(1));
  EXPECT_EQ(AllOf<LineOver>(blamed)[0].peer, 1u);
  EXPECT_EQ(To(blamed, 1).front().message.cancel().name(), "chunk-bad-signature");
  EXPECT_THAT(IndexesOf(To(blamed, 2).front()), ElementsAre(1));
  EXPECT_THAT(machine.OnConnected(1, now_), IsEmpty()) << "never again";
  EXPECT_THAT(EndOf(machine.OnBadChunk(0, 2, why, now_)), HasErrorName("chunk-bad-signature"))
      << "of the source";
}

TEST_F(FellowReceiverTest, FellowIsServedFromTheSpoolOnlyWhatIsDurable) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({}));
  Arrive(machine, 0);
  EXPECT_THAT(AllOf<ChunkToRead>(SayAs(machine, 1, FetchMessage(id_, {0}))), IsEmpty());
  machine.OnStored({0}, now_);
  const auto reading = AllOf<ChunkToRead>(SayAs(machine, 1, FetchMessage(id_, {0})));
  ASSERT_THAT(reading, SizeIs(1));
  const auto sent = To(machine.OnChunkRead(reading[0], SealedChunk{0, "s", "sealed", {}}, now_), 1);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].message.chunk().index(), 0u);
  EXPECT_EQ(sent[0].payload, "sealed");
}

TEST_F(FellowReceiverTest, WhatAFellowMayNotSayEndsItsLineAlone) {
  for (const v1::BulkMessage& message :
       {HeaderMessage(id_), CreditMessage(id_, 1, {}), FetchMessage(id_, {4}),
        HaveMessage(id_, "", {4}), HaveMessage(id_, "x", {}), OpenMessage(id_, 2, ChunkSet(4))}) {
    ReceiverMachine machine = Reading(8);
    SayAs(machine, 1, Map({}));
    const Effects effects = SayAs(machine, 1, message);
    EXPECT_THAT(EndOf(effects), StatusIs(StatusCode::kUnknown)) << message.DebugString();
    EXPECT_THAT(AllOf<LineOver>(effects), SizeIs(1)) << message.DebugString();
  }
}

TEST_F(FellowReceiverTest, FellowThatComesOverAnotherWayIsMetAnew) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({1}));
  const auto said = To(SayAs(machine, 1, AnnounceMessage(id_)), 1);
  ASSERT_THAT(said, SizeIs(1));
  EXPECT_EQ(said[0].message.open().target_index(), 3u);
  EXPECT_THAT(IndexesOf(To(SayAs(machine, 1, Map({1})), 1).front()), ElementsAre(1))
      << "what it was asked for it has forgotten";
}

TEST_F(FellowReceiverTest, TargetThatHasTheDropletFromElsewhereTellsItsFellowsThatItIsDone) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({1}));
  machine.OnUnreachable(2, PeerSilent("a fellow target", absl::Seconds(6)));
  const Effects waived = machine.OnDigestHolds(stream_.droplet_sha256, now_);
  ASSERT_THAT(To(waived, 1), SizeIs(1));
  EXPECT_TRUE(To(waived, 1)[0].message.has_closed());
  EXPECT_TRUE(To(waived, 0)[0].message.has_verified());
  EXPECT_TRUE(To(machine.OnConnected(2, now_), 2)[0].message.has_closed());
  EXPECT_TRUE(To(SayAs(machine, 2, OpenMessage(id_, 1, ChunkSet(4))), 2)[0].message.has_closed());
  EXPECT_THAT(To(SayAs(machine, 2, ClosedMessage(id_)), 2), IsEmpty()) << "neither needs anything";
  EXPECT_THAT(EndOf(Say(machine, ClosedMessage(id_))), IsOk());
}

TEST_F(FellowReceiverTest, FellowThatIsDoneIsDoneWithout) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({1}));
  const Effects closed = SayAs(machine, 1, ClosedMessage(id_));
  ASSERT_THAT(AllOf<LineOver>(closed), SizeIs(1));
  EXPECT_THAT(AllOf<LineOver>(closed)[0].why, IsOk());
  EXPECT_THAT(To(closed, 1), IsEmpty());
}

TEST_F(FellowReceiverTest, ChunkThatNobodyBringsIsAskedOfTheSourceByName) {
  ReceiverMachine machine = Reading(8);
  const auto named = [&] {
    for (const MessageOut& out : To(machine.OnTime(now_), 0)) {
      if (out.message.has_fetch()) return IndexesOf(out);
    }
    return std::vector<uint32_t>();
  };
  now_ += absl::Seconds(9);
  Say(machine, PongMessage(id_));
  EXPECT_THAT(named(), IsEmpty());
  now_ += absl::Seconds(1);
  Say(machine, PongMessage(id_));
  EXPECT_THAT(named(), ElementsAre(0));
}

TEST_F(FellowReceiverTest, VerifiedTargetStaysUntilItsFellowsHaveAll) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({}));
  SayAs(machine, 2, Map({0, 1, 2, 3}));
  ArriveFrom(machine, 2, 0);
  machine.OnStored({0}, now_);
  for (uint32_t index = 1; index < 4; ++index) {
    Arrive(machine, index);
    machine.OnStored({index}, now_);
  }
  machine.OnDigestHolds(stream_.droplet_sha256, now_);
  EXPECT_THAT(AllOf<Ended>(Say(machine, ClosedMessage(id_))), IsEmpty());
  EXPECT_THAT(AllOf<ChunkToRead>(SayAs(machine, 1, FetchMessage(id_, {3}))), SizeIs(1));
  SayAs(machine, 1, HaveMessage(id_, "", {0, 1, 2, 3}));
  EXPECT_THAT(EndOf(machine.OnTime(now_)), IsOk());
}

TEST_F(FellowReceiverTest, SourceIsToldWhoIsCountedUpon) {
  ReceiverMachine machine = Reading(8);
  SayAs(machine, 1, Map({}));
  now_ += absl::Seconds(10);
  Say(machine, PongMessage(id_));
  const auto told = To(SayAs(machine, 1, PongMessage(id_)), 0);
  ASSERT_THAT(told, SizeIs(1));
  EXPECT_THAT(told[0].message.fellows().target_indexes(), ElementsAre(0)) << "1 was awaited long";
}

}  // namespace
}  // namespace sluice::transfer

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
  EXPECT_THAT(machine.OnChunkSealed(Chunk(0)), IsEmpty());
  const Effects fetched = Say(machine, FetchMessage(id_, {0, 1}));
  const MessageOut chunk = OnlyMessage(fetched);
  EXPECT_EQ(chunk.message.chunk().index(), 0u);
  EXPECT_EQ(chunk.message.chunk().signature(), Chunk(0).signature);
  EXPECT_EQ(chunk.payload, Chunk(0).sealed);
  EXPECT_EQ(AllOf<ChunkReleased>(fetched).at(0).index, 0u);
  EXPECT_EQ(OnlyMessage(machine.OnChunkSealed(Chunk(1))).payload, Chunk(1).sealed);
  const Effects verified = Say(machine, Verified());
  EXPECT_TRUE(OnlyMessage(verified).message.has_closed());
  EXPECT_THAT(EndOf(verified), IsOk());
}

TEST_F(SmallSenderMachineTest, OpenSaidTwiceIsAnsweredTwice) {
  SenderMachine machine = Opened();
  EXPECT_EQ(OnlyMessage(Say(machine, OpenMessage(id_, 0))).payload, "header");
}

TEST_F(SmallSenderMachineTest, PingIsAnswered) {
  SenderMachine machine = Machine();
  EXPECT_TRUE(OnlyMessage(Say(machine, PingMessage(id_))).message.has_pong());
}

TEST_F(SmallSenderMachineTest, ChunkGoesToAllReceiversBeforeItIsReleased) {
  SenderMachine machine = Opened(2);
  Say(machine, FetchMessage(id_, {0}), 0);
  const Effects first = machine.OnChunkSealed(Chunk(0));
  EXPECT_EQ(OnlyMessage(first).peer, 0u);
  EXPECT_THAT(AllOf<ChunkReleased>(first), IsEmpty());
  const Effects second = Say(machine, FetchMessage(id_, {0}), 1);
  EXPECT_EQ(OnlyMessage(second).peer, 1u);
  EXPECT_EQ(OnlyMessage(second).payload, Chunk(0).sealed);
  EXPECT_THAT(AllOf<ChunkReleased>(second), SizeIs(1));
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

TEST_F(SenderMachineTest, LastChunkIsGivenAndTheOneAfterItRefused) {
  SenderMachine machine = Opened();
  EXPECT_THAT(Say(machine, FetchMessage(id_, {299})), IsEmpty());
  ExpectRefused(Say(machine, FetchMessage(id_, {300})), "chunk-asked-out-of-range");
}

TEST_F(SenderMachineTest, ChunkAskedTwiceIsRefusedSentOrNot) {
  SenderMachine waiting = Opened();
  Say(waiting, FetchMessage(id_, {5}));
  ExpectRefused(Say(waiting, FetchMessage(id_, {5})), "chunk-asked-twice");
  SenderMachine at_once = Opened();
  ExpectRefused(Say(at_once, FetchMessage(id_, {5, 5})), "chunk-asked-twice");
  SenderMachine sent = Opened();
  sent.OnChunkSealed(Chunk(0));
  Say(sent, FetchMessage(id_, {0}));
  ExpectRefused(Say(sent, FetchMessage(id_, {0})), "chunk-asked-twice");
}

TEST_F(SenderMachineTest, CreditIsBoundedOnBothSidesOfItsLimit) {
  SenderMachine machine = Opened();
  EXPECT_THAT(Say(machine, FetchMessage(id_, Range(0, kCreditChunksMax))), IsEmpty());
  // One is sent, so one more may be asked for.
  EXPECT_THAT(AllOf<MessageOut>(machine.OnChunkSealed(Chunk(0))), SizeIs(1));
  EXPECT_THAT(Say(machine, FetchMessage(id_, {kCreditChunksMax})), IsEmpty());
  ExpectRefused(Say(machine, FetchMessage(id_, {kCreditChunksMax + 1})), "credit-exceeded");
}

TEST_F(SmallSenderMachineTest, VerifiedBeforeEveryChunkWasSentIsRefused) {
  SenderMachine machine = Opened();
  Say(machine, FetchMessage(id_, {0, 1}));
  machine.OnChunkSealed(Chunk(0));
  ExpectRefused(Say(machine, Verified()), "verified-too-early");
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

TEST_F(SenderMachineTest, SilentReceiverEndsTheTransferAtTheLimitAndNotBefore) {
  SenderMachine machine = Opened();
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
  Say(machine, PingMessage(id_));
  now_ += kSilenceMax - absl::Milliseconds(1);
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
  now_ += absl::Milliseconds(1);
  ExpectRefused(machine.OnTime(now_), "peer-silent");
}

TEST_F(SmallSenderMachineTest, ReceiverThatHasVerifiedMayBeSilent) {
  SenderMachine machine = Opened(2);
  for (size_t peer : {0, 1}) Say(machine, FetchMessage(id_, {0, 1}), peer);
  for (uint32_t index : {0u, 1u}) machine.OnChunkSealed(Chunk(index));
  Say(machine, Verified(), 0);
  now_ += kSilenceMax - absl::Milliseconds(1);
  Say(machine, PingMessage(id_), 1);
  now_ += absl::Milliseconds(1);
  EXPECT_THAT(machine.OnTime(now_), IsEmpty());
}

TEST_F(SenderMachineTest, UnreachableReceiverIsNamedAsSuchWhenItsTimeIsUp) {
  SenderMachine machine = Machine();
  machine.OnUnreachable(0, NamedError(StatusCode::kUnavailable, "peer-unreachable", "refused"));
  now_ += kSilenceMax;
  const Effects effects = machine.OnTime(now_);
  EXPECT_THAT(EndOf(effects), HasErrorName("peer-unreachable"));
  EXPECT_THAT(AllOf<MessageOut>(effects), IsEmpty());
}

TEST_F(SmallSenderMachineTest, ConnectionMayBreakBeforeTheFirstChunkAndAfterTheLast) {
  SenderMachine machine = Opened();
  EXPECT_TRUE(machine.MayMeetAgain(0));
  Say(machine, FetchMessage(id_, {0, 1}));
  machine.OnChunkSealed(Chunk(0));
  EXPECT_FALSE(machine.MayMeetAgain(0));
  machine.OnChunkSealed(Chunk(1));
  EXPECT_TRUE(machine.MayMeetAgain(0));
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

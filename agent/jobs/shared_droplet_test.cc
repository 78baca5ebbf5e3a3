// What promotions of one droplet read together: each at its own pace, the blobstore once.
#include "agent/jobs/shared_droplet.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/jobs/droplet_copy.h"
#include "common/base/mailbox.h"
#include "common/base/random.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint32_t kChunkBytes = 4096;
constexpr uint32_t kChunks = 10;
constexpr uint64_t kDropletBytes = uint64_t{kChunkBytes} * (kChunks - 1) + 100;
constexpr uint64_t kSpoolBytes = uint64_t{1} << 20;

Status Enough() { return NamedError(StatusCode::kAborted, "enough", "the receivers are gone"); }

// Where one promotion's own readings go, and what they have cost.
class Blobstore final : public transfer::DropletSource {
 public:
  explicit Blobstore(const std::string& droplet) : droplet_(droplet) {}

  Status Read(uint64_t offset, const Take& take) override {
    constexpr size_t kPieceBytes = 1000;
    readings.push_back(offset / kChunkBytes);
    for (; offset < droplet_.size(); offset += std::min(kPieceBytes, droplet_.size() - offset)) {
      if (before_piece) SLUICE_RETURN_IF_ERROR(before_piece(offset));
      const auto piece = std::string_view(droplet_).substr(offset, kPieceBytes);
      given += piece.size();
      SLUICE_RETURN_IF_ERROR(take(piece));
    }
    return absl::OkStatus();
  }

  std::vector<uint64_t> readings;  // from which chunk on
  uint64_t given = 0;              // bytes
  std::function<Status(uint64_t offset)> before_piece;

 private:
  const std::string& droplet_;
};

class SharedDropletTest : public testing::Test {
 protected:
  // One promotion, and what its receivers have got.
  struct Promotion {
    explicit Promotion(SharedDropletTest& test)
        : own(test.droplet_),
          share(test.shared_->Join(DropletGuid("d"), kDropletBytes, own, stop.get_token())) {}

    Status Read(const std::function<Status()>& after_take = {}) {
      return share->Read(got.size(), [&](std::string_view bytes) {
        got.append(bytes);
        return after_take ? after_take() : absl::OkStatus();
      });
    }
    Status ReadChunks(uint32_t chunks) {
      const size_t until = got.size() + size_t{chunks} * kChunkBytes;
      return Read([this, until] { return got.size() < until ? absl::OkStatus() : Enough(); });
    }

    Blobstore own;
    std::stop_source stop;
    std::unique_ptr<SharedDroplet> share;
    std::string got;
  };

  SharedDropletTest() {
    SeededRandom random(7);
    for (uint64_t i = 0; i < kDropletBytes; ++i) {
      droplet_.push_back(static_cast<char>(random.Next()));
    }
    OpenSpool(kSpoolBytes);
  }
  void OpenSpool(uint64_t bytes_max) {
    shared_.reset();
    spool_ = *transfer::Spool::Open(files_, "/spool", bytes_max);
    shared_ = std::make_unique<SharedDroplets>(*spool_, entropy_, clock_, kChunkBytes);
  }

  std::string droplet_;
  FakeFiles files_;
  FakeEntropy entropy_;
  FakeClock clock_;
  std::unique_ptr<transfer::Spool> spool_;
  std::unique_ptr<SharedDroplets> shared_;
};

TEST_F(SharedDropletTest, PromotionThatIsAloneLeavesNoCopy) {
  Promotion alone(*this);
  ASSERT_THAT(alone.Read(), IsOk());
  EXPECT_EQ(alone.got, droplet_);
  EXPECT_THAT(alone.own.readings, ElementsAre(0));
  EXPECT_EQ(spool_->bytes_used(), 0U);
}

TEST_F(SharedDropletTest, WhatOneHasReadTheOthersTakeFromTheCopy) {
  Promotion first(*this);
  Promotion second(*this);
  Promotion third(*this);
  ASSERT_THAT(first.Read(), IsOk());
  ASSERT_THAT(second.Read(), IsOk());
  ASSERT_THAT(third.Read(), IsOk());
  EXPECT_EQ(second.got, droplet_);
  EXPECT_EQ(third.got, droplet_);
  EXPECT_THAT(second.own.readings, IsEmpty());
  EXPECT_THAT(third.own.readings, IsEmpty());
}

TEST_F(SharedDropletTest, OnlyWhatWasReadBeforeTheSecondCameIsReadTwice) {
  Promotion first(*this);
  ASSERT_THAT(first.ReadChunks(3), HasErrorName("enough"));
  Promotion second(*this);
  ASSERT_THAT(first.Read(), IsOk());
  ASSERT_THAT(second.Read(), IsOk());
  EXPECT_EQ(second.got, droplet_);
  EXPECT_THAT(second.own.readings, ElementsAre(0));
  EXPECT_EQ(second.own.given, 3 * kChunkBytes + 712) << "to the end of the piece in chunk 3";
}

TEST_F(SharedDropletTest, OneWhoseReceiversTakeNothingIsOvertakenAndReadsNoMore) {
  Promotion slow(*this);
  Promotion fast(*this);
  const auto overtake = [&]() -> Status {
    if (slow.got.size() != 2 * kChunkBytes || !fast.got.empty()) return absl::OkStatus();
    clock_.Advance(DropletCopy::kStalledAfter);
    return fast.Read();
  };
  ASSERT_THAT(slow.Read(overtake), IsOk());
  EXPECT_EQ(fast.got, droplet_);
  EXPECT_EQ(slow.got, droplet_);
  EXPECT_THAT(fast.own.readings, ElementsAre(2)) << "the first chunks are in the copy";
  EXPECT_THAT(slow.own.readings, ElementsAre(0));
  EXPECT_LT(slow.own.given, 3 * kChunkBytes) << "it ends with the piece that it was in";
}

TEST_F(SharedDropletTest, WhoIsAboutToReadAChunkIsWaitedFor) {
  Promotion ahead(*this);
  Promotion behind(*this);
  Mailbox<bool> reads(1);
  Mailbox<bool> may_go_on(1);
  ahead.own.before_piece = [&](uint64_t offset) {
    if (offset != 0) return absl::OkStatus();
    reads.Put(true);
    may_go_on.WaitAndTake();
    return absl::OkStatus();
  };
  Status status;
  {
    const Thread reading("ahead", [&] { status = ahead.Read(); });
    reads.WaitAndTake();
    const Thread waiting("behind", [&] { EXPECT_THAT(behind.Read(), IsOk()); });
    may_go_on.Put(true);
  }
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(behind.got, droplet_);
  EXPECT_THAT(behind.own.readings, IsEmpty());
}

TEST_F(SharedDropletTest, WaitForAnotherEndsWithAStop) {
  Promotion ahead(*this);
  Promotion behind(*this);
  Status waited;
  ahead.own.before_piece = [&](uint64_t) {
    // While another is about to read the first chunk.
    const Thread waiting("behind", [&] { waited = behind.Read(); });
    behind.stop.request_stop();
    return Enough();
  };
  EXPECT_THAT(ahead.Read(), HasErrorName("enough"));
  EXPECT_THAT(waited, HasErrorName("cancelled"));
  EXPECT_THAT(behind.own.readings, IsEmpty());
}

TEST_F(SharedDropletTest, ReadingThatFailsIsItsOwnFailureAndAnotherReadsOn) {
  Promotion broken(*this);
  Promotion other(*this);
  broken.own.before_piece = [](uint64_t offset) {
    return offset < 2 * kChunkBytes
               ? absl::OkStatus()
               : NamedError(StatusCode::kUnavailable, "blobstore-unavailable", "it is gone");
  };
  EXPECT_THAT(broken.Read(), HasErrorName("blobstore-unavailable"));
  ASSERT_THAT(other.Read(), IsOk());
  EXPECT_EQ(other.got, droplet_);
  EXPECT_THAT(other.own.readings, ElementsAre(2));
}

TEST_F(SharedDropletTest, WithoutRoomForACopyEachReadsForItself) {
  OpenSpool(kDropletBytes / 2);
  Promotion first(*this);
  Promotion second(*this);
  ASSERT_THAT(first.Read(), IsOk());
  ASSERT_THAT(second.Read(), IsOk());
  EXPECT_EQ(second.got, droplet_);
  EXPECT_THAT(second.own.readings, ElementsAre(0));
}

TEST_F(SharedDropletTest, CopyThatTheDiskDoesNotGiveBackIsReadFromTheBlobstore) {
  Promotion first(*this);
  Promotion second(*this);
  ASSERT_THAT(first.Read(), IsOk());
  files_.Fail(FakeFiles::Operation::kRead, 1);
  ASSERT_THAT(second.Read(), IsOk());
  EXPECT_EQ(second.got, droplet_);
  EXPECT_THAT(second.own.readings, ElementsAre(0));
  EXPECT_LT(second.own.given, 2 * kChunkBytes) << "the next chunk is in the copy";
}

TEST_F(SharedDropletTest, CopyThatCannotBeWrittenHoldsUpNobody) {
  Promotion first(*this);
  Promotion second(*this);
  files_.Fail(FakeFiles::Operation::kWrite, 1);
  ASSERT_THAT(first.Read(), IsOk());
  ASSERT_THAT(second.Read(), IsOk());
  EXPECT_EQ(first.got, droplet_);
  EXPECT_EQ(second.got, droplet_);
}

TEST_F(SharedDropletTest, CopyHasNoNameOnTheDiskAndGivesItsRoomBackWhenAllAreDone) {
  {
    Promotion first(*this);
    Promotion second(*this);
    ASSERT_THAT(first.Read(), IsOk());
    EXPECT_THAT(*files_.List("/spool"), IsEmpty());
    EXPECT_GT(spool_->bytes_used(), kDropletBytes);
  }
  EXPECT_EQ(spool_->bytes_used(), 0U);
}

TEST_F(SharedDropletTest, DropletOfAnotherSizeIsAnother) {
  Promotion first(*this);
  Blobstore own(droplet_);
  const auto other = shared_->Join(DropletGuid("d"), kDropletBytes - 1, own, std::stop_token());
  ASSERT_THAT(first.Read(), IsOk());
  EXPECT_THAT(other->Read(0, [](std::string_view) { return absl::OkStatus(); }), IsOk());
  EXPECT_THAT(own.readings, ElementsAre(0));
  EXPECT_EQ(spool_->bytes_used(), 0U);
}

TEST_F(SharedDropletTest, BytesBeyondTheOrdersSizeArePassedOnToBeRefused) {
  droplet_ += "more";
  Promotion first(*this);
  ASSERT_THAT(first.Read(), IsOk());
  EXPECT_EQ(first.got, droplet_);
}

TEST_F(SharedDropletTest, ReadingBeginsAtAnyByte) {
  Promotion first(*this);
  Promotion second(*this);
  ASSERT_THAT(first.Read(), IsOk());
  second.got = droplet_.substr(0, kChunkBytes + 17);
  ASSERT_THAT(second.Read(), IsOk());
  EXPECT_EQ(second.got, droplet_);
}

}  // namespace
}  // namespace sluice::agent

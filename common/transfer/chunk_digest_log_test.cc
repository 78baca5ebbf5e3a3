// What was sealed is known after any crash, or it is known that it is not known.
#include "common/transfer/chunk_digest_log.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using ::testing::AllOf;

constexpr size_t kRecordsAt = 512;
constexpr size_t kRecordBytes = 64;

crypto::Sha256Digest DigestOf(uint32_t index) {
  return crypto::Sha256Of(absl::StrCat("chunk ", index));
}

class ChunkDigestLogTest : public ::testing::Test {
 protected:
  ChunkDigestLogTest() { EXPECT_THAT(files_.MakeFolder("/d"), IsOk()); }

  static StreamLayout Layout(uint64_t chunks, char transfer = 't') {
    return *StreamLayout::Cut(*TransferId::FromBytes(std::string(16, transfer)),
                              chunks * kChunkBytesMin, kChunkBytesMin);
  }
  StatusOr<std::unique_ptr<ChunkDigestLog>> Open() {
    return ChunkDigestLog::Open(files_, path_, layout_);
  }
  std::unique_ptr<ChunkDigestLog> MustOpen() {
    auto log = Open();
    EXPECT_THAT(log, IsOk());
    return log.ok() ? *std::move(log) : nullptr;
  }

  FakeFiles files_;
  const std::string path_ = "/d/log";
  const StreamLayout layout_ = Layout(100);
};

TEST_F(ChunkDigestLogTest, WhatWasSyncedIsFoundAgainAfterAnyCrash) {
  auto log = MustOpen();
  EXPECT_EQ(log->Find(7), std::nullopt);
  for (const uint32_t index : {7u, 3u, 99u}) {
    ASSERT_THAT(log->Append(index, DigestOf(index)), IsOk());
    EXPECT_EQ(log->Find(index), DigestOf(index));
    ASSERT_THAT(log->Sync(), IsOk());
  }
  files_.Crash(1);
  log = MustOpen();
  for (const uint32_t index : {7u, 3u, 99u}) EXPECT_EQ(log->Find(index), DigestOf(index));
  EXPECT_EQ(log->Find(0), std::nullopt);
}

TEST_F(ChunkDigestLogTest, ChunkWithOtherBytesIsRefusedAndTheSameOneIsNotWrittenAgain) {
  auto log = MustOpen();
  ASSERT_THAT(log->Append(1, DigestOf(1)), IsOk());
  ASSERT_THAT(log->Sync(), IsOk());
  const uint64_t steps = files_.steps();
  EXPECT_THAT(log->Append(1, DigestOf(1)), IsOk());
  EXPECT_THAT(log->Sync(), IsOk());
  EXPECT_EQ(files_.steps(), steps);
  files_.Kill();
  EXPECT_THAT(MustOpen()->Append(1, DigestOf(2)),
              AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("chunk-changed")));
}

TEST_F(ChunkDigestLogTest, BatchIsOneWriteAndOneSync) {
  auto log = MustOpen();
  const uint64_t steps = files_.steps();
  for (uint32_t i = 0; i < 50; ++i) ASSERT_THAT(log->Append(i, DigestOf(i)), IsOk());
  ASSERT_THAT(log->Sync(), IsOk());
  EXPECT_EQ(files_.steps(), steps + 2);
}

// Appends everything in batches of several sizes, from the first chunk or from the last; returns
// how many were synced before it failed.
uint32_t Fill(FakeFiles& files, const std::string& path, const StreamLayout& layout,
              bool backwards = false) {
  auto log = ChunkDigestLog::Open(files, path, layout);
  if (!log.ok()) return 0;
  uint32_t synced = 0;
  for (uint32_t batch = 1; synced < layout.chunk_count; ++batch) {
    const uint32_t end = std::min(synced + batch, layout.chunk_count);
    for (uint32_t i = synced; i < end; ++i) {
      const uint32_t index = backwards ? layout.chunk_count - 1 - i : i;
      EXPECT_THAT((*log)->Append(index, DigestOf(index)), IsOk());
    }
    if (!(*log)->Sync().ok()) return synced;
    synced = end;
  }
  return synced;
}

TEST_F(ChunkDigestLogTest, CrashAtAnyStepLosesNothingThatWasSyncedAndTheLogGoesOn) {
  for (uint64_t step = 1;; ++step) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      FakeFiles files;
      ASSERT_THAT(files.MakeFolder("/d"), IsOk());
      files.StopAtStep(step);
      const uint32_t synced = Fill(files, path_, layout_);
      seed == 0 ? files.Kill() : files.Crash(seed);
      auto log = ChunkDigestLog::Open(files, path_, layout_);
      ASSERT_THAT(log, IsOk()) << "step " << step << " seed " << seed;
      std::vector<uint32_t> found;
      for (uint32_t i = 0; i < layout_.chunk_count; ++i) {
        ASSERT_TRUE((*log)->Find(i) || i >= synced) << "step " << step << " seed " << seed;
        ASSERT_EQ((*log)->Find(i).value_or(DigestOf(i)), DigestOf(i));
        if ((*log)->Find(i)) found.push_back(i);
      }
      // What was found once has been counted on.
      files.Crash(seed + 100);
      log = ChunkDigestLog::Open(files, path_, layout_);
      ASSERT_THAT(log, IsOk()) << "step " << step << " seed " << seed;
      for (const uint32_t index : found) ASSERT_TRUE((*log)->Find(index)) << "step " << step;
      // Another crash, while it goes on with other chunks in the places that were dropped.
      files.StopAtStep(1 + seed % 12);
      Fill(files, path_, layout_, /*backwards=*/true);
      files.Crash(seed);
      ASSERT_EQ(Fill(files, path_, layout_), layout_.chunk_count)
          << "step " << step << " seed " << seed;
      if (synced == layout_.chunk_count) return;
    }
  }
}

TEST_F(ChunkDigestLogTest, WhatIsLeftOfABatchThatWasNotSyncedDoesNotComeBack) {
  auto log = MustOpen();
  for (uint32_t i = 0; i < 12; ++i) ASSERT_THAT(log->Append(i, DigestOf(i)), IsOk());
  ASSERT_THAT(log->Sync(), IsOk());
  // As if only the second of its two sectors had reached the disk.
  std::string content = *files_.Read(path_, 1 << 20);
  content.replace(kRecordsAt, 8 * kRecordBytes, 8 * kRecordBytes, '\0');
  ASSERT_THAT(files_.Replace(path_, content, FileAccess::kOwnerOnly), IsOk());
  log = MustOpen();
  for (uint32_t i = 0; i < 12; ++i) EXPECT_EQ(log->Find(i), std::nullopt);
  for (const uint32_t index : {11u, 20u, 21u, 22u, 23u, 24u, 25u, 26u}) {
    ASSERT_THAT(log->Append(index, DigestOf(index)), IsOk());
  }
  ASSERT_THAT(log->Sync(), IsOk());
  log = MustOpen();
  EXPECT_EQ(log->Find(11), DigestOf(11));
  EXPECT_EQ(log->Find(26), DigestOf(26));
  EXPECT_EQ(log->Find(8), std::nullopt);
}

TEST_F(ChunkDigestLogTest, RecordCutOffByTheEndIsDropped) {
  auto log = MustOpen();
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_THAT(log->Append(i, DigestOf(i)), IsOk());
    ASSERT_THAT(log->Sync(), IsOk());
  }
  const std::string whole = *files_.Read(path_, 1 << 20);
  for (size_t cut = 1; cut < kRecordBytes; ++cut) {
    ASSERT_THAT(files_.Replace(path_, std::string_view(whole).substr(0, whole.size() - cut),
                               FileAccess::kOwnerOnly),
                IsOk());
    log = MustOpen();
    EXPECT_EQ(log->Find(1), DigestOf(1));
    EXPECT_EQ(log->Find(2), std::nullopt);
    ASSERT_THAT(log->Append(2, DigestOf(2)), IsOk());
    ASSERT_THAT(log->Sync(), IsOk());
    EXPECT_EQ(*files_.Read(path_, 1 << 20), whole);
  }
}

TEST_F(ChunkDigestLogTest, EveryFlippedBitIsFound) {
  ASSERT_EQ(Fill(files_, path_, layout_), layout_.chunk_count);
  const uint64_t bytes = files_.Facts(path_)->bytes;
  ASSERT_EQ(bytes, kRecordsAt + 100 * kRecordBytes);
  for (uint64_t bit = 0; bit < bytes * 8; bit += 13) {
    files_.FlipBit(path_, bit);
    ASSERT_THAT(Open(), AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("digest-log-damaged")))
        << "bit " << bit;
    files_.FlipBit(path_, bit);
  }
  EXPECT_THAT(Open(), IsOk());
}

TEST_F(ChunkDigestLogTest, DurableRecordThatIsGoneIsDamageAndNotTheRestOfACrash) {
  auto log = MustOpen();
  for (uint32_t i = 0; i < 3; ++i) {
    ASSERT_THAT(log->Append(i, DigestOf(i)), IsOk());
    ASSERT_THAT(log->Sync(), IsOk());
  }
  std::string content = *files_.Read(path_, 1 << 20);
  content.replace(kRecordsAt + kRecordBytes, kRecordBytes, kRecordBytes, '\0');
  ASSERT_THAT(files_.Replace(path_, content, FileAccess::kOwnerOnly), IsOk());
  EXPECT_THAT(Open(), HasErrorName("digest-log-damaged"));
}

TEST_F(ChunkDigestLogTest, LogOfAnotherStreamIsDamaged) {
  ASSERT_EQ(Fill(files_, path_, layout_), layout_.chunk_count);
  for (const StreamLayout& other : {Layout(99), Layout(101), Layout(100, 'u')}) {
    EXPECT_THAT(ChunkDigestLog::Open(files_, path_, other), HasErrorName("digest-log-damaged"));
  }
}

TEST_F(ChunkDigestLogTest, FullDiskIsNamedAndTriedAgainWhenThereIsRoom) {
  auto log = MustOpen();
  for (uint32_t i = 0; i < 100; ++i) ASSERT_THAT(log->Append(i, DigestOf(i)), IsOk());
  files_.SetFreeBytes(0);
  EXPECT_THAT(log->Sync(), HasErrorName("disk-full"));
  files_.SetFreeBytes(1 << 20);
  EXPECT_THAT(log->Sync(), IsOk());
  files_.Crash(1);
  EXPECT_EQ(MustOpen()->Find(99), DigestOf(99));
}

TEST_F(ChunkDigestLogTest, FailedSyncFailsUntilTheLogIsOpenedAgain) {
  auto log = MustOpen();
  ASSERT_THAT(log->Append(0, DigestOf(0)), IsOk());
  files_.Fail(FakeFiles::Operation::kSync, 1);
  EXPECT_THAT(log->Sync(), HasErrorName("disk-failed"));
  EXPECT_THAT(log->Sync(), HasErrorName("disk-failed"));
}

TEST_F(ChunkDigestLogTest, EmptyDropletHasAnEmptyLog) {
  ASSERT_THAT(ChunkDigestLog::Open(files_, path_, Layout(0)), IsOk());
  auto again = ChunkDigestLog::Open(files_, path_, Layout(0));
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT((*again)->Sync(), IsOk());
}

}  // namespace
}  // namespace sluice::transfer

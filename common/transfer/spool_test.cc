// What is in the spool is exactly what was said to be durable there, or more of the same; whatever
// the disk, a crash or a bit does.
#include "common/transfer/spool.h"

#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kSpoolBytesMax = uint64_t{1} << 40;
constexpr uint32_t kChunk = kChunkBytesMin;
constexpr uint64_t kSlotsAt = 40'960;
constexpr uint64_t kSlotBytes = 64 + kChunk + 16;

std::string PathOf(const StreamLayout& layout) {
  return absl::StrCat("/spool/", layout.transfer.hex(), ".spool");
}

std::unique_ptr<Spool> MustOpen(FakeFiles& files, uint64_t bytes_max = kSpoolBytesMax) {
  auto spool = Spool::Open(files, "/spool", bytes_max);
  EXPECT_THAT(spool, IsOk());
  return *std::move(spool);
}

bool Equal(const SealedChunk& a, const SealedChunk& b) {
  return a.index == b.index && a.signature == b.signature && a.sealed == b.sealed;
}

TEST(SpoolTest, ChunksOfEverySizeAreReadBackAndStoredWhenSynced) {
  for (const uint64_t bytes : {uint64_t{0}, uint64_t{1}, uint64_t{kChunk} - 1, uint64_t{kChunk},
                               uint64_t{kChunk} + 1, uint64_t{3} * kChunk}) {
    StreamFixture stream(bytes);
    const auto chunks = stream.SealAll();
    FakeFiles files;
    auto spool = MustOpen(files);
    auto file = spool->Admit(stream.layout, stream.Header());
    ASSERT_THAT(file, IsOk());
    EXPECT_EQ(files.Facts(PathOf(stream.layout))->bytes, SpoolFileBytes(stream.layout));
    std::vector<uint32_t> all;
    for (auto chunk = chunks.rbegin(); chunk != chunks.rend(); ++chunk) {
      EXPECT_THAT((*file)->Read(chunk->index), HasErrorName("chunk-not-stored"));
      ASSERT_THAT((*file)->Write(*chunk), IsOk());
      EXPECT_TRUE(Equal(*(*file)->Read(chunk->index), *chunk));
      all.insert(all.begin(), chunk->index);
    }
    EXPECT_EQ((*file)->stored().Count(), 0u);
    EXPECT_TRUE((*file)->readable().Complete());
    EXPECT_EQ(*(*file)->Sync(), all);
    EXPECT_TRUE((*file)->stored().Complete());
    EXPECT_EQ(files.Facts(PathOf(stream.layout))->bytes, SpoolFileBytes(stream.layout))
        << "its room was taken at the beginning";
  }
}

TEST(SpoolTest, HeaderMayComeLaterAndIsDurableBeforeAnyChunk) {
  StreamFixture stream(2 * kChunk);
  const std::string header = stream.Header();
  FakeFiles files;
  auto file = *MustOpen(files)->Admit(stream.layout);
  EXPECT_EQ(file->header(), "");
  files.Crash(1);
  file = *MustOpen(files)->Resume(stream.layout, stream.Verify());
  EXPECT_EQ(file->header(), "");
  ASSERT_THAT(file->SetHeader(header), IsOk());
  EXPECT_EQ(file->header(), header);
  files.Crash(2);
  EXPECT_EQ((*MustOpen(files)->Resume(stream.layout, stream.Verify()))->header(), header);
}

TEST(SpoolTest, WhatDoesNotFitItsPlaceIsNotWritten) {
  StreamFixture stream(2 * kChunk);
  SealedChunk chunk = stream.SealAll()[1];
  FakeFiles files;
  auto file = *MustOpen(files)->Admit(stream.layout, stream.Header());
  const uint64_t steps = files.steps();
  EXPECT_THAT(file->Write({2, chunk.signature, chunk.sealed}), HasErrorName("chunk-out-of-range"));
  EXPECT_THAT(file->Write({1, chunk.signature, chunk.sealed + "x"}),
              HasErrorName("chunk-wrong-length"));
  EXPECT_THAT(file->Write({1, "short", chunk.sealed}), HasErrorName("chunk-bad-signature"));
  EXPECT_THAT(file->Read(2), HasErrorName("chunk-not-stored"));
  EXPECT_EQ(files.steps(), steps);
}

TEST(SpoolTest, ChunkThatIsThereIsNotWrittenOverUnlessDiscarded) {
  StreamFixture stream(kChunk);
  const SealedChunk chunk = stream.SealAll()[0];
  FakeFiles files;
  auto file = *MustOpen(files)->Admit(stream.layout, stream.Header());
  ASSERT_THAT(file->Write(chunk), IsOk());
  ASSERT_THAT(file->Sync(), IsOk());
  const uint64_t steps = files.steps();
  EXPECT_THAT(file->Write(chunk), IsOk());
  EXPECT_THAT(*file->Sync(), ElementsAre());
  EXPECT_EQ(files.steps(), steps) << "an acknowledged chunk is never torn by a second copy";
  files.FlipBit(PathOf(stream.layout), (kSlotsAt + 100) * 8);
  EXPECT_THAT(stream.Check(*file->Read(0)), HasErrorName("chunk-bad-signature"));
  file->Discard(0);
  EXPECT_EQ(file->stored().Count(), 0u);
  EXPECT_THAT(file->Read(0), HasErrorName("chunk-not-stored"));
  ASSERT_THAT(file->Write(chunk), IsOk());
  EXPECT_THAT(*file->Sync(), ElementsAre(0));
  EXPECT_TRUE(Equal(*file->Read(0), chunk));
}

// A transfer into the spool, until it is done or the disk stops; what it may have acknowledged.
struct Attempt {
  bool done = false;
  std::vector<uint32_t> acknowledged;
};

Attempt Transfer(FakeFiles& files, StreamFixture& stream, const std::string& header,
                 const std::vector<SealedChunk>& chunks) {
  Attempt run;
  auto spool = Spool::Open(files, "/spool", kSpoolBytesMax);
  if (!spool.ok()) return run;
  auto file = (*spool)->Resume(stream.layout, stream.Verify());
  if (ErrorName(file.status()) == "not-in-spool") file = (*spool)->Admit(stream.layout);
  if (!file.ok()) return run;
  const ChunkSet stored = (*file)->stored();
  for (auto i = stored.FirstPresent(); i; i = stored.FirstPresent(*i + 1)) {
    run.acknowledged.push_back(*i);
  }
  if ((*file)->header().empty() && !(*file)->SetHeader(header).ok()) return run;
  for (const SealedChunk& chunk : chunks) {
    if (!(*file)->Write(chunk).ok()) return run;
    if (chunk.index % 2 == 0) continue;
    const auto durable = (*file)->Sync();
    if (!durable.ok()) return run;
    run.acknowledged.insert(run.acknowledged.end(), durable->begin(), durable->end());
  }
  run.done = (*file)->Sync().ok() && (*file)->stored().Complete();
  return run;
}

// After a stop: all that was acknowledged is stored, and all that is stored is right.
void ExpectNothingLost(FakeFiles& files, StreamFixture& stream, const Attempt& run,
                       const std::vector<SealedChunk>& chunks) {
  auto spool = MustOpen(files);
  auto file = spool->Resume(stream.layout, stream.Verify());
  if (ErrorName(file.status()) == "not-in-spool") {
    EXPECT_TRUE(run.acknowledged.empty());
    EXPECT_EQ(spool->bytes_used(), 0u);
    EXPECT_THAT(*files.List("/spool"), ElementsAre());
    return;
  }
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(spool->bytes_used(), SpoolFileBytes(stream.layout));
  const ChunkSet stored = (*file)->stored();
  for (const uint32_t index : run.acknowledged) EXPECT_TRUE(stored.Contains(index)) << index;
  for (const SealedChunk& chunk : chunks) {
    if (!stored.Contains(chunk.index)) continue;
    EXPECT_TRUE(Equal(*(*file)->Read(chunk.index), chunk));
  }
}

TEST(SpoolTest, StoppedAtAnyStepItLosesNothingThatWasAcknowledgedAndGoesOn) {
  StreamFixture stream(6 * kChunk + 1);
  const std::string header = stream.Header();
  const auto chunks = stream.SealAll();
  bool done = false;
  uint64_t step = 1;
  for (; !done; ++step) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      SCOPED_TRACE(absl::StrCat("step ", step, " seed ", seed));
      FakeFiles files;
      files.StopAtStep(step);
      const Attempt first = Transfer(files, stream, header, chunks);
      done = first.done;
      seed == 0 ? files.Kill() : files.Crash(seed);
      ExpectNothingLost(files, stream, first, chunks);
      // The machine goes down once more, as if it had never been up.
      files.StopAtStep(step);
      const Attempt second = Transfer(files, stream, header, chunks);
      files.Crash(seed);
      ExpectNothingLost(files, stream, second, chunks);
      EXPECT_TRUE(Transfer(files, stream, header, chunks).done);
    }
  }
  EXPECT_GT(step, 25u) << "or the loop has not seen every step";
}

TEST(SpoolTest, FlippedBitCostsItsChunkOrTheFileAndIsNeverGivenOutAsStored) {
  StreamFixture stream(3 * kChunk + 5);
  const auto chunks = stream.SealAll();
  FakeFiles files;
  const std::string header = stream.Header();
  ASSERT_TRUE(Transfer(files, stream, header, chunks).done);
  const uint64_t bits = SpoolFileBytes(stream.layout) * 8;
  const uint64_t header_record_end = (4096 + 4 + header.size() + 32) * 8;
  for (uint64_t bit = 0; bit < bits; bit += bit < header_record_end ? 61 : 401) {
    SCOPED_TRACE(absl::StrCat("bit ", bit));
    files.FlipBit(PathOf(stream.layout), bit);
    auto spool = MustOpen(files);
    auto file = spool->Resume(stream.layout, stream.Verify());
    const bool in_records = bit < 72 * 8 || (bit >= 4096 * 8 && bit < header_record_end);
    if (in_records) {
      ASSERT_THAT(file, AllOf(StatusIs(StatusCode::kNotFound), HasErrorName("not-in-spool")));
      ASSERT_THAT(*files.List("/spool"), ElementsAre());
      ASSERT_EQ(spool->bytes_used(), 0u);
      ASSERT_TRUE(Transfer(files, stream, header, chunks).done);
      continue;
    }
    ASSERT_THAT(file, IsOk());
    const ChunkSet stored = (*file)->stored();
    if (bit < kSlotsAt * 8) {
      ASSERT_TRUE(stored.Complete()) << "nothing lies there";
    } else {
      ASSERT_EQ(stored.Count(), 3u);
      ASSERT_FALSE(stored.Contains(static_cast<uint32_t>((bit / 8 - kSlotsAt) / kSlotBytes)));
    }
    files.FlipBit(PathOf(stream.layout), bit);
  }
}

TEST(SpoolTest, ShortenedFileIsDamagedAsAWhole) {
  StreamFixture stream(3 * kChunk);
  FakeFiles files;
  ASSERT_TRUE(Transfer(files, stream, stream.Header(), stream.SealAll()).done);
  const std::string content = *files.Read(PathOf(stream.layout), 1 << 20);
  for (const size_t bytes :
       {size_t{0}, size_t{71}, size_t{4096}, size_t{40'960}, content.size() - 1}) {
    ASSERT_THAT(files.Replace(PathOf(stream.layout), std::string_view(content).substr(0, bytes),
                              FileAccess::kOwnerOnly),
                IsOk());
    EXPECT_THAT(MustOpen(files)->Resume(stream.layout, stream.Verify()),
                HasErrorName("not-in-spool"));
    EXPECT_THAT(*files.List("/spool"), ElementsAre());
  }
}

TEST(SpoolTest, ChunkOfAnotherPlaceOrSourceIsNotStored) {
  StreamFixture stream(2 * kChunk);
  StreamFixture stranger(2 * kChunk, kChunk, /*seed=*/2);
  const auto chunks = stream.SealAll();
  FakeFiles files;
  auto spool = MustOpen(files);
  {
    auto file = *spool->Admit(stream.layout, stream.Header());
    ASSERT_THAT(file->Write({1, chunks[0].signature, chunks[0].sealed}), IsOk());
    ASSERT_THAT(file->Write({0, stranger.SealAll()[0].signature, chunks[0].sealed}), IsOk());
    ASSERT_THAT(file->Sync(), IsOk());
  }
  EXPECT_EQ((*spool->Resume(stream.layout, stream.Verify()))->stored().Count(), 0u);
}

TEST(SpoolTest, FileOfAnotherCutIsRefusedAndKept) {
  StreamFixture stream(2 * kChunk);
  FakeFiles files;
  auto spool = MustOpen(files);
  ASSERT_THAT(spool->Admit(stream.layout), IsOk());
  const auto other = *StreamLayout::Cut(stream.layout.transfer, kChunk, kChunk);
  EXPECT_THAT(spool->Resume(other, stream.Verify()),
              AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("spool-wrong-layout")));
  EXPECT_THAT(spool->Resume(stream.layout, stream.Verify()), IsOk());
}

TEST(SpoolTest, LimitOfTheSpoolHoldsForAllItsFilesTogether) {
  StreamFixture one(2 * kChunk);
  StreamFixture two(2 * kChunk, kChunk, /*seed=*/2);
  FakeFiles files;
  const uint64_t each = SpoolFileBytes(one.layout);
  auto spool = MustOpen(files, 2 * each - 1);
  ASSERT_THAT(spool->Admit(one.layout), IsOk());
  EXPECT_THAT(spool->Admit(one.layout),
              AllOf(StatusIs(StatusCode::kAlreadyExists), HasErrorName("already-in-spool")));
  const auto refused = spool->Admit(two.layout);
  EXPECT_THAT(refused, AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("spool-full")));
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr(absl::StrCat("needs ", each)), HasSubstr(absl::StrCat(each - 1))));
  EXPECT_EQ(spool->bytes_used(), each);
  EXPECT_EQ(MustOpen(files, 2 * each - 1)->bytes_used(), each) << "another process counts the same";
  ASSERT_THAT(spool->Remove(one.layout.transfer), IsOk());
  EXPECT_EQ(spool->bytes_used(), 0u);
  EXPECT_THAT(spool->Admit(two.layout), IsOk());
  EXPECT_THAT(spool->Remove(one.layout.transfer),
              AllOf(StatusIs(StatusCode::kNotFound), HasErrorName("not-in-spool")));
}

TEST(SpoolTest, FullDiskIsSpoolFullAndLeavesNothing) {
  StreamFixture stream(8 * kChunk);
  FakeFiles files;
  auto spool = MustOpen(files);
  files.SetFreeBytes(SpoolFileBytes(stream.layout) - 1);
  EXPECT_THAT(spool->Admit(stream.layout),
              AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("spool-full")));
  // Enough by the bytes, not by the blocks: the disk itself refuses.
  files.SetFreeBytes(SpoolFileBytes(stream.layout));
  EXPECT_THAT(spool->Admit(stream.layout), HasErrorName("spool-full"));
  EXPECT_THAT(*files.List("/spool"), ElementsAre());
  EXPECT_EQ(spool->bytes_used(), 0u);
  files.SetFreeBytes(SpoolFileBytes(stream.layout) + FakeFiles::kPageBytes);
  auto file = spool->Admit(stream.layout, stream.Header());
  ASSERT_THAT(file, IsOk());
  files.SetFreeBytes(0);
  for (const SealedChunk& chunk : stream.SealAll()) EXPECT_THAT((*file)->Write(chunk), IsOk());
  EXPECT_EQ((*file)->Sync()->size(), 8u) << "its room was taken";
}

TEST(SpoolTest, FailureAtAnyWriteOrSyncOfAdmissionLeavesNothing) {
  StreamFixture stream(kChunk);
  const std::string header = stream.Header();
  for (const auto operation : {FakeFiles::Operation::kWrite, FakeFiles::Operation::kSync}) {
    FakeFiles files;
    auto spool = MustOpen(files);
    files.Fail(operation, 1);
    EXPECT_THAT(spool->Admit(stream.layout, header), HasErrorName("disk-failed"));
    EXPECT_THAT(*files.List("/spool"), ElementsAre());
    EXPECT_EQ(spool->bytes_used(), 0u);
    EXPECT_THAT(spool->Admit(stream.layout, header), IsOk());
  }
}

TEST(SpoolTest, FailedWriteIsNotReadableAndFailedSyncAcknowledgesNothing) {
  StreamFixture stream(2 * kChunk);
  const auto chunks = stream.SealAll();
  FakeFiles files;
  auto spool = MustOpen(files);
  auto file = *spool->Admit(stream.layout, stream.Header());
  files.Fail(FakeFiles::Operation::kWrite, 1);
  EXPECT_THAT(file->Write(chunks[0]), HasErrorName("disk-failed"));
  EXPECT_EQ(file->readable().Count(), 0u);
  ASSERT_THAT(file->Write(chunks[0]), IsOk());
  files.Fail(FakeFiles::Operation::kRead, 1);
  EXPECT_THAT(file->Read(0), HasErrorName("disk-failed"));
  EXPECT_THAT(file->Read(0), IsOk());
  files.Fail(FakeFiles::Operation::kSync, 1);
  EXPECT_THAT(file->Sync(), HasErrorName("disk-failed"));
  EXPECT_THAT(file->Sync(), HasErrorName("disk-failed")) << "the kernel forgets what it lost";
  EXPECT_EQ(file->stored().Count(), 0u);
}

TEST(SpoolTest, TransfersAreListedWithTheTimeOfTheirLastChunk) {
  StreamFixture stream(kChunk);
  FakeFiles files;
  auto spool = MustOpen(files);
  files.SetNow(absl::FromUnixSeconds(100));
  auto file = *spool->Admit(stream.layout, stream.Header());
  files.SetNow(absl::FromUnixSeconds(200));
  ASSERT_THAT(file->Write(stream.SealAll()[0]), IsOk());
  const auto listed = spool->List();
  ASSERT_THAT(listed, IsOk());
  ASSERT_EQ(listed->size(), 1u);
  EXPECT_EQ(listed->front().transfer, stream.layout.transfer);
  EXPECT_EQ(listed->front().bytes, SpoolFileBytes(stream.layout));
  EXPECT_EQ(listed->front().modified, absl::FromUnixSeconds(200));
  ASSERT_THAT(spool->Remove(stream.layout.transfer), IsOk());
  EXPECT_TRUE(spool->List()->empty());
  EXPECT_THAT(file->Read(0), IsOk()) << "whoever has it open may end with it";
}

TEST(SpoolTest, OnlyOurFilesAreCountedAndHalfMadeOnesRemoved) {
  StreamFixture stream(kChunk);
  FakeFiles files;
  ASSERT_THAT(files.MakeFolder("/spool"), IsOk());
  const std::string hex = stream.layout.transfer.hex();
  for (const std::string& name : {hex + ".spool.partial", hex + "0.spool", std::string("notes")}) {
    ASSERT_THAT(files.Create("/spool/" + name, "x", FileAccess::kOwnerOnly), IsOk());
  }
  EXPECT_EQ(MustOpen(files)->bytes_used(), 0u);
  EXPECT_THAT(*files.List("/spool"), ElementsAre(hex + "0.spool", "notes"));
}

TEST(SpoolTest, DiskNeverHoldsAPieceOfTheDroplet) {
  StreamFixture stream(5 * kChunk + 100);
  FakeFiles files;
  ASSERT_TRUE(Transfer(files, stream, stream.Header(), stream.SealAll()).done);
  const std::string content = *files.Read(PathOf(stream.layout), 1 << 20);
  for (size_t at = 0; at + 16 <= stream.droplet.size(); at += 97) {
    ASSERT_EQ(content.find(stream.droplet.substr(at, 16)), std::string::npos) << at;
  }
  EXPECT_EQ(content.find(stream.content_key.Reveal()), std::string::npos);
}

TEST(SpoolTest, SlotsBeyondTwoAndFourGibibytesAreTheirOwn) {
  StreamFixture keys(0);
  for (const uint64_t bytes : {(uint64_t{1} << 31) - 1, (uint64_t{1} << 31) + 1,
                               (uint64_t{1} << 32) - 1, (uint64_t{1} << 32) + 1}) {
    const auto layout = *StreamLayout::Cut(keys.layout.transfer, bytes, kChunkBytesMax);
    const auto chunk_of = [&](uint32_t index) {
      std::string sealed(layout.SealedBytes(index), static_cast<char>('a' + index % 26));
      std::string signature = keys.Sign()(ChunkSignedBytes(layout, index, sealed));
      return SealedChunk{index, std::move(signature), std::move(sealed)};
    };
    FakeFiles files;
    auto spool = MustOpen(files);
    const uint32_t last = layout.chunk_count - 1;
    const std::vector<uint32_t> indexes = {0, last / 2, last - 1, last};
    {
      auto file = *spool->Admit(layout, "a header");
      for (const uint32_t index : indexes) ASSERT_THAT(file->Write(chunk_of(index)), IsOk());
      ASSERT_THAT(file->Sync(), IsOk());
    }
    files.Crash(bytes);
    auto file = MustOpen(files)->Resume(layout, keys.Verify());
    ASSERT_THAT(file, IsOk());
    EXPECT_EQ((*file)->stored().Count(), indexes.size());
    for (const uint32_t index : indexes) {
      EXPECT_TRUE(Equal(*(*file)->Read(index), chunk_of(index)));
    }
    EXPECT_GT(files.Facts(PathOf(layout))->bytes, bytes);
    EXPECT_LT(files.pages(), 4096u) << "nothing of what was not written is in memory";
  }
}

TEST(SpoolTest, ReadersGetWholeChunksWhileOneThreadWrites) {
  StreamFixture stream(64 * kChunk);
  const auto chunks = stream.SealAll();
  SystemFiles files;
  std::string pattern = ::testing::TempDir() + "spool-XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  auto spool = *Spool::Open(files, pattern, kSpoolBytesMax);
  auto file = *spool->Admit(stream.layout, stream.Header());
  std::atomic<uint32_t> whole{0};
  {
    std::vector<std::unique_ptr<Thread>> readers;
    for (int i = 0; i < 2; ++i) {
      readers.push_back(std::make_unique<Thread>("reader", [&] {
        ChunkSet seen(stream.layout.chunk_count);
        while (!seen.Complete()) {
          const ChunkSet readable = file->readable();
          for (auto at = readable.FirstPresent(); at; at = readable.FirstPresent(*at + 1)) {
            if (seen.Insert(*at) && Equal(*file->Read(*at), chunks[*at])) ++whole;
          }
        }
      }));
    }
    for (const SealedChunk& chunk : chunks) {
      EXPECT_THAT(file->Write(chunk), IsOk());
      if (chunk.index % 8 != 7) continue;
      EXPECT_THAT(file->Sync(), IsOk());
    }
  }
  EXPECT_EQ(whole, 2u * 64);
  file.reset();
  EXPECT_TRUE((*spool->Resume(stream.layout, stream.Verify()))->stored().Complete());
  EXPECT_THAT(spool->Remove(stream.layout.transfer), IsOk());
  EXPECT_EQ(rmdir(pattern.c_str()), 0) << "nothing else is left in the folder";
}

TEST(SpoolTest, TransfersAreAdmittedFromSeveralThreadsUpToTheLimit) {
  FakeFiles files;
  StreamFixture keys(0);
  const auto layout_of = [](char name) {
    return *StreamLayout::Cut(*TransferId::FromBytes(std::string(16, name)), kChunk, kChunk);
  };
  auto spool = MustOpen(files, 5 * SpoolFileBytes(layout_of('a')));
  std::atomic<int> admitted{0};
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (int t = 0; t < 4; ++t) {
      threads.push_back(std::make_unique<Thread>("admission", [&, t] {
        for (int i = 0; i < 4; ++i) {
          if (spool->Admit(layout_of(static_cast<char>('a' + 4 * t + i))).ok()) ++admitted;
        }
      }));
    }
  }
  EXPECT_EQ(admitted, 5);
  EXPECT_EQ(spool->bytes_used(), spool->bytes_max());
  EXPECT_EQ(spool->List()->size(), 5u);
}

}  // namespace
}  // namespace sluice::transfer

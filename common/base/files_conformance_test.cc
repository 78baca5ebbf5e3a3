// What Files promises, asked of the real disk and of the fake one alike: what a test shows with
// FakeFiles then says something about disks.
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/base/files.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;

constexpr size_t kPlenty = 1 << 20;

struct Disk {
  std::unique_ptr<Files> files;
  std::string folder;
};

struct DiskKind {
  std::string name;
  std::function<Disk()> make;
};

Disk MakeSystemDisk() {
  std::string pattern = ::testing::TempDir() + "conformance-XXXXXX";
  EXPECT_NE(mkdtemp(pattern.data()), nullptr);
  return {std::make_unique<SystemFiles>(), pattern};
}

Disk MakeFakeDisk() {
  auto files = std::make_unique<FakeFiles>();
  EXPECT_THAT(files->MakeFolder("/disk"), IsOk());
  return {std::move(files), "/disk"};
}

class FilesConformanceTest : public ::testing::TestWithParam<DiskKind> {
 protected:
  FilesConformanceTest() : disk_(GetParam().make()), path_(disk_.folder + "/file") {}
  ~FilesConformanceTest() override {
    if (GetParam().name == "System") std::filesystem::remove_all(disk_.folder);
  }

  Files& files() { return *disk_.files; }
  std::unique_ptr<RandomAccessFile> Open(FileOpening opening) {
    auto file = files().OpenRandomAccess(path_, opening);
    EXPECT_THAT(file, IsOk());
    return file.ok() ? *std::move(file) : nullptr;
  }
  static std::string ReadAt(const RandomAccessFile& file, uint64_t offset, size_t bytes) {
    std::string content(bytes, '?');
    const auto count = file.Read(offset, content);
    EXPECT_THAT(count, IsOk());
    content.resize(count.value_or(0));
    return content;
  }

  Disk disk_;
  std::string path_;
};

INSTANTIATE_TEST_SUITE_P(Disks, FilesConformanceTest,
                         ::testing::Values(DiskKind{"System", MakeSystemDisk},
                                           DiskKind{"Fake", MakeFakeDisk}),
                         [](const auto& instance) { return instance.param.name; });

TEST_P(FilesConformanceTest, WholeFilesAreReplacedCreatedOnceAndRemoved) {
  EXPECT_THAT(files().Create(path_, "one", FileAccess::kOwnerOnly), IsOk());
  EXPECT_THAT(files().Create(path_, "two", FileAccess::kOwnerOnly),
              AllOf(StatusIs(StatusCode::kAlreadyExists), HasErrorName("file-exists")));
  EXPECT_EQ(*files().ReadPrivate(path_, kPlenty), "one");
  EXPECT_THAT(files().Replace(path_, "three", FileAccess::kEveryone), IsOk());
  EXPECT_EQ(*files().Read(path_, 5), "three");
  EXPECT_THAT(files().Read(path_, 4), HasErrorName("file-too-large"));
  EXPECT_THAT(files().ReadPrivate(path_, kPlenty), HasErrorName("file-too-open"));
  EXPECT_THAT(*files().List(disk_.folder), ElementsAre("file"));
  EXPECT_THAT(files().Remove(path_), IsOk());
  EXPECT_THAT(*files().List(disk_.folder), ElementsAre());
}

TEST_P(FilesConformanceTest, WhatIsNotThereIsNoFile) {
  EXPECT_THAT(files().Read(path_, 1), HasErrorName("no-file"));
  EXPECT_THAT(files().Remove(path_), HasErrorName("no-file"));
  EXPECT_THAT(files().Facts(path_), HasErrorName("no-file"));
  EXPECT_THAT(files().FreeBytes(path_), HasErrorName("no-file"));
  EXPECT_THAT(files().List(path_), HasErrorName("no-file"));
  EXPECT_THAT(files().Rename(path_, path_ + "2"), HasErrorName("no-file"));
  EXPECT_THAT(files().OpenRandomAccess(path_, FileOpening::kExisting), HasErrorName("no-file"));
  EXPECT_THAT(files().OpenRandomAccess(disk_.folder + "/no/file", FileOpening::kNew),
              HasErrorName("no-file"));
}

TEST_P(FilesConformanceTest, FileIsOpenedNewOrExistingOrEither) {
  EXPECT_NE(Open(FileOpening::kNew), nullptr);
  EXPECT_THAT(files().OpenRandomAccess(path_, FileOpening::kNew), HasErrorName("file-exists"));
  EXPECT_NE(Open(FileOpening::kExisting), nullptr);
  EXPECT_NE(Open(FileOpening::kEither), nullptr);
  ASSERT_THAT(files().Remove(path_), IsOk());
  EXPECT_NE(Open(FileOpening::kEither), nullptr);
  EXPECT_THAT(files().ReadPrivate(path_, kPlenty), IsOk()) << "it is its owner's only";
  EXPECT_THAT(files().OpenRandomAccess(disk_.folder, FileOpening::kExisting),
              AllOf(StatusIs(StatusCode::kPermissionDenied), HasErrorName("file-too-open")));
}

TEST_P(FilesConformanceTest, AFileOpenedForReadingIsReadAndNeverWritten) {
  EXPECT_THAT(files().OpenRandomAccess(path_, FileOpening::kReadOnly), HasErrorName("no-file"));
  ASSERT_THAT(files().Create(path_, "kept", FileAccess::kOwnerOnly), IsOk());
  const auto file = Open(FileOpening::kReadOnly);
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(ReadAt(*file, 1, 9), "ept");
  EXPECT_THAT(file->Write(0, "lost"), HasErrorName("disk-failed"));
  EXPECT_THAT(file->Allocate(1 << 20), HasErrorName("disk-failed"));
  EXPECT_EQ(*files().Read(path_, kPlenty), "kept");
}

TEST_P(FilesConformanceTest, BytesAreReadWhereTheyWereWritten) {
  const auto file = Open(FileOpening::kNew);
  EXPECT_THAT(file->Write(5000, "world"), IsOk());
  EXPECT_THAT(file->Write(4090, "across a page"), IsOk());
  EXPECT_EQ(ReadAt(*file, 4090, 13), "across a page");
  EXPECT_EQ(ReadAt(*file, 5000, 100), "world") << "it ends there";
  EXPECT_EQ(ReadAt(*file, 5005, 1), "");
  EXPECT_EQ(ReadAt(*file, 9000, 1), "");
  EXPECT_EQ(ReadAt(*file, 0, 3), std::string(3, '\0')) << "nothing was written there";
  EXPECT_EQ(*file->Size(), 5005u);
  EXPECT_THAT(file->Sync(), IsOk());
  EXPECT_EQ(files().Facts(path_)->bytes, 5005u);
}

TEST_P(FilesConformanceTest, AllocatedFileHasItsLengthAndKeepsWhatItHad) {
  const auto file = Open(FileOpening::kNew);
  ASSERT_THAT(file->Write(0, "kept"), IsOk());
  EXPECT_THAT(file->Allocate(10'000), IsOk());
  EXPECT_EQ(*file->Size(), 10'000u);
  EXPECT_EQ(ReadAt(*file, 0, 6), std::string("kept\0\0", 6));
  EXPECT_THAT(file->Allocate(100), IsOk());
  EXPECT_EQ(*file->Size(), 10'000u) << "it never shrinks";
}

TEST_P(FilesConformanceTest, OffsetsBeyondTwoAndFourGibibytesArePlaces) {
  const auto file = Open(FileOpening::kNew);
  for (const uint64_t border : {uint64_t{1} << 31, uint64_t{1} << 32}) {
    ASSERT_THAT(file->Write(border - 1, "ab"), IsOk());
    EXPECT_EQ(ReadAt(*file, border - 1, 2), "ab");
    EXPECT_EQ(*file->Size(), border + 1);
  }
  EXPECT_EQ(ReadAt(*file, 0, 1), std::string(1, '\0'));
}

TEST_P(FilesConformanceTest, RenamedFileReplacesTheOtherAndStaysOpen) {
  ASSERT_THAT(files().Create(path_ + "2", "old", FileAccess::kOwnerOnly), IsOk());
  const auto file = Open(FileOpening::kNew);
  ASSERT_THAT(file->Write(0, "new"), IsOk());
  EXPECT_THAT(files().Rename(path_, path_ + "2"), IsOk());
  EXPECT_EQ(*files().Read(path_ + "2", kPlenty), "new");
  EXPECT_THAT(*files().List(disk_.folder), ElementsAre("file2"));
  EXPECT_THAT(file->Write(0, "N"), IsOk());
  EXPECT_EQ(*files().Read(path_ + "2", kPlenty), "New");
}

TEST_P(FilesConformanceTest, RemovedFileIsUsableAsLongAsItIsOpen) {
  const auto file = Open(FileOpening::kNew);
  ASSERT_THAT(file->Write(0, "still here"), IsOk());
  EXPECT_THAT(files().Remove(path_), IsOk());
  EXPECT_EQ(ReadAt(*file, 0, 10), "still here");
  EXPECT_THAT(file->Write(6, "there"), IsOk());
  EXPECT_THAT(file->Sync(), IsOk());
}

TEST_P(FilesConformanceTest, AnEmptyFolderIsRemovedAndAFullOneStays) {
  const std::string folder = disk_.folder + "/a";
  EXPECT_THAT(files().RemoveFolder(folder), HasErrorName("no-file"));
  EXPECT_THAT(files().MakeFolder(folder), IsOk());
  EXPECT_THAT(files().Create(folder + "/file", "x", FileAccess::kOwnerOnly), IsOk());
  EXPECT_FALSE(files().RemoveFolder(folder).ok());
  EXPECT_THAT(*files().List(folder), ElementsAre("file"));
  EXPECT_THAT(files().Remove(folder + "/file"), IsOk());
  EXPECT_THAT(files().RemoveFolder(folder), IsOk());
  EXPECT_FALSE(files().List(folder).ok());
}

TEST_P(FilesConformanceTest, FolderMayBeMadeAgainButNotWhereAFileIs) {
  EXPECT_THAT(files().MakeFolder(disk_.folder + "/a/b"), IsOk());
  EXPECT_THAT(files().MakeFolder(disk_.folder + "/a/b"), IsOk());
  EXPECT_THAT(files().Create(disk_.folder + "/a/b/file", "", FileAccess::kOwnerOnly), IsOk());
  EXPECT_THAT(*files().List(disk_.folder + "/a/b"), ElementsAre("file"));
  EXPECT_GT(*files().FreeBytes(disk_.folder), 0u);
}

// The rest is what a test may ask of the fake disk only.

class FakeFilesTest : public ::testing::Test {
 protected:
  FakeFilesTest() {
    EXPECT_THAT(files_.MakeFolder("/d"), IsOk());
    auto file = files_.OpenRandomAccess("/d/f", FileOpening::kNew);
    EXPECT_THAT(file, IsOk());
    file_ = *std::move(file);
  }
  FakeFiles files_;
  std::unique_ptr<RandomAccessFile> file_;
};

TEST_F(FakeFilesTest, CrashKeepsWhatWasSyncedAndBySeedLosesOrTearsTheRest) {
  const std::string before(8192, 'o');
  const std::string after(8192, 'n');
  bool kept = false;
  bool lost = false;
  bool torn = false;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const std::string path = "/d/" + std::to_string(seed);
    auto file = *files_.OpenRandomAccess(path, FileOpening::kNew);
    ASSERT_THAT(file->Write(0, before), IsOk());
    ASSERT_THAT(file->Sync(), IsOk());
    ASSERT_THAT(file->Write(0, after), IsOk());
    files_.Crash(seed);
    EXPECT_THAT(file->Write(0, "x"), HasErrorName("disk-failed")) << "opened before the crash";
    const std::string found = *files_.Read(path, kPlenty);
    ASSERT_EQ(found.size(), before.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i], found[i - i % FakeFiles::kSectorBytes]) << "torn within a sector";
    }
    kept |= found == after;
    lost |= found == before;
    torn |= found != after && found != before;
    files_.Crash(seed + 1);
    EXPECT_EQ(*files_.Read(path, kPlenty), found) << "what survived is durable";
  }
  EXPECT_TRUE(kept && lost && torn);
}

TEST_F(FakeFilesTest, KilledProcessLeavesAllThatItWrote) {
  ASSERT_THAT(file_->Write(0, "written"), IsOk());
  files_.Kill();
  EXPECT_THAT(file_->Sync(), HasErrorName("disk-failed"));
  EXPECT_EQ(*files_.Read("/d/f", kPlenty), "written");
}

TEST_F(FakeFilesTest, ReplacedFileIsAtEachStepOfACrashTheOldOrTheNewOne) {
  for (uint64_t step = 1;; ++step) {
    ASSERT_THAT(files_.Replace("/d/r", "old", FileAccess::kEveryone), IsOk());
    files_.StopAtStep(step);
    const Status replaced = files_.Replace("/d/r", "new", FileAccess::kEveryone);
    files_.Crash(step);
    const auto content = files_.Read("/d/r", kPlenty);
    ASSERT_THAT(content, IsOk());
    if (replaced.ok()) {
      EXPECT_EQ(*content, "new");
      EXPECT_EQ(step, 6u) << "name, write, sync, rename and sync of the folder";
      return;
    }
    EXPECT_THAT(*content, ::testing::AnyOf("old", "new"));
  }
}

TEST_F(FakeFilesTest, FullDiskRefusesWhatNeedsRoomAndNothingElse) {
  ASSERT_THAT(file_->Allocate(8192), IsOk());
  files_.SetFreeBytes(4096);
  EXPECT_THAT(file_->Write(0, std::string(8192, 'x')), IsOk()) << "its room was taken before";
  EXPECT_THAT(file_->Allocate(8192 + 4097),
              AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("disk-full")));
  EXPECT_THAT(file_->Write(8192, std::string(4097, 'x')), HasErrorName("disk-full"));
  EXPECT_THAT(file_->Write(8192, std::string(4096, 'x')), IsOk());
  EXPECT_EQ(*files_.FreeBytes("/d"), 0u);
  ASSERT_THAT(files_.Remove("/d/f"), IsOk());
  EXPECT_EQ(*files_.FreeBytes("/d"), 3u * 4096);
}

TEST_F(FakeFilesTest, FailuresComeAsOftenAsAskedForAndAFailedSyncFailsForEver) {
  files_.Fail(FakeFiles::Operation::kWrite, 1);
  EXPECT_THAT(file_->Write(0, "x"), HasErrorName("disk-failed"));
  EXPECT_THAT(file_->Write(0, "x"), IsOk());
  files_.Fail(FakeFiles::Operation::kRead, 1);
  EXPECT_THAT(files_.Read("/d/f", 1), HasErrorName("disk-failed"));
  EXPECT_THAT(files_.Read("/d/f", 1), IsOk());
  files_.Fail(FakeFiles::Operation::kSync, 1);
  EXPECT_THAT(file_->Sync(), HasErrorName("disk-failed"));
  EXPECT_THAT(file_->Sync(), HasErrorName("disk-failed"));
}

TEST_F(FakeFilesTest, FlippedBitIsThatBitAndSurvivesACrash) {
  ASSERT_THAT(file_->Write(0, "ab"), IsOk());
  ASSERT_THAT(file_->Sync(), IsOk());
  files_.FlipBit("/d/f", 8 + 7);
  files_.Crash(1);
  EXPECT_EQ(*files_.Read("/d/f", 2), "ac");
}

}  // namespace
}  // namespace sluice

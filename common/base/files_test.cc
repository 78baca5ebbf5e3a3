// Files are replaced as a whole or not at all, and private ones are private.
#include "common/base/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr size_t kPlenty = 1 << 20;

class FilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "files-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/file";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  mode_t Mode(const std::string& path) {
    struct stat facts {};
    EXPECT_EQ(stat(path.c_str(), &facts), 0) << path;
    return facts.st_mode & 0777;
  }

  SystemFiles files_;
  std::string folder_;
  std::string path_;
};

TEST_F(FilesTest, ReplacedContentIsReadBackAndNothingElseIsLeft) {
  const std::string bytes("a\0\xff", 3);
  ASSERT_THAT(files_.Replace(path_, "before", FileAccess::kEveryone), IsOk());
  ASSERT_THAT(files_.Replace(path_, bytes, FileAccess::kEveryone), IsOk());
  EXPECT_EQ(*files_.Read(path_, kPlenty), bytes);
  EXPECT_THAT(*files_.List(folder_), ElementsAre("file"));
}

TEST_F(FilesTest, WhoeverHasTheOldFileOpenGoesOnReadingIt) {
  ASSERT_THAT(files_.Replace(path_, "before", FileAccess::kEveryone), IsOk());
  std::ifstream open_before(path_);
  ASSERT_THAT(files_.Replace(path_, "after", FileAccess::kEveryone), IsOk());
  std::stringstream read;
  read << open_before.rdbuf();
  EXPECT_EQ(read.str(), "before");
}

TEST_F(FilesTest, ReplacedFromSeveralThreadsItIsAlwaysOneOfTheContentsAsAWhole) {
  const std::string one(100000, '1');
  const std::string two(90000, '2');
  {
    std::vector<std::unique_ptr<Thread>> writers;
    for (const std::string* content : {&one, &two}) {
      writers.push_back(std::make_unique<Thread>("writer", [this, content] {
        for (int i = 0; i < 10; ++i) {
          EXPECT_THAT(files_.Replace(path_, *content, FileAccess::kEveryone), IsOk());
          EXPECT_THAT(files_.Read(path_, kPlenty)->size(), AnyOf(100000u, 90000u));
        }
      }));
    }
  }
  EXPECT_THAT(*files_.Read(path_, kPlenty), AnyOf(one, two));
  EXPECT_THAT(*files_.List(folder_), ElementsAre("file"));
}

TEST_F(FilesTest, ModeIsWhatWasAskedForWhateverTheUmaskAndTheFileBefore) {
  const mode_t before = umask(0);
  EXPECT_THAT(files_.Replace(path_, "", FileAccess::kOwnerOnly), IsOk());
  EXPECT_EQ(Mode(path_), 0600u);
  umask(0077);
  EXPECT_THAT(files_.Replace(path_, "", FileAccess::kEveryone), IsOk());
  EXPECT_EQ(Mode(path_), 0644u);
  umask(before);
}

TEST_F(FilesTest, CreateRefusesAnExistingFileAndLeavesItAlone) {
  ASSERT_THAT(files_.Create(path_, "key", FileAccess::kOwnerOnly), IsOk());
  EXPECT_THAT(files_.Create(path_, "other", FileAccess::kEveryone),
              AllOf(StatusIs(StatusCode::kAlreadyExists), HasErrorName("file-exists")));
  EXPECT_EQ(*files_.Read(path_, kPlenty), "key");
  EXPECT_EQ(Mode(path_), 0600u);
  EXPECT_THAT(*files_.List(folder_), ElementsAre("file"));
}

TEST_F(FilesTest, CreateDoesNotWriteThroughADanglingSymbolicLink) {
  const std::string elsewhere = folder_ + "/elsewhere";
  ASSERT_EQ(symlink(elsewhere.c_str(), path_.c_str()), 0);
  EXPECT_THAT(files_.Create(path_, "key", FileAccess::kOwnerOnly), HasErrorName("file-exists"));
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
}

TEST_F(FilesTest, FileOfTheLargestSizeIsReadAndOneByteMoreIsRefused) {
  ASSERT_THAT(files_.Replace(path_, "12345", FileAccess::kOwnerOnly), IsOk());
  EXPECT_EQ(*files_.Read(path_, 5), "12345");
  EXPECT_EQ(*files_.ReadPrivate(path_, 5), "12345");
  EXPECT_THAT(files_.Read(path_, 4),
              AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("file-too-large")));
  EXPECT_THAT(files_.ReadPrivate(path_, 4), HasErrorName("file-too-large"));
}

TEST_F(FilesTest, EndlessFileIsRefusedAndNotRead) {
  EXPECT_THAT(files_.Read("/dev/zero", kPlenty), HasErrorName("file-too-large"));
}

TEST_F(FilesTest, PrivateFileMustHaveNoBitForGroupOrOthers) {
  ASSERT_THAT(files_.Create(path_, "key", FileAccess::kOwnerOnly), IsOk());
  for (const mode_t mode : {0600u, 0400u, 0700u}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    EXPECT_THAT(files_.ReadPrivate(path_, kPlenty), IsOk()) << std::oct << mode;
  }
  for (const mode_t mode : {0640u, 0620u, 0610u, 0604u, 0602u, 0601u}) {
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
    EXPECT_THAT(files_.ReadPrivate(path_, kPlenty),
                AllOf(StatusIs(StatusCode::kPermissionDenied), HasErrorName("file-too-open")))
        << std::oct << mode;
    EXPECT_THAT(files_.Read(path_, kPlenty), IsOk()) << "only private reading minds";
  }
}

TEST_F(FilesTest, PrivateFileIsNoLinkNoFolderAndNoPipe) {
  ASSERT_THAT(files_.Create(path_, "key", FileAccess::kOwnerOnly), IsOk());
  const std::string alias = folder_ + "/alias";
  ASSERT_EQ(symlink(path_.c_str(), alias.c_str()), 0);
  EXPECT_THAT(files_.ReadPrivate(alias, kPlenty), HasErrorName("file-too-open"));
  EXPECT_THAT(files_.ReadPrivate(folder_, kPlenty), HasErrorName("file-too-open"));
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  // It must answer: opening a pipe without a writer would wait for one.
  EXPECT_THAT(files_.ReadPrivate(pipe, kPlenty), HasErrorName("file-too-open"));
}

TEST_F(FilesTest, OnlyARegularFileIsOpenedForRandomAccess) {
  const auto open = [&](const std::string& path, FileOpening opening) {
    return files_.OpenRandomAccess(path, opening).status();
  };
  ASSERT_THAT(open(path_, FileOpening::kNew), IsOk());
  EXPECT_EQ(Mode(path_), 0600u);
  const std::string alias = folder_ + "/alias";
  ASSERT_EQ(symlink(path_.c_str(), alias.c_str()), 0);
  const std::string dangling = folder_ + "/dangling";
  ASSERT_EQ(symlink((folder_ + "/elsewhere").c_str(), dangling.c_str()), 0);
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  for (const std::string& path : {alias, dangling, pipe}) {
    EXPECT_THAT(open(path, FileOpening::kExisting), HasErrorName("file-too-open")) << path;
    EXPECT_THAT(open(path, FileOpening::kEither), HasErrorName("file-too-open")) << path;
    EXPECT_THAT(open(path, FileOpening::kNew), HasErrorName("file-exists")) << path;
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/elsewhere"));
  EXPECT_THAT(open(alias, FileOpening::kReadOnly), IsOk()) << "it cannot harm what it points to";
  EXPECT_THAT(open(pipe, FileOpening::kReadOnly), HasErrorName("file-too-open"));
}

TEST_F(FilesTest, MoreThanAFileCanHaveCannotBeAllocated) {
  const auto file = files_.OpenRandomAccess(path_, FileOpening::kNew);
  ASSERT_THAT(file, IsOk());
  EXPECT_THAT((*file)->Allocate(uint64_t{1} << 62),
              AnyOf(HasErrorName("disk-failed"), HasErrorName("disk-full")));
}

TEST_F(FilesTest, WhatIsNotThereIsNoFile) {
  EXPECT_THAT(files_.Read(path_, 1),
              AllOf(StatusIs(StatusCode::kNotFound), HasErrorName("no-file")));
  EXPECT_THAT(files_.ReadPrivate(path_, 1), HasErrorName("no-file"));
  EXPECT_THAT(files_.Remove(path_), HasErrorName("no-file"));
  EXPECT_THAT(files_.List(path_), HasErrorName("no-file"));
  EXPECT_THAT(files_.FreeBytes(path_), HasErrorName("no-file"));
  EXPECT_THAT(files_.Replace(folder_ + "/nowhere/file", "", FileAccess::kOwnerOnly),
              HasErrorName("no-file"));
  EXPECT_THAT(std::string(files_.Remove(path_).message()), HasSubstr(path_)) << "says which";
}

TEST_F(FilesTest, FoldersAreMadePrivateWithThoseAboveThemAndMayExist) {
  const std::string deep = folder_ + "/a/b";
  ASSERT_THAT(files_.MakeFolder(deep), IsOk());
  EXPECT_EQ(Mode(folder_ + "/a"), 0700u);
  EXPECT_EQ(Mode(deep), 0700u);
  EXPECT_THAT(files_.MakeFolder(deep), IsOk());
}

TEST_F(FilesTest, FolderBelowAFileCannotBeMade) {
  ASSERT_THAT(files_.Create(path_, "", FileAccess::kOwnerOnly), IsOk());
  EXPECT_FALSE(files_.MakeFolder(path_ + "/below").ok());
}

TEST_F(FilesTest, NamesAreListedInOrderAndRemovedOnesAreGone) {
  for (const char* name : {"c", "a", "b"}) {
    ASSERT_THAT(files_.Create(folder_ + "/" + name, "", FileAccess::kOwnerOnly), IsOk());
  }
  ASSERT_THAT(files_.Remove(folder_ + "/b"), IsOk());
  EXPECT_THAT(*files_.List(folder_), ElementsAre("a", "c"));
}

TEST_F(FilesTest, FreeBytesAreThoseOfTheFileSystem) {
  EXPECT_GT(*files_.FreeBytes(folder_), 0u);
  EXPECT_EQ(*files_.FreeBytes("/proc"), 0u);
}

TEST_F(FilesTest, AMessageNamesTheFileThatWasAskedForAndNotTheOneBesideIt) {
  for (const Status& failed :
       {files_.Create(folder_ + "/none/key", "x", FileAccess::kOwnerOnly),
        files_.Replace(folder_ + "/none/key", "x", FileAccess::kOwnerOnly)}) {
    EXPECT_EQ(failed.message(),
              absl::StrCat("cannot create ", folder_, "/none/key: No such file or directory"));
  }
}

}  // namespace
}  // namespace sluice

// Files of an archive are found where they are, whoever wrote it; an archive that is none, lies
// about its length, or can be read in two ways is refused.
#include "common/image/archive_contents.h"

#include <string>

#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::image {
namespace {

constexpr char kArchive[] = "/base.tar";

class ArchiveContentsTest : public ::testing::Test {
 protected:
  StatusOr<ArchiveContents> Open(const std::string& bytes) {
    files_.Replace(kArchive, bytes, FileAccess::kEveryone).IgnoreError();
    return ArchiveContents::Open(files_, kArchive);
  }

  FakeFiles files_;
};

TEST_F(ArchiveContentsTest, FilesAreFoundByNameWithOrWithoutADotAndReadInPlace) {
  const std::string large(200'000, 'l');
  const auto contents = Open(TarBuilder()
                                 .File("./index.json", "{}")
                                 .Folder("blobs")
                                 .File("blobs/a", large)
                                 .File("z", "last")
                                 .Tar());
  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(*contents->Read("index.json", 10), "{}");
  EXPECT_EQ(*contents->Read("./z", 10), "last");
  EXPECT_EQ(*ReadAll(contents->ReadRange(*contents->Find("blobs/a"))), large);
  EXPECT_EQ(contents->Find("blobs"), std::nullopt) << "a folder is no file";
  EXPECT_THAT(contents->Read("blobs/b", 10), HasErrorName("archive-file-missing"));
  EXPECT_THAT(contents->Read("blobs/a", 199'999), HasErrorName("archive-file-too-large"));
}

TEST_F(ArchiveContentsTest, ALinkLeadsToItsFileAndNeverOutOfTheArchiveOrInCircles) {
  const auto contents = Open(TarBuilder()
                                 .File("one.tar", "layer")
                                 .SymbolicLink("x/layer.tar", "../one.tar")
                                 .SymbolicLink("y/layer.tar", "../x/layer.tar")
                                 .HardLink("z/layer.tar", "./one.tar")
                                 .SymbolicLink("out", "../../etc/passwd")
                                 .SymbolicLink("absolute", "/one.tar")
                                 .SymbolicLink("circle", "circle")
                                 .Tar());
  ASSERT_THAT(contents, IsOk());
  EXPECT_EQ(*contents->Read("x/layer.tar", 10), "layer");
  EXPECT_EQ(*contents->Read("y/layer.tar", 10), "layer");
  EXPECT_EQ(*contents->Read("z/layer.tar", 10), "layer");
  for (const char* name : {"out", "absolute", "circle", "../base.tar"}) {
    EXPECT_EQ(contents->Find(name), std::nullopt) << name;
  }
}

TEST_F(ArchiveContentsTest, WhatIsNoArchiveOrEndsTooEarlyIsRefusedByName) {
  EXPECT_THAT(Open("garbage that is no tar at all"), HasErrorName("bad-tar"));
  EXPECT_THAT(Open(TarBuilder().File("a", "a").Gzip()), HasErrorName("compressed-archive"));
  const std::string good = TarBuilder().File("a", std::string(100'000, 'a')).Tar();
  EXPECT_THAT(Open(good.substr(0, 50'000)), HasErrorName("bad-tar"));
  EXPECT_THAT(Open(good.substr(0, 600)), HasErrorName("bad-tar"));
  EXPECT_THAT(Open(TarBuilder().Pax({"size=8999999999999999999"}).File("a", "").Tar()),
              HasErrorName("bad-tar"));
  EXPECT_THAT(ArchiveContents::Open(files_, "/none"), HasErrorName("no-file"));
}

TEST_F(ArchiveContentsTest, ANameThatOccursTwiceIsRefused) {
  EXPECT_THAT(Open(TarBuilder().File("index.json", "1").File("./index.json", "2").Tar()),
              HasErrorName("archive-duplicate-entry"));
  EXPECT_THAT(Open(TarBuilder().File("a", "1").SymbolicLink("b", "a").File("b", "2").Tar()),
              HasErrorName("archive-duplicate-entry"));
}

TEST_F(ArchiveContentsTest, EntriesAndPathsAreBounded) {
  EXPECT_THAT(Open(TarBuilder().File(std::string(300, 'p'), "").Tar()),
              HasErrorName("archive-path-too-long"));
  TarBuilder many;
  for (size_t index = 0; index < kArchiveEntriesMax; ++index) {
    many.File(std::to_string(index), "");
  }
  EXPECT_THAT(Open(many.Tar()), IsOk());
  TarBuilder more;
  for (size_t index = 0; index <= kArchiveEntriesMax; ++index) {
    more.Folder(std::to_string(index));
  }
  EXPECT_THAT(Open(more.Tar()), HasErrorName("archive-too-many-entries"));
}

}  // namespace
}  // namespace sluice::image

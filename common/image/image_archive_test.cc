// An image's file: complete or not there, the same bytes each time, readable both as an OCI archive
// and as one of docker's.
#include "common/image/image_archive.h"

#include <algorithm>
#include <string>

#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/run_image_archive.h"
#include "common/image/testing/sample_image.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::image {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

constexpr char kFolder[] = "/work";
constexpr char kOut[] = "/out";
constexpr char kFile[] = "/out/cart.tar";
constexpr size_t kPlenty = size_t{64} << 20;
const ImageName kName = {"registry.example/shop/cart", "1.2"};

class ImageArchiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(files_.MakeFolder(kFolder), IsOk());
    ASSERT_THAT(files_.MakeFolder(kOut), IsOk());
    Build(ImageFormat::kOci);
  }

  void Build(ImageFormat format) {
    auto image = SampleImage(files_, kFolder, format);
    ASSERT_THAT(image, IsOk());
    image_ = *std::move(image);
  }

  std::vector<EntryWithContent> Entries() {
    auto entries = ReadTar(*files_.Read(kFile, kPlenty));
    EXPECT_THAT(entries, IsOk());
    return *std::move(entries);
  }

  FakeFiles files_;
  Image image_;
};

TEST_F(ImageArchiveTest, AnOciArchiveHasLayoutIndexAndEachBlobUnderItsDigest) {
  ASSERT_THAT(WriteOciArchive(image_, kName, files_, kFile), IsOk());
  const auto entries = Entries();
  EXPECT_EQ(Find(entries, "oci-layout")->content, R"({"imageLayoutVersion":"1.0.0"})");
  const json image = json::parse(Find(entries, "index.json")->content)["manifests"][0];
  EXPECT_EQ(image["digest"], "sha256:" + image_.digest.hex());
  EXPECT_EQ(image["size"], image_.manifest.size());
  EXPECT_EQ(image["annotations"]["org.opencontainers.image.ref.name"], "1.2");
  EXPECT_EQ(image["annotations"]["io.containerd.image.name"], "registry.example/shop/cart:1.2");
  size_t blobs = 0;
  for (const EntryWithContent& each : entries) {
    EXPECT_EQ(each.entry.modified_seconds, 0);
    if (each.entry.kind != EntryKind::kFile || !each.entry.path.starts_with("blobs/")) continue;
    EXPECT_EQ(each.entry.path, "blobs/sha256/" + crypto::Sha256Of(each.content).hex());
    ++blobs;
  }
  EXPECT_EQ(blobs, image_.layers.size() + 2);
  EXPECT_THAT(*files_.List(kOut), ElementsAre("cart.tar"));
}

TEST_F(ImageArchiveTest, TheSameFileIsADockerArchive) {
  ASSERT_THAT(WriteOciArchive(image_, kName, files_, kFile), IsOk());
  const std::string as_oci = *files_.Read(kFile, kPlenty);
  ASSERT_THAT(WriteDockerArchive(image_, kName, files_, kFile), IsOk());
  EXPECT_TRUE(*files_.Read(kFile, kPlenty) == as_oci);
  const json image = json::parse(Find(Entries(), "manifest.json")->content)[0];
  EXPECT_EQ(image["RepoTags"], json({"registry.example/shop/cart:1.2"}));
  EXPECT_EQ(image["Config"], "blobs/sha256/" + image_.config_digest.hex());
  EXPECT_EQ(image["Layers"].size(), image_.layers.size());
}

TEST_F(ImageArchiveTest, DockersFormatIsADockerArchiveAndNoOciArchive) {
  Build(ImageFormat::kDocker);
  EXPECT_THAT(WriteOciArchive(image_, kName, files_, kFile), HasErrorName("image-not-oci"));
  ASSERT_THAT(WriteDockerArchive(image_, kName, files_, kFile), IsOk());
  EXPECT_THAT(PathsOf(Entries()), Not(Contains("index.json")));
}

TEST_F(ImageArchiveTest, AnExportedImageIsABaseAgain) {
  ASSERT_THAT(WriteOciArchive(image_, {"x/cflinuxfs4", "1"}, files_, kFile), IsOk());
  const auto contents = ArchiveContents::Open(files_, kFile);
  ASSERT_THAT(contents, IsOk());
  const auto parts = FindRunImage(*contents, "1");
  ASSERT_THAT(parts, IsOk());
  EXPECT_EQ(parts->manifest_digest, image_.digest);
  const auto proven = ProveRunImage(*parts, {"cflinuxfs4", ""}, files_, kFolder);
  ASSERT_THAT(proven, IsOk());
  EXPECT_EQ(proven->layers.back().diff_id, image_.layers.back().diff_id);
}

TEST_F(ImageArchiveTest, TheFileDoesNotDependOnWhereItsLayersLie) {
  ASSERT_THAT(WriteOciArchive(image_, kName, files_, kFile), IsOk());
  const std::string first = *files_.Read(kFile, kPlenty);
  ASSERT_THAT(files_.MakeFolder("/elsewhere"), IsOk());
  const auto again = SampleImage(files_, "/elsewhere");
  ASSERT_THAT(again, IsOk());
  ASSERT_THAT(WriteOciArchive(*again, kName, files_, "/elsewhere/other.tar"), IsOk());
  EXPECT_TRUE(*files_.Read("/elsewhere/other.tar", kPlenty) == first);
}

TEST_F(ImageArchiveTest, AnImageWithoutANameAndWithEqualLayersIsWritten) {
  image_.layers.push_back(image_.layers.front());
  ASSERT_THAT(WriteOciArchive(image_, {}, files_, kFile), IsOk());
  const auto entries = Entries();
  EXPECT_FALSE(
      json::parse(Find(entries, "index.json")->content)["manifests"][0].contains("annotations"));
  EXPECT_EQ(json::parse(Find(entries, "manifest.json")->content)[0]["RepoTags"], json::array());
  EXPECT_EQ(json::parse(Find(entries, "manifest.json")->content)[0]["Layers"].size(), 6U);
  const auto paths = PathsOf(entries);
  EXPECT_EQ(
      std::count(paths.begin(), paths.end(), "blobs/sha256/" + image_.layers.front().digest.hex()),
      1);
}

TEST_F(ImageArchiveTest, ALayerThatChangedMeanwhileIsFoundAndLeavesNothing) {
  files_.FlipBit(image_.layers.back().range.file, 800);
  EXPECT_THAT(WriteOciArchive(image_, kName, files_, kFile), HasErrorName("layer-changed"));
  EXPECT_THAT(*files_.List(kOut), ElementsAre());
  ASSERT_THAT(files_.Replace(image_.layers.back().range.file, "short", FileAccess::kEveryone),
              IsOk());
  EXPECT_THAT(WriteOciArchive(image_, kName, files_, kFile), HasErrorName("layer-changed"));
  EXPECT_THAT(*files_.List(kOut), ElementsAre());
}

TEST_F(ImageArchiveTest, WhateverStopsTheDiskThereIsTheOldFileOrTheNewOneAndNoPart) {
  ASSERT_THAT(files_.Replace(kFile, "old", FileAccess::kEveryone), IsOk());
  files_.SetFreeBytes(100'000);
  EXPECT_THAT(WriteOciArchive(image_, kName, files_, kFile), HasErrorName("disk-full"));
  EXPECT_EQ(*files_.Read(kFile, kPlenty), "old");
  EXPECT_THAT(*files_.List(kOut), ElementsAre("cart.tar"));
  files_.SetFreeBytes(kPlenty);
  const uint64_t before = files_.steps();
  ASSERT_THAT(WriteOciArchive(image_, kName, files_, kFile), IsOk());
  const uint64_t steps = files_.steps() - before;
  const std::string whole = *files_.Read(kFile, kPlenty);
  for (uint64_t step = 1; step <= steps; ++step) {
    ASSERT_THAT(files_.Replace(kFile, "old", FileAccess::kEveryone), IsOk());
    files_.StopAtStep(step);
    WriteOciArchive(image_, kName, files_, kFile).IgnoreError();  // the crash is what is tested
    files_.Crash(step);
    const std::string found = *files_.Read(kFile, kPlenty);
    EXPECT_TRUE(found == "old" || found == whole) << step;
    files_.Remove(std::string(kFile) + ".partial").IgnoreError();  // there or not
  }
}

TEST_F(ImageArchiveTest, AnotherExportToTheSameFileIsRefusedAndNotDisturbed) {
  ASSERT_THAT(files_.Replace(std::string(kFile) + ".partial", "theirs", FileAccess::kEveryone),
              IsOk());
  EXPECT_THAT(WriteOciArchive(image_, kName, files_, kFile), HasErrorName("file-exists"));
  EXPECT_EQ(*files_.Read(std::string(kFile) + ".partial", kPlenty), "theirs");
}

}  // namespace
}  // namespace sluice::image

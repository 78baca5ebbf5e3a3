// A droplet becomes layers: the same bytes at every run, the droplet's tree in them, and nothing at
// all on the disk when the droplet is not what it was said to be.
#include "common/image/droplet_layers.h"

#include <string>

#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::image {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kFolder[] = "/work";

class DropletLayersTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(files_.MakeFolder(kFolder), IsOk()); }

  StatusOr<DropletLayers> Convert(const std::string& droplet, size_t piece_bytes = 4096) {
    return ConvertDroplet(ReaderOf(droplet, piece_bytes), crypto::Sha256Of(droplet),
                          R"({"process_types":{}})", files_, kFolder);
  }

  std::vector<EntryWithContent> Entries(const LayerBlob& layer) {
    auto entries = ReadLayer(files_, layer.file);
    EXPECT_THAT(entries, IsOk());
    return entries.ok() ? *std::move(entries) : std::vector<EntryWithContent>{};
  }

  void ExpectRefused(const std::string& droplet, const std::string& name) {
    EXPECT_THAT(Convert(droplet), HasErrorName(name));
    EXPECT_THAT(*files_.List(kFolder), IsEmpty()) << name;
  }

  FakeFiles files_;
};

std::string WholeDroplet() {
  return SmallDroplet()
      .File("./app/run", "#!/bin/sh", 0755)
      .HardLink("./app/again", "./app/run")
      .SymbolicLink("./app/etc", "/etc")
      .File("./app/" + std::string(255, 'n'), "long")
      .Folder("./deps")
      .Folder("./deps/0")
      .File("./deps/0/library", "library")
      .Folder("./profile.d")
      .File("./profile.d/0.sh", "export A=1")
      .Gzip();
}

TEST_F(DropletLayersTest, DependenciesAndAppAreApartAndBelowTheHomeOfVcap) {
  const auto layers = Convert(WholeDroplet());
  ASSERT_THAT(layers, IsOk());
  ASSERT_TRUE(layers->dependencies.has_value());
  EXPECT_THAT(
      PathsOf(Entries(*layers->dependencies)),
      ElementsAre("home/vcap/", "home/vcap/deps/", "home/vcap/deps/0/", "home/vcap/deps/0/library",
                  "home/vcap/profile.d/", "home/vcap/profile.d/0.sh"));
  const auto app = Entries(layers->app);
  EXPECT_THAT(PathsOf(app),
              ElementsAre("home/vcap/", "sluice/", "sluice/launch.json", "home/vcap/app/",
                          "home/vcap/staging_info.yml", "home/vcap/tmp/", "home/vcap/logs/",
                          "home/vcap/app/run", "home/vcap/app/again -> home/vcap/app/run",
                          "home/vcap/app/etc -> /etc", "home/vcap/app/" + std::string(255, 'n')));
  EXPECT_EQ(app[0].entry.mode, 0755U) << "the droplet's root is 0700, the image's is open";
  EXPECT_EQ(Find(app, "home/vcap/app/run")->content, "#!/bin/sh");
  EXPECT_EQ(Find(app, "home/vcap/app/run")->entry.mode, 0755U);
  EXPECT_EQ(Find(app, "sluice/launch.json")->content, R"({"process_types":{}})");
}

TEST_F(DropletLayersTest, TheSameDropletGivesTheSameBytesWhateverPiecesItCameIn) {
  const auto first = Convert(WholeDroplet());
  const auto second = Convert(WholeDroplet(), 1);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->app.digest, second->app.digest);
  EXPECT_EQ(first->app.diff_id, second->app.diff_id);
  EXPECT_EQ(first->dependencies->digest, second->dependencies->digest);
  EXPECT_EQ(first->app.file, std::string(kFolder) + "/" + first->app.digest.hex());
}

TEST_F(DropletLayersTest, DigestsAreThoseOfTheFileAndOfTheTarInIt) {
  const auto layers = Convert(WholeDroplet());
  ASSERT_THAT(layers, IsOk());
  const std::string blob = *files_.Read(layers->app.file, 1 << 20);
  EXPECT_EQ(crypto::Sha256Of(blob), layers->app.digest);
  EXPECT_EQ(blob.size(), layers->app.bytes);
  Gunzip gunzip(ReaderOf(blob));
  const auto tar = ReadAll([&gunzip](std::span<char> bytes) { return gunzip.Read(bytes); });
  ASSERT_THAT(tar, IsOk());
  EXPECT_EQ(crypto::Sha256Of(*tar), layers->app.diff_id);
  EXPECT_EQ(tar->size(), layers->app.tar_bytes);
}

TEST_F(DropletLayersTest, AnotherVersionOfTheAppKeepsTheDependenciesDigest) {
  const auto with_app = [this](const std::string& text) {
    return Convert(
        SmallDroplet().File("./deps/0/library", "library").File("./app/run", text).Gzip());
  };
  const auto first = with_app("1");
  const auto second = with_app("2");
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->dependencies->digest, second->dependencies->digest);
  EXPECT_NE(first->app.digest, second->app.digest);
}

TEST_F(DropletLayersTest, AHardLinkAcrossTheLayersBecomesACopyOnceAndLinksToIt) {
  const auto layers = Convert(SmallDroplet()
                                  .File("./deps/0/tool", "tool", 0755)
                                  .HardLink("./app/tool", "./deps/0/tool")
                                  .HardLink("./app/tool2", "./app/tool")
                                  .HardLink("./deps/0/tool3", "./app/tool2")
                                  .File("./app/asset", "asset")
                                  .HardLink("./deps/0/asset", "./app/asset")
                                  .Gzip());
  ASSERT_THAT(layers, IsOk());
  const auto app = Entries(layers->app);
  ASSERT_NE(Find(app, "home/vcap/app/tool"), nullptr);
  EXPECT_EQ(Find(app, "home/vcap/app/tool")->content, "tool");
  EXPECT_EQ(Find(app, "home/vcap/app/tool")->entry.mode, 0755U);
  EXPECT_EQ(Find(app, "home/vcap/app/tool2")->entry.link_target, "home/vcap/app/tool");
  const auto dependencies = Entries(*layers->dependencies);
  EXPECT_EQ(Find(dependencies, "home/vcap/deps/0/tool3")->entry.link_target,
            "home/vcap/deps/0/tool");
  EXPECT_EQ(Find(dependencies, "home/vcap/deps/0/asset")->content, "asset");
}

TEST_F(DropletLayersTest, WhatTheDropletLeavesOutIsMadeAsCloudFoundryWouldMakeIt) {
  const auto layers = Convert(TarBuilder().File("app/lib/x", "x").Gzip());
  ASSERT_THAT(layers, IsOk());
  EXPECT_FALSE(layers->dependencies.has_value());
  const auto app = Entries(layers->app);
  EXPECT_THAT(PathsOf(app), ElementsAre("home/vcap/", "sluice/", "sluice/launch.json",
                                        "home/vcap/app/lib/x", "home/vcap/app/",
                                        "home/vcap/app/lib/", "home/vcap/logs/", "home/vcap/tmp/"));
}

TEST_F(DropletLayersTest, EmptyFilesOddNamesAndPaxNamesPass) {
  const std::string odd = "./app/a b\n\"'\\\xc3\xbc";
  const auto layers =
      Convert(SmallDroplet().File(odd, "").Pax({"path=./app/paxed"}).File("short", "p").Gzip());
  ASSERT_THAT(layers, IsOk());
  const auto app = Entries(layers->app);
  EXPECT_NE(Find(app, "home/vcap/" + odd.substr(2)), nullptr);
  EXPECT_EQ(Find(app, "home/vcap/app/paxed")->content, "p");
}

TEST_F(DropletLayersTest, WhatALayerCannotHoldIsRefusedByNameAndLeavesNothing) {
  ExpectRefused(SmallDroplet().File("./app/.wh.x", "").Gzip(), "whiteout-name");
  ExpectRefused(SmallDroplet().File("../x", "").Gzip(), "parent-in-path");
  ExpectRefused(SmallDroplet().File("/x", "").Gzip(), "absolute-path");
  ExpectRefused(SmallDroplet().File("./app/x", "").File("./app/x", "").Gzip(), "duplicate-path");
  ExpectRefused(SmallDroplet().OfType("./app/x", '3').Gzip(), "special-file");
  ExpectRefused(SmallDroplet().OfType("./app/x", '6').Gzip(), "special-file");
  ExpectRefused(SmallDroplet().HardLink("./app/x", "./app/none").Gzip(),
                "hard-link-target-missing");
  ExpectRefused(SmallDroplet().SymbolicLink("./app/l", "/etc").File("./app/l/x", "").Gzip(),
                "path-through-file");
  ExpectRefused(TarBuilder().File("./x", "").Gzip(), "droplet-without-app");
  ExpectRefused(TarBuilder().File("./app", "").Gzip(), "droplet-without-app");
  ExpectRefused(SmallDroplet().Pax({"size=99999999999999"}).File("./app/x", "").Gzip(),
                "expanded-too-large");
}

TEST_F(DropletLayersTest, WhatIsNoDropletIsRefusedByName) {
  const std::string good = WholeDroplet();
  ExpectRefused("", "truncated-gzip");
  ExpectRefused("not a droplet", "bad-gzip");
  ExpectRefused(good.substr(0, good.size() / 2), "truncated-gzip");
  ExpectRefused(good.substr(0, good.size() - 1), "truncated-gzip");
  ExpectRefused(good + "garbage", "bytes-after-gzip");
  ExpectRefused(Gzipped(std::string(4096, 'x')), "bad-tar");
  ExpectRefused(Gzipped(SmallDroplet().Tar() + std::string(2 * kPaddingBytesMax, '\0')),
                "bytes-after-archive");
}

TEST_F(DropletLayersTest, SeveralGzipMembersAreOneDroplet) {
  const std::string tar = SmallDroplet().File("./app/x", std::string(5000, 'x')).Tar();
  const auto whole = Convert(Gzipped(tar));
  const auto in_two = Convert(Gzipped(tar.substr(0, 1000)) + Gzipped(tar.substr(1000)));
  ASSERT_THAT(in_two, IsOk());
  EXPECT_EQ(in_two->app.digest, whole->app.digest);
}

TEST_F(DropletLayersTest, AnyFlippedByteIsADigestThatDiffersAndLeavesNothing) {
  const std::string good = WholeDroplet();
  for (size_t index = 0; index < good.size(); index += 7) {
    std::string flipped = good;
    flipped[index] = static_cast<char>(flipped[index] ^ 0x20);
    EXPECT_THAT(ConvertDroplet(ReaderOf(flipped), crypto::Sha256Of(good), "{}", files_, kFolder),
                HasErrorName("digest-mismatch"))
        << index;
    ASSERT_THAT(*files_.List(kFolder), IsEmpty());
  }
}

TEST_F(DropletLayersTest, ASourceThatFailsIsToldAsItIs) {
  const std::string good = WholeDroplet();
  size_t reads = 0;
  const auto failing = [&](std::span<char> bytes) -> StatusOr<size_t> {
    if (++reads > 3) return NamedError(StatusCode::kUnavailable, "link-cut", "cut");
    std::copy_n(good.data() + (reads - 1) * 16, 16, bytes.data());
    return 16;
  };
  EXPECT_THAT(ConvertDroplet(failing, crypto::Sha256Of(good), "{}", files_, kFolder),
              HasErrorName("link-cut"));
  EXPECT_THAT(*files_.List(kFolder), IsEmpty());
}

TEST_F(DropletLayersTest, AFullDiskIsToldAndLeavesNothing) {
  std::string noise;
  for (uint32_t word = 1, index = 0; index < 300'000; ++index) {
    word = word * 1664525 + 1013904223;
    noise += static_cast<char>(word >> 24);
  }
  files_.SetFreeBytes(100'000);
  EXPECT_THAT(Convert(SmallDroplet().File("./app/x", noise).Gzip()), HasErrorName("disk-full"));
  EXPECT_THAT(*files_.List(kFolder), IsEmpty());
}

TEST_F(DropletLayersTest, ManySmallFilesPass) {
  TarBuilder droplet = SmallDroplet();
  for (int index = 0; index < 20'000; ++index) {
    droplet.File("./app/" + std::to_string(index % 100) + "/" + std::to_string(index), "x");
  }
  const auto layers = Convert(droplet.Gzip());
  ASSERT_THAT(layers, IsOk());
  EXPECT_THAT(PathsOf(Entries(layers->app)), Contains("home/vcap/app/99/19999"));
}

}  // namespace
}  // namespace sluice::image

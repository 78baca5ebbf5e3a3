// A base is taken from either kind of archive when it is what it is said to be, for the droplet's
// stack and this machine; everything else about it is refused by name, and leaves nothing behind.
#include "common/image/run_image.h"

#include <string>

#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/launcher_layer.h"
#include "common/image/run_image_archive.h"
#include "common/image/testing/run_image_bytes.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::image {
namespace {

using nlohmann::json;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kArchive[] = "/base.tar";
constexpr char kFolder[] = "/work";

class RunImageTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(files_.MakeFolder(kFolder), IsOk()); }

  StatusOr<RunImage> Open(const std::string& archive, const std::string& tag = "",
                          const RunImageRequirements& requirements = {"cflinuxfs4", ""}) {
    SLUICE_RETURN_IF_ERROR(files_.Replace(kArchive, archive, FileAccess::kEveryone));
    SLUICE_ASSIGN_OR_RETURN(const ArchiveContents contents,
                            ArchiveContents::Open(files_, kArchive));
    SLUICE_ASSIGN_OR_RETURN(const RunImageParts parts, FindRunImage(contents, tag));
    return ProveRunImage(parts, requirements, files_, kFolder);
  }

  void ExpectRefused(const std::string& archive, const std::string& name,
                     const std::string& tag = "") {
    EXPECT_THAT(Open(archive, tag), HasErrorName(name));
    EXPECT_THAT(*files_.List(kFolder), IsEmpty()) << name;
  }

  std::string BytesOf(const ImageLayer& layer) {
    const auto file = files_.OpenRandomAccess(layer.range.file, FileOpening::kReadOnly);
    EXPECT_THAT(file, IsOk());
    std::string bytes(layer.bytes, '\0');
    EXPECT_THAT((*file)->Read(layer.range.offset, bytes), IsOk());
    return bytes;
  }

  FakeFiles files_;
};

std::string WithConfig(std::function<void(json&)> change) {
  RunImageBytes base;
  base.change_config = std::move(change);
  return base.OciArchive();
}

std::string WithManifest(std::function<void(json&)> change) {
  RunImageBytes base;
  base.change_manifest = std::move(change);
  return base.OciArchive();
}

std::string WithIndex(std::function<void(json&)> change) {
  RunImageBytes base;
  base.change_index = std::move(change);
  return base.OciArchive();
}

TEST_F(RunImageTest, AnOciArchiveGivesItsConfigAndItsLayersWhereTheyLie) {
  const auto base = Open(RunImageBytes().OciArchive());
  ASSERT_THAT(base, IsOk());
  EXPECT_EQ(base->name, "docker.io/cloudfoundry/cflinuxfs4:1.0");
  EXPECT_TRUE(base->manifest_digest.has_value());
  EXPECT_EQ(base->config.user, "2000:2000");
  EXPECT_THAT(base->config.environment,
              ElementsAre(Pair("LANG", "en_US.UTF-8"), Pair("PATH", "/usr/bin:/bin")))
      << "and nothing else of it";
  EXPECT_THAT(base->config.history, SizeIs(3));
  ASSERT_THAT(base->layers, SizeIs(2));
  for (size_t index = 0; index < 2; ++index) {
    const ImageLayer& layer = base->layers[index];
    EXPECT_EQ(layer.range.file, kArchive) << "nothing is copied";
    EXPECT_EQ(crypto::Sha256Of(BytesOf(layer)), layer.digest);
    EXPECT_EQ(layer.diff_id, base->config.diff_ids[index]);
  }
  EXPECT_THAT(*files_.List(kFolder), IsEmpty());
}

TEST_F(RunImageTest, ADockerArchiveGivesTheSameLayers) {
  const auto from_oci = Open(RunImageBytes().OciArchive());
  const auto from_docker = Open(RunImageBytes().DockerArchive());
  ASSERT_THAT(from_oci, IsOk());
  ASSERT_THAT(from_docker, IsOk());
  EXPECT_EQ(from_docker->config.diff_ids, from_oci->config.diff_ids);
  EXPECT_EQ(from_docker->layers[1].digest, from_oci->layers[1].digest);
  EXPECT_EQ(from_docker->manifest_digest, std::nullopt) << "such an archive has none";
}

TEST_F(RunImageTest, PlainTarsAreCompressedIntoTheFolder) {
  RunImageBytes plain;
  plain.plain_tars = true;
  for (const std::string& archive : {plain.DockerArchive(), plain.OciArchive()}) {
    const auto base = Open(archive);
    ASSERT_THAT(base, IsOk());
    for (const ImageLayer& layer : base->layers) {
      EXPECT_EQ(layer.range.file, kFolder + ("/" + layer.digest.hex()));
      EXPECT_EQ(crypto::Sha256Of(BytesOf(layer)), layer.digest);
      EXPECT_THAT(ReadLayer(files_, layer.range.file), IsOk());
    }
  }
}

TEST_F(RunImageTest, TheStackIsToldByLabelOrNameOrOperatorAndMustBeTheDroplets) {
  const auto named = [this](const std::string& name, const RunImageRequirements& requirements) {
    RunImageBytes base;
    base.name = name;
    return Open(base.OciArchive(), "", requirements);
  };
  EXPECT_THAT(named("registry.example:5000/x/cflinuxfs4@sha256:00", {"cflinuxfs4", ""}), IsOk());
  EXPECT_THAT(named("cflinuxfs4:latest", {"cflinuxfs4", ""}), IsOk());
  EXPECT_THAT(named("cloudfoundry/cflinuxfs3:1", {"cflinuxfs4", ""}),
              HasErrorName("base-for-another-stack"));
  EXPECT_THAT(named("latest", {"cflinuxfs4", ""}), HasErrorName("base-stack-unknown"));
  EXPECT_THAT(named("latest", {"cflinuxfs4", "cflinuxfs4"}), IsOk());
  EXPECT_THAT(named("latest", {"cflinuxfs4", "cflinuxfs3"}),
              HasErrorName("base-for-another-stack"));
  EXPECT_THAT(named("cflinuxfs4:1", {"", ""}), HasErrorName("base-stack-unknown"));
  ExpectRefused(WithConfig([](json& config) {
                  config["config"]["Labels"]["io.buildpacks.stack.id"] =
                      "org.cloudfoundry.stacks.cflinuxfs3";
                }),
                "base-for-another-stack");
}

TEST_F(RunImageTest, AnotherSystemOrArchitectureIsRefused) {
  ExpectRefused(WithConfig([](json& config) { config["os"] = "windows"; }),
                "base-for-another-system");
  ExpectRefused(WithConfig([](json& config) { config["architecture"] = "s390x"; }),
                "base-for-another-architecture");
  ExpectRefused(WithConfig([](json& config) { config.erase("architecture"); }),
                "base-for-another-architecture");
}

TEST_F(RunImageTest, AnIndexOfPlatformsGivesThisMachines) {
  std::string inner;
  const auto with_platforms = [&inner](const std::string& architecture) {
    std::string added;
    RunImageBytes base;
    base.change_index = [&](json& index) {
      json image = index["manifests"][0];
      json other = image;
      other["digest"] = "sha256:" + std::string(64, '0');
      other["platform"] = {{"os", "linux"}, {"architecture", "s390x"}};
      image["platform"] = {{"os", "linux"}, {"architecture", architecture}};
      inner = json({{"schemaVersion", 2}, {"manifests", {other, image}}}).dump();
      index["manifests"] = json::array(
          {{{"mediaType", "application/vnd.oci.image.index.v1+json"},
            {"digest", "sha256:" + crypto::Sha256Of(inner).hex()},
            {"size", inner.size()},
            {"annotations", {{"org.opencontainers.image.ref.name", "x/cflinuxfs4:1"}}}}});
    };
    const std::string archive = base.OciArchive();
    const std::string entry =
        TarBuilder().File("blobs/sha256/" + crypto::Sha256Of(inner).hex(), inner).Tar();
    return entry.substr(0, entry.size() - 1024) + archive;
  };
  EXPECT_THAT(Open(with_platforms(std::string(LauncherArchitecture()))), IsOk());
  ExpectRefused(with_platforms("riscv64"), "base-for-another-architecture");
}

TEST_F(RunImageTest, SeveralImagesAreToldApartByTheirTag) {
  const auto two = [](json& index) {
    json other = index["manifests"][0];
    other["annotations"]["org.opencontainers.image.ref.name"] = "docker.io/x/cflinuxfs3:old";
    index["manifests"].push_back(other);
  };
  ExpectRefused(WithIndex(two), "base-ambiguous");
  EXPECT_THAT(Open(WithIndex(two), "1.0"), IsOk());
  EXPECT_THAT(Open(WithIndex(two), "docker.io/cloudfoundry/cflinuxfs4:1.0"), IsOk());
  ExpectRefused(WithIndex(two), "base-for-another-stack", "old");
  ExpectRefused(WithIndex(two), "base-no-such-tag", "2.0");
  ExpectRefused(WithIndex([](json& index) { index["manifests"] = json::array(); }),
                "base-ambiguous");
  EXPECT_THAT(Open(RunImageBytes().DockerArchive(), "1.0"), IsOk());
  ExpectRefused(RunImageBytes().DockerArchive(), "base-no-such-tag", "2.0");
}

TEST_F(RunImageTest, LayersThatAreNotWhatTheyAreSaidToBeAreFound) {
  const std::string other = "sha256:" + std::string(64, 'a');
  ExpectRefused(WithConfig([&](json& config) { config["rootfs"]["diff_ids"][1] = other; }),
                "base-layer-mismatch");
  RunImageBytes docker;
  docker.change_config = [&](json& config) { config["rootfs"]["diff_ids"][0] = other; };
  ExpectRefused(docker.DockerArchive(), "base-layer-mismatch");
  docker.plain_tars = true;
  ExpectRefused(docker.DockerArchive(), "base-layer-mismatch");
  ExpectRefused(WithManifest([&](json& manifest) { manifest["layers"][0]["digest"] = other; }),
                "base-blob-missing");
  ExpectRefused(WithManifest([](json& manifest) { manifest["layers"][0]["size"] = 1; }),
                "base-blob-mismatch");
  ExpectRefused(WithManifest([](json& manifest) { manifest["layers"].erase(0); }),
                "base-malformed");
  ExpectRefused(WithManifest([](json& manifest) {
                  manifest["layers"][0]["mediaType"] =
                      "application/vnd.oci.image.layer.v1.tar+zstd";
                }),
                "base-layer-type");
}

TEST_F(RunImageTest, AnyFlippedByteOfABlobIsFound) {
  const std::string good = RunImageBytes().OciArchive();

  const auto entries = *ReadTar(good);
  for (size_t flipped = 0; flipped < entries.size(); ++flipped) {
    if (!entries[flipped].entry.path.starts_with("blobs/")) continue;
    TarBuilder damaged;
    for (size_t index = 0; index < entries.size(); ++index) {
      std::string content = entries[index].content;
      if (index == flipped) content[content.size() / 2] ^= 1;
      damaged.File(entries[index].entry.path, content);
    }
    EXPECT_THAT(Open(damaged.Tar()),
                AnyOf(HasErrorName("base-blob-mismatch"), HasErrorName("base-layer-mismatch"),
                      HasErrorName("bad-gzip"), HasErrorName("truncated-gzip")))
        << entries[flipped].entry.path;
  }
}

TEST_F(RunImageTest, WhatIsNoImageIsRefusedByName) {
  ExpectRefused(TarBuilder().File("etc/passwd", "root").Tar(), "base-not-an-archive");
  ExpectRefused(WithIndex([](json& index) { index = "text"; }), "base-malformed");
  ExpectRefused(WithIndex([](json& index) { index["manifests"][0]["digest"] = "md5:0"; }),
                "base-malformed");
  ExpectRefused(WithConfig([](json& config) { config["rootfs"]["diff_ids"] = "one"; }),
                "base-malformed");
  ExpectRefused(WithConfig([](json& config) { config["config"]["Env"] = {1}; }), "base-malformed");
  ExpectRefused(WithConfig([](json& config) {
                  for (int depth = 0; depth < 100; ++depth) config = json::array({config});
                }),
                "base-malformed");
  ExpectRefused(WithConfig([](json& config) {
                  config["rootfs"]["diff_ids"] = std::vector<std::string>(
                      kImageLayersMax + 1, "sha256:" + std::string(64, '0'));
                }),
                "base-too-many-layers");
  ExpectRefused(WithConfig([](json& config) {
                  config["history"] = std::vector<json>(kHistoryEntriesMax + 1, json::object());
                }),
                "base-malformed");
}

TEST_F(RunImageTest, AHistoryThatDoesNotGoWithTheLayersIsLeftOut) {
  const auto base = Open(WithConfig([](json& config) { config["history"].erase(0); }));
  ASSERT_THAT(base, IsOk());
  EXPECT_THAT(base->config.history, IsEmpty());
}

}  // namespace
}  // namespace sluice::image

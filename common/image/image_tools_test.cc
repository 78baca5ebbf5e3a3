// Images of ours in the hands of other people's tools: skopeo reads and copies them, umoci unpacks
// them (it checks diff_ids), bubblewrap runs what came out; and theirs in our hands as a base.
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/image_archive.h"
#include "common/image/run_image_archive.h"
#include "common/image/testing/run_image_bytes.h"
#include "common/image/testing/sample_image.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::image {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr size_t kPlenty = size_t{64} << 20;
const ImageName kName = {"registry.example/shop/cart", "1.2"};

struct Outcome {
  int exit_code = -1;
  std::string output;  // of both streams
};

class ImageToolsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "sluice-image-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    work_ = folder_ + "/work";
    ASSERT_THAT(files_.MakeFolder(work_), IsOk());
    file_ = folder_ + "/cart.tar";
  }

  void TearDown() override { std::filesystem::remove_all(folder_); }

  // In the test's folder; what is written to standard error belongs to the outcome.
  Outcome Run(const std::string& command) {
    const std::string whole = absl::StrCat("cd ", folder_, " && exec 2>&1 && ", command);
    FILE* const shell = popen(whole.c_str(), "r");
    Outcome outcome;
    char piece[4096];
    for (size_t count = 0; (count = fread(piece, 1, sizeof piece, shell)) > 0;) {
      outcome.output.append(piece, count);
    }
    const int status = pclose(shell);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
  }

  json Inspect(const std::string& source) {
    const Outcome outcome = Run("skopeo inspect " + source);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return json::parse(outcome.output, nullptr, false);
  }

  void WriteSample(ImageFormat format = ImageFormat::kOci) {
    auto image = SampleImage(files_, work_, format);
    ASSERT_THAT(image, IsOk());
    image_ = *std::move(image);
    ASSERT_THAT(WriteDockerArchive(image_, kName, files_, file_), IsOk());
  }

  Outcome Unpack() {
    return Run(
        "mkdir layout && tar -xf cart.tar -C layout && "
        "umoci unpack --rootless --image layout:1.2 bundle");
  }

  // Bash and what it is linked to, as files of a base's layer.
  std::string LayerWithBash() {
    TarBuilder tar;
    tar.Folder("bin").SymbolicLink("bin/sh", "bash").Folder("dev").Folder("proc").Folder("tmp");
    std::vector<std::string> paths = {"/bin/bash"};
    const Outcome libraries = Run("ldd /bin/bash | grep -o '/[^ ]*'");
    for (const absl::string_view line : absl::StrSplit(libraries.output, '\n', absl::SkipEmpty())) {
      paths.emplace_back(line);
    }
    for (const std::string& path : paths) {
      const auto content = files_.Read(path, kPlenty);
      EXPECT_THAT(content, IsOk());
      tar.File(path.substr(1), *content, 0755);
    }
    return tar.Tar();
  }

  SystemFiles files_;
  std::string folder_;
  std::string work_;
  std::string file_;
  Image image_;
};

TEST_F(ImageToolsTest, SkopeoReadsTheFileAsAnOciArchiveAndFindsOurDigestAndLabels) {
  WriteSample();
  const json found = Inspect("oci-archive:cart.tar:1.2");
  EXPECT_EQ(found["Digest"], "sha256:" + image_.digest.hex());
  EXPECT_EQ(found["Layers"].size(), image_.layers.size());
  EXPECT_EQ(found["Labels"]["dev.sluice.app"], "cart");
  EXPECT_EQ(found["Created"], "2026-09-21T14:13:20Z");
  EXPECT_EQ(found["Os"], "linux");
}

TEST_F(ImageToolsTest, SkopeoReadsBothFormatsAsADockerArchive) {
  for (const ImageFormat format : {ImageFormat::kOci, ImageFormat::kDocker}) {
    WriteSample(format);
    for (const char* source :
         {"docker-archive:cart.tar", "docker-archive:cart.tar:registry.example/shop/cart:1.2"}) {
      const json found = Inspect(source);
      EXPECT_EQ(found["Labels"]["dev.sluice.foundation"], "dev") << source;
      EXPECT_EQ(found["Layers"].size(), image_.layers.size()) << source;
    }
  }
}

TEST_F(ImageToolsTest, SkopeoCopiesItAndKeepsEveryDigest) {
  WriteSample();
  const Outcome copied = Run("skopeo copy oci-archive:cart.tar:1.2 oci:copied:1.2");
  ASSERT_EQ(copied.exit_code, 0) << copied.output;
  EXPECT_EQ(*files_.Read(folder_ + "/copied/blobs/sha256/" + image_.digest.hex(), kPlenty),
            image_.manifest);
}

TEST_F(ImageToolsTest, UmociUnpacksItToTheTreeThatTarMakesOfTheDroplet) {
  WriteSample();
  const Outcome unpacked = Unpack();
  ASSERT_EQ(unpacked.exit_code, 0) << unpacked.output;
  ASSERT_THAT(files_.Replace(folder_ + "/droplet.tgz", SampleDroplet(), FileAccess::kEveryone),
              IsOk());
  const Outcome same = Run(
      "mkdir droplet && tar -xzf droplet.tgz -C droplet && "
      "diff -r --no-dereference droplet bundle/rootfs/home/vcap && "
      "(cd droplet && find . -mindepth 1 -printf '%m %y %l %P\\n' | sort) > a && "
      "(cd bundle/rootfs/home/vcap && find . -mindepth 1 -printf '%m %y %l %P\\n' | sort) > b && "
      "diff a b");
  EXPECT_EQ(same.exit_code, 0) << same.output;
  const json process =
      json::parse(*files_.Read(folder_ + "/bundle/config.json", kPlenty))["process"];
  EXPECT_EQ(process["args"], json({"/sluice/launcher"}));
  EXPECT_EQ(process["cwd"], "/home/vcap/app");
}

TEST_F(ImageToolsTest, UmociFindsADiffIdThatIsWrong) {
  WriteSample();
  const std::string right = image_.layers.back().diff_id.hex();
  image_.config = absl::StrReplaceAll(image_.config, {{right, std::string(64, 'a')}});
  const std::string old_config = image_.config_digest.hex();
  image_.config_digest = crypto::Sha256Of(image_.config);
  image_.manifest =
      absl::StrReplaceAll(image_.manifest, {{old_config, image_.config_digest.hex()}});
  image_.digest = crypto::Sha256Of(image_.manifest);
  ASSERT_THAT(WriteOciArchive(image_, kName, files_, file_), IsOk());
  const Outcome refused = Unpack();
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.output, HasSubstr("diffid mismatch"));
}

TEST_F(ImageToolsTest, WhatUmociUnpackedStartsTheAppAsVcapAndAsAnyOtherUser) {
  RunImageBytes base;
  base.layer_tars = {LayerWithBash()};
  base.change_config = [](json& config) { config.erase("history"); };
  const auto run_image = SampleRunImage(files_, work_, base.DockerArchive());
  ASSERT_THAT(run_image, IsOk());
  const std::string droplet = SampleDroplet();
  const auto image =
      BuildImage(SampleRecipe(droplet), *run_image, ReaderOf(droplet), files_, work_);
  ASSERT_THAT(image, IsOk());
  ASSERT_THAT(WriteOciArchive(*image, kName, files_, file_), IsOk());
  const Outcome unpacked = Unpack();
  ASSERT_EQ(unpacked.exit_code, 0) << unpacked.output;
  for (const char* user : {"2000", "1234567"}) {
    const Outcome ran = Run(absl::StrCat(
        "bwrap --unshare-all --uid ", user, " --gid ", user,
        " --clearenv --ro-bind bundle/rootfs / --dev /dev --proc /proc --tmpfs /tmp --setenv "
        "PORT 4711 /sluice/launcher"));
    EXPECT_EQ(ran.exit_code, 0);
    EXPECT_EQ(ran.output,
              "Invoking pre-start scripts.\nInvoking start command.\n"
              "hello on 4711 as ./server, from a profile: yes\n")
        << user;
  }
}

TEST_F(ImageToolsTest, WhatSkopeoWritesIsABaseInEitherForm) {
  WriteSample();
  for (const char* form : {"oci-archive", "docker-archive"}) {
    const std::string name = form == std::string("oci-archive") ? "1.2" : "x/cflinuxfs4:1.2";
    const Outcome copied = Run(absl::StrCat(
        "rm -f base.tar && skopeo copy oci-archive:cart.tar:1.2 ", form, ":base.tar:", name));
    ASSERT_EQ(copied.exit_code, 0) << copied.output;
    const auto contents = ArchiveContents::Open(files_, folder_ + "/base.tar");
    ASSERT_THAT(contents, IsOk());
    const auto parts = FindRunImage(*contents, "1.2");
    ASSERT_THAT(parts, IsOk());
    const auto proven = ProveRunImage(*parts, {"cflinuxfs4", "cflinuxfs4"}, files_, work_);
    ASSERT_THAT(proven, IsOk()) << form;
    EXPECT_EQ(proven->layers.size(), image_.layers.size());
    EXPECT_EQ(proven->config.diff_ids.back(), image_.layers.back().diff_id);
  }
}

}  // namespace
}  // namespace sluice::image

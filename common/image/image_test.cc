// An image says what it was made of and how it starts, and no more; it is the same bytes whenever
// and wherever it is made.
#include "common/image/image.h"

#include <string>

#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/launcher_layer.h"
#include "common/image/testing/run_image_bytes.h"
#include "common/image/testing/sample_image.h"
#include "common/image/testing/tar_bytes.h"
#include "common/registry/digest_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::image {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFolder[] = "/work";

class ImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(files_.MakeFolder(kFolder), IsOk());
    UseRunImage(RunImageBytes());
  }

  void UseRunImage(const RunImageBytes& bytes) {
    auto base = SampleRunImage(files_, kFolder, bytes.OciArchive());
    ASSERT_THAT(base, IsOk());
    base_ = *std::move(base);
  }

  StatusOr<Image> Build(const ImageRecipe& recipe, size_t piece_bytes = 4096) {
    return BuildImage(recipe, base_, ReaderOf(droplet_, piece_bytes), files_, kFolder);
  }

  json ConfigOf(const ImageRecipe& recipe) {
    const auto image = Build(recipe);
    EXPECT_THAT(image, IsOk());
    return image.ok() ? json::parse(image->config) : json();
  }

  FakeFiles files_;
  RunImage base_;
  const std::string droplet_ = SampleDroplet();
  ImageRecipe recipe_ = SampleRecipe(droplet_);
};

TEST_F(ImageTest, LayersAreTheBasesThenLauncherDependenciesAndApp) {
  const auto image = Build(recipe_);
  ASSERT_THAT(image, IsOk());
  ASSERT_EQ(image->layers.size(), 5U);
  EXPECT_EQ(image->layers[0], base_.layers[0]);
  EXPECT_EQ(image->layers[1], base_.layers[1]);
  const auto holds = [&](size_t index, const std::string& path) {
    const auto entries = ReadLayer(files_, image->layers[index].range.file);
    return entries.ok() && Find(*entries, path) != nullptr;
  };
  EXPECT_TRUE(holds(2, "sluice/launcher"));
  EXPECT_TRUE(holds(3, "home/vcap/deps/0/library"));
  EXPECT_TRUE(holds(4, "home/vcap/app/server"));
}

TEST_F(ImageTest, TheConfigStartsTheLauncherAsVcapWithTheBasesPathAndLanguageOnly) {
  const json document = ConfigOf(recipe_);
  const json& config = document["config"];
  EXPECT_EQ(config["Entrypoint"], json({"/sluice/launcher"}));
  EXPECT_FALSE(config.contains("Cmd"));
  EXPECT_FALSE(config.contains("Healthcheck"));
  EXPECT_EQ(config["User"], "2000:2000");
  EXPECT_EQ(config["WorkingDir"], "/home/vcap/app");
  EXPECT_EQ(config["Env"], json({"LANG=en_US.UTF-8", "PATH=/usr/bin:/bin"}));
  EXPECT_EQ(config["ExposedPorts"], json({{"8080/tcp", json::object()}}));
  EXPECT_EQ(document["os"], "linux");
  EXPECT_EQ(document["architecture"], LauncherArchitecture());
  EXPECT_EQ(document["created"], "2026-09-21T14:13:20Z");
}

TEST_F(ImageTest, ARunImageOfRootOrNobodyRunsAsVcap) {
  for (const char* user : {"", "root", "0", "1000"}) {
    RunImageBytes bytes;
    bytes.change_config = [&](json& config) { config["config"]["User"] = user; };
    UseRunImage(bytes);
    EXPECT_EQ(ConfigOf(recipe_)["config"]["User"], "2000:2000") << user;
  }
  RunImageBytes by_name;
  by_name.change_config = [](json& config) { config["config"]["User"] = "vcap"; };
  UseRunImage(by_name);
  EXPECT_EQ(ConfigOf(recipe_)["config"]["User"], "vcap");
}

TEST_F(ImageTest, ManifestConfigAndLayersAreTiedByTheirDigestsInOneOrder) {
  const auto image = Build(recipe_);
  ASSERT_THAT(image, IsOk());
  const json manifest = json::parse(image->manifest);
  const json config = json::parse(image->config);
  EXPECT_EQ(crypto::Sha256Of(image->manifest), image->digest);
  EXPECT_EQ(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
  EXPECT_EQ(manifest["config"]["digest"], registry::FormatDigest(crypto::Sha256Of(image->config)));
  EXPECT_EQ(manifest["config"]["size"], image->config.size());
  ASSERT_EQ(manifest["layers"].size(), image->layers.size());
  ASSERT_EQ(config["rootfs"]["diff_ids"].size(), image->layers.size());
  for (size_t index = 0; index < image->layers.size(); ++index) {
    const json& layer = manifest["layers"][index];
    EXPECT_EQ(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
    EXPECT_EQ(layer["digest"], registry::FormatDigest(image->layers[index].digest));
    EXPECT_EQ(layer["size"], image->layers[index].bytes);
    EXPECT_EQ(config["rootfs"]["diff_ids"][index],
              registry::FormatDigest(image->layers[index].diff_id));
  }
}

TEST_F(ImageTest, TheHistoryHasAsManyEntriesAsLayersEvenWhenTheBaseHasNone) {
  const auto with_layer = [](const json& history) {
    size_t count = 0;
    for (const json& entry : history) count += entry.contains("empty_layer") ? 0 : 1;
    return count;
  };
  const json history = ConfigOf(recipe_)["history"];
  EXPECT_EQ(history[0]["created_by"], "one");
  EXPECT_EQ(history[1]["empty_layer"], true);
  EXPECT_EQ(history.back()["created_by"],
            "sluice export: app of droplet sha256:" + recipe_.droplet.digest.hex());
  EXPECT_EQ(with_layer(history), 5U);
  RunImageBytes without;
  without.change_config = [](json& config) { config.erase("history"); };
  UseRunImage(without);
  EXPECT_EQ(with_layer(ConfigOf(recipe_)["history"]), 5U);
}

TEST_F(ImageTest, LabelsAndAnnotationsSayWhereItComesFromAndAreTheSame) {
  const auto image = Build(recipe_);
  ASSERT_THAT(image, IsOk());
  const json labels = json::parse(image->config)["config"]["Labels"];
  EXPECT_EQ(labels, json::parse(image->manifest)["annotations"]);
  EXPECT_EQ(labels["dev.sluice.droplet-digest"], registry::FormatDigest(recipe_.droplet.digest));
  EXPECT_EQ(labels["dev.sluice.foundation"], "dev");
  EXPECT_EQ(labels["dev.sluice.promotion"], "promotion-id");
  EXPECT_EQ(labels["dev.sluice.buildpacks"], R"([{"name":"go_buildpack","version":"1.10.1"}])");
  EXPECT_EQ(labels["dev.sluice.process-types"], R"(["web","worker"])");
  EXPECT_EQ(labels["org.opencontainers.image.base.name"], base_.name);
  EXPECT_EQ(labels["org.opencontainers.image.base.digest"],
            registry::FormatDigest(*base_.manifest_digest));
}

TEST_F(ImageTest, WhatIsUnknownIsNotSaid) {
  recipe_.promotion_id.clear();
  recipe_.droplet.buildpacks.clear();
  const json labels = ConfigOf(recipe_)["config"]["Labels"];
  EXPECT_FALSE(labels.contains("dev.sluice.promotion"));
  EXPECT_FALSE(labels.contains("dev.sluice.buildpacks"));
}

TEST_F(ImageTest, DockersFormatHasDockersMediaTypesAndTheSameConfig) {
  const auto oci = Build(recipe_);
  recipe_.format = ImageFormat::kDocker;
  const auto docker = Build(recipe_);
  ASSERT_THAT(oci, IsOk());
  ASSERT_THAT(docker, IsOk());
  EXPECT_EQ(docker->config, oci->config);
  const json manifest = json::parse(docker->manifest);
  EXPECT_EQ(manifest["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
  EXPECT_EQ(manifest["config"]["mediaType"], "application/vnd.docker.container.image.v1+json");
  EXPECT_EQ(manifest["layers"][4]["mediaType"],
            "application/vnd.docker.image.rootfs.diff.tar.gzip");
  EXPECT_FALSE(manifest.contains("annotations"));
}

TEST_F(ImageTest, TheSameInputsGiveTheSameDigestAndEachOtherInputAnother) {
  const auto first = Build(recipe_);
  const auto again = Build(recipe_, 7);
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(again, IsOk());
  EXPECT_EQ(again->digest, first->digest);
  EXPECT_EQ(again->manifest, first->manifest);
  const auto differs = [&](void (*change)(ImageRecipe&)) {
    ImageRecipe changed = recipe_;
    change(changed);
    const auto image = Build(changed);
    return image.ok() && image->digest != first->digest;
  };
  EXPECT_TRUE(differs([](ImageRecipe& recipe) { recipe.process = "worker"; }));
  EXPECT_TRUE(differs([](ImageRecipe& recipe) { recipe.created += absl::Seconds(1); }));
  EXPECT_TRUE(differs([](ImageRecipe& recipe) { recipe.environment["A"] = "1"; }));
  EXPECT_TRUE(differs([](ImageRecipe& recipe) { recipe.droplet.space = "other"; }));
}

TEST_F(ImageTest, TheProcessTypeIsTheLaunchRecordsAndMustBeOneOfTheDroplets) {
  recipe_.process = "worker";
  const auto image = Build(recipe_);
  ASSERT_THAT(image, IsOk());
  const auto app = *ReadLayer(files_, image->layers.back().range.file);
  const json record = json::parse(Find(app, "sluice/launch.json")->content);
  EXPECT_EQ(record["default_process_type"], "worker");
  EXPECT_EQ(record["process_types"]["worker"], "./server worker");
  EXPECT_EQ(record["application_name"], "cart");
  recipe_.process = "clock";
  EXPECT_THAT(Build(recipe_), HasErrorName("no-such-process-type"));
  recipe_.process = "web";
  recipe_.droplet.process_types.clear();
  EXPECT_THAT(Build(recipe_), IsOk()) << "staging_info.yml has the web command";
}

TEST_F(ImageTest, VariablesThatWereNamedEnterAndCredentialsNever) {
  recipe_.environment = {{"GREETING", "hello=there"}, {"PATH", "/app/bin"}};
  EXPECT_EQ(ConfigOf(recipe_)["config"]["Env"],
            json({"GREETING=hello=there", "LANG=en_US.UTF-8", "PATH=/app/bin"}));
  for (const char* name :
       {"VCAP_SERVICES", "DATABASE_URL", "VCAP_PLATFORM_OPTIONS", "", "A=B", "1A", "A B"}) {
    recipe_.environment = {{name, "value-of-a-secret"}};
    const auto refused = Build(recipe_);
    EXPECT_THAT(refused, HasErrorName("variable-not-exportable")) << name;
    EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr("value-of-a-secret")));
  }
  recipe_.environment = {{"A", std::string("a\0b", 3)}};
  EXPECT_THAT(Build(recipe_), HasErrorName("variable-not-exportable"));
}

TEST_F(ImageTest, WhatJsonCannotHoldIsRefusedBeforeAByteOfTheDropletIsRead) {
  const auto refuses = [this](void (*change)(ImageRecipe&)) {
    ImageRecipe changed = recipe_;
    change(changed);
    const auto unread = [](std::span<char>) -> StatusOr<size_t> {
      ADD_FAILURE() << "the droplet was read";
      return 0;
    };
    return BuildImage(changed, base_, unread, files_, kFolder).status();
  };
  EXPECT_THAT(refuses([](ImageRecipe& recipe) { recipe.droplet.app_name = "\xff"; }),
              HasErrorName("text-not-utf8"));
  EXPECT_THAT(refuses([](ImageRecipe& recipe) { recipe.droplet.space = "\xff"; }),
              HasErrorName("text-not-utf8"));
  EXPECT_THAT(refuses([](ImageRecipe& recipe) { recipe.environment["A"] = "\xff"; }),
              HasErrorName("text-not-utf8"));
  EXPECT_THAT(refuses([](ImageRecipe& recipe) { recipe.droplet.process_types["web"] = "\xff"; }),
              HasErrorName("text-not-utf8"));
}

TEST_F(ImageTest, TooManyLayersForAnEngineAreRefused) {
  base_.layers.resize(kImageLayersMax - 2, base_.layers[0]);
  EXPECT_THAT(Build(recipe_), HasErrorName("image-too-many-layers"));
}

}  // namespace
}  // namespace sluice::image

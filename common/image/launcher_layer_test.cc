// The launcher's layer holds the program that was built, runnable by anybody, and nothing of the
// time or place of the build.
#include "common/image/launcher_layer.h"

#include <string>

#include "common/base/files.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::image {
namespace {

using ::testing::ElementsAre;

class LauncherLayerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(files_.MakeFolder("/work"), IsOk()); }
  FakeFiles files_;
};

TEST_F(LauncherLayerTest, TheProgramThatWasBuiltIsInItAndAnybodyMayRunIt) {
  const auto layer = WriteLauncherLayer(files_, "/work");
  ASSERT_THAT(layer, IsOk());
  const auto entries = ReadLayer(files_, layer->file);
  ASSERT_THAT(entries, IsOk());
  EXPECT_THAT(PathsOf(*entries), ElementsAre("sluice/", "sluice/launcher"));
  for (const EntryWithContent& each : *entries) {
    EXPECT_EQ(each.entry.mode, 0755U);
    EXPECT_EQ(each.entry.owner, 0U);
    EXPECT_EQ(each.entry.modified_seconds, 0);
  }
  const auto built = SystemFiles().Read(SLUICE_BINARY_DIR "/bin/sluice-launcher", 1 << 28);
  ASSERT_THAT(built, IsOk());
  EXPECT_TRUE(entries->back().content == *built);
}

TEST_F(LauncherLayerTest, TheSameBuildGivesTheSameLayer) {
  const auto first = WriteLauncherLayer(files_, "/work");
  const auto second = WriteLauncherLayer(files_, "/work");
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(first->digest, second->digest);
}

TEST_F(LauncherLayerTest, NothingInItSaysWhereItWasBuilt) {
  const auto layer = WriteLauncherLayer(files_, "/work");
  ASSERT_THAT(layer, IsOk());
  const auto entries = ReadLayer(files_, layer->file);
  ASSERT_THAT(entries, IsOk());
  EXPECT_EQ(entries->back().content.find(SLUICE_SOURCE_DIR), std::string::npos);
}

}  // namespace
}  // namespace sluice::image

// The table of what enters an image: each rule with an entry that keeps it and one that breaks it.
#include "common/image/droplet_entry.h"

#include <string>

#include "common/base/testing/status_matchers.h"
#include "common/image/droplet_paths.h"
#include "gtest/gtest.h"

namespace sluice::image {
namespace {

TarEntry Entry(std::string path, EntryKind kind = EntryKind::kFile, std::string target = "") {
  TarEntry entry;
  entry.path = std::move(path);
  entry.kind = kind;
  entry.link_target = std::move(target);
  return entry;
}

struct PathCase {
  std::string given;
  std::string placed;  // or the name of the refusal
};

// A path of so many bytes, below short names.
std::string Deep(size_t bytes) {
  std::string path = "app";
  while (path.size() + 200 < bytes) path += "/" + std::string(99, 'd');
  return path + "/" + std::string(bytes - path.size() - 1, 'x');
}

class DropletPath : public ::testing::TestWithParam<PathCase> {};

TEST_P(DropletPath, IsPlacedInHomeOrRefusedByName) {
  const auto placed = PlaceEntry(Entry(GetParam().given));
  const std::string result = !placed.ok()           ? ErrorName(placed.status())
                             : !placed->has_value() ? "(root)"
                                                    : (*placed)->entry.path;
  EXPECT_EQ(result, GetParam().placed) << GetParam().given;
}

INSTANTIATE_TEST_SUITE_P(
    All, DropletPath,
    ::testing::Values(
        PathCase{"./app/run", "home/vcap/app/run"}, PathCase{"app/run", "home/vcap/app/run"},
        PathCase{"./app/./run", "home/vcap/app/run"}, PathCase{"./app/", "home/vcap/app"},
        PathCase{"./app/..run", "home/vcap/app/..run"},
        PathCase{"./app/gr\xc3\xbc\xc3\x9f", "home/vcap/app/gr\xc3\xbc\xc3\x9f"},
        PathCase{"./app/a\nb", "home/vcap/app/a\nb"}, PathCase{"./app/.wh", "home/vcap/app/.wh"},
        PathCase{"/app/run", "absolute-path"}, PathCase{"//app", "absolute-path"},
        PathCase{"../app", "parent-in-path"}, PathCase{"./app/../../etc/passwd", "parent-in-path"},
        PathCase{"app/..", "parent-in-path"}, PathCase{"app//run", "empty-path-component"},
        PathCase{".//app", "empty-path-component"}, PathCase{"", "empty-path-component"},
        PathCase{"./", "empty-path-component"}, PathCase{std::string("app/a\0b", 7), "nul-in-path"},
        PathCase{"app/.wh.run", "whiteout-name"}, PathCase{"app/.wh..wh..opq", "whiteout-name"},
        PathCase{"app/.wh.d/run", "whiteout-name"}, PathCase{Deep(4096), "home/vcap/" + Deep(4096)},
        PathCase{Deep(4097), "path-too-long"},
        PathCase{"app/" + std::string(255, 'x'), "home/vcap/app/" + std::string(255, 'x')},
        PathCase{"app/" + std::string(256, 'x'), "path-too-long"}));

TEST(DropletEntry, TheRootIsTheImagesOwn) {
  for (const char* root : {".", "./", ""}) {
    const auto placed = PlaceEntry(Entry(root, EntryKind::kFolder));
    ASSERT_THAT(placed, IsOk());
    EXPECT_FALSE(placed->has_value()) << root;
  }
}

TEST(DropletEntry, AHardLinksTargetIsAPathOfTheArchiveToo) {
  const auto placed = PlaceEntry(Entry("./app/b", EntryKind::kHardLink, "./app/a"));
  ASSERT_THAT(placed, IsOk());
  EXPECT_EQ((*placed)->entry.link_target, "home/vcap/app/a");
  EXPECT_THAT(PlaceEntry(Entry("app/b", EntryKind::kHardLink, "/etc/shadow")),
              HasErrorName("absolute-path"));
  EXPECT_THAT(PlaceEntry(Entry("app/b", EntryKind::kHardLink, "../x")),
              HasErrorName("parent-in-path"));
}

TEST(DropletEntry, ASymbolicLinksTargetIsLeftAlone) {
  for (const char* target : {"/etc/passwd", "../../x", "./app/a", "a"}) {
    const auto placed = PlaceEntry(Entry("./app/b", EntryKind::kSymbolicLink, target));
    ASSERT_THAT(placed, IsOk());
    EXPECT_EQ((*placed)->entry.link_target, target);
  }
}

TEST(DropletEntry, ADeviceOrAPipeIsRefused) {
  EXPECT_THAT(PlaceEntry(Entry("app/x", EntryKind::kSpecial)), HasErrorName("special-file"));
}

TEST(DropletEntry, BelongsToVcapAndKeepsPermissionsAndTimeOnly) {
  TarEntry entry = Entry("app/x");
  entry.mode = 06755;
  entry.owner = 0;
  entry.modified_seconds = 1'700'000'000;
  const auto placed = PlaceEntry(entry);
  ASSERT_THAT(placed, IsOk());
  EXPECT_EQ((*placed)->entry.mode, 0755U);
  EXPECT_EQ((*placed)->entry.owner, 2000U);
  EXPECT_EQ((*placed)->entry.modified_seconds, 1'700'000'000);
}

TEST(DropletEntry, DependenciesAndTheirScriptsAreALayerOfTheirOwn) {
  const auto layer = [](const char* path) { return (*PlaceEntry(Entry(path)))->layer; };
  EXPECT_EQ(layer("./deps/0/bin/x"), DropletLayer::kDependencies);
  EXPECT_EQ(layer("./profile.d/x.sh"), DropletLayer::kDependencies);
  EXPECT_EQ(layer("./app/deps/x"), DropletLayer::kApp);
  EXPECT_EQ(layer("./depsx"), DropletLayer::kApp);
  EXPECT_EQ(layer("./staging_info.yml"), DropletLayer::kApp);
}

// Adds the entries one after the other; the last one's arrival, or why it was refused.
std::string AddAll(DropletPaths& paths, const std::vector<TarEntry>& entries) {
  std::string last;
  for (const TarEntry& entry : entries) {
    const auto arrival = paths.Add(**PlaceEntry(entry));
    if (!arrival.ok()) return ErrorName(arrival.status());
    last = *arrival == DropletPaths::Arrival::kPlain ? "plain" : "across";
  }
  return last;
}

struct TreeCase {
  std::vector<TarEntry> entries;
  const char* result;
};

class DropletTree : public ::testing::TestWithParam<TreeCase> {};

TEST_P(DropletTree, IsOneThatLayersCanGive) {
  DropletPaths paths;
  EXPECT_EQ(AddAll(paths, GetParam().entries), GetParam().result);
}

constexpr EntryKind kFolder = EntryKind::kFolder;
constexpr EntryKind kSymbolic = EntryKind::kSymbolicLink;
constexpr EntryKind kHard = EntryKind::kHardLink;

INSTANTIATE_TEST_SUITE_P(
    All, DropletTree,
    ::testing::Values(
        TreeCase{{Entry("app/a"), Entry("./app/a")}, "duplicate-path"},
        TreeCase{{Entry("app", kFolder), Entry("app", kFolder)}, "duplicate-path"},
        TreeCase{{Entry("app/a"), Entry("app", kFolder)}, "plain"},
        TreeCase{{Entry("app/a"), Entry("app", kFolder), Entry("app", kFolder)}, "duplicate-path"},
        TreeCase{{Entry("app/a"), Entry("app", kSymbolic, "/etc")}, "duplicate-path"},
        TreeCase{{Entry("app/l", kSymbolic, "/etc"), Entry("app/l/passwd")}, "path-through-file"},
        TreeCase{{Entry("app/a"), Entry("app/a/b")}, "path-through-file"},
        TreeCase{{Entry("app/a"), Entry("app/b", kHard, "app/a"), Entry("app/b/c")},
                 "path-through-file"},
        TreeCase{{Entry("app/a"), Entry("app/b", kHard, "app/a")}, "plain"},
        TreeCase{{Entry("app/a"), Entry("app/b", kHard, "app/a"), Entry("app/c", kHard, "app/b")},
                 "plain"},
        TreeCase{{Entry("app/b", kHard, "app/a")}, "hard-link-target-missing"},
        TreeCase{{Entry("app/b", kHard, "app/b")}, "hard-link-target-missing"},
        TreeCase{{Entry("app", kFolder), Entry("b", kHard, "app")}, "hard-link-target-missing"},
        TreeCase{{Entry("app/l", kSymbolic, "/x"), Entry("app/b", kHard, "app/l")},
                 "hard-link-target-missing"},
        TreeCase{{Entry("deps/0/a"), Entry("app/b", kHard, "deps/0/a")}, "across"},
        TreeCase{{Entry("deps/a"), Entry("app/b", kHard, "deps/a"), Entry("app/c", kHard, "app/b")},
                 "across"}));

TEST(DropletTree, KnowsWhichFoldersHaveNoEntry) {
  DropletPaths paths;
  EXPECT_EQ(AddAll(paths, {Entry("deps/0/bin/x"), Entry("deps", kFolder)}), "plain");
  ASSERT_EQ(paths.unlisted_folders().size(), 2U);
  EXPECT_EQ(paths.unlisted_folders().begin()->first, "home/vcap/deps/0");
  EXPECT_TRUE(paths.HasFolder("home/vcap/deps/0"));
  EXPECT_FALSE(paths.HasFolder("home/vcap/deps/0/bin/x"));
  EXPECT_FALSE(paths.HasFolder("home/vcap/app"));
}

TEST(DropletTree, FoldersWithoutEntriesAreBounded) {
  DropletPaths paths;
  std::string result = "plain";
  for (int index = 0; result == "plain" && index < 2000; ++index) {
    result = AddAll(paths, {Entry(Deep(4000) + std::to_string(index) + "/f")});
  }
  EXPECT_EQ(result, "too-many-unlisted-folders");
}

}  // namespace
}  // namespace sluice::image

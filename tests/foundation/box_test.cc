// The box as a process: it ends with whoever started it, and with everything it started.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>

#include "tests/foundation/misbehaviours.h"
#include "tests/foundation/testing/test_box.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

// The box's nginx and the sandboxes of its instances.
std::vector<pid_t> Children(TestBox& box) {
  std::vector<pid_t> pids = {std::stoi(ReadWhole(box.directory() + "/box/blobstore/nginx.pid"))};
  Json shown = box.Admin("GET", "/instances");
  for (const Json& instance : shown["instances"]) {
    pids.push_back(instance["pid"]);
  }
  return pids;
}

bool AllGone(const std::vector<pid_t>& pids) { return std::all_of(pids.begin(), pids.end(), Gone); }

void StartApp(TestBox& box) {
  box.SeedApp("checkout", box.MakeDroplet("v1"), {{"host", "checkout"}, {"start", true}});
  ASSERT_TRUE(box.Eventually([&] { return box.Route("checkout").status == 200; }));
}

TEST(Box, EndsWithItsLifelineAndLeavesNoProcess) {
  TestBox box;
  StartApp(box);
  std::vector<pid_t> children = Children(box);
  ASSERT_EQ(children.size(), 2U);
  EXPECT_FALSE(AllGone(children));
  box.CloseLifeline();
  int status = box.WaitForEnd();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(AllGone(children));
}

TEST(Box, EndsCleanlyOnSigterm) {
  TestBox box;
  StartApp(box);
  std::vector<pid_t> children = Children(box);
  kill(box.pid(), SIGTERM);
  int status = box.WaitForEnd();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(AllGone(children));
}

TEST(Box, KilledOneLeavesNothingRunningEither) {
  TestBox box;
  StartApp(box);
  std::vector<pid_t> children = Children(box);
  kill(box.pid(), SIGKILL);
  box.WaitForEnd();
  EXPECT_TRUE(std::all_of(children.begin(), children.end(), AwaitGone));
}

TEST(Box, ReadmeNamesEveryMisbehaviour) {
  std::string readme = ReadWhole(SLUICE_SOURCE_DIR "/tests/foundation/README.md");
  for (const std::string& name : Misbehaviours::Names()) {
    EXPECT_NE(readme.find("| `" + name + "`"), std::string::npos) << name;
  }
}

TEST(Box, UnknownMisbehaviourIsRefused) {
  TestBox box;
  EXPECT_THROW(box.Misbehave("sulks"), std::runtime_error);
}

TEST(Box, SpacesOfTheSameNameCanBeSeeded) {
  TestBox box;
  Json first = box.Admin("POST", "/spaces", {{"organization", "acme"}, {"space", "payments"}});
  Json again = box.Admin("POST", "/spaces", {{"organization", "acme"}, {"space", "Payments"}});
  EXPECT_EQ(first, again) << "names are equal without case";
  Json other = box.Admin("POST", "/spaces",
                         {{"organization", "acme"}, {"space", "payments"}, {"duplicate", true}});
  EXPECT_NE(first["space_guid"], other["space_guid"]);
  EXPECT_EQ(first["organization_guid"], other["organization_guid"]);
}

}  // namespace
}  // namespace sluice::box

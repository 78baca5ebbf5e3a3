// Which ways the agents of a promotion are told to try, and what each of them is told.
#include "coordinator/daemon/path_choice.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/daemon/messages.h"
#include "coordinator/daemon/testing/paths_fixture.h"
#include "coordinator/daemon/wish.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::coordinator {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class PathChoiceTest : public PathsTest {
 protected:
  void Accept(size_t targets) {
    Do(TestOrder(targets));
    Source(v1::SOURCE_STATE_ACCEPTED);
    for (uint32_t i = 0; i < targets; ++i) TargetAt(i, v1::TARGET_STATE_ACCEPTED);
  }
  // What one agent is told: "relay dial tcp://... dev", "peer 1 wait prod-1".
  std::vector<std::string> Told(v1::JobRole role, uint32_t index = 0) const {
    std::vector<std::string> told;
    for (const Wish& wish : Wishes(promotion_)) {
      if (wish.role != role || wish.target_index != index) continue;
      const v1::JobCommand command = CommandOf(wish, promotion_);
      for (const v1::Route& route : command.routes()) {
        const char* path = route.path() == v1::PATH_KIND_RELAY  ? "relay"
                           : route.path() == v1::PATH_KIND_PEER ? "peer"
                                                                : "direct";
        told.push_back(absl::StrCat(path, " ", route.target_index(), " ",
                                    route.dial() ? "dial " + route.endpoint() : "wait", " ",
                                    route.foundation()));
      }
    }
    return told;
  }
};

TEST_F(PathChoiceTest, WhereBothListenBothDialAndTheRelayIsOfferedToo) {
  Connect("dev", "tcp://dev:1");
  Connect("prod-0", "tcp://prod:2");
  Accept(1);
  Choose(kRelay);
  EXPECT_THAT(Told(v1::JOB_ROLE_SOURCE),
              UnorderedElementsAre("direct 0 wait prod-0", "direct 0 dial tcp://prod:2 prod-0",
                                   "relay 0 dial tcp://*:7711 prod-0"));
  EXPECT_THAT(Told(v1::JOB_ROLE_TARGET),
              UnorderedElementsAre("direct 0 dial tcp://dev:1 dev", "direct 0 wait dev",
                                   "relay 0 dial tcp://*:7711 dev"));
}

TEST_F(PathChoiceTest, WhereNobodyListensTheRelayIsTheOnlyWay) {
  Connect("dev", "");
  Connect("prod-0", "");
  Accept(1);
  Choose(kRelay);
  EXPECT_THAT(Told(v1::JOB_ROLE_SOURCE), ElementsAre("relay 0 dial tcp://*:7711 prod-0"));
  EXPECT_THAT(Told(v1::JOB_ROLE_TARGET), ElementsAre("relay 0 dial tcp://*:7711 dev"));
}

TEST_F(PathChoiceTest, WhereNobodyListensAndThereIsNoRelayThereIsNoPath) {
  Connect("dev", "");
  Connect("prod-0", "");
  Accept(1);
  Choose("");
  EXPECT_THAT(promotion_.own_failure, HasErrorName("no-path"));
}

TEST_F(PathChoiceTest, TargetsThatListenMayBeDialledByTheirFellows) {
  Connect("dev", "tcp://dev:1");
  Connect("prod-0", "tcp://prod:2");
  Connect("prod-1", "");
  Accept(2);
  Choose("");
  EXPECT_THAT(Told(v1::JOB_ROLE_TARGET, 0),
              UnorderedElementsAre("direct 0 dial tcp://dev:1 dev", "direct 0 wait dev",
                                   "peer 1 wait prod-1"));
  EXPECT_THAT(
      Told(v1::JOB_ROLE_TARGET, 1),
      UnorderedElementsAre("direct 1 dial tcp://dev:1 dev", "peer 0 dial tcp://prod:2 prod-0"));
  for (const Wish& wish : Wishes(promotion_)) {
    if (wish.role != v1::JOB_ROLE_SOURCE) continue;
    EXPECT_THAT(wish.seal_offers, ElementsAre("{offer 0}", "{offer 1}"));
  }
}

TEST_F(PathChoiceTest, AnAgentThatIsAwayIsWaitedFor) {
  Connect("dev", "tcp://dev:1");
  Accept(1);
  EXPECT_FALSE(ChoosePaths(promotion_, agents_, kRelay, absl::UnixEpoch()));
}

}  // namespace
}  // namespace sluice::coordinator

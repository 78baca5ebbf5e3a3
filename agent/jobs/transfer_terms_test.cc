// Goal: an agent meets exactly those with whom the order has it share a transfer, whatever the
// coordinator offers. Method: commands with routes, and orders with several targets.
#include "agent/jobs/transfer_terms.h"

#include <string>
#include <vector>

#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using transfer::WayKind;

class TransferTermsTest : public testing::Test {
 protected:
  TransferTermsTest() : order_(trust_.PromoteOrder()) {
    SetTargets({"east", "west", "west", "north"});
  }

  void SetTargets(const std::vector<std::string>& foundations) {
    const trust::OrderTarget pattern = order_.targets.front();
    order_.targets.clear();
    for (const std::string& foundation : foundations) {
      order_.targets.push_back(pattern);
      order_.targets.back().reference.foundation = FoundationName(foundation);
    }
  }
  void Offer(uint32_t target_index, v1::PathKind path, const std::string& endpoint) {
    v1::Route* route = command_.add_routes();
    route->set_target_index(target_index);
    route->set_path(path);
    route->set_dial(!endpoint.empty());
    route->set_endpoint(endpoint);
  }
  std::vector<transfer::Fellow> Fellows(uint32_t target_index) const {
    return FellowsOf(order_, target_index, FellowPathsOf(command_), trust_.document());
  }
  std::vector<std::string> NamesOf(const std::vector<transfer::Fellow>& fellows) const {
    std::vector<std::string> names;
    for (const transfer::Fellow& fellow : fellows) names.push_back(fellow.meeting.peer.name);
    return names;
  }

  trust::TestTrust trust_{{"dev", "east", "west", "north"}};
  trust::Order order_;
  v1::JobCommand command_;
};

TEST_F(TransferTermsTest, WaysToTheSourceAndToFellowsAreKeptApart) {
  Offer(0, v1::PATH_KIND_DIRECT, "");
  Offer(0, v1::PATH_KIND_RELAY, "tcp://*:7711");
  Offer(1, v1::PATH_KIND_PEER, "tcp://west:7720");
  Offer(1, v1::PATH_KIND_PEER, "");
  const auto paths = PathsOf(command_, {"tcp://coordinator:7710", ""});
  ASSERT_EQ(paths.size(), 1u);
  ASSERT_EQ(paths[0].ways.size(), 2u);
  EXPECT_EQ(paths[0].ways[0].kind, WayKind::kAccepted);
  EXPECT_EQ(paths[0].ways[1].endpoint, "tcp://coordinator:7711");
  const auto fellows = FellowPathsOf(command_);
  ASSERT_EQ(fellows.size(), 1u);
  EXPECT_EQ(fellows[0].target_index, 1u);
  ASSERT_EQ(fellows[0].ways.size(), 2u);
  EXPECT_EQ(fellows[0].ways[0].kind, WayKind::kDialled);
  EXPECT_EQ(fellows[0].ways[0].endpoint, "tcp://west:7720");
  EXPECT_EQ(fellows[0].ways[1].kind, WayKind::kAccepted);
}

TEST_F(TransferTermsTest, FellowHasTheKeyOfItsFoundationAndItsPlaceAmongReceivers) {
  Offer(1, v1::PATH_KIND_PEER, "tcp://west:7720");
  Offer(3, v1::PATH_KIND_PEER, "");
  const auto fellows = Fellows(0);
  EXPECT_THAT(NamesOf(fellows), ElementsAre("west", "north"));
  EXPECT_EQ(fellows[0].target_index, 1u);
  EXPECT_EQ(fellows[0].meeting.peer.curve_key, trust_.agent("west").curve.public_key().bytes());
  EXPECT_EQ(fellows[1].target_index, 2u) << "west has one receiver for two targets";
}

TEST_F(TransferTermsTest, NobodyIsMetWhomTheOrderDoesNotNameAsAnotherTarget) {
  Offer(0, v1::PATH_KIND_PEER, "tcp://itself:7720");
  Offer(2, v1::PATH_KIND_PEER, "tcp://west:7720");
  Offer(1, v1::PATH_KIND_PEER, "tcp://west:7720");
  Offer(9, v1::PATH_KIND_PEER, "tcp://nowhere:7720");
  EXPECT_THAT(NamesOf(Fellows(0)), ElementsAre("west"));
}

TEST_F(TransferTermsTest, SourcesOwnFoundationIsNobodysFellow) {
  SetTargets({"dev", "east", "west"});
  for (uint32_t index = 0; index < 3; ++index) Offer(index, v1::PATH_KIND_PEER, "tcp://x:1");
  EXPECT_THAT(NamesOf(Fellows(0)), IsEmpty());
  EXPECT_THAT(NamesOf(Fellows(1)), ElementsAre("west"));
}

TEST_F(TransferTermsTest, TargetsAtTheSourceAreNotCountedAmongReceivers) {
  SetTargets({"dev", "east", "dev", "west", "west"});
  EXPECT_EQ(ReceiverOf(order_, 1), 0u);
  EXPECT_EQ(ReceiverOf(order_, 3), 1u);
  EXPECT_EQ(ReceiverOf(order_, 4), 1u);
}

TEST_F(TransferTermsTest, FoundationWhoseAgentIsBeingReplacedIsDoneWithout) {
  trust::TrustContent content = trust_.content();
  const trust::TrustedAgent other = content.foundations["north"].agents.front();
  content.foundations.erase("north");
  content.foundations["west"].agents.push_back(other);
  trust_.Use(content);
  Offer(1, v1::PATH_KIND_PEER, "tcp://west:7720");
  EXPECT_THAT(NamesOf(Fellows(0)), IsEmpty());
}

}  // namespace
}  // namespace sluice::agent

// The machine of a promotion whose agents are connected, so that its paths can be chosen.
#pragma once

#include <string>
#include <utility>

#include "coordinator/daemon/agent_registry.h"
#include "coordinator/daemon/path_choice.h"
#include "coordinator/daemon/testing/promotion_fixture.h"

namespace sluice::coordinator {

class PathsTest : public PromotionTest {
 protected:
  static constexpr char kRelay[] = "tcp://*:7711";

  void Connect(const std::string& foundation, const std::string& bulk_endpoint) {
    AgentSession session;
    session.session = ++sessions_;
    session.bulk_endpoint = bulk_endpoint;
    agents_.Open(foundation, session);
  }
  void Choose(const std::string& relay_endpoint) {
    const auto event = ChoosePaths(promotion_, agents_, relay_endpoint, absl::UnixEpoch());
    ASSERT_TRUE(event);
    auto after = Apply(promotion_, *event);
    ASSERT_THAT(after, IsOk());
    promotion_ = *std::move(after);
  }

  AgentRegistry agents_;
  net::SessionId sessions_ = 0;
};

}  // namespace sluice::coordinator

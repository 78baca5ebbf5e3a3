// Goal: what lines do that real sockets do too seldom to be waited for. Method: sockets that note
// what they are asked for, and whose connections are ready when the test says so.
#include "common/transfer/exchange_lines.h"

#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "gmock/gmock.h"
#include "sluice/v1/bulk.pb.h"

namespace sluice::transfer {
namespace {

using ::testing::ElementsAre;

// Borrowed by the test, which outlives it.
struct Noted {
  std::vector<std::string> dialled;
  std::vector<std::pair<net::ConnectionId, v1::BulkMessage>> sent;
  std::vector<net::ConnectionId> hung_up;
};

class NotedSockets final : public net::BulkSockets {
 public:
  explicit NotedSockets(Noted& noted) : noted_(noted) {}
  net::ConnectionId Dial(const std::string& endpoint, const net::Peer& /*peer*/) override {
    noted_.dialled.push_back(endpoint);
    return noted_.dialled.size();
  }
  Status Send(net::ConnectionId connection, const v1::BulkMessage& message,
              std::string /*payload*/) override {
    noted_.sent.emplace_back(connection, message);
    return absl::OkStatus();
  }
  void Hangup(net::ConnectionId connection) override { noted_.hung_up.push_back(connection); }
  std::string endpoint() const override { return ""; }

 private:
  Noted& noted_;
};

class IgnoredEvents final : public LineEvents {
 public:
  void OnLineReady(LineRef /*line*/) override {}
  void OnLineMessage(LineRef /*line*/, const v1::BulkMessage& /*message*/,
                     std::string /*payload*/) override {}
  void OnLineLost(LineRef /*line*/, const LineLoss& /*loss*/) override {}
};

class ExchangeLinesTest : public ::testing::Test {
 protected:
  ExchangeLinesTest() {
    const OpenSockets open = [this](net::BulkEvents& events) {
      sockets_ = &events;
      return std::make_unique<NotedSockets>(noted_);
    };
    lines_ = *ExchangeLines::Open(open, loop_, clock_, random_, ignored_);
    lines_->Begin(transfer_, {DirectMeeting(peer_, "tcp://prod:7720")});
    sockets_->OnConnectionReady(1);
  }

  SystemClock clock_;
  net::EventLoop loop_{clock_};
  SeededRandom random_{1};
  IgnoredEvents ignored_;
  Noted noted_;
  net::BulkEvents* sockets_ = nullptr;
  const TransferId transfer_ = *TransferId::FromBytes(std::string(TransferId::kBytes, 't'));
  const net::Peer peer_{net::PeerRole::kAgent, "prod", "key"};
  std::unique_ptr<ExchangeLines> lines_;
};

TEST_F(ExchangeLinesTest, WhoIsDialledHearsOfAFailureOverAConnectionThatNoQueueDelays) {
  lines_->Finish(transfer_, NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bytes"));
  EXPECT_THAT(noted_.hung_up, ElementsAre(1));
  EXPECT_THAT(noted_.dialled, ElementsAre("tcp://prod:7720", "tcp://prod:7720"));
  sockets_->OnConnectionReady(2);
  ASSERT_EQ(noted_.sent.size(), 1u);
  EXPECT_EQ(noted_.sent[0].first, 2u);
  EXPECT_EQ(noted_.sent[0].second.cancel().name(), "digest-mismatch");
  EXPECT_THAT(noted_.hung_up, ElementsAre(1, 2));
}

TEST_F(ExchangeLinesTest, WhoCannotBeReachedForThatIsLeftAlone) {
  lines_->Finish(transfer_, NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bytes"));
  sockets_->OnConnectionLost(2, NamedError(StatusCode::kUnavailable, "peer-unreachable", "gone"));
  EXPECT_THAT(noted_.hung_up, ElementsAre(1, 2));
  EXPECT_TRUE(noted_.sent.empty());
}

// The relay keeps nothing, so that what is said before the other end has come is lost.
TEST_F(ExchangeLinesTest, EndThatComesToTheRelayLaterHearsOfAFailureThen) {
  const TransferId relayed = *TransferId::FromBytes(std::string(TransferId::kBytes, 'r'));
  const net::Peer coordinator{net::PeerRole::kCoordinator, "coordinator", "coordinator's key"};
  const Way relay = {WayKind::kRelay, "tcp://coordinator:7711", coordinator};
  lines_->Begin(relayed, {Meeting{.peer = peer_, .ways = {relay}}});
  ASSERT_EQ(noted_.dialled.back(), "tcp://coordinator:7711");
  sockets_->OnConnectionReady(2);
  ASSERT_EQ(noted_.sent.size(), 1u);
  EXPECT_EQ(noted_.sent[0].second.relay_join().to_foundation(), "prod");
  lines_->Finish(relayed, NamedError(StatusCode::kCancelled, "cancelled", "by the operator"));
  for (const auto& [connection, message] : noted_.sent) EXPECT_FALSE(message.has_cancel());
  v1::BulkMessage joined;
  joined.set_transfer(std::string(relayed.bytes()));
  joined.mutable_relay_joined();
  // The relay answers each time that this end shows itself.
  for (size_t said = 0; said < noted_.sent.size() && said < 3; ++said) {
    if (noted_.sent[said].second.has_relay_join()) {
      sockets_->OnBulkMessage(2, coordinator, joined, "");
    }
  }
  EXPECT_EQ(noted_.sent.back().first, 2u);
  EXPECT_EQ(noted_.sent.back().second.cancel().name(), "cancelled");
}

TEST_F(ExchangeLinesTest, NobodyIsDialledAfterATransferThatEndedWell) {
  lines_->Finish(transfer_, absl::OkStatus());
  EXPECT_THAT(noted_.dialled, ElementsAre("tcp://prod:7720"));
}

}  // namespace
}  // namespace sluice::transfer

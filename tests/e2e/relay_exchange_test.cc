// Two exchanges that reach nothing but the relay, over real sockets: what a transfer needs of it.
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/mailbox.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/crypto/system_entropy.h"
#include "common/net/testing/test_network.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/spool.h"
#include "common/transfer/testing/memory_droplet.h"
#include "common/transfer/testing/stream_fixture.h"
#include "coordinator/daemon/relay.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::coordinator {
namespace {

using transfer::WayKind;

constexpr char kFolder[] = "/agent";
constexpr absl::Duration kIdleMax = absl::Seconds(30);

struct Party {
  net::Peer peer;
  FakeFiles files;
  std::unique_ptr<transfer::Spool> spool;
  std::unique_ptr<net::Network> network;
  std::unique_ptr<transfer::BulkExchange> exchange;
};

class RelayExchangeTest : public testing::Test {
 protected:
  RelayExchangeTest() {
    coordinator_ = directory_.Admit(net::PeerRole::kCoordinator, "coordinator");
    net::CurveIdentity source = directory_.Admit(net::PeerRole::kAgent, "dev");
    net::CurveIdentity target = directory_.Admit(net::PeerRole::kAgent, "prod");
    Start(source_, "dev", std::move(source), "tcp://127.0.0.1:*");
    Start(target_, "prod", std::move(target), "");
    StartRelay("tcp://127.0.0.1:*");
  }

  void Start(Party& party, const std::string& name, net::CurveIdentity identity,
             const std::string& listen) {
    party.peer = {net::PeerRole::kAgent, name, identity.public_key};
    party.network = directory_.Start(std::move(identity));
    SLUICE_CHECK(party.files.MakeFolder(kFolder).ok());
    party.spool = *transfer::Spool::Open(party.files, "/agent/spool", uint64_t{64} << 20);
    party.exchange = *transfer::BulkExchange::Start(*party.network, clock_, entropy_, party.files,
                                                    *party.spool, {.listen_endpoint = listen});
  }
  void StartRelay(const std::string& endpoint) {
    relay_network_ = directory_.Start(coordinator_);
    auto relay = Relay::Start(*relay_network_, clock_, endpoint);
    SLUICE_CHECK(relay.ok());
    relay_ = *std::move(relay);
  }
  void RestartRelay() {
    const std::string endpoint = relay_->endpoint();
    relay_.reset();
    relay_network_.reset();
    StartRelay(endpoint);
  }

  transfer::Way ByRelay() const {
    return {WayKind::kRelay,
            relay_->endpoint(),
            {net::PeerRole::kCoordinator, "coordinator", coordinator_.public_key}};
  }
  std::unique_ptr<transfer::OutgoingTransfer> Send(std::vector<transfer::Way> ways) {
    transfer::OutgoingOptions options = stream_.Outgoing();
    transfer::Meeting meeting;
    meeting.peer = target_.peer;
    meeting.ways = std::move(ways);
    options.meetings = {meeting};
    options.digest_log_path = "/agent/digests";
    auto outgoing = source_.exchange->Send(std::move(options));
    SLUICE_CHECK(outgoing.ok());
    return *std::move(outgoing);
  }
  std::unique_ptr<transfer::IncomingTransfer> Receive(std::vector<transfer::Way> ways) {
    transfer::IncomingOptions options = stream_.Incoming();
    options.meeting.peer = source_.peer;
    options.meeting.ways = std::move(ways);
    auto incoming = target_.exchange->Receive(std::move(options));
    SLUICE_CHECK(incoming.ok());
    return *std::move(incoming);
  }
  // Which path carried most of it, at the target.
  static std::string Path(const transfer::IncomingTransfer& incoming) {
    uint64_t most = 0;
    std::string path;
    for (const transfer::WayFigures& way : incoming.figures().ways) {
      if (way.bytes <= most) continue;
      most = way.bytes;
      path = transfer::PathOf(way.kind);
    }
    return path;
  }

  SystemClock clock_;
  crypto::SystemEntropy entropy_;
  net::TestDirectory directory_;
  net::CurveIdentity coordinator_;
  // Larger than what the relay lets through at once.
  const transfer::StreamFixture stream_{uint64_t{24} << 20, 512 << 10};
  Party source_;
  Party target_;
  std::unique_ptr<net::Network> relay_network_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayExchangeTest, ADropletPassesBetweenEndsThatOnlyDialOut) {
  auto incoming = Receive({ByRelay()});
  auto outgoing = Send({ByRelay()});
  transfer::MemoryDroplet droplet(stream_.droplet);
  EXPECT_THAT(outgoing->Run(droplet, kIdleMax), IsOk());
  EXPECT_THAT(incoming->AwaitVerified(), IsOk());
  EXPECT_EQ(incoming->figures().bytes_again, 0u);
  EXPECT_EQ(Path(*incoming), "relay");
}

TEST_F(RelayExchangeTest, WhoComesFirstWaitsAtTheRelay) {
  auto outgoing = Send({ByRelay()});
  transfer::MemoryDroplet droplet(stream_.droplet);
  Mailbox<Status> sent(1);
  Thread sending("test", [&] { sent.Put(outgoing->Run(droplet, kIdleMax)); });
  auto incoming = Receive({ByRelay()});
  EXPECT_THAT(*sent.WaitAndTake(), IsOk());
  EXPECT_THAT(incoming->AwaitVerified(), IsOk());
}

TEST_F(RelayExchangeTest, ADirectWayIsPreferred) {
  auto outgoing = Send({{.kind = WayKind::kAccepted, .endpoint = "", .host = {}}, ByRelay()});
  auto incoming = Receive({{WayKind::kDialled, source_.exchange->endpoint(), {}}, ByRelay()});
  transfer::MemoryDroplet droplet(stream_.droplet);
  EXPECT_THAT(outgoing->Run(droplet, kIdleMax), IsOk());
  EXPECT_THAT(incoming->AwaitVerified(), IsOk());
  EXPECT_EQ(Path(*incoming), "direct");
}

TEST_F(RelayExchangeTest, ARelayThatIsRestartedInMidTransferIsUsedAgain) {
  auto incoming = Receive({ByRelay()});
  auto outgoing = Send({ByRelay()});
  transfer::MemoryDroplet droplet(stream_.droplet);
  droplet.StopAt(stream_.droplet.size() / 2);
  Mailbox<Status> sent(1);
  Thread sending("test", [&] { sent.Put(outgoing->Run(droplet, kIdleMax)); });
  while (incoming->figures().bytes_done < stream_.droplet.size() / 4) {
  }
  RestartRelay();
  droplet.Release();
  EXPECT_THAT(*sent.WaitAndTake(), IsOk());
  EXPECT_THAT(incoming->AwaitVerified(), IsOk());
  EXPECT_EQ(incoming->figures().bytes_done, stream_.droplet.size());
}

}  // namespace
}  // namespace sluice::coordinator

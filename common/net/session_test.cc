// Goal: sessions over real sockets with CURVE and ZAP: who gets in, under which name, and what
// either side is told when the other goes. Method: a server and clients on one loop, no sleeps:
// each test runs the loop until what it waits for has happened (CTest's time limit ends it else).
#include <optional>
#include <vector>

#include "common/base/random.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/net/bulk_sockets.h"
#include "common/net/control_client.h"
#include "common/net/control_server.h"
#include "common/net/event_loop.h"
#include "common/net/sockets.h"
#include "common/net/testing/test_network.h"
#include "gmock/gmock.h"
#include "sluice/v1/bulk.pb.h"
#include "sluice/v1/control.pb.h"

namespace sluice::net {
namespace {

struct RecordedEvents : ControlEvents {
  void OnSessionOpened(SessionId session, const Peer& peer, const v1::Hello&) override {
    opened.push_back({session, peer.name});
  }
  void OnMessage(SessionId session, const Peer& peer, const v1::ControlMessage& message) override {
    messages.push_back({session, peer.name, message});
    // Echoes, so that a test sees both directions.
    v1::ControlMessage echo = message;
    if (sender != nullptr) sender->Send(session, echo);
  }
  void OnSessionClosed(SessionId session, const Peer& peer) override {
    closed.push_back({session, peer.name});
  }
  struct Opened {
    SessionId session;
    std::string name;
  };
  struct Message {
    SessionId session;
    std::string name;
    v1::ControlMessage message;
  };
  ControlSender* sender = nullptr;
  std::vector<Opened> opened;
  std::vector<Message> messages;
  std::vector<Opened> closed;
};

class SessionTest : public ::testing::Test {
 protected:
  void StartServer(absl::Duration dead_after = absl::Seconds(20)) {
    server_network_ = directory_.Start(coordinator_);
    auto server = ControlServer::Listen(*server_network_, loop_, clock_, entropy_, events_,
                                        {.endpoint = endpoint_,
                                         .features = {"direct", "relay"},
                                         .version = "test",
                                         .ping_every = absl::Milliseconds(50),
                                         .dead_after = dead_after});
    ASSERT_THAT(server, IsOk());
    server_ = *std::move(server);
    endpoint_ = server_->endpoint();
    events_.sender = server_.get();
  }

  struct Client {
    std::unique_ptr<Network> network;
    std::unique_ptr<ControlClient> client;
    std::vector<v1::Welcome> welcomes;
    std::vector<v1::ControlMessage> messages;
    std::vector<Status> losses;
  };

  std::unique_ptr<Client> Dial(CurveIdentity identity, std::string server_key) {
    auto client = std::make_unique<Client>();
    client->network = *Network::Start(std::move(identity), nullptr);
    client->client = ControlClient::Dial(
        *client->network, loop_, clock_, entropy_, random_,
        {.endpoint = endpoint_,
         .coordinator_key = std::move(server_key),
         .features = {"direct", "delta"},
         .version = "test",
         .bulk_endpoint = ""},
        {.on_welcome = [c = client.get()](const v1::Welcome& w) { c->welcomes.push_back(w); },
         .on_message =
             [c = client.get()](const v1::ControlMessage& m) { c->messages.push_back(m); },
         .on_lost = [c = client.get()](const Status& why) { c->losses.push_back(why); }});
    return client;
  }

  TestDirectory directory_;
  CurveIdentity coordinator_ = directory_.Admit(PeerRole::kCoordinator, "coordinator");
  CurveIdentity agent_ = directory_.Admit(PeerRole::kAgent, "dev");
  SystemClock clock_;
  FakeEntropy entropy_;
  SeededRandom random_{1};
  EventLoop loop_{clock_};
  std::string endpoint_ = "tcp://127.0.0.1:*";
  RecordedEvents events_;
  std::unique_ptr<Network> server_network_;
  std::unique_ptr<ControlServer> server_;
};

TEST_F(SessionTest, AdmittedKeyGetsTheNameOfTheTrustDocumentAndTheSharedFeatures) {
  StartServer();
  auto client = Dial(agent_, coordinator_.public_key);
  loop_.RunUntil([&] { return !client->welcomes.empty(); });
  EXPECT_EQ(client->welcomes[0].name(), "dev");
  EXPECT_THAT(client->welcomes[0].features(), ::testing::ElementsAre("direct"));
  ASSERT_EQ(events_.opened.size(), 1u);
  EXPECT_EQ(events_.opened[0].name, "dev");
}

TEST_F(SessionTest, BoundEndpointIsSaidAsItWasWritten) {
  StartServer();
  EXPECT_EQ(endpoint_.rfind("tcp://127.0.0.1:", 0), 0u) << endpoint_;
}

TEST_F(SessionTest, MessagesArriveBothWaysWithTheirRequestId) {
  StartServer();
  auto client = Dial(agent_, coordinator_.public_key);
  loop_.RunUntil([&] { return client->client->connected(); });
  v1::ControlMessage message;
  message.set_request("0123456789abcdef");
  message.mutable_list_foundations();
  ASSERT_THAT(client->client->Send(message), IsOk());
  loop_.RunUntil([&] { return !client->messages.empty(); });
  EXPECT_EQ(client->messages[0].request(), "0123456789abcdef");
  EXPECT_EQ(events_.messages[0].name, "dev");
}

// What answers the first HELLO has the coordinator's key and says what ControlServer never would.
TEST_F(SessionTest, ACoordinatorWhoseMessageDoesNotEndIsGivenUpByName) {
  constexpr int kFrames = 512;
  std::string frame(512 << 10, 'e');  // 256 MiB in all; outlives the sockets that send it
  const auto network = directory_.Start(coordinator_);
  auto hostile = MakeListener(*network, kControlDomain, kControlLimits, endpoint_);
  ASSERT_THAT(hostile, IsOk());
  endpoint_ = BoundEndpoint(hostile->socket);
  auto client = Dial(agent_, coordinator_.public_key);
  loop_.WatchSocket(hostile->socket.handle(), [&] {
    const auto received = Receive(hostile->socket, true);
    if (!received) return;
    ASSERT_TRUE(hostile->socket.send(zmq::buffer(received->route), zmq::send_flags::sndmore));
    for (int i = 0; i < kFrames; ++i) {
      zmq::message_t part(frame.data(), frame.size(), nullptr);
      const auto more = i + 1 < kFrames ? zmq::send_flags::sndmore : zmq::send_flags::none;
      ASSERT_TRUE(hostile->socket.send(part, more));
    }
  });
  loop_.RunUntil([&] { return !client->losses.empty(); });
  EXPECT_THAT(client->losses[0], HasErrorName("endless-message"));
  EXPECT_TRUE(client->welcomes.empty());
  loop_.UnwatchSocket(hostile->socket.handle());
  CloseListener(*hostile);
}

TEST_F(SessionTest, UnknownKeyIsRefusedByNameAndNeverReachesTheCoordinator) {
  StartServer();
  auto stranger = Dial(NewCurveIdentity(), coordinator_.public_key);
  loop_.RunUntil([&] { return !stranger->losses.empty(); });
  EXPECT_THAT(stranger->losses[0], HasErrorName("not-admitted"));
  EXPECT_TRUE(events_.opened.empty());
  EXPECT_TRUE(events_.messages.empty());
}

TEST_F(SessionTest, FalseCoordinatorIsRefusedByTheClient) {
  StartServer();
  auto client = Dial(agent_, NewCurveIdentity().public_key);
  loop_.RunUntil([&] { return client->losses.size() == 3; });
  EXPECT_THAT(client->losses[2], HasErrorName("wrong-coordinator-key"));
  EXPECT_TRUE(events_.opened.empty());
}

TEST_F(SessionTest, NothingListeningIsUnreachableAndTheClientComesBackWhenItDoes) {
  StartServer();
  server_.reset();  // the port is known now, and free
  auto client = Dial(agent_, coordinator_.public_key);
  loop_.RunUntil([&] { return !client->losses.empty(); });
  EXPECT_THAT(client->losses[0], HasErrorName("coordinator-unreachable"));
  EXPECT_THAT(client->client->Send({}), HasErrorName("coordinator-unreachable"));
  StartServer();
  loop_.RunUntil([&] { return client->client->connected(); });
}

TEST_F(SessionTest, RestartedCoordinatorGetsANewSession) {
  StartServer();
  auto client = Dial(agent_, coordinator_.public_key);
  loop_.RunUntil([&] { return client->client->connected(); });
  server_.reset();
  server_network_.reset();
  loop_.RunUntil([&] { return !client->losses.empty(); });
  StartServer();
  loop_.RunUntil([&] { return client->welcomes.size() == 2; });
  EXPECT_NE(events_.opened[0].session, events_.opened[1].session);
}

TEST_F(SessionTest, SilentPeerIsClosed) {
  StartServer(absl::Milliseconds(1));  // shorter than the client's pings
  auto client = Dial(agent_, coordinator_.public_key);
  loop_.RunUntil([&] { return !events_.closed.empty(); });
  EXPECT_EQ(events_.closed[0].name, "dev");
}

TEST_F(SessionTest, MessageThatIsNotUnderstoodIsRefusedByNameAndTheSessionGoesOn) {
  StartServer();
  auto client = Dial(agent_, coordinator_.public_key);
  loop_.RunUntil([&] { return client->client->connected(); });
  // No body at all: what a future message looks like to this side.
  ASSERT_THAT(client->client->Send({}), IsOk());
  loop_.RunUntil([&] { return !client->messages.empty(); });
  EXPECT_EQ(client->messages[0].error().name(), "unknown-message");
}

struct RecordedBulk : BulkEvents {
  void OnConnectionReady(ConnectionId connection) override { ready.push_back(connection); }
  void OnBulkMessage(ConnectionId connection, const Peer& peer, const v1::BulkMessage& message,
                     std::string payload) override {
    from.push_back(peer.name);
    last_connection = connection;
    messages.push_back(message);
    payloads.push_back(std::move(payload));
  }
  void OnConnectionLost(ConnectionId, const Status& why) override { lost.push_back(why); }
  std::vector<ConnectionId> ready;
  std::vector<std::string> from;
  ConnectionId last_connection = 0;
  std::vector<v1::BulkMessage> messages;
  std::vector<std::string> payloads;
  std::vector<Status> lost;
};

TEST_F(SessionTest, BulkConnectionCarriesPayloadsBothWaysBetweenAgentsOnly) {
  CurveIdentity prod = directory_.Admit(PeerRole::kAgent, "prod");
  CurveIdentity operator_key = directory_.Admit(PeerRole::kOperator, "alice");
  auto listening = directory_.Start(agent_);
  auto dialling = directory_.Start(prod);
  RecordedBulk dev_events;
  RecordedBulk prod_events;
  auto dev = *BulkSockets::Open(*listening, loop_, dev_events, "tcp://127.0.0.1:*");
  auto other = *BulkSockets::Open(*dialling, loop_, prod_events, "");
  const auto connection =
      other->Dial(dev->endpoint(), {PeerRole::kAgent, "dev", agent_.public_key});
  loop_.RunUntil([&] { return !prod_events.ready.empty(); });

  v1::BulkMessage chunk;
  chunk.set_transfer("t");
  chunk.mutable_chunk()->set_index(7);
  const std::string sealed(256 << 10, 's');
  ASSERT_THAT(other->Send(connection, chunk, sealed), IsOk());
  loop_.RunUntil([&] { return !dev_events.messages.empty(); });
  EXPECT_EQ(dev_events.from[0], "prod");
  EXPECT_EQ(dev_events.messages[0].chunk().index(), 7u);
  EXPECT_EQ(dev_events.payloads[0], sealed);

  v1::BulkMessage fetch;
  fetch.set_transfer("t");
  fetch.mutable_fetch()->add_indexes(8);
  ASSERT_THAT(dev->Send(dev_events.last_connection, fetch, ""), IsOk());
  loop_.RunUntil([&] { return !prod_events.messages.empty(); });
  EXPECT_EQ(prod_events.messages[0].fetch().indexes(0), 8u);

  // An operator's key is known, but has no business on a bulk socket.
  auto operators = directory_.Start(operator_key);
  RecordedBulk operator_events;
  auto intruder = *BulkSockets::Open(*operators, loop_, operator_events, "");
  intruder->Dial(dev->endpoint(), {PeerRole::kAgent, "dev", agent_.public_key});
  loop_.RunUntil([&] { return !operator_events.lost.empty(); });
  EXPECT_THAT(operator_events.lost[0], HasErrorName("peer-not-admitted"));
}

}  // namespace
}  // namespace sluice::net

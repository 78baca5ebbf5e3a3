// Goal: an agent and a coordinator over real sockets, with the keys of one trust document: commands
// arrive, reports come back, and come again when the coordinator did not record them. Method: a
// real server and client on one loop; the agent's steps are scripted. Each test runs the loop until
// what it waits for has happened (CTest's time limit ends it else).
#include "agent/coordinator_link.h"
#include "agent/testing/agent_fixture.h"
#include "common/net/control_server.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"

namespace sluice::agent {
namespace {

// The coordinator's end.
struct Heard final : net::ControlEvents {
  void OnSessionOpened(net::SessionId session, const net::Peer& peer, const v1::Hello&) override {
    sessions.push_back(session);
    names.push_back(peer.name);
  }
  void OnMessage(net::SessionId, const net::Peer&, const v1::ControlMessage& message) override {
    if (message.has_job_report()) reports.push_back(message.job_report());
  }
  void OnSessionClosed(net::SessionId, const net::Peer&) override {}

  std::vector<net::SessionId> sessions;
  std::vector<std::string> names;
  std::vector<v1::JobReport> reports;
};

net::CurveIdentity IdentityOf(const crypto::CurveKeyPair& pair) {
  return {.public_key = pair.public_key().bytes(), .secret_key = pair.secret_bytes()};
}

class SessionTest : public AgentFixture {
 protected:
  SessionTest() : AgentFixture("prod") {
    StartCoordinator();
    network_ = *net::Network::Start(IdentityOf(authority_->key().curve),
                                    [this](auto key) { return authority_->FindPeer(key); });
    link_ = std::make_unique<CoordinatorLink>(
        CoordinatorLink::Options{.endpoint = endpoint_, .version = "test", .bulk_endpoint = ""},
        CoordinatorLink::Parts{.authority = *authority_,
                               .network = *network_,
                               .loop = loop_,
                               .clock = system_clock_,
                               .entropy = entropy_,
                               .random = random_},
        CoordinatorLink::Events{.on_welcome =
                                    [this](const v1::Welcome& welcome) {
                                      agent_->OnWelcome(welcome);
                                      PassOn();
                                    },
                                .on_message =
                                    [this](const v1::ControlMessage& message) {
                                      agent_->OnMessage(message);
                                      RunSteps();
                                      PassOn();
                                    },
                                .on_lost = [this](const Status& why) { agent_->OnLost(why); },
                                .on_room =
                                    [this] {
                                      agent_->ResendReports();
                                      PassOn();
                                    }});
    link_->Follow();
  }

  void StartCoordinator() {
    const auto trust = trust_.shared_document();
    coordinator_network_ = *net::Network::Start(
        IdentityOf(coordinator_curve_), [trust](std::string_view key) -> std::optional<net::Peer> {
          const auto holder = trust->CurveRole(*crypto::CurvePublicKey::FromBytes(key));
          if (!holder) return std::nullopt;
          return net::Peer{net::PeerRole::kAgent, holder->name, std::string(key)};
        });
    server_ =
        *net::ControlServer::Listen(*coordinator_network_, loop_, system_clock_, entropy_, heard_,
                                    {.endpoint = endpoint_, .features = {}, .version = "test"});
    endpoint_ = server_->endpoint();
  }

  void StopCoordinator() {
    server_.reset();
    coordinator_network_.reset();
  }

  void PassOn() {
    for (v1::ControlMessage& message : sent_) {
      EXPECT_THAT(link_->Send(std::move(message)), IsOk());
    }
    sent_.clear();
  }

  void SendAccept() {
    v1::ControlMessage message;
    v1::JobCommand* command = message.mutable_job_command();
    command->set_promotion("promotion-1");
    command->set_role(v1::JOB_ROLE_TARGET);
    command->set_step(v1::JOB_STEP_ACCEPT);
    command->set_order(trust_.Signed(trust_.PromoteOrder()));
    server_->Send(heard_.sessions.back(), message);
  }

  void WaitForSession(size_t count) {
    loop_.RunUntil([&] { return heard_.sessions.size() >= count; });
  }
  void WaitForReports(size_t count) {
    loop_.RunUntil([&] { return heard_.reports.size() >= count; });
  }

  SystemClock system_clock_;  // of the sockets; orders are judged by the fixture's clock
  net::EventLoop loop_{system_clock_};
  SeededRandom random_{1};
  crypto::CurveKeyPair coordinator_curve_ = trust_.coordinator().curve;
  Heard heard_;
  std::string endpoint_ = "tcp://127.0.0.1:*";
  std::unique_ptr<net::Network> coordinator_network_;
  std::unique_ptr<net::ControlServer> server_;
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<CoordinatorLink> link_;
};

TEST_F(SessionTest, AgentIsAdmittedUnderItsFoundationsNameAndAnswersACommandByAReport) {
  WaitForSession(1);
  EXPECT_EQ(heard_.names[0], "prod");
  SendAccept();
  WaitForReports(1);
  EXPECT_EQ(heard_.reports[0].target_state(), v1::TARGET_STATE_ACCEPTED);
  EXPECT_EQ(heard_.reports[0].evidence_size(), 1);
}

TEST_F(SessionTest, ReportThatACoordinatorDidNotRecordComesAgainAfterItsRestart) {
  WaitForSession(1);
  SendAccept();
  WaitForReports(1);
  StopCoordinator();
  StartCoordinator();
  WaitForReports(2);
  EXPECT_EQ(heard_.reports[1].SerializeAsString(), heard_.reports[0].SerializeAsString());
}

TEST_F(SessionTest, RecordedReportDoesNotComeAgain) {
  WaitForSession(1);
  SendAccept();
  WaitForReports(1);
  v1::ControlMessage message;
  auto* recorded = message.mutable_job_report_recorded();
  recorded->set_promotion("promotion-1");
  recorded->set_role(v1::JOB_ROLE_TARGET);
  recorded->set_revision(heard_.reports[0].revision());
  server_->Send(heard_.sessions.back(), message);
  loop_.RunUntil([&] { return journal_->LoadUnfinishedJobs()->at(0).reported; });
  StopCoordinator();
  StartCoordinator();
  WaitForSession(2);
  // The repeated command is answered; had the report come by itself there would be two.
  SendAccept();
  WaitForReports(2);
  EXPECT_EQ(heard_.reports.size(), 2u);
}

// The coordinator is busy with something else and takes nothing, until the link has no room left.
TEST_F(SessionTest, ReportThatTheLinkHadNoRoomForComesWhenThereIsRoomAgain) {
  WaitForSession(1);
  SendAccept();
  WaitForReports(1);
  v1::ControlMessage filling;
  filling.mutable_read_answer()->set_envelope(std::string(size_t{16} << 10, 'x'));
  v1::ControlMessage report;
  *report.mutable_job_report() = heard_.reports[0];
  // ZeroMQ's and the kernel's buffers fill up behind the loop's back: a report that finds room has
  // only come again, and the next one is tried.
  size_t expected = 2;
  while (true) {
    while (link_->Send(filling).ok()) {
    }
    const Status sent = link_->Send(report);
    if (ErrorName(sent) == "link-full") break;
    ASSERT_THAT(sent, IsOk());
    ++expected;
  }
  bool given_up = false;
  loop_.timers().After(absl::Seconds(20), [&] { given_up = true; });
  loop_.RunUntil([&] { return given_up || heard_.reports.size() >= expected; });
  EXPECT_EQ(heard_.reports.size(), expected);
  EXPECT_EQ(heard_.sessions.size(), 1u);
}

TEST_F(SessionTest, NewerTrustDocumentWithAnotherCoordinatorKeyIsFollowedToThatCoordinator) {
  WaitForSession(1);
  coordinator_curve_ = crypto::CurveKeyPair::Generate(entropy_);
  StopCoordinator();
  StartCoordinator();
  trust::TrustContent content = trust_.content();
  content.version += 1;
  content.coordinator_curve = coordinator_curve_.public_key();
  trust_.Use(content);
  WriteTrust();
  ASSERT_THAT(authority_->Reload(), IsOk());
  link_->Follow();
  bool given_up = false;
  loop_.timers().After(absl::Seconds(20), [&] { given_up = true; });
  loop_.RunUntil([&] { return given_up || heard_.sessions.size() >= 2; });
  EXPECT_EQ(heard_.sessions.size(), 2u);
}

TEST_F(SessionTest, TrustDocumentWithTheSameCoordinatorKeyLeavesTheSessionAlone) {
  WaitForSession(1);
  ASSERT_THAT(authority_->Reload(), IsOk());
  link_->Follow();
  SendAccept();
  WaitForReports(1);
  EXPECT_EQ(heard_.sessions.size(), 1u);
}

}  // namespace
}  // namespace sluice::agent

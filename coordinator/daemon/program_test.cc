// The program sluice-coordinator as it is started: configuration, keys, signals, sessions over real
// sockets, and death in the middle of a promotion.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/random.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/net/control_client.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/trust/key_file.h"
#include "common/trust/testing/test_trust.h"
#include "coordinator/daemon/testing/signed_evidence.h"
#include "gmock/gmock.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

using ::testing::HasSubstr;

const std::string kProgram = std::string(SLUICE_BINARY_DIR) + "/bin/sluice-coordinator";

// The program, its standard error on a pipe. Killed when the test leaves it.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments) {
    int ends[2];
    SLUICE_CHECK(pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    std::vector<std::string> words = arguments;
    words.insert(words.begin(), kProgram);
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    SLUICE_CHECK(
        posix_spawn(&pid_, kProgram.c_str(), &actions, nullptr, pointers.data(), environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    error_ = ends[0];
  }
  ~Process() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      Wait();
    }
    close(error_);
  }

  // The next line that contains `text`; empty when the program ended without it.
  std::string LineWith(const std::string& text) {
    while (true) {
      const size_t end = unread_.find('\n');
      if (end == std::string::npos) {
        if (!ReadMore()) return "";
        continue;
      }
      const std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      if (line.find(text) != std::string::npos) return line;
    }
  }
  // Everything else it wrote, until its end.
  std::string Rest() {
    while (ReadMore()) {
    }
    return unread_;
  }
  void Signal(int signal) { SLUICE_CHECK(kill(pid_, signal) == 0); }
  // The exit code, or minus the signal that ended it.
  int Wait() {
    int status = 0;
    SLUICE_CHECK(waitpid(pid_, &status, 0) == pid_);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

 private:
  bool ReadMore() {
    char buffer[4096];
    const ssize_t count = read(error_, buffer, sizeof buffer);
    if (count > 0) unread_.append(buffer, static_cast<size_t>(count));
    return count > 0;
  }

  pid_t pid_ = -1;
  int error_ = -1;
  std::string unread_;
};

// One client of the coordinator: an agent or an operator.
struct Client {
  std::unique_ptr<net::Network> network;
  std::unique_ptr<net::ControlClient> client;
  std::vector<v1::ControlMessage> messages;
  std::vector<Status> losses;
};

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    std::string pattern = ::testing::TempDir() + "coordinator.XXXXXX";
    folder_ = mkdtemp(pattern.data());
    Process keygen({"keygen", "--file", folder_ + "/coordinator.key"});
    SLUICE_CHECK(keygen.Wait() == 0);
    coordinator_ = std::make_unique<trust::CoordinatorKey>(
        *trust::LoadCoordinatorKey(files_, folder_ + "/coordinator.key"));
    trust::TrustContent content = trust_.content();
    content.coordinator_curve = coordinator_->curve.public_key();
    content.expires = Seconds() + absl::Hours(24 * 30);  // not soon enough to be warned of
    UseTrust(content);
    WriteConfiguration("tcp://127.0.0.1:0");
  }
  ~ProgramTest() override { std::filesystem::remove_all(folder_); }

  absl::Time Seconds() const { return absl::FromUnixSeconds(absl::ToUnixSeconds(clock_.Now())); }

  void UseTrust(const trust::TrustContent& content) {
    trust_.Use(content);
    Write("trust.json", trust_.document().envelope());
  }
  void Write(const std::string& name, const std::string& text) {
    SLUICE_CHECK(files_.Replace(folder_ + "/" + name, text, FileAccess::kEveryone).ok());
  }
  void WriteConfiguration(const std::string& listen) {
    Write("coordinator.yaml",
          absl::StrCat("key_file: coordinator.key\ntrust: {document: trust.json, roots: [",
                       trust_.root().signing.Public().text(), "]}\ncontrol: {listen: \"", listen,
                       "\"}\nrelay: {listen: \"", relay_, "\"}\ndata_dir: data\n"));
  }
  std::vector<std::string> Words(const std::string& command) {
    return {command, "--config", folder_ + "/coordinator.yaml"};
  }

  // Started again it listens where it did, so that clients come back by themselves.
  void Start() {
    process_ = std::make_unique<Process>(Words("run"));
    const std::string ready = process_->LineWith("coordinator-ready");
    ASSERT_NE(ready, "");
    const size_t begin = ready.find("tcp://");
    endpoint_ = ready.substr(begin, ready.find('"', begin) - begin);
    WriteConfiguration(endpoint_);
  }

  std::unique_ptr<Client> Dial(const crypto::CurveKeyPair& key) {
    auto client = std::make_unique<Client>();
    client->network = *net::Network::Start(
        {.public_key = key.public_key().bytes(), .secret_key = key.secret_bytes()}, nullptr);
    client->client = net::ControlClient::Dial(
        *client->network, loop_, clock_, entropy_, random_,
        {.endpoint = endpoint_,
         .coordinator_key = coordinator_->curve.public_key().bytes(),
         .features = {},
         .version = "test",
         .bulk_endpoint = ""},
        {.on_welcome = [](const v1::Welcome&) {},
         .on_message = [c = client.get()](const auto& message) { c->messages.push_back(message); },
         .on_lost = [c = client.get()](const Status& why) { c->losses.push_back(why); }});
    return client;
  }
  void Send(Client& client, const v1::ControlMessage& message) {
    loop_.RunUntil([&] { return client.client->connected(); });
    ASSERT_THAT(client.client->Send(message), IsOk());
  }
  // The next message that `wanted` likes; those before it are dropped.
  v1::ControlMessage Next(Client& client,
                          const std::function<bool(const v1::ControlMessage&)>& wanted) {
    while (true) {
      loop_.RunUntil([&] { return !client.messages.empty(); });
      const v1::ControlMessage message = client.messages.front();
      client.messages.erase(client.messages.begin());
      if (wanted(message)) return message;
    }
  }
  v1::ControlMessage NextCommand(Client& client) {
    return Next(client, [](const auto& message) { return message.has_job_command(); });
  }
  v1::PromotionState StateOf(Client& alice, const std::string& id) {
    v1::ControlMessage get;
    get.set_request("state");
    get.mutable_get_promotion()->set_id(id);
    Send(alice, get);
    return Next(alice, [](const auto& message) { return message.request() == "state"; })
        .promotion_detail()
        .summary()
        .state();
  }

  trust::Order OrderNow() const {
    trust::Order order = trust_.PromoteOrder();
    order.issued_at = Seconds();
    order.expires_at = order.issued_at + absl::Minutes(30);
    return order;
  }

  SystemFiles files_;
  SystemClock clock_;
  FakeEntropy entropy_;
  SeededRandom random_{1};
  net::EventLoop loop_{clock_};
  trust::TestTrust trust_;
  std::string folder_;
  std::unique_ptr<trust::CoordinatorKey> coordinator_;
  std::string endpoint_;
  std::string relay_;  // where it listens; empty: there is none
  std::unique_ptr<Process> process_;
};

TEST_F(ProgramTest, GoodConfigurationIsCheckedAndServedUntilSigterm) {
  EXPECT_EQ(Process(Words("check-config")).Wait(), 0);
  Start();
  process_->Signal(SIGTERM);
  EXPECT_NE(process_->LineWith("coordinator-ended"), "");
  EXPECT_EQ(process_->Wait(), 0);
}

TEST_F(ProgramTest, EveryMistakeInTheConfigurationIsSaidWithItsLine) {
  Write("coordinator.yaml",
        "key_file: coordinator.key\ntrust: {document: trust.json, roots: [slrt1wrong]}\n"
        "control: {listen: \"udp://x\"}\nlog_level: loud\nsurprise: 1\n");
  for (const char* command : {"run", "check-config"}) {
    Process process(Words(command));
    const std::string said = process.Rest();
    EXPECT_THAT(said, HasSubstr("coordinator.yaml:2: "));
    EXPECT_THAT(said, HasSubstr("coordinator.yaml:3: "));
    EXPECT_THAT(said, HasSubstr("coordinator.yaml:4: "));
    EXPECT_THAT(said, HasSubstr("coordinator.yaml:5: "));
    EXPECT_THAT(said, HasSubstr("data_dir"));
    EXPECT_EQ(process.Wait(), 2);
  }
}

TEST_F(ProgramTest, MissingConfigurationAndMissingCommandAreExitTwo) {
  Process missing({"run", "--config", folder_ + "/none.yaml"});
  EXPECT_THAT(missing.Rest(), HasSubstr("no-configuration"));
  EXPECT_EQ(missing.Wait(), 2);
  EXPECT_EQ(Process({}).Wait(), 2);
  EXPECT_EQ(Process({"version"}).Wait(), 0);
}

TEST_F(ProgramTest, KeyThatTheTrustDocumentDoesNotNameIsRefused) {
  trust::TrustContent content = trust_.content();
  content.coordinator_curve = trust_.coordinator().curve.public_key();
  UseTrust(content);
  Process process(Words("run"));
  EXPECT_NE(process.LineWith("coordinator-key-not-trusted"), "");
  EXPECT_EQ(process.Wait(), 3);
}

TEST_F(ProgramTest, KeyFileThatOthersMayReadIsRefused) {
  std::filesystem::permissions(folder_ + "/coordinator.key", std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  Process process(Words("check-config"));
  EXPECT_THAT(process.Rest(), HasSubstr("file-too-open"));
  EXPECT_EQ(process.Wait(), 3);
}

TEST_F(ProgramTest, OlderTrustDocumentThanTheLedgerKnowsIsRefused) {
  const trust::TrustContent before = trust_.content();
  trust::TrustContent later = before;
  later.version += 1;
  UseTrust(later);
  Start();
  process_->Signal(SIGTERM);
  ASSERT_EQ(process_->Wait(), 0);
  UseTrust(before);
  Process again(Words("run"));
  EXPECT_NE(again.LineWith("trust-rolled-back"), "");
  EXPECT_EQ(again.Wait(), 1);
  Process check(Words("check-config"));
  EXPECT_THAT(check.Rest(), HasSubstr("trust-rolled-back"));
  EXPECT_EQ(check.Wait(), 1);
  trust::TrustContent other = later;
  other.expires += absl::Hours(1);
  UseTrust(other);
  Process reused(Words("run"));
  EXPECT_NE(reused.LineWith("trust-version-reused"), "");
}

TEST_F(ProgramTest, CheckConfigKnowsTheLedgerOfTheCoordinatorThatRuns) {
  const trust::TrustContent before = trust_.content();
  trust::TrustContent later = before;
  later.version += 1;
  UseTrust(later);
  Start();
  EXPECT_EQ(Process(Words("check-config")).Wait(), 0);
  UseTrust(before);
  Process check(Words("check-config"));
  EXPECT_THAT(check.Rest(), HasSubstr("trust-rolled-back"));
  EXPECT_EQ(check.Wait(), 1);
}

TEST_F(ProgramTest, ExpiredTrustDocumentIsNotGoodAndWarnedOfAtTheStartAndAtSighup) {
  trust::TrustContent content = trust_.content();
  content.expires = Seconds() + absl::Hours(24 * 30);
  UseTrust(content);
  Process good(Words("check-config"));
  EXPECT_EQ(good.Rest(), "");
  EXPECT_EQ(good.Wait(), 0);
  content.expires = Seconds() + absl::Hours(24);
  UseTrust(content);
  Process soon(Words("check-config"));
  EXPECT_THAT(soon.Rest(), HasSubstr("trust-expires-soon"));
  EXPECT_EQ(soon.Wait(), 0);
  content.expires = Seconds() - absl::Hours(1);
  UseTrust(content);
  Process expired(Words("check-config"));
  EXPECT_THAT(expired.Rest(), HasSubstr("trust-expired"));
  EXPECT_EQ(expired.Wait(), 3);
  process_ = std::make_unique<Process>(Words("run"));
  EXPECT_THAT(process_->LineWith("trust-expired"), HasSubstr("\"level\":\"warning\""));
  ASSERT_NE(process_->LineWith("coordinator-ready"), "");
  process_->Signal(SIGHUP);
  EXPECT_NE(process_->LineWith("trust-expired"), "");
  content.expires = Seconds() + absl::Hours(24);
  content.version += 1;
  UseTrust(content);
  process_->Signal(SIGHUP);
  EXPECT_NE(process_->LineWith("trust-adopted"), "");
  EXPECT_NE(process_->LineWith("trust-expires-soon"), "");
}

TEST_F(ProgramTest, BeginningALedgerIsWarnedOfAndGoingOnWithOneIsNot) {
  for (const bool begins : {true, false, true}) {
    if (begins) std::filesystem::remove_all(folder_ + "/data");
    Process process(Words("run"));
    const std::string first = process.LineWith("event");
    const bool warned = first.find("ledger-begun") != std::string::npos;
    EXPECT_EQ(warned, begins) << first;
    EXPECT_THAT(first, HasSubstr(warned ? "\"level\":\"warning\"" : "coordinator-ready"));
    if (warned) {
      ASSERT_NE(process.LineWith("coordinator-ready"), "");
    }
    process.Signal(SIGTERM);
    EXPECT_EQ(process.Wait(), 0);
  }
}

TEST_F(ProgramTest, OrderIsRefusedByNameOnceTheLedgersFilesWereRemoved) {
  Start();
  auto alice = Dial(trust_.alice().curve);
  std::filesystem::remove_all(folder_ + "/data");
  v1::ControlMessage submit;
  submit.set_request("submit");
  submit.mutable_submit_order()->set_envelope(trust_.Signed(OrderNow()));
  Send(*alice, submit);
  const auto answer =
      Next(*alice, [](const auto& message) { return message.request() == "submit"; });
  EXPECT_EQ(answer.error().name(), "ledger-unavailable");
  EXPECT_THAT(answer.error().message(), HasSubstr("ledger.db was removed or replaced"));
  EXPECT_THAT(process_->LineWith("ledger-not-written"), HasSubstr("\"level\":\"error\""));
}

TEST_F(ProgramTest, SighupAdmitsWhomANewerTrustDocumentNamesAndKeepsTheOldOneForABadFile) {
  Start();
  const trust::OperatorKey bob = trust_.AddOperator("bob", {trust::AllActions({"*:*/*"})});
  auto stranger = Dial(bob.curve);
  loop_.RunUntil([&] { return !stranger->losses.empty(); });
  EXPECT_THAT(stranger->losses[0], HasErrorName("not-admitted"));
  Write("trust.json", "{}");
  process_->Signal(SIGHUP);
  EXPECT_NE(process_->LineWith("trust-not-adopted"), "");
  Write("trust.json", trust_.document().envelope());
  process_->Signal(SIGHUP);
  EXPECT_NE(process_->LineWith("trust-adopted"), "");
  auto admitted = Dial(bob.curve);
  loop_.RunUntil([&] { return admitted->client->connected(); });
}

TEST_F(ProgramTest, PromotionSurvivesTheDeathOfTheProcess) {
  Start();
  auto alice = Dial(trust_.alice().curve);
  auto dev = Dial(trust_.agent("dev").curve);
  auto prod = Dial(trust_.agent("prod").curve);
  const trust::Order order = OrderNow();
  const std::string envelope = trust_.Signed(order);
  v1::ControlMessage submit;
  submit.set_request("submit");
  submit.mutable_submit_order()->set_envelope(envelope);
  Send(*alice, submit);
  const auto recorded =
      Next(*alice, [](const auto& message) { return message.has_order_recorded(); });
  EXPECT_EQ(NextCommand(*dev).job_command().order(), envelope);
  EXPECT_EQ(NextCommand(*prod).job_command().step(), v1::JOB_STEP_ACCEPT);
  v1::ControlMessage report;
  report.mutable_job_report()->set_promotion("promotion-1");
  report.mutable_job_report()->set_role(v1::JOB_ROLE_SOURCE);
  report.mutable_job_report()->set_revision(1);
  report.mutable_job_report()->set_source_state(v1::SOURCE_STATE_ACCEPTED);
  report.mutable_job_report()->add_evidence(SignedStatement(trust_, order, envelope));
  Send(*dev, report);
  Next(*dev, [](const auto& message) { return message.has_job_report_recorded(); });

  process_->Signal(SIGKILL);
  EXPECT_EQ(process_->Wait(), -SIGKILL);
  loop_.RunUntil(
      [&] { return !alice->losses.empty() && !dev->losses.empty() && !prod->losses.empty(); });
  Start();

  // Everybody is told what is wanted, as before; the same order is the same promotion.
  EXPECT_EQ(NextCommand(*dev).job_command().order(), envelope);
  EXPECT_EQ(NextCommand(*prod).job_command().step(), v1::JOB_STEP_ACCEPT);
  Send(*alice, submit);
  const auto again = Next(*alice, [](const auto& message) { return message.has_order_recorded(); });
  EXPECT_EQ(again.order_recorded().ledger_sequence(), recorded.order_recorded().ledger_sequence());
  EXPECT_EQ(StateOf(*alice, "promotion-1"), v1::PROMOTION_STATE_RECORDED);

  // And it goes on: the target refuses, the source is told to stop, and that is the end.
  report.mutable_job_report()->Clear();
  report.mutable_job_report()->set_promotion("promotion-1");
  report.mutable_job_report()->set_role(v1::JOB_ROLE_TARGET);
  report.mutable_job_report()->set_revision(1);
  report.mutable_job_report()->set_target_state(v1::TARGET_STATE_REFUSED);
  Send(*prod, report);
  EXPECT_EQ(NextCommand(*dev).job_command().step(), v1::JOB_STEP_CANCEL);
  EXPECT_EQ(StateOf(*alice, "promotion-1"), v1::PROMOTION_STATE_FAILED);
}

}  // namespace
}  // namespace sluice::coordinator

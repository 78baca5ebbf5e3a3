// An agent without threads or sockets: its foundation, transfers and coordinator are the test.
//
// Steps run when the test says so (RunSteps), on the test's thread; what they post back is worked
// off at once. Time is a FakeClock that starts when TestTrust's orders are issued.
#pragma once

#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/agent.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/http/testing/fake_transport.h"
#include "common/http/testing/fake_waiter.h"
#include "common/transfer/spool.h"
#include "common/trust/receipt.h"
#include "common/trust/seal_offer.h"
#include "common/trust/statement.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {

// Holds tasks until the test runs them.
class HeldExecutor final : public Executor {
 public:
  bool Run(std::function<void()> task) override {
    if (full) return false;
    tasks_.push_back(std::move(task));
    return true;
  }
  void RunOne() {
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
  }
  // Runs what is held, and what that adds.
  void RunAll() {
    while (!tasks_.empty()) RunOne();
  }
  size_t held() const { return tasks_.size(); }
  bool full = false;

 private:
  std::deque<std::function<void()>> tasks_;
};

// Waits in no time. `in_wait` is what happens meanwhile.
class EventfulWaiter final : public http::Waiter {
 public:
  explicit EventfulWaiter(FakeClock& clock) : clock_(clock) {}
  Status Wait(absl::Duration duration, std::stop_token stop) override {
    clock_.Advance(duration);
    if (in_wait) in_wait();
    if (!stop.stop_requested()) return absl::OkStatus();
    return NamedError(StatusCode::kCancelled, "cancelled", "stopped while waiting");
  }
  std::function<void()> in_wait;

 private:
  FakeClock& clock_;
};

// Each step is a function of the test's; the calls are counted by name.
class ScriptedTarget final : public TargetWork {
 public:
  Status CheckPlan(const TargetAssignment&, std::stop_token) override {
    calls.push_back("check-plan");
    return check_plan;
  }
  Status CheckRollback(const TargetAssignment&, const trust::TrustDocument&,
                       std::stop_token) override {
    calls.push_back("check-rollback");
    return check_rollback;
  }
  StatusOr<bool> Upload(const TargetAssignment& assignment, const trust::Statement&,
                        const std::string&, const OpenIncoming&, TargetFacts& facts,
                        const Checkpoint& checkpoint, std::stop_token stop) override {
    calls.push_back("upload");
    facts.app_guid = assignment.target().app_guid;
    facts.previous_droplet_guid = assignment.target().expected_current_droplet_guid;
    facts.droplet_guid = DropletGuid("promoted-here");
    facts.droplet_made = true;
    facts.path = kDirectPath;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
    if (in_upload) in_upload();
    if (in_upload_of) in_upload_of(facts, checkpoint);
    stopped = stop.stop_requested();
    if (stopped) return absl::CancelledError("stopped");
    SLUICE_RETURN_IF_ERROR(upload);
    facts.reported_sha256 = assignment.order.artifact.sha256;
    facts.droplet_staged = true;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
    return runs_already;
  }
  Status Activate(const TargetAssignment&, TargetFacts& facts, const Checkpoint& checkpoint,
                  std::stop_token) override {
    calls.push_back("activate");
    if (in_activate) in_activate();
    facts.activation_begun = true;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
    return activate;
  }
  Status Undo(const TargetAssignment& assignment, TargetFacts& facts, const Checkpoint& checkpoint,
              std::stop_token) override {
    calls.push_back("undo");
    if (in_undo) in_undo();
    rollback = assignment.rollback;
    facts.droplet_made = false;
    SLUICE_RETURN_IF_ERROR(checkpoint(facts));
    return undo;
  }

  std::vector<std::string> calls;
  Status check_plan, check_rollback, upload, activate, undo;
  bool runs_already = false;
  bool stopped = false;  // the latest upload was told to
  std::function<void()> in_upload, in_activate, in_undo;
  std::function<void(TargetFacts&, const Checkpoint&)> in_upload_of;
  std::optional<RollbackTerms> rollback;
};

class ScriptedSource final : public SourceWork {
 public:
  StatusOr<std::string> State(const trust::Order&, const std::string&, const trust::TrustDocument&,
                              std::stop_token) override {
    calls.push_back("state");
    return statement;
  }
  StatusOr<transfer::TransferSeed> MakeSeed(const Sending&, const trust::TrustDocument&) override {
    calls.push_back("make-seed");
    return seed;
  }
  Status Send(const Sending& asked, const trust::TrustDocument&, TransferMeter& meter,
              std::stop_token stop) override {
    calls.push_back("send");
    sending = asked;
    if (in_send) in_send(meter);
    stopped = stop.stop_requested();
    return stopped ? absl::CancelledError("stopped") : send;
  }

  void Forget(const std::string&) override { calls.push_back("forget"); }
  void ForgetOthers(const std::vector<std::string>& order_sha256s) override {
    remembered = order_sha256s;
  }

  std::vector<std::string> calls;
  std::vector<std::string> remembered;  // at the latest start
  StatusOr<transfer::TransferSeed> seed =
      transfer::TransferSeed{.content_key = Secret("content key"), .header = "header"};
  StatusOr<std::string> statement = std::string("{statement}");
  Status send;
  bool stopped = false;  // the latest sending was told to
  std::function<void(TransferMeter&)> in_send;
  Sending sending;
};

// Where nothing arrives: the steps are scripted.
class NoExchange final : public transfer::BulkExchange {
 public:
  std::string endpoint() const override { return ""; }
  StatusOr<std::unique_ptr<transfer::OutgoingTransfer>> Send(transfer::OutgoingOptions) override {
    return absl::UnavailableError("no exchange in this test");
  }
  StatusOr<std::unique_ptr<transfer::IncomingTransfer>> Receive(
      transfer::IncomingOptions) override {
    return absl::UnavailableError("no exchange in this test");
  }
  void StopServing(const transfer::TransferId& transfer) override { stopped.push_back(transfer); }

  std::vector<transfer::TransferId> stopped;
};

class AgentFixture : public ::testing::Test {
 protected:
  explicit AgentFixture(const std::string& foundation) : foundation_(foundation) {
    std::string pattern = ::testing::TempDir() + "agentXXXXXX";
    folder_ = mkdtemp(pattern.data());
    WriteTrust();
    StartAgent();
  }
  ~AgentFixture() override {
    agent_.reset();  // before the clocks and files that it borrows
    std::filesystem::remove_all(folder_);
  }

  void WriteTrust() {
    ASSERT_THAT(files_.Replace(folder_ + "/trust.json", trust_.document().envelope(),
                               FileAccess::kEveryone),
                IsOk());
  }

  // A first agent, or the next process after an end of the one before, by whatever way.
  void StartAgent() {
    agent_.reset();
    reads_.reset();
    authority_.reset();
    journal_.reset();
    spool_.reset();
    steps_ = HeldExecutor();
    posted_.clear();
    journal_ = *Journal::Open(files_, folder_ + "/journal.db");
    spool_ = *transfer::Spool::Open(files_, folder_ + "/spool", uint64_t{1} << 30);
    auto authority = Authority::Open(files_,
                                     {.trust_document = folder_ + "/trust.json",
                                      .trust_roots = {trust_.root().signing.Public()},
                                      .policy_file = policy_file_},
                                     trust_.agent(foundation_), *journal_, clock_);
    ASSERT_THAT(authority, IsOk());
    authority_ = *std::move(authority);
    reads_ = std::make_unique<Reads>(
        [this] {
          Reads::Options options;
          options.foundation = FoundationName(foundation_);
          options.version = "test";
          return options;
        }(),
        cloud_controller_, *journal_, *spool_);
    agent_ = std::make_unique<Agent>(
        options_,
        Agent::Parts{
            .services = {
                .journal = *journal_,
                .authority = *authority_,
                .clock = clock_,
                .executor = steps_,
                .waiter = step_waiter_,
                .post =
                    [this](std::function<void()> call) {
                      posted_.push_back(std::move(call));
                      return true;
                    },
                .send = [this](v1::ControlMessage message) { sent_.push_back(std::move(message)); },
                .leaving = {},
                .give_up = [this](const Status& why) { given_up_ = why; }},
            .source_work = source_,
            .target_work = target_,
            .exchange = exchange_,
            .spool = *spool_,
            .entropy = entropy_,
            .reads = *reads_,
            .readers = steps_,
            .timers = timers_});
    ASSERT_THAT(agent_->Start(), IsOk());
  }

  void RunPosted() {
    while (!posted_.empty()) {
      const std::function<void()> call = std::move(posted_.front());
      posted_.pop_front();
      call();
    }
  }
  void RunOneStep() { steps_.RunOne(); }
  // Until nothing is left to do.
  void RunSteps() {
    do {
      RunPosted();
      steps_.RunAll();
    } while (!posted_.empty() || steps_.held() > 0);
  }

  void Hear(const v1::JobCommand& command) {
    Receive(command);
    RunSteps();
  }
  // While a step runs.
  void Receive(const v1::JobCommand& command) {
    v1::ControlMessage message;
    *message.mutable_job_command() = command;
    agent_->OnMessage(message);
  }
  // What is tried again from time to time is, and what follows from it is done.
  void LetTimePass() {
    clock_.Advance(absl::Seconds(1));
    timers_.RunDue();
    RunSteps();
  }

  // The reports sent since this was asked last.
  std::vector<v1::JobReport> Reports() {
    std::vector<v1::JobReport> reports;
    for (const v1::ControlMessage& message : sent_) {
      if (message.has_job_report()) reports.push_back(message.job_report());
    }
    sent_.clear();
    return reports;
  }
  v1::JobReport LastReport() {
    const std::vector<v1::JobReport> reports = Reports();
    return reports.empty() ? v1::JobReport() : reports.back();
  }

  void Record(const v1::JobReport& report) {
    v1::ControlMessage message;
    auto* recorded = message.mutable_job_report_recorded();
    recorded->set_promotion(report.promotion());
    recorded->set_role(report.role());
    recorded->set_target_index(report.target_index());
    recorded->set_revision(report.revision());
    agent_->OnMessage(message);
  }

  const std::string foundation_;
  Agent::Options options_;  // of the next StartAgent()
  trust::TestTrust trust_{{"dev", "prod"}};
  FakeClock clock_{trust::kTestNow};
  FakeEntropy entropy_;
  SystemFiles files_;
  std::string folder_;
  std::string policy_file_;
  http::FakeTransport transport_{[](const http::SeenRequest&) -> StatusOr<http::FakeReply> {
    return NamedError(StatusCode::kUnavailable, "connect-failed", "no foundation in this test");
  }};
  http::FakeWaiter waiter_{clock_};
  EventfulWaiter step_waiter_{clock_};
  foundation::CloudController cloud_controller_{
      [this] {
        foundation::CloudController::Options options;
        options.foundation = foundation_;
        options.api_url = "https://api.example";
        return options;
      }(),
      [] {
        return foundation::ClientCredentials{"sluice", Secret("secret")};
      },
      transport_,
      clock_,
      waiter_,
      1};
  Timers timers_{clock_};
  HeldExecutor steps_;
  std::deque<std::function<void()>> posted_;
  std::vector<v1::ControlMessage> sent_;
  Status given_up_;
  ScriptedTarget target_;
  ScriptedSource source_;
  NoExchange exchange_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<transfer::Spool> spool_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<Reads> reads_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace sluice::agent

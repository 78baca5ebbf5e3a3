#include "tests/simulation/agent_process.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/source_steps.h"
#include "common/base/check.h"
#include "tests/simulation/exchange.h"

namespace sluice::simulation {
namespace {

constexpr uint64_t kSpoolBytesMax = uint64_t{64} << 20;
constexpr size_t kStepThreads = 2;
constexpr size_t kStepsQueuedMax = 64;
constexpr size_t kJournalBytesMax = size_t{16} << 20;
// Of kJournalUnsynced: what is later than that is lost.
constexpr absl::Duration kJournalSyncEvery = absl::Seconds(2);
constexpr char kTrustPath[] = "/agent/trust.json";
constexpr char kSpoolFolder[] = "/agent/spool";
constexpr char kOutgoingFolder[] = "/agent/outgoing";

// Puts nothing back (kUndoDropped).
class NeverUndoing final : public agent::TargetWork {
 public:
  explicit NeverUndoing(std::unique_ptr<agent::TargetWork> work) : work_(std::move(work)) {}
  Status CheckPlan(const agent::TargetAssignment& assignment, std::stop_token stop) override {
    return work_->CheckPlan(assignment, std::move(stop));
  }
  Status CheckRollback(const agent::TargetAssignment& rollback, const trust::TrustDocument& trust,
                       std::stop_token stop) override {
    return work_->CheckRollback(rollback, trust, std::move(stop));
  }
  StatusOr<bool> Upload(const agent::TargetAssignment& assignment,
                        const trust::Statement& statement, const std::string& statement_envelope,
                        const agent::OpenIncoming& open_incoming, agent::TargetFacts& facts,
                        const agent::Checkpoint& checkpoint, std::stop_token stop) override {
    return work_->Upload(assignment, statement, statement_envelope, open_incoming, facts,
                         checkpoint, std::move(stop));
  }
  Status Activate(const agent::TargetAssignment& assignment, agent::TargetFacts& facts,
                  const agent::Checkpoint& checkpoint, std::stop_token stop) override {
    return work_->Activate(assignment, facts, checkpoint, std::move(stop));
  }
  Status Undo(const agent::TargetAssignment&, agent::TargetFacts&, const agent::Checkpoint&,
              std::stop_token) override {
    return absl::OkStatus();
  }

 private:
  const std::unique_ptr<agent::TargetWork> work_;
};

void Copy(const std::string& from, const std::string& to) {
  SystemFiles files;
  for (const char* part : {"", "-wal"}) {
    const auto content = files.Read(from + part, kJournalBytesMax);
    if (content.ok()) SLUICE_CHECK(files.Replace(to + part, *content, FileAccess::kOwnerOnly).ok());
  }
}

void Forget(const std::string& path) {
  SystemFiles files;
  for (const char* part : {"", "-wal", "-owner"}) {
    const Status removed = files.Remove(path + part);
    SLUICE_CHECK(removed.ok() || absl::IsNotFound(removed));
  }
}

template <typename T>
T Must(StatusOr<T> value) {
  SLUICE_CHECK(value.ok());
  return *std::move(value);
}

}  // namespace

AgentProcess::AgentProcess(Parts parts) : parts_(std::move(parts)), disk_(parts_.world) {
  SLUICE_CHECK(disk_.MakeFolder(kOutgoingFolder).ok());
  SLUICE_CHECK(
      disk_.Replace(kTrustPath, parts_.trust.document().envelope(), FileAccess::kEveryone).ok());
}

AgentProcess::~AgentProcess() {
  if (alive()) Crash();
  Forget(JournalPath());
}

std::string AgentProcess::JournalPath() const {
  return absl::StrCat(parts_.journal_folder, "/", name(), "-", lives_, ".db");
}

void AgentProcess::Start() {
  World& world = parts_.world;
  world.trace.Note(absl::StrCat("start ", name()));
  disk_.Mount();
  gave_up_ = false;
  leaving_ = std::stop_source();
  entropy_ = std::make_unique<FakeEntropy>(world.random.Next());
  loop_ = std::make_unique<net::EventLoop>(world.clock);
  SystemFiles files;  // SQLite's own, on a disk in memory
  journal_ = Must(agent::Journal::Open(files, JournalPath()));
  authority_ = Must(agent::Authority::Open(disk_,
                                           {.trust_document = kTrustPath,
                                            .trust_roots = {parts_.trust.root().signing.Public()},
                                            .policy_file = ""},
                                           parts_.trust.agent(name()), *journal_, world.clock));
  CheckJournal();
  spool_ = Must(transfer::Spool::Open(disk_, kSpoolFolder, kSpoolBytesMax));
  transport_ = std::make_unique<Transport>(world, parts_.foundation, parts_.blob);
  if (world.Has(Bug::kChecksumUnchecked) || world.Has(Bug::kDigestUnchecked)) {
    transport_->BelieveSha256(parts_.published_sha256, parts_.others_sha256);
  }
  if (lives_ > 0) transport_->SetLaterLife();
  waiter_ = std::make_unique<SleepingWaiter>(world);
  MakeWork();
  MakeAgent();
}

void AgentProcess::MakeWork() {
  World& world = parts_.world;
  world.turns.StartIn(parts_.number);
  exchange_ = std::make_unique<Exchange>(
      world, parts_.bulk,
      Exchange::Options{
          .self = Self(),
          .endpoint = parts_.bulk_endpoint,
          .jitter_seed = world.random.Next(),
          .believed_sha256 = world.Has(Bug::kDigestUnchecked) ? parts_.wrong_sha256 : "",
          .chunks_unchecked = world.Has(Bug::kChunksUnchecked)},
      disk_, *spool_);
  foundation::CloudController::Options options;
  options.foundation = name();
  options.api_url = absl::StrCat("https://api.", name());
  cloud_controller_ = std::make_unique<foundation::CloudController>(
      options,
      [] {
        return foundation::ClientCredentials{"sluice", Secret("secret")};
      },
      *transport_, world.clock, *waiter_, world.random.Next());
  source_steps_ = std::make_unique<agent::SourceSteps>(
      agent::SourceSteps::Options{.outgoing_folder = kOutgoingFolder,
                                  .leaving = leaving_.get_token(),
                                  .chunk_bytes = kChunkBytes},
      *cloud_controller_, *exchange_, *spool_, authority_->key().identity, world.clock, *entropy_,
      disk_);
  target_steps_ = std::make_unique<agent::TargetSteps>(agent::TargetSteps::Options(),
                                                       *cloud_controller_, world.clock, *waiter_);
  if (world.Has(Bug::kUndoDropped)) {
    target_steps_ = std::make_unique<NeverUndoing>(std::move(target_steps_));
  }
}

void AgentProcess::MakeAgent() {
  World& world = parts_.world;
  reads_ = std::make_unique<agent::Reads>(
      agent::Reads::Options{
          .foundation = FoundationName(name()), .version = "simulated", .upload_limits = {}},
      *cloud_controller_, *journal_, *spool_);
  steps_ = std::make_unique<ThreadPool>("step", kStepThreads, kStepsQueuedMax);
  agent_ = std::make_unique<agent::Agent>(
      agent::Agent::Options{.bulk_endpoint = parts_.bulk_endpoint,
                            .progress_every = absl::Seconds(1)},
      agent::Agent::Parts{
          .services = {.journal = *journal_,
                       .authority = *authority_,
                       .clock = world.clock,
                       .executor = *steps_,
                       .waiter = *waiter_,
                       .post =
                           [this](std::function<void()> call) {
                             posted_.push_back(std::move(call));
                             return true;
                           },
                       .send = [this](v1::ControlMessage message) { SendUp(std::move(message)); },
                       .leaving = leaving_.get_token(),
                       .chunk_bytes = kChunkBytes,
                       .give_up =
                           [this](const Status& why) {
                             parts_.world.trace.Note(
                                 absl::StrCat(name(), " gives up: ", Describe(why)));
                             gave_up_ = true;
                           }},
          .source_work = *source_steps_,
          .target_work = *target_steps_,
          .exchange = *exchange_,
          .spool = *spool_,
          .entropy = *entropy_,
          .reads = *reads_,
          .readers = *steps_,
          .timers = loop_->timers()});
  SLUICE_CHECK(agent_->Start().ok());
  v1::Hello hello;
  hello.set_version("simulated");
  hello.set_bulk_endpoint(parts_.bulk_endpoint);
  caller_ = parts_.control.Attach(
      {.peer = Self(),
       .hello = hello,
       .on_welcome = [this](const v1::Welcome& welcome) { agent_->OnWelcome(welcome); },
       .on_message = [this](const v1::ControlMessage& message) { agent_->OnMessage(message); },
       .on_lost = [this](const Status& why) { agent_->OnLost(why); }});
}

net::Peer AgentProcess::Self() const {
  return {.role = net::PeerRole::kAgent,
          .name = name(),
          .curve_key = parts_.trust.agent(name()).curve.public_key().bytes()};
}

void AgentProcess::SendUp(v1::ControlMessage message) {
  if (dead_) return;
  if (message.has_job_report()) {
    const v1::JobReport& report = message.job_report();
    const agent::JobKey key = {.promotion = report.promotion(),
                               .role = report.role() == v1::JOB_ROLE_SOURCE
                                           ? agent::JobRole::kSource
                                           : agent::JobRole::kTarget,
                               .target_index = report.target_index()};
    // A refusal is nothing that is kept.
    const auto job = journal_->FindJob(key);
    if (job.ok() && job->has_value()) {
      revisions_told_[key] = std::max(revisions_told_[key], report.revision());
    }
  }
  parts_.control.SendUp(caller_, std::move(message));
}

void AgentProcess::CheckJournal() {
  for (const auto& [key, revision] : revisions_told_) {
    const auto job = journal_->FindJob(key);
    if (job.ok() && job->has_value() && (**job).revision >= revision) continue;
    parts_.world.witness.Violate(
        kNothingAcknowledgedIsLost,
        absl::StrCat("the journal of ", name(), " has forgotten what was reported"));
  }
}

void AgentProcess::Crash() {
  World& world = parts_.world;
  world.trace.Note(absl::StrCat("crash ", name()));
  dead_ = true;
  const std::string path = JournalPath();
  ++lives_;
  if (world.Has(Bug::kJournalUnsynced)) {
    Copy(absl::StrCat(path, "-synced"), JournalPath());
  } else {
    Copy(path, JournalPath());
  }
  disk_.Crash(world.random.Next());
  if (world.Has(Bug::kDigestLogForgotten)) disk_.ForgetFiles(kOutgoingFolder);
  transport_->Cut();
  parts_.bulk.Silence(name());
  parts_.control.Detach(caller_);
  world.turns.Kill(parts_.number);
  world.turns.SetAfterTurn([this] { DoPosted(); });
  leaving_.request_stop();
  agent_->Stop();
  steps_.reset();
  posted_.clear();
  agent_.reset();
  reads_.reset();
  target_steps_.reset();
  source_steps_.reset();
  cloud_controller_.reset();
  exchange_.reset();
  transport_.reset();
  spool_.reset();
  authority_.reset();
  journal_.reset();
  loop_.reset();
  world.turns.SetAfterTurn([] {});
  Forget(path);
  Forget(absl::StrCat(path, "-synced"));
  dead_ = false;
}

bool AgentProcess::DoPosted() {
  if (exchange_ == nullptr) return false;
  exchange_->DoCalls();
  if (dead_) {
    posted_.clear();
    return false;
  }
  const bool any = !posted_.empty();
  while (!posted_.empty() && !gave_up_) {
    const std::function<void()> call = std::move(posted_.front());
    posted_.pop_front();
    call();
  }
  return any;
}

void AgentProcess::RunTimers() {
  if (!alive() || gave_up_) return;
  if (parts_.world.Has(Bug::kJournalUnsynced) &&
      parts_.world.clock.Monotonic() >= journal_synced_at_ + kJournalSyncEvery) {
    journal_synced_at_ = parts_.world.clock.Monotonic();
    Copy(JournalPath(), absl::StrCat(JournalPath(), "-synced"));
  }
  loop_->timers().RunDue();
  exchange_->RunTimers();
}

std::optional<absl::Duration> AgentProcess::UntilNextTimer() const {
  if (!alive() || gave_up_) return std::nullopt;
  const auto control = loop_->timers().UntilNext();
  const auto bulk = exchange_->UntilNextTimer();
  if (!control || (bulk && *bulk < *control)) return bulk;
  return control;
}

size_t AgentProcess::UnfinishedJobs() const {
  if (!alive()) return 1;
  return Must(journal_->LoadUnfinishedJobs()).size();
}

void AgentProcess::InspectDisk() const { disk_.Inspect(name(), {kSpoolFolder, kOutgoingFolder}); }

}  // namespace sluice::simulation

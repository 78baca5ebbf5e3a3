#include "agent/run.h"

#include <signal.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/agent.h"
#include "agent/coordinator_link.h"
#include "agent/doctor.h"
#include "agent/own_foundation.h"
#include "common/base/executor.h"
#include "common/base/logging.h"
#include "common/base/random.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/spool.h"
#include "common/trust/trust_expiry.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

// A thread for the one step of each open job, source and target; what has more waits in the queue.
constexpr size_t kStepThreads = 2 * kOpenJobsMax;
constexpr size_t kStepsQueuedMax = 64;
constexpr size_t kReadThreads = 4;
constexpr size_t kReadsQueuedMax = 32;

// Everything that a running agent is made of. Members go in the reverse order: threads that post to
// the loop end before it.
class Program {
 public:
  static StatusOr<std::unique_ptr<Program>> Assemble(const Settings& settings,
                                                     const Surroundings& around);
  Status Serve();

 private:
  Program(const Settings& settings, const Surroundings& around)
      : settings_(settings),
        around_(around),
        loop_(around.clock),
        random_(SeedFromKernel()),
        foundation_(settings, around.files, around.clock) {}
  Status OpenFiles();
  Status OpenNetwork();
  void MakeAgent();
  void MakeLink();
  void Probe();
  void OnSignals();
  JobServices Services();

  const Settings& settings_;
  const Surroundings around_;
  net::EventLoop loop_;
  SeededRandom random_;
  OwnFoundation foundation_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<transfer::Spool> spool_;
  std::unique_ptr<transfer::BulkExchange> exchange_;
  std::string bulk_endpoint_;
  std::unique_ptr<SourceSteps> source_steps_;
  std::unique_ptr<TargetSteps> target_steps_;
  std::unique_ptr<Reads> reads_;
  std::stop_source probing_;
  std::stop_source leaving_;
  std::unique_ptr<Agent> agent_;
  std::unique_ptr<CoordinatorLink> link_;
  std::unique_ptr<ThreadPool> steps_;
  std::unique_ptr<ThreadPool> readers_;
  std::optional<trust::ExpiryWatch> expiry_;
  Status ended_;
};

StatusOr<std::unique_ptr<Program>> Program::Assemble(const Settings& settings,
                                                     const Surroundings& around) {
  std::unique_ptr<Program> program(new Program(settings, around));
  SLUICE_RETURN_IF_ERROR(program->OpenFiles());
  SLUICE_RETURN_IF_ERROR(program->OpenNetwork());
  program->MakeAgent();
  return program;
}

Status Program::OpenFiles() {
  SLUICE_ASSIGN_OR_RETURN(trust::AgentKey key,
                          LoadOwnKey(around_.files, settings_.key_file, settings_.foundation));
  SLUICE_RETURN_IF_ERROR(around_.files.MakeFolder(settings_.data_dir));
  SLUICE_RETURN_IF_ERROR(around_.files.MakeFolder(settings_.OutgoingFolder()));
  SLUICE_ASSIGN_OR_RETURN(spool_, transfer::Spool::Open(around_.files, settings_.spool_folder,
                                                        settings_.spool_bytes_max));
  // The control loop writes it on its own thread and waits for the disk, a write for each change of
  // a job's state: what is not journalled may not be acted upon, and nothing else may overtake it.
  // That holds heartbeats up by at most one write for each job that changes in the same turn, so by
  // 2 * kOpenJobsMax writes at the worst; droplet bytes never wait for it.
  SLUICE_ASSIGN_OR_RETURN(journal_, Journal::Open(around_.files, settings_.JournalPath()));
  SLUICE_ASSIGN_OR_RETURN(authority_, Authority::Open(around_.files,
                                                      {.trust_document = settings_.trust_document,
                                                       .trust_roots = settings_.trust_roots,
                                                       .policy_file = settings_.policy_file},
                                                      std::move(key), *journal_, around_.clock));
  return absl::OkStatus();
}

Status Program::OpenNetwork() {
  const crypto::CurveKeyPair& curve = authority_->key().curve;
  SLUICE_ASSIGN_OR_RETURN(
      network_, net::Network::Start(
                    {.public_key = curve.public_key().bytes(), .secret_key = curve.secret_bytes()},
                    [this](std::string_view key) { return authority_->FindPeer(key); }));
  SLUICE_ASSIGN_OR_RETURN(
      exchange_, transfer::BulkExchange::Start(
                     *network_, around_.clock, around_.entropy, around_.files, *spool_,
                     {.listen_endpoint = settings_.bulk_listen, .rates = settings_.rates}));
  bulk_endpoint_ =
      settings_.bulk_advertise.empty() ? exchange_->endpoint() : settings_.bulk_advertise;
  return absl::OkStatus();
}

JobServices Program::Services() {
  return {.journal = *journal_,
          .authority = *authority_,
          .clock = around_.clock,
          .executor = *steps_,
          .waiter = foundation_.waiter(),
          .post = [this](std::function<void()> call) { return loop_.Post(std::move(call)); },
          .send =
              [this](v1::ControlMessage message) {
                if (!link_) return;
                const Status sent = link_->Send(std::move(message));
                if (!sent.ok()) LogStatus(LogLevel::kDebug, "message-not-sent", sent);
              },
          .coordinator_endpoint = settings_.coordinator_endpoint,
          .leaving = leaving_.get_token(),
          .give_up =
              [this](const Status& why) {
                ended_ = why;
                loop_.Stop();
              }};
}

void Program::MakeAgent() {
  foundation::CloudController& cloud_controller = foundation_.cloud_controller();
  steps_ = std::make_unique<ThreadPool>("step", kStepThreads, kStepsQueuedMax);
  readers_ = std::make_unique<ThreadPool>("read", kReadThreads, kReadsQueuedMax);
  source_steps_ = std::make_unique<SourceSteps>(
      SourceSteps::Options{.outgoing_folder = settings_.OutgoingFolder(),
                           .leaving = leaving_.get_token(),
                           .reading_max = settings_.downloads_max},
      cloud_controller, *exchange_, *spool_, authority_->key().identity, around_.clock,
      around_.entropy, around_.files);
  target_steps_ = std::make_unique<TargetSteps>(
      TargetSteps::Options{.deployment_poll = settings_.deployment_poll,
                           .upload_limits = settings_.upload_limits,
                           .arriving_max = settings_.uploads_max},
      cloud_controller, around_.clock, foundation_.waiter());
  reads_ = std::make_unique<Reads>(Reads::Options{.foundation = settings_.foundation,
                                                  .version = SLUICE_VERSION,
                                                  .droplet_bytes_max = settings_.droplet_bytes_max,
                                                  .upload_limits = settings_.upload_limits},
                                   cloud_controller, *journal_, *spool_);
  agent_ = std::make_unique<Agent>(
      Agent::Options{.bulk_endpoint = bulk_endpoint_, .seal_suite = settings_.seal_suite},
      Agent::Parts{.services = Services(),
                   .source_work = *source_steps_,
                   .target_work = *target_steps_,
                   .exchange = *exchange_,
                   .spool = *spool_,
                   .entropy = around_.entropy,
                   .reads = *reads_,
                   .readers = *readers_,
                   .timers = loop_.timers()});
}

void Program::MakeLink() {
  link_ = std::make_unique<CoordinatorLink>(
      CoordinatorLink::Options{.endpoint = settings_.coordinator_endpoint,
                               .version = SLUICE_VERSION,
                               .bulk_endpoint = bulk_endpoint_},
      CoordinatorLink::Parts{.authority = *authority_,
                             .network = *network_,
                             .loop = loop_,
                             .clock = around_.clock,
                             .entropy = around_.entropy,
                             .random = random_},
      CoordinatorLink::Events{
          .on_welcome = [this](const v1::Welcome& welcome) { agent_->OnWelcome(welcome); },
          .on_message = [this](const v1::ControlMessage& message) { agent_->OnMessage(message); },
          .on_lost = [this](const Status& why) { agent_->OnLost(why); },
          .on_room = [this] { agent_->ResendReports(); }});
}

// What does not work is logged; the agent serves all the same, and says so when it is asked.
void Program::Probe() {
  const bool begun = readers_->Run([this, stop = probing_.get_token()] {
    LogFindings(FindingsOf(foundation_.cloud_controller().Probe(stop)),
                settings_.foundation.value());
  });
  if (!begun) Log(LogLevel::kWarning, "foundation-not-probed", {});
}

void Program::OnSignals() {
  while (const auto signal = around_.signals.Take()) {
    if (*signal != SIGHUP) {
      Log(LogLevel::kInfo, "agent-stopping", {});
      return loop_.Stop();
    }
    foundation_.cloud_controller().Reload();
    const Status reloaded = authority_->Reload();
    if (reloaded.ok()) {
      Log(LogLevel::kInfo, "reloaded", {{"version", authority_->trust()->version()}});
      link_->Follow();
      Probe();
    } else {
      LogStatus(LogLevel::kError, "not-reloaded", reloaded);
    }
    expiry_->Look();
  }
}

Status Program::Serve() {
  expiry_.emplace(around_.clock, loop_.timers(), [this] { return authority_->trust(); });
  expiry_->Look();
  loop_.WatchDescriptor(around_.signals.descriptor(), [this] { OnSignals(); });
  ended_.Update(agent_->Start());
  if (ended_.ok()) {
    MakeLink();
    link_->Follow();
    Probe();
    loop_.Run();
  }
  // From here on nothing that a step says is heard, and a start that failed half-way may have begun
  // some; the journal has what is needed to go on.
  // Transfers are left, not cancelled: the next process takes them up.
  leaving_.request_stop();
  agent_->Stop();
  probing_.request_stop();
  loop_.UnwatchDescriptor(around_.signals.descriptor());
  link_.reset();
  readers_.reset();
  steps_.reset();
  return ended_;
}

}  // namespace

Status RunAgent(const Settings& settings, const Surroundings& surroundings) {
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Program> program,
                          Program::Assemble(settings, surroundings));
  return program->Serve();
}

}  // namespace sluice::agent

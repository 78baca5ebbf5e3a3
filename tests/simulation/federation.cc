#include "tests/simulation/federation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace sluice::simulation {
namespace {

constexpr size_t kTargetsMax = 4;
constexpr uint64_t kDropletBytesMax = 10 * kChunkBytes;
// When everything that goes wrong has gone wrong.
constexpr absl::Duration kHealedAt = absl::Seconds(75);
// What waits for its peer or for room waits as long as the order lives, which is an hour; an upload
// or an undo that was begun then has its own limits (DropletUpload, TargetSteps::Options).
constexpr absl::Duration kEndedBy = absl::Hours(3);
// An operator whose activate order was refused waits no longer, and cancels.
const absl::Duration kWaitedUntil = kHealedAt + absl::Minutes(2);
constexpr absl::Duration kLook = absl::Seconds(1);
constexpr uint64_t kEventsMax = 3'000'000;

const trust::TestTrust& SharedTrust() {
  static const trust::TestTrust trust({"dev", "prod-0", "prod-1", "prod-2", "prod-3"});
  return trust;
}

std::string OthersSha256() { return crypto::Sha256Of("what ran before").hex(); }

std::string Endpoint(const std::string& agent) { return absl::StrCat("tcp://", agent, ":7720"); }

bool IsTargetReport(const v1::ControlMessage& message, v1::TargetState state) {
  return message.has_job_report() && message.job_report().role() == v1::JOB_ROLE_TARGET &&
         message.job_report().target_state() == state &&
         message.job_report().error().name().empty();
}

}  // namespace

std::string WordOf(v1::PromotionState state) {
  const std::string name = v1::PromotionState_Name(state);
  return absl::AsciiStrToLower(name.substr(std::string_view("PROMOTION_STATE_").size()));
}

Federation::Federation(const HistoryOptions& options)
    : world_(options.seed, options.bug, options.print),
      trust_(SharedTrust()),
      source_("dev", world_.clock),
      coordinator_entropy_(world_.random.Next()),
      desk_(world_, control_, trust_) {
  DrawDroplet();
  DrawTargets();
  order_ = DrawOrder();
  envelope_ = trust_.Signed(order_);
  control_.on_up = [this](const net::Peer& from, const v1::ControlMessage& message) {
    return PassUp(from, message);
  };
  control_.on_down = [this](const net::Peer& to, v1::ControlMessage& message) {
    return PassDown(to, message);
  };
  MakeProcesses(options);
  PlanFaults();
}

Federation::~Federation() {
  control_.SetCoordinator(nullptr);
  coordinator_.reset();
  agents_.clear();
}

void Federation::DrawDroplet() {
  const uint64_t bytes = 1 + world_.random.Below(kDropletBytesMax);
  std::string& content = blob_.content;
  while (content.size() < bytes) {
    if (content.size() % kCanaryEvery == 0) content += kCanary;
    content.push_back(static_cast<char>(world_.random.Next()));
  }
  content.resize(bytes);
  std::string wrong = content;
  for (size_t at = 0; at < bytes; at += kWrongEvery) wrong[at] ^= 0x04;
  sha256_ = crypto::Sha256Of(content).hex();
  wrong_sha256_ = crypto::Sha256Of(wrong).hex();
  source_app_ = source_.AddApp("checkout", sha256_, bytes);
  source_droplet_ = source_.apps().at(source_app_).current_droplet;
}

void Federation::DrawTargets() {
  const size_t count = world_.random.Below(5) < 3 ? 1 : 1 + world_.random.Below(kTargetsMax);
  const std::string other_sha256 = OthersSha256();
  for (size_t i = 0; i < count; ++i) {
    Target& target = targets_.emplace_back();
    target.foundation = std::make_unique<Foundation>(absl::StrCat("prod-", i), world_.clock);
    Foundation& foundation = *target.foundation;
    // Most targets need the bytes.
    const uint64_t drawn = world_.random.Below(10);
    target.before = drawn < 6 ? Before::kOtherRuns : static_cast<Before>(drawn - 5);
    if (target.before != Before::kNoApp) {
      const bool runs = target.before == Before::kRuns;
      target.app = foundation.AddApp("checkout", runs ? sha256_ : other_sha256, 1000);
      target.droplet_before = foundation.apps().at(target.app).current_droplet;
    }
    if (target.before == Before::kStored) {
      foundation.AddDroplet(target.app, sha256_, blob_.content.size());
    } else if (target.before == Before::kElsewhere) {
      foundation.AddDroplet(foundation.AddApp("another", other_sha256, 1000), sha256_,
                            blob_.content.size());
    }
    foundation.publish = [this](const std::string& stored) {
      if (!world_.faults.Happens(Fault::kLyingCloudController, 2, world_.random)) return stored;
      return crypto::Sha256Of("a lie").hex();
    };
    foundation.job_fails = [this] {
      return world_.faults.Happens(Fault::kFailingJob, 2, world_.random);
    };
    foundation.on_activation = [this, i](const std::string& app, const std::string& droplet) {
      OnActivation(i, app, droplet);
    };
  }
}

trust::Order Federation::DrawOrder() {
  trust::Order order = trust_.PromoteOrder();
  order.source.app_guid = AppGuid(source_app_);
  order.source.droplet_guid = DropletGuid(source_droplet_);
  order.artifact.sha256 = sha256_;
  order.artifact.size_bytes = static_cast<int64_t>(blob_.content.size());
  order.activate = world_.random.Below(4) != 0;
  if (world_.random.Below(4) == 0) order.strategy = trust::Strategy::kRestart;
  const trust::OrderTarget pattern = order.targets[0];
  order.targets.clear();
  for (const Target& target : targets_) {
    trust::OrderTarget& added = order.targets.emplace_back(pattern);
    added.reference.foundation = FoundationName(target.foundation->name());
    added.app_guid = AppGuid(target.app);
    added.create = target.app.empty();
    added.expected_current_droplet_guid = DropletGuid(target.droplet_before);
  }
  return order;
}

void Federation::MakeProcesses(const HistoryOptions& options) {
  bulk_.SetSource("dev");
  bulk_.SetChunkCount(
      static_cast<uint32_t>((blob_.content.size() + kChunkBytes - 1) / kChunkBytes));
  // Either end may listen, and one of each pair does.
  const bool source_listens = world_.random.Below(3) != 0;
  for (size_t i = 0; i <= targets_.size(); ++i) {
    Foundation& foundation = i == 0 ? source_ : *targets_[i - 1].foundation;
    const bool listens = i == 0 ? source_listens : !source_listens || world_.random.Below(2) == 0;
    const std::string& name = foundation.name();
    bulk_.SetRate(name, 8'000 + world_.random.Below(100'000));
    agents_.push_back(std::make_unique<AgentProcess>(
        AgentProcess::Parts{.world = world_,
                            .trust = trust_,
                            .foundation = foundation,
                            .bulk = bulk_,
                            .control = control_,
                            .blob = i == 0 ? &blob_ : nullptr,
                            .bulk_endpoint = listens ? Endpoint(name) : "",
                            .journal_folder = options.journal_folder,
                            .published_sha256 = sha256_,
                            .wrong_sha256 = wrong_sha256_,
                            .others_sha256 = OthersSha256(),
                            .number = i + 1}));
    down_.push_back(false);
  }
}

void Federation::PlanFaults() {
  std::vector<size_t> targets(targets_.size());
  for (size_t i = 0; i < targets.size(); ++i) targets[i] = i + 1;
  PlanCrashes(Fault::kSourceCrash, {0});
  PlanCrashes(Fault::kTargetCrash, targets);
  if (world_.faults.On(Fault::kCoordinatorCrash)) {
    for (uint64_t i = 0; i <= world_.random.Below(3); ++i) {
      const absl::Duration down = world_.Between(absl::Milliseconds(50), absl::Seconds(15));
      world_.agenda.After(world_.Between(absl::Seconds(1), absl::Seconds(40)),
                          [this, down] { CrashCoordinator(down); });
    }
  }
  if (world_.faults.On(Fault::kFullDisk)) {
    const size_t whose = world_.random.Below(agents_.size());
    world_.agenda.After(world_.Between({}, absl::Seconds(20)), [this, whose] {
      if (world_.faults.healed()) return;
      world_.faults.Count(Fault::kFullDisk);
      world_.trace.Note("full disk of " + agents_[whose]->name());
      agents_[whose]->disk().SetFull(true);
    });
  }
  if (world_.faults.On(Fault::kSlowPeer)) {
    const Target& slow = targets_[world_.random.Below(targets_.size())];
    bulk_.SetSlow(slow.foundation->name());
  }
  const absl::Duration submitted = world_.Between(absl::Milliseconds(100), absl::Seconds(5));
  desk_.SubmitAt(submitted, envelope_);
  if (!order_.activate) {
    desk_.SubmitAt(submitted + world_.Between(absl::Seconds(3), absl::Seconds(60)),
                   desk_.StepOrder(order_, envelope_, trust::Action::kActivate));
  }
  if (world_.faults.On(Fault::kCancel)) {
    world_.agenda.After(submitted + world_.Between({}, absl::Seconds(25)), [this] {
      world_.faults.Count(Fault::kCancel);
      desk_.SubmitAt(world_.clock.Monotonic(),
                     desk_.StepOrder(order_, envelope_, trust::Action::kCancel));
    });
  }
  world_.agenda.After(kHealedAt, [this] { Heal(); });
  world_.agenda.After(kWaitedUntil, [this] {
    const coordinator::Promotion* promotion = FindPromotion();
    if (promotion == nullptr || promotion->state != v1::PROMOTION_STATE_WAITING) return;
    desk_.SubmitAt(world_.clock.Monotonic(),
                   desk_.StepOrder(order_, envelope_, trust::Action::kCancel));
  });
}

void Federation::PlanCrashes(Fault fault, std::vector<size_t> agents) {
  if (!world_.faults.On(fault)) return;
  for (uint64_t i = 0; i <= world_.random.Below(3); ++i) {
    const size_t agent = agents[world_.random.Below(agents.size())];
    const absl::Duration down = world_.Between(absl::Milliseconds(50), absl::Seconds(20));
    // Mostly while bytes go.
    const absl::Duration latest = absl::Seconds(world_.random.Below(2) == 0 ? 12 : 35);
    world_.agenda.After(world_.Between(absl::Milliseconds(500), latest),
                        [this, fault, agent, down] {
                          if (!agents_[agent]->alive()) return;
                          world_.faults.Count(fault);
                          CrashAgent(agent, down);
                        });
  }
}

void Federation::CrashAgent(size_t agent, absl::Duration down) {
  agents_[agent]->Crash();
  agents_[agent]->InspectDisk();
  down_[agent] = true;
  world_.agenda.After(down, [this, agent] {
    agents_[agent]->Start();
    down_[agent] = false;
  });
}

void Federation::ReviveAgents() {
  for (size_t i = 0; i < agents_.size(); ++i) {
    if (!down_[i] && agents_[i]->alive() && agents_[i]->gave_up()) {
      CrashAgent(i, absl::Seconds(2));
    }
  }
}

void Federation::CrashCoordinator(absl::Duration down) {
  if (coordinator_ == nullptr) return;
  world_.faults.Count(Fault::kCoordinatorCrash);
  world_.trace.Note("crash coordinator");
  control_.SetCoordinator(nullptr);
  coordinator_.reset();
  ledger_.Crash();
  CheckLedger();
  world_.agenda.After(down, [this] { StartCoordinator(); });
}

void Federation::StartCoordinator() {
  world_.trace.Note("start coordinator");
  ++coordinator_lives_;
  coordinator::LedgerReplay replay(trust_roots_);
  SLUICE_CHECK(ReplayLedger(replay).ok());
  coordinator_timers_ = std::make_unique<Timers>(world_.clock);
  trust_in_force_ = std::make_unique<coordinator::TrustInForce>(trust_.shared_document());
  coordinator_ = std::make_unique<coordinator::Coordinator>(
      coordinator::CoordinatorParts{control_, ledger_, world_.clock, *coordinator_timers_,
                                    coordinator_entropy_, *trust_in_force_, trust_roots_},
      std::move(replay.book()));
  if (replay.trust_floor().version != trust_.document().version()) {
    const Status adopted = coordinator_->AdoptTrust(trust_.shared_document(), [](const Status&) {});
    SLUICE_CHECK(adopted.ok());
  }
  control_.SetCoordinator(coordinator_.get());
}

void Federation::Heal() {
  world_.trace.Note("everything heals");
  world_.faults.Heal();
  for (const auto& agent : agents_) agent->disk().SetFull(false);
}

bool Federation::DoWhatIsDue() {
  bool any = false;
  for (const auto& agent : agents_) any = agent->DoPosted() || any;
  return any;
}

bool Federation::Step() {
  ++events_;
  if (world_.turns.GiveTurn()) {
    // Of the others nobody has done anything.
    agents_[world_.turns.latest() - 1]->DoPosted();
    return true;
  }
  ReviveAgents();
  std::optional<absl::Duration> next = world_.agenda.UntilNext();
  const auto consider = [&next](std::optional<absl::Duration> other) {
    if (other && (!next || *other < *next)) next = other;
  };
  for (const auto& agent : agents_) consider(agent->UntilNextTimer());
  if (coordinator_ != nullptr) consider(coordinator_timers_->UntilNext());
  if (const auto due = world_.turns.NextDue()) consider(*due - world_.clock.Monotonic());
  if (!next) return false;
  // The clock has whole nanoseconds.
  world_.clock.Advance(absl::Ceil(std::max(*next, absl::ZeroDuration()), absl::Nanoseconds(1)));
  world_.agenda.RunDue();
  for (const auto& agent : agents_) agent->RunTimers();
  if (coordinator_ != nullptr) coordinator_timers_->RunDue();
  world_.turns.WakeDue();
  while (DoWhatIsDue()) {
  }
  return true;
}

const coordinator::Promotion* Federation::FindPromotion() const {
  return coordinator_ == nullptr ? nullptr
                                 : coordinator_->book().Committed(order_.promotion.value());
}

bool Federation::Settled() const {
  if (coordinator_ == nullptr || ledger_.busy() || !desk_.done()) return false;
  const coordinator::Promotion* promotion = FindPromotion();
  if (promotion != nullptr && !coordinator::Ended(*promotion)) return false;
  return std::all_of(agents_.begin(), agents_.end(), [](const auto& agent) {
    return agent->alive() && agent->UnfinishedJobs() == 0;
  });
}

HistoryResult Federation::Run() {
  StartCoordinator();
  for (const auto& agent : agents_) agent->Start();
  desk_.Begin();
  bool settled = false;
  absl::Duration look_at = kLook;
  while (!settled && world_.clock.Monotonic() < kEndedBy && events_ < kEventsMax && Step()) {
    if (world_.witness.violation()) break;
    if (world_.clock.Monotonic() < look_at) continue;
    look_at = world_.clock.Monotonic() + kLook;
    settled = Settled();
  }
  HistoryResult result;
  result.took = world_.clock.Monotonic();
  if (!settled && !world_.witness.violation()) CheckLedger();
  if (!settled && !world_.witness.violation()) {
    const coordinator::Promotion* promotion = FindPromotion();
    world_.witness.Violate(kEverythingEnds, promotion == nullptr ? "nothing was recorded"
                                                                 : coordinator::Reason(*promotion));
  }
  if (settled) Judge();
  const coordinator::Promotion* promotion = FindPromotion();
  result.end = promotion == nullptr ? "none" : WordOf(promotion->state);
  world_.trace.Note("end " + result.end);
  result.violation = world_.witness.violation();
  result.faults = world_.faults.counts();
  result.trace_tail = world_.trace.Tail();
  result.trace_digest = world_.trace.Digest();
  result.events = events_;
  return result;
}

bool Federation::PassUp(const net::Peer&, const v1::ControlMessage& message) {
  if (message.has_job_progress() && message.job_progress().role() == v1::JOB_ROLE_TARGET) {
    const v1::JobProgress& progress = message.job_progress();
    uint64_t& shown = shown_stored_[progress.target_index()];
    const uint64_t stored = progress.progress().bytes_done();
    if (stored < shown) {
      world_.witness.Violate(kNothingAcknowledgedIsLost,
                             absl::StrFormat("target %d has %d durable bytes, and had %d",
                                             progress.target_index(), stored, shown));
    }
    shown = std::max(shown, stored);
  }
  if (!IsTargetReport(message, v1::TARGET_STATE_UPLOADED)) return true;
  const uint32_t index = message.job_report().target_index();
  if (world_.Has(Bug::kActivatedEarly) && order_.activate) {
    v1::ControlMessage command;
    v1::JobCommand* activate = command.mutable_job_command();
    activate->set_promotion(order_.promotion.value());
    activate->set_role(v1::JOB_ROLE_TARGET);
    activate->set_target_index(index);
    activate->set_step(v1::JOB_STEP_ACTIVATE);
    activate->set_order(envelope_);
    agents_[index + 1]->Hear(command);
  }
  if (!world_.Has(Bug::kReportDropped)) return true;
  v1::ControlMessage acknowledged;
  v1::JobReportRecorded* recorded = acknowledged.mutable_job_report_recorded();
  recorded->set_promotion(order_.promotion.value());
  recorded->set_role(v1::JOB_ROLE_TARGET);
  recorded->set_target_index(index);
  recorded->set_revision(message.job_report().revision());
  if (PassDown({}, acknowledged)) agents_[index + 1]->Hear(acknowledged);
  return false;
}

bool Federation::PassDown(const net::Peer&, v1::ControlMessage& message) {
  if (message.has_job_command() && world_.Has(Bug::kWishesForgotten)) {
    return coordinator_lives_ == 1;
  }
  if (message.has_job_report_recorded()) {
    const v1::JobReportRecorded& recorded = message.job_report_recorded();
    uint64_t& latest = acknowledged_[{recorded.role(), recorded.target_index()}];
    latest = std::max(latest, recorded.revision());
  }
  return true;
}

bool Federation::HoldsDroplet(const Target& target) const {
  for (const auto& [guid, droplet] : target.foundation->droplets()) {
    const auto app = target.foundation->apps().find(droplet.app);
    if (app != target.foundation->apps().end() && app->second.name == "checkout" &&
        droplet.state == "STAGED" && droplet.content_sha256 == sha256_) {
      return true;
    }
  }
  return false;
}

void Federation::OnActivation(size_t index, const std::string& app, const std::string& guid) {
  const Target& target = targets_[index];
  world_.trace.Note(absl::StrCat("activation at target ", index, " of ", guid));
  if (guid == target.droplet_before) return;  // put back
  const Foundation::Droplet* droplet = target.foundation->FindDroplet(guid);
  SLUICE_CHECK(droplet != nullptr && droplet->app == app);
  if (droplet->content_sha256 != sha256_ || droplet->published_sha256 != sha256_) {
    world_.witness.Violate(
        kDigestEqualOrNotActivated,
        absl::StrCat("target ", index, " is to run sha256:", droplet->content_sha256,
                     ", said to be sha256:", droplet->published_sha256));
  }
  for (const Target& other : targets_) {
    if (HoldsDroplet(other)) continue;
    world_.witness.Violate(kActivatedAfterAllUploaded,
                           absl::StrCat("target ", index, " is activated, and ",
                                        other.foundation->name(), " has no droplet"));
  }
}

Status Federation::ReplayLedger(coordinator::LedgerReplay& replay) const {
  for (const coordinator::LedgerEntry& entry : ledger_.entries()) {
    SLUICE_RETURN_IF_ERROR(replay.Take(entry, [&](const std::string& promotion) {
      return ledger_.HistoryOf(promotion, entry.sequence - 1);
    }));
  }
  return absl::OkStatus();
}

// What the ledger has kept, against what it was said to have.
void Federation::CheckLedger() {
  coordinator::LedgerReplay replay(trust_roots_);
  if (const Status read = ReplayLedger(replay); !read.ok()) {
    return world_.witness.Violate(kNothingAcknowledgedIsLost,
                                  "the ledger cannot be read: " + Describe(read));
  }
  for (const auto& [order, sequence] : desk_.recorded()) {
    if (replay.book().SequenceOfOrder(order) == sequence) continue;
    world_.witness.Violate(kNothingAcknowledgedIsLost, "an order is not in the ledger");
  }
  const coordinator::Promotion* promotion = replay.book().Committed(order_.promotion.value());
  for (const auto& [whose, revision] : acknowledged_) {
    const auto& [role, target] = whose;
    const uint64_t kept = promotion == nullptr          ? 0
                          : role == v1::JOB_ROLE_SOURCE ? promotion->source.revision
                                                        : promotion->targets[target].revision;
    if (kept >= revision) continue;
    world_.witness.Violate(kNothingAcknowledgedIsLost,
                           absl::StrCat("report ", revision, " is not in the ledger"));
  }
}

void Federation::Judge() {
  CheckLedger();
  for (const auto& agent : agents_) agent->InspectDisk();
  const coordinator::Promotion* promotion = FindPromotion();
  if (promotion == nullptr) return;
  for (size_t i = 0; i < targets_.size(); ++i) JudgeTarget(i, *promotion);
  const auto& counts = world_.faults.counts();
  const bool calm = std::all_of(counts.begin(), counts.end(), [](int count) { return count == 0; });
  if (calm && promotion->state != v1::PROMOTION_STATE_DONE) {
    world_.witness.Violate(kCalmSucceeds, coordinator::Reason(*promotion));
  }
}

void Federation::JudgeTarget(size_t index, const coordinator::Promotion& promotion) {
  const Target& target = targets_[index];
  const Foundation::App* app = nullptr;
  for (const auto& [guid, each] : target.foundation->apps()) {
    if (each.name == "checkout") app = &each;
  }
  if (promotion.state == v1::PROMOTION_STATE_DONE) {
    const Foundation::Droplet* current =
        app == nullptr ? nullptr : target.foundation->FindDroplet(app->current_droplet);
    if (current == nullptr || current->content_sha256 != sha256_ || app->state != "STARTED") {
      world_.witness.Violate(kDoneIsDone, absl::StrCat("target ", index, " runs something else"));
    }
    return;
  }
  if (promotion.targets[index].state == v1::TARGET_STATE_STUCK) return;  // and it says so
  const bool as_before = target.before == Before::kNoApp
                             ? app == nullptr
                             : app != nullptr && app->current_droplet == target.droplet_before &&
                                   app->running_droplet == target.droplet_before;
  if (!as_before) {
    world_.witness.Violate(kUndoneIsAsBefore, absl::StrCat("target ", index, " was not put back"));
  }
}

}  // namespace sluice::simulation

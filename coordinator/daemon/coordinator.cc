#include "coordinator/daemon/coordinator.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/logging.h"
#include "common/net/wire.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"
#include "coordinator/daemon/job_report.h"
#include "coordinator/daemon/job_states.h"
#include "coordinator/daemon/messages.h"
#include "coordinator/daemon/order_intake.h"
#include "coordinator/daemon/path_choice.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

// Askers that wait for one order: whoever repeats it more often is not waiting.
constexpr size_t kAskersPerOrderMax = 16;

Status Busy(std::string_view what) {
  return NamedError(StatusCode::kResourceExhausted, "coordinator-busy",
                    absl::StrCat(ToAbsl(what), "; try again"));
}

Status Unexpected(std::string_view from) {
  return NamedError(StatusCode::kPermissionDenied, "unexpected-message",
                    absl::StrCat("that message is not for ", ToAbsl(from), " to send"));
}

StatusOr<v1::PromotionState> ParseState(const std::string& word) {
  if (word.empty()) return v1::PROMOTION_STATE_UNSPECIFIED;
  v1::PromotionState state = v1::PROMOTION_STATE_UNSPECIFIED;
  if (v1::PromotionState_Parse("PROMOTION_STATE_" + absl::AsciiStrToUpper(word), &state) &&
      StateWord(state) == word) {
    return state;
  }
  return NamedError(StatusCode::kInvalidArgument, "bad-state",
                    "a promotion's state is recorded, transferring, waiting, activating, done, "
                    "undoing, failed, cancelled, rolled_back or stuck");
}

uint64_t RevisionOf(const Promotion& promotion, const v1::JobReport& report) {
  if (report.role() == v1::JOB_ROLE_SOURCE) return promotion.source.revision;
  const size_t index = report.target_index();
  return index < promotion.targets.size() ? promotion.targets[index].revision : 0;
}

// The key id of the agent whose connection it is, for people to compare.
std::string AgentKeyId(const trust::TrustedFoundation& foundation, const AgentSession* session) {
  for (const trust::TrustedAgent& agent : foundation.agents) {
    if (session == nullptr || agent.curve.bytes() == session->curve_key) {
      return agent.identity.id();
    }
  }
  return "";
}

}  // namespace

Coordinator::Coordinator(const CoordinatorParts& parts, PromotionBook book)
    : parts_(parts),
      book_(std::move(book)),
      recorder_(parts.ledger, book_, parts.timers,
                {.on_changed = [this](const std::string& id) { OnChanged(id); },
                 .on_recovered = [this] { AskAgainLater(); }}),
      recall_(parts.ledger, book_, parts.trust_roots),
      wishes_(parts.sender, agents_),
      reads_(parts.sender, parts.timers, parts.entropy) {}

Coordinator::~Coordinator() {
  if (asking_again_) parts_.timers.Cancel(*asking_again_);
}

absl::Time Coordinator::Now() const {
  // As the ledger keeps it: a restart must see the same instants.
  return absl::FromUnixMillis(absl::ToUnixMillis(parts_.clock.Now()));
}

void Coordinator::OnSessionOpened(net::SessionId session, const net::Peer& peer,
                                  const v1::Hello& hello) {
  sessions_[session] = peer;
  if (peer.role != net::PeerRole::kAgent) return;
  Log(LogLevel::kInfo, "agent-connected",
      {{"foundation", peer.name},
       {"endpoint", hello.bulk_endpoint()},
       {"version", hello.version()}});
  agents_.Open(peer.name, {.session = session,
                           .curve_key = peer.curve_key,
                           .version = hello.version(),
                           .features = {hello.features().begin(), hello.features().end()},
                           .bulk_endpoint = hello.bulk_endpoint(),
                           .since = Now()});
  PursueAll();
}

void Coordinator::OnSessionClosed(net::SessionId session, const net::Peer& peer) {
  sessions_.erase(session);
  watches_.RemoveSession(session);
  if (peer.role == net::PeerRole::kAgent) {
    Log(LogLevel::kInfo, "agent-lost", {{"foundation", peer.name}});
    agents_.Close(peer.name, session, Now());
    // Another agent of the foundation takes over what was asked of this one.
    if (agents_.Find(peer.name) != nullptr) PursueAll();
  }
  reads_.OnSessionClosed(session);
}

void Coordinator::OnMessage(net::SessionId session, const net::Peer& peer,
                            const v1::ControlMessage& message) {
  const Asker asker{session, message.request()};
  const Status taken = peer.role == net::PeerRole::kAgent ? TakeFromAgent(asker, peer, message)
                                                          : TakeFromOperator(asker, peer, message);
  // An Error is never answered with another.
  if (!message.has_error()) Refuse(asker, peer, taken);
}

// Nothing is said when it is OK.
void Coordinator::Refuse(const Asker& asker, const net::Peer& peer, const Status& refusal) {
  if (refusal.ok()) return;
  LogStatus(LogLevel::kWarning, "request-refused", refusal, {{"name", peer.name}});
  parts_.sender.Send(asker.session, ErrorMessage(asker.request, refusal));
}

Status Coordinator::TakeFromOperator(const Asker& asker, const net::Peer& peer,
                                     const v1::ControlMessage& message) {
  if (peer.role != net::PeerRole::kOperator) return Unexpected(peer.name);
  switch (message.body_case()) {
    case v1::ControlMessage::kReadCall:
      return PassRead(asker, message);
    case v1::ControlMessage::kSubmitOrder:
      SubmitOrder(asker, peer, message.submit_order().envelope());
      return absl::OkStatus();
    case v1::ControlMessage::kListPromotions:
      return ListPromotions(asker, message.list_promotions());
    case v1::ControlMessage::kGetPromotion:
      GetPromotion(asker, peer, message.get_promotion().id());
      return absl::OkStatus();
    case v1::ControlMessage::kWatchPromotion:
      WatchPromotion(asker, peer, message.watch_promotion().id());
      return absl::OkStatus();
    case v1::ControlMessage::kListFoundations:
      ListFoundations(asker);
      return absl::OkStatus();
    default:
      return Unexpected("an operator");
  }
}

Status Coordinator::TakeFromAgent(const Asker& asker, const net::Peer& peer,
                                  const v1::ControlMessage& message) {
  switch (message.body_case()) {
    case v1::ControlMessage::kReadAnswer:
    case v1::ControlMessage::kError:
      reads_.Answer(asker.session, message);
      return absl::OkStatus();
    case v1::ControlMessage::kJobReport:
      TakeReport(asker, peer, message.job_report());
      return absl::OkStatus();
    case v1::ControlMessage::kJobProgress:
      return PassProgress(peer, message.job_progress());
    default:
      return Unexpected("an agent");
  }
}

Status Coordinator::PassRead(const Asker& asker, const v1::ControlMessage& message) {
  const std::string& foundation = message.read_call().foundation();
  if (!parts_.trust.Get()->content().foundations.contains(foundation)) {
    return NamedError(StatusCode::kNotFound, "no-foundation",
                      "the coordinator's trust document has no such foundation; to see them: "
                      "sluice foundations");
  }
  const AgentSession* agent = agents_.Find(foundation);
  if (agent == nullptr) {
    return NamedError(StatusCode::kUnavailable, "agent-not-connected",
                      absl::StrCat("the agent of ", foundation,
                                   " is not connected; see whether it runs and reaches the "
                                   "coordinator"));
  }
  return reads_.Pass(asker.session, message, agent->session);
}

void Coordinator::SubmitOrder(const Asker& asker, const net::Peer& peer,
                              const std::string& envelope) {
  const StatusOr<trust::Order> order = trust::PeekOrder(envelope);
  if (!order.ok()) return Refuse(asker, peer, order.status());
  // A promotion that was forgotten may be rolled back, and its order repeated.
  recall_.Bring(order->promotion.value(), [this, asker, peer, envelope](const Status& known) {
    Refuse(asker, peer, known.ok() ? TakeSubmitted(asker, peer, envelope) : known);
  });
}

Status Coordinator::TakeSubmitted(const Asker& asker, const net::Peer& peer,
                                  const std::string& envelope) {
  const std::string sha256 = trust::OrderSha256(envelope);
  if (const uint64_t sequence = book_.SequenceOfOrder(sha256); sequence != 0) {
    SLUICE_ASSIGN_OR_RETURN(const trust::Order order, trust::PeekOrder(envelope));
    v1::ControlMessage message;
    message.mutable_order_recorded()->set_promotion(order.promotion.value());
    message.mutable_order_recorded()->set_ledger_sequence(sequence);
    Answer(asker, std::move(message));
    return absl::OkStatus();
  }
  if (const auto found = submitted_.find(sha256); found != submitted_.end()) {
    if (found->second.size() >= kAskersPerOrderMax) return Busy("that order is being written");
    found->second.push_back(asker);
    return absl::OkStatus();
  }
  const std::shared_ptr<const trust::TrustDocument> trust = parts_.trust.Get();
  const IntakeContext context{
      .trust = *trust,
      .submitter = peer.name,
      .now = Now(),
      .find_promotion = [this](const std::string& id) { return book_.Latest(id); }};
  SLUICE_ASSIGN_OR_RETURN(const TakenOrder taken, TakeOrder(envelope, context));
  if (std::holds_alternative<OrderRecorded>(taken.event.what) && book_.UnderWay() >= kUnderWayMax) {
    return Busy(absl::StrCat(kUnderWayMax, " promotions are under way"));
  }
  SLUICE_RETURN_IF_ERROR(
      recorder_.Record(taken.promotion, taken.event,
                       [this, sha256, id = taken.promotion](const StatusOr<uint64_t>& sequence) {
                         AnswerOrder(sha256, id, sequence);
                       }));
  submitted_[sha256] = {asker};
  return absl::OkStatus();
}

void Coordinator::AnswerOrder(const std::string& order_sha256, const std::string& promotion,
                              const StatusOr<uint64_t>& sequence) {
  const auto found = submitted_.find(order_sha256);
  if (found == submitted_.end()) return;
  const std::vector<Asker> askers = std::move(found->second);
  submitted_.erase(found);
  for (const Asker& asker : askers) {
    if (!sequence.ok()) {
      parts_.sender.Send(asker.session, ErrorMessage(asker.request, sequence.status()));
      continue;
    }
    v1::ControlMessage message;
    message.mutable_order_recorded()->set_promotion(promotion);
    message.mutable_order_recorded()->set_ledger_sequence(*sequence);
    Answer(asker, std::move(message));
  }
}

Status Coordinator::ListPromotions(const Asker& asker, const v1::ListPromotions& question) {
  SLUICE_ASSIGN_OR_RETURN(const v1::PromotionState state, ParseState(question.state()));
  const size_t limit = question.limit() == 0 ? kListedByDefault : question.limit();
  v1::ControlMessage message;
  AddListing(*message.mutable_promotion_list(),
             book_.List(question.app(), state, std::min(limit, kListedMax)));
  Answer(asker, std::move(message));
  return absl::OkStatus();
}

void Coordinator::GetPromotion(const Asker& asker, const net::Peer& peer,
                               const std::string& prefix) {
  recall_.Find(prefix, [this, asker, peer](const StatusOr<std::string>& id) {
    Refuse(asker, peer, id.ok() ? ShowPromotion(asker, *id) : id.status());
  });
}

Status Coordinator::ShowPromotion(const Asker& asker, const std::string& id) {
  if (ledger_reads_ >= kLedgerReadsMax) return Busy("many ask for promotions");
  ++ledger_reads_;
  // The book may have forgotten it when the entries are read.
  const auto known = std::make_shared<const Promotion>(*book_.Committed(id));
  parts_.ledger.ReadPromotion(id, [this, asker, known](const StatusOr<PromotionEntries>& read) {
    --ledger_reads_;
    if (!read.ok()) {
      parts_.sender.Send(asker.session, ErrorMessage(asker.request, read.status()));
      return;
    }
    v1::ControlMessage message;
    const Promotion* now = book_.Committed(known->id);
    *message.mutable_promotion_detail() = DetailOf(progress_.Over(now != nullptr ? *now : *known));
    AddEntries(*message.mutable_promotion_detail(), *read);
    Answer(asker, std::move(message));
  });
  return absl::OkStatus();
}

void Coordinator::WatchPromotion(const Asker& asker, const net::Peer& peer,
                                 const std::string& prefix) {
  recall_.Find(prefix, [this, asker, peer](const StatusOr<std::string>& id) {
    Refuse(asker, peer, id.ok() ? Watch(asker, *id) : id.status());
  });
}

Status Coordinator::Watch(const Asker& asker, const std::string& id) {
  // It may have gone while the ledger was asked.
  if (!sessions_.contains(asker.session)) return absl::OkStatus();
  const Promotion& promotion = *book_.Committed(id);
  if (!Ended(promotion)) SLUICE_RETURN_IF_ERROR(watches_.Add(asker.session, id));
  v1::ControlMessage message;
  *message.mutable_promotion_detail() = DetailOf(progress_.Over(promotion));
  Answer(asker, std::move(message));
  return absl::OkStatus();
}

void Coordinator::ListFoundations(const Asker& asker) {
  v1::ControlMessage message;
  const std::shared_ptr<const trust::TrustDocument> trust = parts_.trust.Get();
  for (const auto& [name, trusted] : trust->content().foundations) {
    const AgentSession* agent = agents_.Find(name);
    auto* summary = message.mutable_foundation_list()->add_foundations();
    summary->set_name(name);
    summary->set_connected(agent != nullptr);
    summary->set_agent(AgentKeyId(trusted, agent));
    if (agent == nullptr) {
      const absl::Time lost = agents_.LostAt(name);
      if (lost != absl::InfinitePast()) summary->set_since_milliseconds(absl::ToUnixMillis(lost));
      continue;
    }
    summary->set_since_milliseconds(absl::ToUnixMillis(agent->since));
    summary->set_version(agent->version);
    for (const std::string& feature : agent->features) summary->add_features(feature);
    summary->set_bulk_endpoint(agent->bulk_endpoint);
  }
  message.mutable_foundation_list();  // there, even if nobody is in it
  Answer(asker, std::move(message));
}

void Coordinator::TakeReport(const Asker& asker, const net::Peer& peer,
                             const v1::JobReport& report) {
  recall_.Bring(report.promotion(), [this, asker, peer, report](const Status& known) {
    const Status taken = known.ok() ? RecordReport(peer, report) : known;
    if (absl::IsUnavailable(taken) || absl::IsResourceExhausted(taken)) AskAgainLater();
    Refuse(asker, peer,
           WithContext(taken, absl::StrCat("report ", report.revision(), " of ", peer.name)));
  });
}

Status Coordinator::RecordReport(const net::Peer& peer, const v1::JobReport& report) {
  const std::string& id = report.promotion();
  const Promotion* latest = book_.Latest(id);
  if (latest == nullptr) {
    return NamedError(StatusCode::kNotFound, "no-promotion",
                      "the ledger has no promotion of that id");
  }
  SLUICE_RETURN_IF_ERROR(CheckJob(report.role(), report.target_index(), peer.name, *latest));
  if (report.revision() != 0 && report.revision() <= RevisionOf(*latest, report)) {
    // One that is still being written is answered when it is.
    const Promotion* committed = book_.Committed(id);
    if (committed != nullptr && report.revision() <= RevisionOf(*committed, report)) {
      AnswerReport(peer.name, report);
    }
    return absl::OkStatus();
  }
  SLUICE_ASSIGN_OR_RETURN(const Event event,
                          EventOfReport(report, peer.name, *latest, *parts_.trust.Get(), Now()));
  return recorder_.Record(id, event, [this, foundation = peer.name, report](const auto& sequence) {
    if (sequence.ok()) AnswerReport(foundation, report);
    // Otherwise the agent is asked again when the ledger recovers.
  });
}

// Agents answer each wish by what they have to report, so that a report which could not be taken
// comes again. Never at once: a refusal that stays would be repeated without end.
void Coordinator::AskAgainLater() {
  if (asking_again_) return;
  asking_again_ = parts_.timers.After(EventRecorder::kRecoverAfter, [this] {
    asking_again_.reset();
    wishes_.ForgetAll();
    PursueAll();
  });
}

// To whoever stands for the foundation now: the agent may have reconnected meanwhile.
void Coordinator::AnswerReport(const std::string& foundation, const v1::JobReport& report) {
  const AgentSession* agent = agents_.Find(foundation);
  if (agent == nullptr) return;
  v1::ControlMessage message;
  auto* recorded = message.mutable_job_report_recorded();
  recorded->set_promotion(report.promotion());
  recorded->set_role(report.role());
  recorded->set_target_index(report.target_index());
  recorded->set_revision(report.revision());
  parts_.sender.Send(agent->session, std::move(message));
}

Status Coordinator::PassProgress(const net::Peer& peer, const v1::JobProgress& progress) {
  const Promotion* promotion = book_.Committed(progress.promotion());
  if (promotion == nullptr || Ended(*promotion)) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(CheckJob(progress.role(), progress.target_index(), peer.name, *promotion));
  std::optional<uint32_t> target;
  if (progress.role() == v1::JOB_ROLE_TARGET) target = progress.target_index();
  if (!progress_.Note(promotion->id, target, ProgressOf(progress.progress()),
                      parts_.clock.Monotonic())) {
    return absl::OkStatus();
  }
  for (const net::SessionId watcher : watches_.Watchers(progress.promotion())) {
    v1::ControlMessage message;
    *message.mutable_job_progress() = progress;
    parts_.sender.Send(watcher, std::move(message));
  }
  return absl::OkStatus();
}

void Coordinator::OnChanged(const std::string& id) {
  // A copy: sending may find a connection gone, and what follows from that may change the book.
  const Promotion promotion = *book_.Committed(id);
  Log(LogLevel::kInfo, "promotion-changed",
      {{"promotion", id},
       {"state", StateWord(promotion.state)},
       {"reason", Reason(promotion)},
       {"sequence", static_cast<int64_t>(promotion.events)}});
  Pursue(id);
  TellWatchers(promotion);
  book_.Trim();
}

// Does what the committed state asks for and has not been done yet.
void Coordinator::Pursue(const std::string& id) {
  const Promotion promotion = *book_.Committed(id);
  if (NeedsRoutes(promotion)) {
    // Refused when a choice is being written already: the latest state needs none any more.
    if (const auto event = ChoosePaths(promotion, agents_, parts_.relay_endpoint, Now())) {
      const Status chosen = recorder_.Record(id, *event, [](const StatusOr<uint64_t>&) {});
      if (!chosen.ok()) LogStatus(LogLevel::kDebug, "routes-not-chosen", chosen);
    }
  }
  wishes_.Deliver(promotion);
}

void Coordinator::PursueAll() {
  const std::set<std::string> open = book_.open();
  for (const std::string& id : open) Pursue(id);
}

void Coordinator::TellWatchers(const Promotion& promotion) {
  const std::vector<net::SessionId> watchers = watches_.Watchers(promotion.id);
  if (Ended(promotion)) {
    watches_.RemovePromotion(promotion.id);
    progress_.Forget(promotion.id);
  }
  for (const net::SessionId watcher : watchers) {
    v1::ControlMessage message;
    auto* event = message.mutable_promotion_event();
    event->set_id(promotion.id);
    event->set_event_sequence(promotion.events);
    *event->mutable_detail() = DetailOf(promotion);
    parts_.sender.Send(watcher, std::move(message));
  }
}

Status Coordinator::AdoptTrust(std::shared_ptr<const trust::TrustDocument> document,
                               std::function<void(const Status&)> done) {
  const std::string envelope = document->envelope();
  return recorder_.RecordTrust(envelope, Now(),
                               [this, document = std::move(document),
                                done = std::move(done)](const StatusOr<uint64_t>& sequence) {
                                 if (sequence.ok()) {
                                   parts_.trust.Set(document);
                                   DropUnadmitted();
                                 }
                                 done(sequence.status());
                               });
}

void Coordinator::DropUnadmitted() {
  const std::shared_ptr<const trust::TrustDocument> trust = parts_.trust.Get();
  const std::map<net::SessionId, net::Peer> sessions = sessions_;
  for (const auto& [session, peer] : sessions) {
    if (PeerOf(*trust, peer.curve_key) == peer) continue;
    Log(LogLevel::kWarning, "connection-not-admitted-any-more", {{"name", peer.name}});
    parts_.sender.Close(session);
    OnSessionClosed(session, peer);
  }
}

void Coordinator::Answer(const Asker& asker, v1::ControlMessage message) {
  message.set_request(asker.request);
  parts_.sender.Send(asker.session, std::move(message));
}

}  // namespace sluice::coordinator

#include "tests/simulation/control_links.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::simulation {
namespace {

// As net::ControlServer has it by default.
constexpr absl::Duration kDeadAfter = absl::Seconds(20);
constexpr absl::Duration kRedialMax = absl::Seconds(2);

Status Lost() {
  return NamedError(StatusCode::kUnavailable, "coordinator-lost", "the session has broken");
}

std::string Brief(const v1::ControlMessage& message) {
  if (message.has_job_command()) {
    const v1::JobCommand& command = message.job_command();
    return absl::StrCat("command, role ", static_cast<int>(command.role()), " target ",
                        command.target_index(), " step ", static_cast<int>(command.step()));
  }
  if (message.has_job_report()) {
    const v1::JobReport& report = message.job_report();
    return absl::StrCat("report ", report.revision(), ", role ", static_cast<int>(report.role()),
                        " target ", report.target_index(), " state ",
                        static_cast<int>(report.source_state()), "/",
                        static_cast<int>(report.target_state()), " ", report.error().name());
  }
  if (message.has_job_report_recorded()) {
    return absl::StrCat("report ", message.job_report_recorded().revision(), " is recorded");
  }
  if (message.has_job_progress()) {
    return absl::StrCat("progress ", message.job_progress().progress().bytes_done());
  }
  return absl::StrCat("message ", static_cast<int>(message.body_case()), " ", message.request());
}

}  // namespace

void ControlLinks::SetCoordinator(net::ControlEvents* coordinator) {
  coordinator_ = coordinator;
  if (coordinator != nullptr) return;
  for (auto& [id, session] : sessions_) {
    session.open_above = false;
    Break(id);
  }
}

ControlLinks::CallerNumber ControlLinks::Attach(Caller caller) {
  const CallerNumber number = ++last_caller_;
  lines_[number].caller = std::move(caller);
  Redial(number);
  return number;
}

void ControlLinks::Detach(CallerNumber caller) {
  const auto found = lines_.find(caller);
  if (found == lines_.end()) return;
  const net::SessionId session = found->second.session;
  lines_.erase(found);
  if (session != 0) Break(session);
}

void ControlLinks::Redial(CallerNumber caller) {
  world_.agenda.After(world_.Between(absl::Milliseconds(5), kRedialMax),
                      [this, caller] { Dial(caller); });
}

void ControlLinks::Dial(CallerNumber caller) {
  const auto found = lines_.find(caller);
  if (found == lines_.end() || found->second.session != 0) return;
  if (coordinator_ == nullptr) return Redial(caller);
  const net::SessionId id = ++last_session_;
  found->second.session = id;
  Session& session = sessions_[id];
  session.caller = caller;
  session.peer = found->second.caller.peer;
  session.delay = world_.Between(absl::Milliseconds(1), absl::Milliseconds(20));
  if (world_.faults.On(Fault::kReorder)) {
    session.delay += world_.Between({}, absl::Milliseconds(300));
  }
  world_.agenda.After(session.delay, [this, id] { OpenAbove(id); });
}

void ControlLinks::OpenAbove(net::SessionId id) {
  Session& session = sessions_.at(id);
  const auto line = lines_.find(session.caller);
  if (session.broken || line == lines_.end()) return;
  if (coordinator_ == nullptr) return Break(id);
  // A new session of the same key ends the one before.
  for (auto& [other, earlier] : sessions_) {
    if (other != id && earlier.open_above && earlier.peer == session.peer) CloseAbove(other);
  }
  session.open_above = true;
  world_.trace.Note(absl::StrCat("session ", id, " of ", session.peer.name));
  // The server's own word, before its logic's.
  world_.agenda.After(Arrival(session, session.down_free_at), [this, id] {
    Session& opened = sessions_.at(id);
    const auto found = lines_.find(opened.caller);
    if (opened.broken || found == lines_.end() || found->second.session != id) return;
    v1::Welcome welcome;
    welcome.set_name("coordinator");
    welcome.set_version("simulated");
    found->second.caller.on_welcome(welcome);
  });
  coordinator_->OnSessionOpened(id, session.peer, line->second.caller.hello);
}

void ControlLinks::CloseAbove(net::SessionId id) {
  Session& session = sessions_.at(id);
  if (!std::exchange(session.open_above, false) || coordinator_ == nullptr) return;
  coordinator_->OnSessionClosed(id, session.peer);
}

void ControlLinks::LoseBelow(net::SessionId id, const Status& why) {
  const CallerNumber caller = sessions_.at(id).caller;
  const auto found = lines_.find(caller);
  if (found == lines_.end() || found->second.session != id) return;
  found->second.session = 0;
  found->second.caller.on_lost(why);
  Redial(caller);
}

void ControlLinks::Break(net::SessionId id) {
  Session& session = sessions_.at(id);
  if (std::exchange(session.broken, true)) return;
  world_.trace.Note(absl::StrCat("session ", id, " breaks"));
  const bool standstill = world_.random.Below(3) == 0;
  world_.agenda.After(standstill ? kDeadAfter : session.delay, [this, id] { CloseAbove(id); });
  world_.agenda.After(standstill ? kDeadAfter : session.delay,
                      [this, id] { LoseBelow(id, Lost()); });
}

absl::Duration ControlLinks::Arrival(Session& session, absl::Duration& free_at) {
  const absl::Duration now = world_.clock.Monotonic();
  absl::Duration delay = session.delay;
  if (world_.faults.Happens(Fault::kLongDelay, 15, world_.random)) {
    delay += world_.Between(absl::Milliseconds(300), absl::Seconds(8));
  }
  free_at = std::max(free_at, now + delay);
  return free_at - now;
}

void ControlLinks::SendUp(CallerNumber caller, v1::ControlMessage message) {
  const auto found = lines_.find(caller);
  if (found == lines_.end() || found->second.session == 0) return;
  const net::SessionId id = found->second.session;
  Session& session = sessions_.at(id);
  world_.witness.SeeOutside(message.SerializeAsString(), absl::StrCat("leave ", session.peer.name));
  if (world_.faults.Happens(Fault::kLostConnection, 25, world_.random)) Break(id);
  if (session.broken) return;
  const int times = world_.faults.Happens(Fault::kDuplicateRequest, 4, world_.random) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    world_.agenda.After(Arrival(session, session.up_free_at),
                        [this, id, message] { PassUp(id, message); });
  }
}

void ControlLinks::PassUp(net::SessionId id, const v1::ControlMessage& message) {
  const Session& session = sessions_.at(id);
  if (session.broken || !session.open_above || coordinator_ == nullptr) return;
  world_.trace.Note(absl::StrCat("up ", session.peer.name, ": ", Brief(message)));
  const net::Peer peer = session.peer;
  if (on_up(peer, message)) coordinator_->OnMessage(id, peer, message);
}

void ControlLinks::Send(net::SessionId id, v1::ControlMessage message) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.broken) return;
  Session& session = found->second;
  world_.witness.SeeOutside(message.SerializeAsString(), "leave the coordinator");
  const int times = world_.faults.Happens(Fault::kDuplicateRequest, 4, world_.random) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    world_.agenda.After(Arrival(session, session.down_free_at),
                        [this, id, message] { PassDown(id, message); });
  }
}

void ControlLinks::PassDown(net::SessionId id, v1::ControlMessage message) {
  const Session& session = sessions_.at(id);
  const auto found = lines_.find(session.caller);
  if (session.broken || found == lines_.end() || found->second.session != id) return;
  world_.trace.Note(absl::StrCat("down ", session.peer.name, ": ", Brief(message)));
  if (on_down(session.peer, message)) found->second.caller.on_message(message);
}

void ControlLinks::Close(net::SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  found->second.open_above = false;
  Break(id);
}

}  // namespace sluice::simulation

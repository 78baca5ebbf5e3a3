#include "coordinator/daemon/read_calls.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/daemon/messages.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {
constexpr size_t kRequestIdBytes = 16;
}  // namespace

ReadCalls::~ReadCalls() {
  for (const auto& [id, call] : calls_) timers_.Cancel(call.timer);
}

Status ReadCalls::Pass(net::SessionId asker, const v1::ControlMessage& call, net::SessionId agent) {
  const auto of_asker = std::count_if(calls_.begin(), calls_.end(), [asker](const auto& entry) {
    return entry.second.asker == asker;
  });
  if (calls_.size() >= kCallsMax || static_cast<size_t>(of_asker) >= kCallsPerSessionMax) {
    return NamedError(
        StatusCode::kResourceExhausted, "too-many-reads",
        absl::StrCat("the coordinator passes on ", kCallsMax, " questions at a time, ",
                     kCallsPerSessionMax, " of one connection; ask again later"));
  }
  const std::string id = entropy_.Bytes(kRequestIdBytes);
  const Timers::Id timer = timers_.After(kAnswerWithin, [this, id] {
    Fail(id, "agent-not-answering",
         absl::StrCat("has not answered within ", absl::FormatDuration(kAnswerWithin),
                      "; look at its log, and ask again"));
  });
  calls_[id] = {asker, call.request(), agent, call.read_call().foundation(), timer};
  v1::ControlMessage passed;
  passed.set_request(id);
  *passed.mutable_read_call() = call.read_call();
  sender_.Send(agent, std::move(passed));
  return absl::OkStatus();
}

void ReadCalls::Answer(net::SessionId agent, const v1::ControlMessage& answer) {
  const auto found = calls_.find(answer.request());
  // Ids are ours and unpredictable; the check is against an agent that answers for another.
  if (found == calls_.end() || found->second.agent != agent) return;
  const Call call = found->second;
  timers_.Cancel(call.timer);
  calls_.erase(found);
  v1::ControlMessage passed = answer;
  passed.set_request(call.request);
  sender_.Send(call.asker, std::move(passed));
}

void ReadCalls::OnSessionClosed(net::SessionId session) {
  std::vector<std::string> unanswered;
  for (auto it = calls_.begin(); it != calls_.end();) {
    if (it->second.asker == session) {
      timers_.Cancel(it->second.timer);
      it = calls_.erase(it);
      continue;
    }
    if (it->second.agent == session) unanswered.push_back(it->first);
    ++it;
  }
  for (const std::string& id : unanswered) {
    Fail(id, "agent-not-connected", "lost its connection before it answered; ask again");
  }
}

void ReadCalls::Fail(const std::string& id, std::string_view name, std::string_view what) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  const Call call = found->second;
  timers_.Cancel(call.timer);
  calls_.erase(found);
  sender_.Send(call.asker,
               ErrorMessage(call.request, NamedError(StatusCode::kUnavailable, name,
                                                     absl::StrCat("the agent of ", call.foundation,
                                                                  " ", ToAbsl(what)))));
}

}  // namespace sluice::coordinator

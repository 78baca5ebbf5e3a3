// Questions that operators ask agents through the coordinator, which can neither ask nor answer:
// it passes the signed question on, and the signed answer back.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/entropy.h"
#include "common/base/status.h"
#include "common/base/timers.h"
#include "common/net/control_server.h"

namespace sluice::coordinator {

// Belongs to the loop. What it is given is borrowed.
class ReadCalls {
 public:
  static constexpr size_t kCallsMax = 256;           // in flight
  static constexpr size_t kCallsPerSessionMax = 32;  // of one operator
  // Below the time that the CLI waits for an answer, so that the operator learns who is silent.
  static constexpr absl::Duration kAnswerWithin = absl::Seconds(25);

  ReadCalls(net::ControlSender& sender, Timers& timers, Entropy& entropy)
      : sender_(sender), timers_(timers), entropy_(entropy) {}
  ~ReadCalls();
  ReadCalls(const ReadCalls&) = delete;
  ReadCalls& operator=(const ReadCalls&) = delete;

  // Sends `call` (a ReadCall) to the agent; the answer goes to `asker` with the call's request id,
  // or Unavailable "agent-not-answering", "agent-not-connected" when it does not come.
  // ResourceExhausted "too-many-reads".
  Status Pass(net::SessionId asker, const v1::ControlMessage& call, net::SessionId agent);
  // A ReadAnswer or an Error from that agent's session. One that nobody waits for is dropped.
  void Answer(net::SessionId agent, const v1::ControlMessage& answer);
  void OnSessionClosed(net::SessionId session);

 private:
  struct Call {
    net::SessionId asker = 0;
    std::string request;  // the asker's id for it
    net::SessionId agent = 0;
    std::string foundation;
    Timers::Id timer = 0;
  };
  void Fail(const std::string& id, std::string_view name, std::string_view what);

  net::ControlSender& sender_;
  Timers& timers_;
  Entropy& entropy_;
  std::map<std::string, Call> calls_;  // by our id
};

}  // namespace sluice::coordinator

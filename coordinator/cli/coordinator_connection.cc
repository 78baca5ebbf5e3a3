#include "coordinator/cli/coordinator_connection.h"

#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/net/control_client.h"
#include "common/net/endpoint.h"
#include "common/net/event_loop.h"
#include "common/net/network.h"
#include "coordinator/cli/version.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

constexpr size_t kRequestIdBytes = 16;
// Events that came while an answer was waited for. Each holds the whole state, so the oldest may
// go.
constexpr size_t kUnheardMax = 256;

Status Interrupted() {
  return NamedError(StatusCode::kCancelled, "interrupted",
                    "interrupted while waiting for the coordinator");
}

class CoordinatorConnection final : public CoordinatorLink {
 public:
  CoordinatorConnection(std::unique_ptr<net::Network> network, const LinkOptions& options,
                        const Clock& clock, Entropy& entropy, int interrupt_descriptor)
      : clock_(clock),
        entropy_(entropy),
        options_(options),
        network_(std::move(network)),
        loop_(clock),
        random_(SeedFromKernel()) {
    loop_.WatchDescriptor(interrupt_descriptor, [this, interrupt_descriptor] {
      interrupted_ = true;
      loop_.UnwatchDescriptor(interrupt_descriptor);  // it stays readable
    });
    net::ControlClientOptions client{.endpoint = options.endpoint,
                                     .coordinator_key = options.coordinator.bytes(),
                                     .features = {},
                                     .version = std::string(kVersion),
                                     .bulk_endpoint = ""};
    client_ = net::ControlClient::Dial(
        *network_, loop_, clock, entropy, random_, std::move(client),
        {.on_welcome = [this](const v1::Welcome&) { OnWelcome(); },
         .on_message = [this](const v1::ControlMessage& message) { OnMessage(message); },
         .on_lost = [this](const Status& why) { OnLost(why); }});
    lost_at_ = clock.Monotonic();
  }

  std::vector<StatusOr<v1::ControlMessage>> AskAll(std::vector<v1::ControlMessage> questions,
                                                   absl::Duration wait) override {
    for (v1::ControlMessage& question : questions) {
      question.set_request(entropy_.Bytes(kRequestIdBytes));
      asked_[question.request()] = Asked{question, std::nullopt};
    }
    if (client_->connected()) SendUnanswered();
    const absl::Duration deadline = clock_.Monotonic() + wait;
    RunUntil(deadline, [this] { return interrupted_ || AllAnswered() || GivenUp(); });
    std::vector<StatusOr<v1::ControlMessage>> answers;
    for (const v1::ControlMessage& question : questions) {
      answers.push_back(AnswerTo(question.request()));
    }
    asked_.clear();
    // Whoever has an answer knows of the session; what is news is a loss or a session after it.
    connected_unheard_ = false;
    return answers;
  }

  Heard Listen(absl::Duration wait,
               const std::function<void(const v1::ControlMessage&)>& on_message) override {
    RunUntil(clock_.Monotonic() + wait, [this] {
      return interrupted_ || lost_unheard_ || connected_unheard_ || !unheard_.empty();
    });
    if (interrupted_) return Heard::kInterrupted;
    if (!unheard_.empty()) {
      const v1::ControlMessage message = std::move(unheard_.front());
      unheard_.pop_front();
      on_message(message);
      return Heard::kMessage;
    }
    if (std::exchange(lost_unheard_, false)) return Heard::kLost;
    if (std::exchange(connected_unheard_, false)) return Heard::kConnected;
    return Heard::kNothing;
  }

  void ForgetInterrupt() override { interrupted_ = false; }

 private:
  struct Asked {
    v1::ControlMessage question;
    std::optional<v1::ControlMessage> answer;
  };

  // A deadline in the past still runs one turn if `done` is false: what has arrived is read.
  void RunUntil(absl::Duration deadline, const std::function<bool()>& done) {
    bool late = false;
    std::optional<Timers::Id> timer;
    if (deadline != absl::InfiniteDuration()) {
      timer = loop_.timers().After(std::max(deadline - clock_.Monotonic(), absl::ZeroDuration()),
                                   [&late] { late = true; });
    }
    // A connection that is being tried ends the wait at its own limit, also between its attempts.
    const absl::Duration patience = lost_at_ ? PatienceLeft() : options_.connect_wait;
    const Timers::Id wake = loop_.timers().After(patience, [] {});
    loop_.RunUntil([&] { return late || done(); });
    loop_.timers().Cancel(wake);
    if (timer) loop_.timers().Cancel(*timer);
  }

  void OnWelcome() {
    lost_at_.reset();
    lost_unheard_ = false;
    connected_unheard_ = true;
    SendUnanswered();
  }

  void OnLost(const Status& why) {
    last_loss_ = why;
    if (!lost_at_) {
      lost_at_ = clock_.Monotonic();
      lost_unheard_ = true;
      connected_unheard_ = false;
    }
    // No waiting helps against these.
    if (absl::IsUnauthenticated(why) || absl::IsPermissionDenied(why)) refused_ = true;
  }

  void OnMessage(const v1::ControlMessage& message) {
    const auto asked = asked_.find(message.request());
    if (asked != asked_.end()) {
      asked->second.answer = message;
      return;
    }
    if (!message.request().empty() && !message.has_promotion_event()) return;  // too late to matter
    if (unheard_.size() >= kUnheardMax) unheard_.pop_front();
    unheard_.push_back(message);
  }

  void SendUnanswered() {
    for (const auto& [request, asked] : asked_) {
      if (asked.answer) continue;
      const Status sent = client_->Send(asked.question);
      if (!sent.ok()) return;  // the next welcome sends it again
    }
  }

  bool AllAnswered() const {
    for (const auto& [request, asked] : asked_) {
      if (!asked.answer) return false;
    }
    return true;
  }

  absl::Duration PatienceLeft() const {
    return std::max(*lost_at_ + options_.connect_wait - clock_.Monotonic(), absl::ZeroDuration());
  }

  bool GivenUp() const { return refused_ || (lost_at_ && PatienceLeft() <= absl::ZeroDuration()); }

  StatusOr<v1::ControlMessage> AnswerTo(const std::string& request) const {
    const std::optional<v1::ControlMessage>& answer = asked_.at(request).answer;
    if (answer) {
      if (!answer->has_error()) return *answer;
      return StatusFromParts(answer->error().code(), answer->error().name(),
                             answer->error().message());
    }
    if (interrupted_) return Interrupted();
    if (refused_) {
      return NamedError(last_loss_.code(), ErrorName(last_loss_),
                        absl::StrCat(last_loss_.message(), "; or ", options_.endpoint,
                                     " is not its control.listen: look at coordinator.endpoint"));
    }
    if (lost_at_) {
      return NamedError(
          StatusCode::kUnavailable, "coordinator-unreachable",
          absl::StrCat("the coordinator at ", options_.endpoint, " is not reached within ",
                       absl::FormatDuration(options_.connect_wait),
                       net::HostResolves(options_.endpoint)
                           ? "; look at coordinator.endpoint and whether it runs"
                           : ": its host's name does not resolve; look at coordinator.endpoint"));
    }
    return NamedError(StatusCode::kUnavailable, "no-answer",
                      absl::StrCat("the coordinator at ", options_.endpoint,
                                   " is connected and does not answer; try again"));
  }

  const Clock& clock_;
  Entropy& entropy_;
  const LinkOptions options_;
  const std::unique_ptr<net::Network> network_;
  net::EventLoop loop_;
  SeededRandom random_;
  std::map<std::string, Asked> asked_;
  std::deque<v1::ControlMessage> unheard_;
  std::optional<absl::Duration> lost_at_;  // since when there is no session
  Status last_loss_;
  bool refused_ = false;
  bool interrupted_ = false;
  bool lost_unheard_ = false;
  bool connected_unheard_ = false;
  std::unique_ptr<net::ControlClient> client_;  // its callbacks use all of the above
};

}  // namespace

StatusOr<std::unique_ptr<CoordinatorLink>> ConnectToCoordinator(const LinkOptions& options,
                                                                const Clock& clock,
                                                                Entropy& entropy,
                                                                int interrupt_descriptor) {
  net::CurveIdentity identity{options.own.public_key().bytes(), options.own.secret_bytes()};
  // The CLI listens nowhere: nobody is to be let in.
  SLUICE_ASSIGN_OR_RETURN(
      std::unique_ptr<net::Network> network,
      net::Network::Start(std::move(identity), [](std::string_view) -> std::optional<net::Peer> {
        return std::nullopt;
      }));
  return std::unique_ptr<CoordinatorLink>(
      new CoordinatorConnection(std::move(network), options, clock, entropy, interrupt_descriptor));
}

}  // namespace sluice::cli

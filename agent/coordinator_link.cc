#include "agent/coordinator_link.h"

#include <utility>

#include "common/base/logging.h"
#include "common/net/event_loop.h"
#include "sluice/v1/control.pb.h"

namespace sluice::agent {
namespace {

// How long a full link is left alone.
constexpr absl::Duration kRoomPause = absl::Milliseconds(250);

}  // namespace

CoordinatorLink::CoordinatorLink(Options options, Parts parts, Events events)
    : options_(std::move(options)), parts_(parts), events_(std::move(events)) {}

CoordinatorLink::~CoordinatorLink() { parts_.loop.timers().Cancel(room_); }

void CoordinatorLink::Follow() {
  const std::string key = parts_.authority.coordinator_curve();
  if (key == coordinator_key_) return;
  if (client_) Log(LogLevel::kInfo, "coordinator-key-changed", {{"endpoint", options_.endpoint}});
  coordinator_key_ = key;
  client_.reset();  // says goodbye before the next one says hello
  net::ControlClientOptions options;
  options.endpoint = options_.endpoint;
  options.coordinator_key = key;
  options.version = options_.version;
  options.bulk_endpoint = options_.bulk_endpoint;
  client_ = net::ControlClient::Dial(parts_.network, parts_.loop, parts_.clock, parts_.entropy,
                                     parts_.random, std::move(options),
                                     {.on_welcome = events_.on_welcome,
                                      .on_message = events_.on_message,
                                      .on_lost = events_.on_lost});
}

Status CoordinatorLink::Send(v1::ControlMessage message) {
  if (!client_) {
    return NamedError(StatusCode::kUnavailable, "coordinator-unreachable",
                      "the coordinator is not dialled yet");
  }
  const bool report = message.has_job_report();
  const Status sent = client_->Send(std::move(message));
  if (report && ErrorName(sent) == "link-full") AwaitRoom();
  return sent;
}

void CoordinatorLink::AwaitRoom() {
  if (awaiting_room_) return;
  awaiting_room_ = true;
  room_ = parts_.loop.timers().After(kRoomPause, [this] {
    awaiting_room_ = false;
    events_.on_room();
  });
}

}  // namespace sluice::agent

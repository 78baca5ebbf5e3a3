#include "tests/simulation/bulk_network.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/digest.h"
#include "common/transfer/chunk_set.h"

namespace sluice::simulation {
namespace {

// As net::BulkSockets has it: beyond that the other end takes nothing.
constexpr int kQueuedMax = 320;
// Nobody tells the dialling end of a connection that stands still.
constexpr absl::Duration kStandstill = absl::Seconds(25);

Status Unreachable(std::string_view why) {
  return NamedError(StatusCode::kUnavailable, "peer-unreachable", why);
}

}  // namespace

class BulkNetwork::Sockets final : public net::BulkSockets {
 public:
  Sockets(BulkNetwork& network, net::Peer self, std::string endpoint, net::BulkEvents& events)
      : network_(network), self_(std::move(self)), endpoint_(std::move(endpoint)), events_(events) {
    network_.open_[self_.name] = this;
    if (!endpoint_.empty()) network_.listeners_[endpoint_] = this;
  }
  ~Sockets() override { Leave(); }

  // Every connection ends here.
  void Leave() {
    if (std::exchange(left_, true)) return;
    network_.open_.erase(self_.name);
    if (!endpoint_.empty()) network_.listeners_.erase(endpoint_);
    for (auto& [id, connection] : network_.connections_) {
      if (connection.ends[kDialler] == this || connection.ends[kListener] == this) {
        network_.Hangup(*this, id);
      }
    }
  }

  net::ConnectionId Dial(const std::string& endpoint, const net::Peer& peer) override {
    if (left_) return 0;
    return network_.Dial(*this, endpoint, peer);
  }
  Status Send(net::ConnectionId connection, const v1::BulkMessage& message,
              std::string payload) override {
    return network_.Send(*this, connection, message, std::move(payload));
  }
  void Hangup(net::ConnectionId connection) override { network_.Hangup(*this, connection); }
  std::string endpoint() const override { return endpoint_; }

  const net::Peer& self() const { return self_; }
  net::BulkEvents& events() { return events_; }

 private:
  BulkNetwork& network_;
  const net::Peer self_;
  const std::string endpoint_;
  net::BulkEvents& events_;
  bool left_ = false;
};

void BulkNetwork::Silence(const std::string& agent) {
  const auto found = open_.find(agent);
  if (found == open_.end()) return;
  // What is under way has left, or has not.
  const bool lost = world_.random.Below(2) == 0;
  for (auto& [id, connection] : connections_) {
    const bool own =
        connection.ends[kDialler] == found->second || connection.ends[kListener] == found->second;
    if (own && lost) Break(id);
  }
  found->second->Leave();
}

std::unique_ptr<net::BulkSockets> BulkNetwork::Open(const net::Peer& self,
                                                    const std::string& endpoint,
                                                    net::BulkEvents& events) {
  return std::make_unique<Sockets>(*this, self, endpoint, events);
}

absl::Duration BulkNetwork::Delay() {
  absl::Duration delay = world_.Between(absl::Milliseconds(1), absl::Milliseconds(30));
  if (world_.faults.On(Fault::kReorder)) delay += world_.Between({}, absl::Milliseconds(400));
  return delay;
}

uint64_t BulkNetwork::RateOf(const std::string& agent) const {
  const uint64_t rate = rates_.at(agent);
  return agent == slow_ && !world_.faults.healed() ? std::max<uint64_t>(rate / 100, 1) : rate;
}

net::ConnectionId BulkNetwork::Dial(Sockets& from, const std::string& endpoint,
                                    const net::Peer& peer) {
  const net::ConnectionId id = ++last_id_;
  Connection& connection = connections_[id];
  connection.ends[kDialler] = &from;
  connection.peers = {from.self(), peer};
  connection.delay = Delay();
  world_.agenda.After(connection.delay * 2,
                      [this, id, endpoint, peer] { Establish(id, endpoint, peer); });
  return id;
}

void BulkNetwork::Establish(net::ConnectionId id, const std::string& endpoint,
                            const net::Peer& peer) {
  const auto found = connections_.find(id);
  if (found == connections_.end() || found->second.ends[kDialler] == nullptr) return;
  Connection& connection = found->second;
  const auto listener = listeners_.find(endpoint);
  if (listener == listeners_.end() || listener->second->self().curve_key != peer.curve_key) {
    connection.broken = true;
    return TellLost(id, absl::ZeroDuration());
  }
  connection.ends[kListener] = listener->second;
  connection.ready = true;
  world_.trace.Note(absl::StrCat("bulk ", id, ": ", connection.ends[kDialler]->self().name,
                                 " reaches ", peer.name));
  connection.ends[kDialler]->events().OnConnectionReady(id);
}

Status BulkNetwork::Send(Sockets& from, net::ConnectionId id, const v1::BulkMessage& message,
                         std::string payload) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return Unreachable("there is no such connection");
  Connection& connection = found->second;
  const End end = connection.ends[kDialler] == &from ? kDialler : kListener;
  if (connection.ends[end] != &from) return Unreachable("there is no such connection");
  if (connection.queued[Other(end)] >= kQueuedMax) {
    return NamedError(StatusCode::kUnavailable, "link-full", "the other end takes nothing");
  }
  v1::BulkMessage sent = message;
  CheckStored(from.self().name, sent);
  if (sent.has_chunk()) {
    world_.witness.SeeChunk(sent.transfer(), sent.chunk().index(), crypto::Sha256Of(payload).hex());
  }
  if (sent.has_chunk() && world_.Has(Bug::kUnsealed)) payload.replace(0, kCanary.size(), kCanary);
  Lie(from.self().name, sent, payload);
  world_.witness.SeeOutside(payload, absl::StrCat("leave ", from.self().name));
  if (world_.faults.Happens(Fault::kLostConnection, 25, world_.random)) Break(id);
  if (connection.broken) return absl::OkStatus();
  absl::Duration delay = connection.delay;
  if (world_.faults.Happens(Fault::kLongDelay, 25, world_.random)) {
    delay += world_.Between(absl::Milliseconds(300), absl::Seconds(5));
  }
  const std::string& other = connection.peers[Other(end)].name;
  const uint64_t rate = std::min(RateOf(from.self().name), RateOf(other));
  const bool slow = from.self().name == slow_ || other == slow_;
  if (slow && !payload.empty() && !world_.faults.healed()) world_.faults.Count(Fault::kSlowPeer);
  const absl::Duration now = world_.clock.Monotonic();
  absl::Duration& free_at = connection.free_at[Other(end)];
  free_at = std::max(free_at, now + delay) +
            absl::Seconds(static_cast<double>(payload.size()) / static_cast<double>(rate));
  ++connection.queued[Other(end)];
  const uint64_t number = ++messages_;
  world_.agenda.After(free_at - now, [this, id, to = Other(end), number, sent, payload] {
    Deliver(id, to, number, sent, payload);
  });
  return absl::OkStatus();
}

void BulkNetwork::CheckStored(const std::string& from, const v1::BulkMessage& message) {
  std::set<uint32_t>& announced = announced_[from];
  if (message.has_credit()) {
    announced.insert(message.credit().stored().begin(), message.credit().stored().end());
  }
  announced.insert(message.have().stored().begin(), message.have().stored().end());
  if (!message.has_open()) return;
  const auto have = transfer::ChunkSet::Decode(message.open().have(), chunk_count_);
  for (const uint32_t index : announced) {
    if (have.ok() && have->Contains(index)) continue;
    return world_.witness.Violate(
        kNothingAcknowledgedIsLost,
        absl::StrCat(from, " has lost chunk ", index, ", which it had announced as stored"));
  }
}

void BulkNetwork::Lie(const std::string& from, v1::BulkMessage& message, std::string& payload) {
  if (!message.has_chunk()) return;
  bool bad_chunk = false;
  bool bad_signature = false;
  if (from == source_) {
    bad_chunk = world_.faults.Happens(Fault::kBadChunk, 10, world_.random);
    bad_signature = world_.faults.Happens(Fault::kBadSignature, 10, world_.random);
  } else if (world_.faults.Happens(Fault::kLyingFellow, 4, world_.random)) {
    bad_chunk = world_.random.Below(2) == 0;
    bad_signature = !bad_chunk;
  }
  std::string& signature = *message.mutable_chunk()->mutable_signature();
  if (bad_chunk) payload[world_.random.Below(payload.size())] ^= 0x10;
  if (bad_signature && !signature.empty()) {
    signature[world_.random.Below(signature.size())] ^= 0x10;
  }
}

void BulkNetwork::Deliver(net::ConnectionId id, End to, uint64_t number,
                          const v1::BulkMessage& message, const std::string& payload) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  --connection.queued[to];
  Sockets* receiver = connection.ends[to];
  if (connection.broken || receiver == nullptr) return;
  if (number < latest_arrived_ && world_.faults.On(Fault::kReorder)) {
    world_.faults.Count(Fault::kReorder);
  }
  latest_arrived_ = std::max(latest_arrived_, number);
  world_.trace.Note(absl::StrCat(
      "bulk ", id, ": ", receiver->self().name, " gets ", static_cast<int>(message.body_case()),
      " ", message.has_chunk() ? message.chunk().index() : 0, " ", payload.size()));
  receiver->events().OnBulkMessage(id, connection.peers[Other(to)], message, payload);
}

void BulkNetwork::Hangup(Sockets& from, net::ConnectionId id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  Connection& connection = found->second;
  const End end = connection.ends[kDialler] == &from ? kDialler : kListener;
  if (connection.ends[end] != &from) return;
  connection.ends[end] = nullptr;
  if (end == kListener)
    TellLost(id,
             std::max(connection.free_at[kDialler] - world_.clock.Monotonic(), connection.delay));
}

void BulkNetwork::Break(net::ConnectionId id) {
  Connection& connection = connections_.at(id);
  if (connection.broken) return;
  connection.broken = true;
  world_.trace.Note(absl::StrCat("bulk ", id, " breaks"));
  TellLost(id, world_.random.Below(4) == 0 ? kStandstill : connection.delay);
}

void BulkNetwork::TellLost(net::ConnectionId id, absl::Duration after) {
  world_.agenda.After(after, [this, id] {
    Connection& connection = connections_.at(id);
    Sockets* dialler = std::exchange(connection.ends[kDialler], nullptr);
    if (dialler == nullptr) return;
    dialler->events().OnConnectionLost(id, Unreachable("the connection broke"));
  });
}

}  // namespace sluice::simulation

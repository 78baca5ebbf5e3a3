// A source and its targets on a network of links with rates and delays, in simulated time: real
// machines, and nothing else of an exchange. The same every time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/check.h"
#include "common/transfer/receiver_machine.h"
#include "common/transfer/sender_machine.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

// Each node has one link to the network, with a rate for each direction. What a node sends to
// others shares its link, chunk by chunk in turn, and so does what comes to it, as it arrives.
// Messages without a payload take no time but the delay, and none overtakes another of the same two
// nodes. A line that an end hangs up is there again after a second, without what was under way on
// it.
class SimulatedMesh {
 public:
  struct Link {
    double up_bytes_per_second = 6.25e6;  // 50 Mbit/s
    double down_bytes_per_second = 6.25e6;
  };
  struct Options {
    size_t targets = 1;
    uint32_t chunks = 128;
    uint32_t chunk_bytes = kChunkBytesDefault;
    absl::Duration delay = absl::Milliseconds(10);
    uint32_t credit_chunks = 32;
    // Lines of each target to others. Symmetric.
    std::function<std::vector<uint32_t>(uint32_t target)> fellows;
    std::map<uint32_t, Link> links;  // of targets that differ
  };

  explicit SimulatedMesh(Options options) : options_(std::move(options)) {
    auto cut = StreamLayout::Cut(TransferId(), uint64_t{options_.chunks} * options_.chunk_bytes,
                                 options_.chunk_bytes);
    SLUICE_CHECK(cut.ok());
    layout_ = *cut;
    source_.emplace(SenderMachine::Options{layout_, "header", options_.targets, sha256_, kSilence},
                    now_);
    nodes_.resize(options_.targets + 1);
    for (uint32_t i = 0; i < options_.targets; ++i) {
      const auto link = options_.links.find(i);
      if (link != options_.links.end()) nodes_[i + 1].link = link->second;
      targets_.push_back(std::make_unique<Target>());
      Target& target = *targets_.back();
      if (options_.fellows) target.fellows = options_.fellows(i);
      target.machine.emplace(
          ReceiverMachine::Options{.layout = layout_,
                                   .target_index = i,
                                   .silence_max = kSilence,
                                   .credit =
                                       [this](uint32_t outstanding, uint32_t more) {
                                         const uint32_t most = options_.credit_chunks;
                                         return std::min(more, most - std::min(most, outstanding));
                                       },
                                   .header = "",
                                   .stored = ChunkSet(layout_.chunk_count),
                                   .fellows = target.fellows},
          now_);
    }
  }

  // Until all targets but those in `not_awaited` have stored everything. May be called again, to go
  // on.
  void Run(const std::vector<uint32_t>& not_awaited = {}) {
    if (!std::exchange(begun_, true)) {
      for (uint32_t i = 0; i < options_.targets; ++i) Connect(i);
      Tick();
    }
    const auto is_awaited = [&](uint32_t target) {
      return !targets_[target]->finished &&
             std::find(not_awaited.begin(), not_awaited.end(), target) == not_awaited.end();
    };
    for (uint32_t target = 0; target < options_.targets; ++target) {
      while (is_awaited(target)) Step();
    }
  }

  // When the target had stored everything, from the beginning on.
  absl::Duration FinishedAfter(uint32_t target) const { return *targets_[target]->finished; }
  absl::Duration LastFinishedAfter() const {
    absl::Duration last;
    for (const auto& target : targets_) {
      if (target->finished) last = std::max(last, *target->finished);
    }
    return last;
  }
  // Of the droplet, over the source's link.
  double CopiesSent() const {
    return static_cast<double>(nodes_[0].chunk_bytes_sent) /
           static_cast<double>(layout_.droplet_bytes);
  }
  // What a target passed on.
  double CopiesServed(uint32_t target) const {
    return static_cast<double>(nodes_[target + 1].chunk_bytes_sent) /
           static_cast<double>(layout_.droplet_bytes);
  }
  // A target spoils what it passes on.
  void Spoil(uint32_t target) { targets_[target]->spoils = true; }
  bool Failed() const { return failed_; }
  int LinesHungUp() const { return hung_up_; }

 private:
  static constexpr absl::Duration kSilence = absl::Seconds(6);
  static constexpr absl::Duration kTickEvery = absl::Milliseconds(300);
  static constexpr absl::Duration kDiskTime = absl::Milliseconds(2);
  static constexpr absl::Duration kRedialAfter = absl::Seconds(1);

  struct Event {
    absl::Duration at;
    uint64_t order;
    std::function<void()> act;
    bool operator<(const Event& other) const {
      return std::pair(other.at, other.order) < std::pair(at, order);
    }
  };
  struct Parcel {
    size_t to;
    v1::BulkMessage message;
    std::string payload;
    int connection = 0;
  };
  struct Node {
    Link link;
    std::map<size_t, std::deque<Parcel>> out;  // by destination
    size_t last_to = 0;
    std::optional<size_t> sending_to;
    absl::Duration down_free_at;
    uint64_t chunk_bytes_sent = 0;
  };
  struct Target {
    std::vector<uint32_t> fellows;
    std::optional<ReceiverMachine> machine;
    uint32_t stored = 0;
    bool spoils = false;
    std::optional<absl::Duration> finished;
  };

  void At(absl::Duration at, std::function<void()> act) {
    events_.push({at, ++order_, std::move(act)});
  }

  void Step() {
    SLUICE_CHECK(!events_.empty() && now_ < absl::Hours(10));
    now_ = events_.top().at;
    const auto act = events_.top().act;
    events_.pop();
    act();
  }

  void Connect(uint32_t i) {
    Perform(0, source_->OnConnected(i, now_));
    Perform(i + 1, targets_[i]->machine->OnConnected(0, now_));
    for (size_t line = 0; line < targets_[i]->fellows.size(); ++line) {
      Perform(i + 1, targets_[i]->machine->OnConnected(line + 1, now_));
    }
  }

  void Tick() {
    Perform(0, source_->OnTime(now_));
    for (uint32_t i = 0; i < options_.targets; ++i) {
      Perform(i + 1, targets_[i]->machine->OnTime(now_));
    }
    At(now_ + kTickEvery, [this] { Tick(); });
  }

  // Node 0 is the source, node i + 1 target i.
  size_t NodeOf(size_t node, size_t peer) const {
    if (node == 0) return peer + 1;
    return peer == 0 ? 0 : targets_[node - 1]->fellows[peer - 1] + 1;
  }
  size_t PeerOf(size_t node, size_t other) const {
    if (node == 0) return other - 1;
    if (other == 0) return 0;
    const auto& fellows = targets_[node - 1]->fellows;
    const auto found = std::find(fellows.begin(), fellows.end(), other - 1);
    SLUICE_CHECK(found != fellows.end());
    return static_cast<size_t>(found - fellows.begin()) + 1;
  }

  void Perform(size_t node, Effects effects) {
    for (Effect& effect : effects) {
      if (auto* out = std::get_if<MessageOut>(&effect)) {
        Send(node, {NodeOf(node, out->peer), std::move(out->message), std::move(out->payload)});
      } else if (auto* wanted = std::get_if<ChunksWanted>(&effect)) {
        for (const uint32_t index : wanted->indexes) {
          At(now_, [this, index] { Perform(0, source_->OnChunkSealed(Chunk(index), now_)); });
        }
      } else if (std::get_if<HeaderArrived>(&effect) != nullptr) {
        At(now_, [this, node] { Perform(node, Machine(node).OnHeaderOpened(now_)); });
      } else if (auto* arrived = std::get_if<ChunkArrived>(&effect)) {
        Store(node, arrived->chunk.index, arrived->peer, arrived->chunk.signature.empty());
      } else if (auto* read = std::get_if<ChunkToRead>(&effect)) {
        At(now_ + kDiskTime, [this, node, reading = *read] {
          SealedChunk chunk = Chunk(reading.index);
          if (targets_[node - 1]->spoils) chunk.signature.clear();
          Perform(node, Machine(node).OnChunkRead(reading, std::move(chunk), now_));
        });
      } else if (auto* hung_up = std::get_if<HungUp>(&effect)) {
        HangUp(node, NodeOf(node, hung_up->peer), hung_up->why);
      } else if (auto* over = std::get_if<LineOver>(&effect)) {
        Break(node, NodeOf(node, over->peer), over->why);
      } else if (auto* ended = std::get_if<Ended>(&effect)) {
        failed_ = failed_ || !ended->why.ok();
      }
    }
  }

  ReceiverMachine& Machine(size_t node) { return *targets_[node - 1]->machine; }
  SealedChunk Chunk(uint32_t index) const {
    return {index, "signed", std::string(layout_.SealedBytes(index), 'c'), {}};
  }

  // A chunk without a signature is a spoilt one.
  void Store(size_t node, uint32_t index, size_t peer, bool spoilt) {
    At(now_ + kDiskTime, [this, node, index, peer, spoilt] {
      if (spoilt) {
        const Status why = NamedError(StatusCode::kDataLoss, "chunk-bad-signature", "spoilt");
        return Perform(node, Machine(node).OnBadChunk(peer, index, why, now_));
      }
      Target& target = *targets_[node - 1];
      Perform(node, target.machine->OnStored({index}, now_));
      if (++target.stored < layout_.chunk_count) return;
      target.finished = now_;
      Perform(node, target.machine->OnDigestHolds(sha256_, now_));
    });
  }

  StreamMachine& MachineOf(size_t node) {
    return node == 0 ? static_cast<StreamMachine&>(*source_) : Machine(node);
  }
  int& ConnectionOf(size_t one, size_t other) { return connections_[std::minmax(one, other)]; }

  void Break(size_t one, size_t other, const Status& why) {
    ++ConnectionOf(one, other);
    nodes_[one].out.erase(other);
    nodes_[other].out.erase(one);
    for (const auto& [node, to] : {std::pair(one, other), std::pair(other, one)}) {
      MachineOf(node).OnUnreachable(PeerOf(node, to), why);
    }
  }
  void HangUp(size_t one, size_t other, const Status& why) {
    ++hung_up_;
    Break(one, other, why);
    At(now_ + kRedialAfter, [this, one, other] {
      Perform(one, MachineOf(one).OnConnected(PeerOf(one, other), now_));
      Perform(other, MachineOf(other).OnConnected(PeerOf(other, one), now_));
    });
  }

  void Send(size_t from, Parcel parcel) {
    Node& node = nodes_[from];
    parcel.connection = ConnectionOf(from, parcel.to);
    const bool next = !node.out.contains(parcel.to) && node.sending_to != parcel.to;
    if (parcel.payload.empty() && next) {
      return Fly(from, std::make_shared<Parcel>(std::move(parcel)));
    }
    node.out[parcel.to].push_back(std::move(parcel));
    if (!node.sending_to) SendNext(from);
  }

  void Fly(size_t from, const std::shared_ptr<Parcel>& parcel) {
    At(now_ + options_.delay, [this, from, parcel] { Arrive(from, parcel); });
  }

  void SendNext(size_t from) {
    Node& node = nodes_[from];
    node.sending_to.reset();
    if (node.out.empty()) return;
    auto turn = node.out.upper_bound(node.last_to);
    if (turn == node.out.end()) turn = node.out.begin();
    node.last_to = turn->first;
    auto parcel = std::make_shared<Parcel>(std::move(turn->second.front()));
    turn->second.pop_front();
    if (turn->second.empty()) node.out.erase(turn);
    node.sending_to = parcel->to;
    if (parcel->message.has_chunk()) node.chunk_bytes_sent += parcel->payload.size();
    const auto bytes = static_cast<double>(parcel->payload.size());
    At(now_ + absl::Seconds(bytes / node.link.up_bytes_per_second), [this, from, parcel] {
      Fly(from, parcel);
      SendNext(from);
    });
  }

  void Arrive(size_t from, const std::shared_ptr<Parcel>& parcel) {
    Node& node = nodes_[parcel->to];
    absl::Duration& flow_free_at = flow_free_at_[{from, parcel->to}];
    if (!parcel->payload.empty()) {
      const auto bytes = static_cast<double>(parcel->payload.size());
      node.down_free_at = std::max(node.down_free_at, now_) +
                          absl::Seconds(bytes / node.link.down_bytes_per_second);
      flow_free_at = node.down_free_at;
    }
    flow_free_at = std::max(flow_free_at, now_);
    At(flow_free_at, [this, from, parcel] {
      const size_t to = parcel->to;
      if (parcel->connection != ConnectionOf(from, to)) return;
      Perform(to, MachineOf(to).OnMessage(PeerOf(to, from), parcel->message,
                                          std::move(parcel->payload), now_));
    });
  }

  const Options options_;
  const crypto::Sha256Digest sha256_ = crypto::Sha256Of("droplet");
  StreamLayout layout_;
  bool begun_ = false;
  absl::Duration now_;
  uint64_t order_ = 0;
  std::priority_queue<Event> events_;
  std::vector<Node> nodes_;
  std::optional<SenderMachine> source_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::map<std::pair<size_t, size_t>, int> connections_;  // how often it was made anew
  std::map<std::pair<size_t, size_t>, absl::Duration> flow_free_at_;
  int hung_up_ = 0;
  bool failed_ = false;
};

}  // namespace sluice::transfer

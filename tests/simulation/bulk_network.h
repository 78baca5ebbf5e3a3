// The bulk network between simulated agents: connections with delay and rate, in order each, that
// break and stand still.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "common/net/bulk_sockets.h"
#include "sluice/v1/bulk.pb.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

class BulkNetwork {
 public:
  // Borrowed.
  explicit BulkNetwork(World& world) : world_(world) {}

  // The sockets of a process that listens at `endpoint`, unless it is empty; until they go, which
  // is how a process ends or dies. `events` is borrowed.
  std::unique_ptr<net::BulkSockets> Open(const net::Peer& self, const std::string& endpoint,
                                         net::BulkEvents& events);
  // The process dies: what it says from now on is heard by nobody.
  void Silence(const std::string& agent);
  // This agent's link takes so many bytes in a second.
  void SetRate(const std::string& agent, uint64_t bytes_per_second) {
    rates_[agent] = bytes_per_second;
  }
  // A hundredth of that, until everything heals.
  void SetSlow(const std::string& agent) { slow_ = agent; }
  // Chunks that leave this agent are the source's (kBadChunk, kBadSignature), others are passed on
  // by targets (kLyingFellow).
  void SetSource(const std::string& agent) { source_ = agent; }
  void SetChunkCount(uint32_t chunks) { chunk_count_ = chunks; }

 private:
  class Sockets;
  enum End { kDialler = 0, kListener = 1 };
  struct Connection {
    std::array<Sockets*, 2> ends{};  // null: gone at that end
    std::array<net::Peer, 2> peers;
    std::array<absl::Duration, 2> free_at{};  // when what is under way to that end has arrived
    std::array<int, 2> queued{};
    absl::Duration delay;
    bool ready = false;
    bool broken = false;
  };
  static End Other(End end) { return end == kDialler ? kListener : kDialler; }

  net::ConnectionId Dial(Sockets& from, const std::string& endpoint, const net::Peer& peer);
  void Establish(net::ConnectionId id, const std::string& endpoint, const net::Peer& peer);
  Status Send(Sockets& from, net::ConnectionId id, const v1::BulkMessage& message,
              std::string payload);
  void Deliver(net::ConnectionId id, End to, uint64_t number, const v1::BulkMessage& message,
               const std::string& payload);
  void Hangup(Sockets& from, net::ConnectionId id);
  void Break(net::ConnectionId id);
  // The dialling end hears of it.
  void TellLost(net::ConnectionId id, absl::Duration after);
  void Lie(const std::string& from, v1::BulkMessage& message, std::string& payload);
  // What an agent has announced as stored it has whenever it opens the stream again.
  void CheckStored(const std::string& from, const v1::BulkMessage& message);
  absl::Duration Delay();
  uint64_t RateOf(const std::string& agent) const;

  World& world_;
  std::map<std::string, Sockets*> listeners_;  // by endpoint
  std::map<std::string, Sockets*> open_;       // by agent
  std::map<net::ConnectionId, Connection> connections_;
  std::map<std::string, uint64_t> rates_;
  std::string source_;
  std::string slow_;
  uint32_t chunk_count_ = 0;
  std::map<std::string, std::set<uint32_t>> announced_;  // by agent
  net::ConnectionId last_id_ = 0;
  uint64_t messages_ = 0;
  uint64_t latest_arrived_ = 0;  // number of the latest-sent message that has arrived anywhere
};

}  // namespace sluice::simulation

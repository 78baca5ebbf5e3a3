// Which chunk the source hands to which receiver, so that it sends each about once and all get all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/transfer/chunk_set.h"

namespace sluice::transfer {

// Receivers that reach each other, over others too, are a component; one without fellows is its
// own. What a receiver has or is given counts for its component: nobody else of it is handed that.
// Except what a receiver has not announced in time: that never counts again, also when it is
// announced afterwards, since whoever is slow to take a chunk is slow to pass it on. Not
// thread-safe.
//
// In time is twice the median, twice: of the time from being sent to being announced, and of the
// time that each announcement takes after the one before, for each chunk that the receiver was sent
// before. The first alone would take a queue that fills for a slow receiver, the second alone a
// long way. While nobody announces anything it is the source that is slow, and four times as much
// is waited.
class ChunkChoice {
 public:
  // Below this nothing is late: a disk may take so long for once.
  static constexpr absl::Duration kPatienceMin = absl::Milliseconds(500);

  ChunkChoice(uint32_t chunk_count, size_t receivers);

  // `receiver` says what it has. What it was handed besides goes back to the others.
  void OnOpen(size_t receiver, ChunkSet stored);
  // Those that `receiver` reaches. A line counts when both ends say so; an end that has said
  // nothing yet agrees.
  void OnFellows(size_t receiver, const std::vector<size_t>& fellows);
  // These have become durable at `receiver`, wherever they came from.
  void OnStored(size_t receiver, const std::vector<uint32_t>& indexes, absl::Duration now);
  // It lacks nothing any more, and may have less than all to pass on.
  void OnDone(size_t receiver) { receivers_[receiver].done = true; }
  // What is late by now may be handed to others.
  void OnTime(absl::Duration now);

  // The chunk that `receiver` is to have next, the lowest that it may have: handed to it. Nothing
  // if there is none for it at present.
  std::optional<uint32_t> Hand(size_t receiver);
  // Asked for by name: handed to it, whoever has it.
  void HandNamed(size_t receiver, uint32_t index);
  // What was handed has gone.
  void OnSent(size_t receiver, uint32_t index, absl::Duration now);
  // What was handed will not go.
  void TakeBack(size_t receiver, uint32_t index);
  // Until there are none, `receiver` is handed chunks from `from` on: there the source is being
  // read.
  void Join(size_t receiver, uint32_t from) { receivers_[receiver].join_at = from; }

  // Handed and not announced.
  size_t under_way(size_t receiver) const { return receivers_[receiver].handed.size(); }

 private:
  struct Handing {
    std::optional<absl::Duration> sent_at;
    uint64_t order = 0;  // of sending
    bool late = false;
  };
  struct Receiver {
    explicit Receiver(uint32_t chunk_count) : stored(chunk_count), late(chunk_count) {}
    ChunkSet stored;
    ChunkSet late;  // handed, and not announced in time
    std::map<uint32_t, Handing> handed;
    std::optional<std::vector<size_t>> fellows;
    size_t component = 0;
    uint32_t join_at = 0;
    bool done = false;
    // A receiver that was late has one chunk under way, and twice as many for each in time.
    uint32_t under_way_max = 0;
    absl::Duration announced_at;  // the latest of what it was handed
  };
  struct Component {
    explicit Component(uint32_t chunk_count) : covered(chunk_count) {}
    ChunkSet covered;
    uint32_t first_free = 0;  // all before are covered
    std::vector<size_t> members;
  };
  // The median of the latest.
  class Usual {
   public:
    void Add(absl::Duration time);
    bool known() const { return !latest_.empty(); }
    absl::Duration median() const { return median_; }

   private:
    std::deque<absl::Duration> latest_;
    absl::Duration median_;
  };

  bool Covers(const Receiver& receiver, uint32_t index) const;
  void Cover(Receiver& receiver, uint32_t index);
  // After `index` has ceased to be covered by one member.
  void Uncover(Component& component, uint32_t index);
  void FindComponents();
  std::vector<size_t> ComponentOf(size_t first) const;
  bool AreFellows(size_t one, size_t other) const;
  void FillComponent(Component& component);
  // Whether it has enough under way, for one that was late, and others could take what it is not
  // handed.
  bool IsSpared(const Receiver& receiver) const;
  std::optional<uint32_t> FirstFor(const Receiver& receiver, uint32_t from) const;
  // These handings have been announced together, the oldest first.
  void NoteTimes(Receiver& receiver, const std::vector<absl::Duration>& sent_at,
                 absl::Duration now);
  bool AllWait(absl::Duration now) const;
  void FindLate(Receiver& receiver, absl::Duration now);

  const uint32_t chunk_count_;
  std::vector<Receiver> receivers_;
  std::vector<Component> components_;
  Usual way_;   // sent to announced
  Usual pace_;  // one announcement to the next of the same receiver
  uint64_t sent_ = 0;
  absl::Duration announced_at_;  // the latest of all
  absl::Duration resumed_at_;    // the end of the latest time in which nobody announced anything
};

}  // namespace sluice::transfer

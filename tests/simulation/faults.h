// What can go wrong in a history, by name; which of it exists in this one, and how often it
// happened.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "common/base/random.h"

namespace sluice::simulation {

enum class Fault {
  kLostConnection,        // bulk or control, in the middle of everything
  kLongDelay,             // messages and answers take seconds
  kReorder,               // what was sent later over another connection arrives earlier
  kDuplicateRequest,      // orders, commands and reports come twice
  kCoordinatorCrash,      // and restart, from what its ledger had written
  kSourceCrash,           // and restart, from what its disk had synced
  kTargetCrash,           // likewise
  kFullDisk,              // a target's, or the source's
  kSlowPeer,              // a target at a hundredth of the rate
  kBadChunk,              // the source's agent sends another chunk than it signed
  kBadSignature,          // or another signature
  kLyingFellow,           // targets pass on other chunks or signatures than they were sent
  kWrongBits,             // the source's blobstore gives other bytes than were published
  kLyingCloudController,  // a target's reports another checksum than that of what it stores
  kFailingJob,            // a target's job that processes the upload fails
  kFoundationAway,        // 503 for a while
  kLostAnswer,            // a request takes effect and its answer is lost
  kCancel,                // the operator cancels
  kCount
};
inline constexpr size_t kFaultCount = static_cast<size_t>(Fault::kCount);

inline constexpr std::array<std::string_view, kFaultCount> kFaultNames = {
    "lost-connection",   "long-delay",
    "reorder",           "duplicate-request",
    "coordinator-crash", "source-crash",
    "target-crash",      "full-disk",
    "slow-peer",         "bad-chunk",
    "bad-signature",     "lying-fellow",
    "wrong-bits",        "lying-cloud-controller",
    "failing-job",       "foundation-away",
    "lost-answer",       "cancel"};

class Faults {
 public:
  // Most are off in a history, those that are on are strong.
  explicit Faults(Random& random) {
    const bool calm = random.Below(12) == 0;
    for (bool& on : on_) on = !calm && random.Below(7) == 0;
    // Few histories let a target serve another at all: in most of those it may lie.
    on_[Index(Fault::kLyingFellow)] |= !calm && random.Below(2) == 0;
  }

  // Whether it may happen now.
  bool On(Fault fault) const { return !healed_ && on_[Index(fault)]; }
  // It happens.
  void Count(Fault fault) { ++counts_[Index(fault)]; }
  // With a chance of 1 in `odds`, if it exists: then it is counted.
  bool Happens(Fault fault, uint64_t odds, Random& random) {
    if (!On(fault) || random.Below(odds) != 0) return false;
    Count(fault);
    return true;
  }
  // From now on nothing goes wrong any more.
  void Heal() { healed_ = true; }
  bool healed() const { return healed_; }
  const std::array<int, kFaultCount>& counts() const { return counts_; }

 private:
  static size_t Index(Fault fault) { return static_cast<size_t>(fault); }

  std::array<bool, kFaultCount> on_{};
  std::array<int, kFaultCount> counts_{};
  bool healed_ = false;
};

}  // namespace sluice::simulation

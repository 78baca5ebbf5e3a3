// What must hold in every history, by name, and whether it did.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tests/simulation/trace.h"

namespace sluice::simulation {

inline constexpr std::string_view kDigestEqualOrNotActivated = "digest-equal-or-not-activated";
inline constexpr std::string_view kActivatedAfterAllUploaded = "activated-after-all-uploaded";
inline constexpr std::string_view kNoPlaintextOutside = "no-plaintext-outside";
inline constexpr std::string_view kNothingAcknowledgedIsLost = "nothing-acknowledged-is-lost";
inline constexpr std::string_view kEverythingEnds = "everything-ends";
inline constexpr std::string_view kOneChunkOneContent = "one-chunk-one-content";
inline constexpr std::string_view kUndoneIsAsBefore = "undone-is-as-before";
inline constexpr std::string_view kDoneIsDone = "done-is-done";
inline constexpr std::string_view kCalmSucceeds = "calm-succeeds";

// In what is transferred there are these 16 bytes in each kCanaryEvery, so that a piece of it is
// known wherever it is seen.
inline constexpr std::string_view kCanary = "~plain_droplet!~";
inline constexpr size_t kCanaryEvery = 64;

struct Violation {
  std::string invariant;
  std::string what;
};

class Witness {
 public:
  explicit Witness(Trace& trace) : trace_(trace) {}

  // The first one is kept.
  void Violate(std::string_view invariant, const std::string& what) {
    trace_.Note("VIOLATION " + std::string(invariant) + ": " + what);
    if (!violation_) violation_ = Violation{std::string(invariant), what};
  }
  const std::optional<Violation>& violation() const { return violation_; }

  // Bytes that others may see, on a wire or a disk.
  void SeeOutside(std::string_view bytes, const std::string& where) {
    if (bytes.find(kCanary) != std::string_view::npos) {
      Violate(kNoPlaintextOutside, "plain droplet bytes " + where);
    }
  }
  // A chunk leaves its source, or a target that has it.
  void SeeChunk(const std::string& transfer, uint32_t index, const std::string& sealed_sha256) {
    const auto [known, first] = chunks_.try_emplace({transfer, index}, sealed_sha256);
    if (!first && known->second != sealed_sha256) {
      Violate(kOneChunkOneContent, "chunk " + std::to_string(index) + " left with two contents");
    }
  }

 private:
  Trace& trace_;
  std::optional<Violation> violation_;
  std::map<std::pair<std::string, uint32_t>, std::string> chunks_;
};

}  // namespace sluice::simulation

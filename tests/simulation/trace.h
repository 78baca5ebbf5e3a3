// What happened in a history, line by line: two runs of one seed have the same digest.
#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/crypto/digest.h"

namespace sluice::simulation {

class Trace {
 public:
  // `print`: to standard error too, as it happens. `clock` is borrowed.
  Trace(const Clock& clock, bool print) : clock_(clock), print_(print) {}

  void Note(const std::string& what);
  // Ends the trace: what is noted afterwards is dropped.
  std::string Digest() {
    ended_ = true;
    return hash_.Finish().hex();
  }
  size_t lines() const { return lines_; }
  // The latest, one a line.
  std::string Tail() const;

 private:
  static constexpr size_t kTailLines = 60;

  const Clock& clock_;
  const bool print_;
  crypto::Sha256 hash_;
  size_t lines_ = 0;
  bool ended_ = false;
  std::deque<std::string> tail_;
};

}  // namespace sluice::simulation

#include "tests/simulation/trace.h"

#include <iostream>

#include "absl/strings/str_format.h"

namespace sluice::simulation {

void Trace::Note(const std::string& what) {
  if (ended_) return;
  const std::string line =
      absl::StrFormat("%10.4f %s\n", absl::ToDoubleSeconds(clock_.Monotonic()), what);
  hash_.Update(line);
  ++lines_;
  tail_.push_back(line);
  if (tail_.size() > kTailLines) tail_.pop_front();
  if (print_) std::cerr << line;
}

std::string Trace::Tail() const {
  std::string tail;
  for (const std::string& line : tail_) tail += line;
  return tail;
}

}  // namespace sluice::simulation

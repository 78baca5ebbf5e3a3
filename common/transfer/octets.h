// Fixed-width fields in network byte order: written one after the other, read back strictly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace sluice::transfer {

// Appends the lowest `bytes` bytes of `value`, most significant first.
void AppendNumber(std::string& octets, uint64_t value, size_t bytes);

// Reads from a view that must outlive it. Past the end each read gives zeros and nothing, and ok()
// is false from then on: a parser asks once, at the places where it decides.
class OctetReader {
 public:
  explicit OctetReader(std::string_view octets) : rest_(octets) {}

  uint64_t Number(size_t bytes);  // at most 8
  std::string_view Bytes(size_t count);

  bool ok() const { return ok_; }
  size_t remaining() const { return rest_.size(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace sluice::transfer

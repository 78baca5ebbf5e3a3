#include "common/transfer/octets.h"

namespace sluice::transfer {

void AppendNumber(std::string& octets, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i > 0; --i) {
    octets.push_back(static_cast<char>(value >> (8 * (i - 1)) & 0xff));
  }
}

uint64_t OctetReader::Number(size_t bytes) {
  uint64_t value = 0;
  for (const char byte : Bytes(bytes)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

std::string_view OctetReader::Bytes(size_t count) {
  if (!ok_ || count > rest_.size()) {
    ok_ = false;
    return {};
  }
  const std::string_view bytes = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return bytes;
}

}  // namespace sluice::transfer

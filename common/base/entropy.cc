#include "common/base/entropy.h"

namespace sluice {

std::string Entropy::Bytes(size_t count) {
  std::string bytes(count, '\0');
  Fill({reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  return bytes;
}

}  // namespace sluice

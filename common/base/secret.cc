#include "common/base/secret.h"

#include <string.h>

namespace sluice {
namespace {

void Wipe(std::string& value) { explicit_bzero(value.data(), value.capacity()); }

}  // namespace

// The moved-from string may keep the bytes in its inline buffer, so it is wiped, not only emptied.
Secret::Secret(Secret&& other) noexcept : value_(other.value_) {
  Wipe(other.value_);
  other.value_.clear();
}

// Not a swap: of two short strings it exchanges the used part only, and the rest would stay behind.
Secret& Secret::operator=(Secret other) noexcept {
  Wipe(value_);
  value_ = other.value_;
  return *this;
}

Secret::~Secret() { Wipe(value_); }

}  // namespace sluice

#include "common/base/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/check.h"

namespace sluice {

WakeDescriptor::WakeDescriptor() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SLUICE_CHECK(descriptor_ >= 0);
}

WakeDescriptor::~WakeDescriptor() { close(descriptor_); }

void WakeDescriptor::Signal() {
  const uint64_t one = 1;
  // EAGAIN means that the counter is full, and so already readable.
  [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof one);
}

void WakeDescriptor::Clear() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t bytes = read(descriptor_, &count, sizeof count);
}

}  // namespace sluice

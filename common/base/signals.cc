#include "common/base/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice {

StatusOr<SignalDescriptor> SignalDescriptor::Open(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  const int blocked = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int descriptor = blocked == 0 ? signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
  if (descriptor < 0) {
    return NamedError(
        StatusCode::kInternal, "no-signals",
        absl::StrCat("cannot wait for signals: ", strerror(blocked == 0 ? errno : blocked)));
  }
  return SignalDescriptor(descriptor);
}

SignalDescriptor::~SignalDescriptor() {
  if (descriptor_ >= 0) close(descriptor_);
}

SignalDescriptor::SignalDescriptor(SignalDescriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

std::optional<int> SignalDescriptor::Take() {
  signalfd_siginfo received;
  const ssize_t count = read(descriptor_, &received, sizeof received);
  if (count != static_cast<ssize_t>(sizeof received)) return std::nullopt;
  return static_cast<int>(received.ssi_signo);
}

}  // namespace sluice

// Checks of what only a bug of ours can break. They stay on in release builds and end the process:
// what a peer, a server or a disk can cause is a Status instead.
#pragma once

namespace sluice::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);
}  // namespace sluice::internal

#define SLUICE_CHECK(expression) \
  (static_cast<bool>(expression) \
       ? static_cast<void>(0)    \
       : ::sluice::internal::CheckFailed(__FILE__, __LINE__, #expression))

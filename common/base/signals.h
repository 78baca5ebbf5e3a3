// Signals as something to read, so that a loop takes them like everything else.
#pragma once

#include <initializer_list>
#include <optional>

#include "common/base/status.h"

namespace sluice {

// From its making on the signals end nothing any more: they wait here to be taken. Made by main()
// before any thread is, which then has them blocked too.
class SignalDescriptor {
 public:
  static StatusOr<SignalDescriptor> Open(std::initializer_list<int> signals);
  ~SignalDescriptor();
  SignalDescriptor(SignalDescriptor&& other) noexcept;
  SignalDescriptor& operator=(SignalDescriptor&&) = delete;

  // Readable while a signal waits.
  int descriptor() const { return descriptor_; }
  // The next signal's number, or nothing when none waits.
  std::optional<int> Take();

 private:
  explicit SignalDescriptor(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace sluice

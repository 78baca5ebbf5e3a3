// Programs that the box starts: nginx, tar, the apps.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace sluice::box {

struct ChildOptions {
  std::vector<std::string> arguments;    // [0] is searched in PATH
  std::vector<std::string> environment;  // "NAME=value", added to the box's own
  std::string output_file;               // standard output and error are appended; empty: inherited
  int keep_fd = -1;                      // stays open in the child
};

// The child gets SIGTERM when the *thread* that started it ends, so only threads that live as
// long as the box may call this. Returns its pid, or -1.
pid_t StartChild(const ChildOptions& options);

// The wait status once the child has ended. Does not wait.
std::optional<int> TryReap(pid_t pid);

// SIGTERM, then SIGKILL after `grace_seconds`; returns when the child is gone.
void StopChild(pid_t pid, double grace_seconds);

// "Exited with status 1", "Exited with status 137 (out of memory)"-style text as Diego's.
std::string DescribeExit(int wait_status);

}  // namespace sluice::box

#include "tests/foundation/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::box {
namespace {

// After fork only calls that are safe beside other threads: everything is prepared before.
[[noreturn]] void BecomeProgram(pid_t parent, const ChildOptions& options, char** arguments,
                                char** environment) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(127);  // the box died in between
  setpgid(0, 0);                        // a terminal's Ctrl-C is for the box alone
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  int input = open("/dev/null", O_RDONLY);
  dup2(input, STDIN_FILENO);
  if (!options.output_file.empty()) {
    int output = open(options.output_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    if (output > STDERR_FILENO) close(output);
  }
  if (options.keep_fd >= 0) fcntl(options.keep_fd, F_SETFD, 0);
  execvpe(arguments[0], arguments, environment);
  _exit(127);
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

pid_t StartChild(const ChildOptions& options) {
  std::vector<std::string> arguments = options.arguments;
  std::vector<std::string> environment = options.environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  std::vector<char*> argument_pointers = Pointers(arguments);
  std::vector<char*> environment_pointers = Pointers(environment);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0) {
    BecomeProgram(parent, options, argument_pointers.data(), environment_pointers.data());
  }
  return pid;
}

std::optional<int> TryReap(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return std::nullopt;
  return status;
}

void StopChild(pid_t pid, double grace_seconds) {
  if (pid <= 0) return;
  // Readable once the child has ended. (glibc 2.36 declares pidfd_open for C only.)
  int ended = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  kill(pid, SIGTERM);
  pollfd waiting{ended, POLLIN, 0};
  if (ended < 0 || poll(&waiting, 1, static_cast<int>(grace_seconds * 1000)) != 1) {
    kill(pid, SIGKILL);
  }
  if (ended >= 0) close(ended);
  waitpid(pid, nullptr, 0);
}

std::string DescribeExit(int wait_status) {
  if (WIFEXITED(wait_status)) {
    return "Exited with status " + std::to_string(WEXITSTATUS(wait_status));
  }
  return "Exited with status " + std::to_string(128 + WTERMSIG(wait_status));
}

}  // namespace sluice::box

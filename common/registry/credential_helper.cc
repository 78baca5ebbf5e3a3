#include "common/registry/credential_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/base/strict_json.h"
#include "nlohmann/json.hpp"

extern char** environ;

namespace sluice::registry {
namespace {

using nlohmann::json;

Status HelperFailed(const std::string& why) {
  return NamedError(StatusCode::kFailedPrecondition, "credential-helper-failed", why);
}

// A child with one socket as its standard input and output; killed and awaited when this goes.
class CredentialHelperProcess {
 public:
  CredentialHelperProcess() = default;
  CredentialHelperProcess(const CredentialHelperProcess&) = delete;
  CredentialHelperProcess& operator=(const CredentialHelperProcess&) = delete;
  ~CredentialHelperProcess() {
    if (descriptor_ >= 0) close(descriptor_);
    if (child_ > 0) {
      kill(child_, SIGKILL);
      Await();
    }
  }

  // False when there is no such program, or no room for a process.
  bool Start(const std::string& program) {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;
    descriptor_ = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    // Our threads block signals, and a child would inherit that.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    std::string name = program;
    std::string verb = "get";
    std::array<char*, 3> arguments{name.data(), verb.data(), nullptr};
    const int failure =
        posix_spawnp(&child_, program.c_str(), &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (failure != 0) child_ = -1;
    return failure == 0;
  }

  bool Write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return false;
      text.remove_prefix(static_cast<size_t>(count));
    }
    return shutdown(descriptor_, SHUT_WR) == 0;
  }

  // What comes until the end; false when it takes too long or is too much.
  bool ReadToTheEnd(const Clock& clock, absl::Duration deadline, std::string& answer) {
    std::array<char, 4096> buffer;
    while (answer.size() <= kHelperAnswerBytesMax) {
      const absl::Duration left = deadline - clock.Monotonic();
      if (left <= absl::ZeroDuration()) return false;
      pollfd ready{descriptor_, POLLIN, 0};
      const int64_t milliseconds = std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 1000);
      if (poll(&ready, 1, static_cast<int>(milliseconds)) <= 0) continue;
      const ssize_t count = read(descriptor_, buffer.data(), buffer.size());
      if (count == 0) return true;
      if (count < 0 && errno == EINTR) continue;
      // A child that ends without reading what it was asked resets the socket.
      if (count < 0) return true;
      answer.append(buffer.data(), static_cast<size_t>(count));
    }
    return false;
  }

  // The exit code; -1 when a signal ended it. Only after ReadToTheEnd() returned true: a child
  // that has closed its output and goes on is killed.
  int End(const Clock& clock, absl::Duration deadline) {
    const pid_t child = child_;
    while (clock.Monotonic() < deadline) {
      int state = 0;
      const pid_t ended = waitpid(child, &state, WNOHANG);
      if (ended == child) {
        child_ = -1;
        return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
      }
      if (ended < 0 && errno != EINTR) return -1;
      poll(nullptr, 0, 5);
    }
    return -1;
  }

 private:
  void Await() {
    while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
  }

  pid_t child_ = -1;
  int descriptor_ = -1;
};

// The words of docker-credential-helpers' own "not found" error, on standard output.
bool SaysNotFound(std::string_view answer) {
  return answer.find("credentials not found") != std::string_view::npos;
}

}  // namespace

StatusOr<Credentials> ParseHelperAnswer(std::string_view text) {
  const StatusOr<json> answer = ParseStrictJson(text, {.bytes_max = kHelperAnswerBytesMax});
  if (!answer.ok()) return HelperFailed("the credential helper's answer is not JSON");
  const auto user = answer->find("Username");
  const auto secret = answer->find("Secret");
  if (user == answer->end() || secret == answer->end() || !user->is_string() ||
      !secret->is_string()) {
    return HelperFailed("the credential helper's answer lacks Username or Secret");
  }
  Credentials credentials;
  if (*user == "<token>") {
    credentials.identity_token = Secret(secret->get<std::string>());
  } else {
    credentials.user = user->get<std::string>();
    credentials.password = Secret(secret->get<std::string>());
  }
  return credentials;
}

StatusOr<Credentials> SystemCredentialHelpers::Ask(const std::string& name,
                                                   const std::string& registry) {
  const std::string program = "docker-credential-" + name;
  const absl::Duration deadline = clock_.Monotonic() + time_max_;
  CredentialHelperProcess process;
  if (!process.Start(program)) return HelperFailed(program + " cannot be run: is it in the PATH?");
  // One that answers without reading is none the worse for it.
  process.Write(registry + "\n");
  std::string answer;
  if (!process.ReadToTheEnd(clock_, deadline, answer)) {
    if (answer.size() > kHelperAnswerBytesMax) return HelperFailed(program + " does not end");
    return NamedError(
        StatusCode::kDeadlineExceeded, "credential-helper-slow",
        absl::StrCat(program, " gave no answer in ", absl::FormatDuration(time_max_)));
  }
  const int exit_code = process.End(clock_, deadline);
  if (exit_code == 0) return ParseHelperAnswer(answer);
  if (SaysNotFound(answer)) return Credentials();
  return HelperFailed(absl::StrCat(program, " failed with ", exit_code));
}

}  // namespace sluice::registry

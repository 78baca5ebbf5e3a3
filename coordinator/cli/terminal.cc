#include "coordinator/cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace sluice::cli {
namespace {

constexpr int kWidthWhenUnknown = 80;
constexpr int kHeightWhenUnknown = 24;
constexpr size_t kAnswerBytesMax = 1024;

// A standard descriptor that is gone is no reason to stop a promotion: what cannot be written is
// lost, as it would be with a closed window. The error's number, or 0.
int WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

class SystemTerminal final : public Terminal {
 public:
  explicit SystemTerminal(int interrupt_descriptor) : interrupt_descriptor_(interrupt_descriptor) {}

  void Write(std::string_view text) override {
    if (write_error_ == 0) write_error_ = WriteAll(STDOUT_FILENO, text);
  }
  Status Written() const override {
    if (write_error_ == 0) return absl::OkStatus();
    return NamedError(StatusCode::kInvalidArgument, "output-not-written",
                      absl::StrCat("cannot write to standard output: ", std::strerror(write_error_),
                                   "; what was asked for is done, and what it printed is lost"));
  }
  void Note(std::string_view text) override { WriteAll(STDERR_FILENO, text); }
  bool CanAsk() const override { return isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1; }
  bool CanRedraw() const override { return isatty(STDERR_FILENO) == 1; }

  int Width() const override {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWidthWhenUnknown;
    return size.ws_col;
  }
  int Height() const override {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return kHeightWhenUnknown;
    return size.ws_row;
  }

  StatusOr<std::string> Ask(std::string_view question) override {
    Note(question);
    std::string answer;
    while (answer.size() < kAnswerBytesMax) {
      std::array<pollfd, 2> waited = {pollfd{STDIN_FILENO, POLLIN, 0},
                                      pollfd{interrupt_descriptor_, POLLIN, 0}};
      if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) break;
      if (waited[1].revents != 0) break;
      if (waited[0].revents == 0) continue;
      char byte = 0;
      if (read(STDIN_FILENO, &byte, 1) != 1) break;
      if (byte == '\n') return answer;
      answer += byte;
    }
    Note("\n");  // the question's line has no end yet
    return NamedError(StatusCode::kCancelled, "interrupted", "interrupted; nothing was started");
  }

 private:
  const int interrupt_descriptor_;
  int write_error_ = 0;  // the first
};

}  // namespace

std::unique_ptr<Terminal> MakeSystemTerminal(int interrupt_descriptor) {
  return std::make_unique<SystemTerminal>(interrupt_descriptor);
}

}  // namespace sluice::cli

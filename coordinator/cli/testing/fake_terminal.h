// A terminal that keeps what was written to it and answers as it was told to.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/cli/terminal.h"

namespace sluice::cli {

class FakeTerminal final : public Terminal {
 public:
  void Write(std::string_view text) override { out += text; }
  Status Written() const override { return written; }
  void Note(std::string_view text) override { notes += text; }
  bool CanAsk() const override { return can_ask; }
  bool CanRedraw() const override { return can_redraw; }
  int Width() const override { return width; }
  int Height() const override { return height; }

  StatusOr<std::string> Ask(std::string_view question) override {
    Note(question);
    questions.emplace_back(question);
    if (answers.empty()) {
      return NamedError(StatusCode::kCancelled, "interrupted", "interrupted; nothing was started");
    }
    std::string answer = answers.front();
    answers.pop_front();
    return answer;
  }

  std::string out;    // standard output
  std::string notes;  // standard error
  Status written;     // how writing went
  bool can_ask = false;
  bool can_redraw = false;
  int width = 80;
  int height = 24;
  std::deque<std::string> answers;  // none left: interrupted
  std::vector<std::string> questions;
};

}  // namespace sluice::cli

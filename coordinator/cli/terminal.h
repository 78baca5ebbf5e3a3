// The operator's terminal as the commands see it: where data goes, where everything else goes, and
// whether there is somebody to ask.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace sluice::cli {

class Terminal {
 public:
  virtual ~Terminal() = default;

  // Data, to standard output. What cannot be written is lost, and Written() says so.
  virtual void Write(std::string_view text) = 0;
  // Everything else, to standard error.
  virtual void Note(std::string_view text) = 0;

  // Somebody can answer: standard input and standard error are terminals.
  virtual bool CanAsk() const = 0;
  // Standard error is a terminal on which lines can be drawn again.
  virtual bool CanRedraw() const = 0;
  // Columns of it, 80 when unknown.
  virtual int Width() const = 0;
  // Rows of it, 24 when unknown.
  virtual int Height() const = 0;

  // Shows `question` and waits for a line. Cancelled "interrupted" on SIGINT or end of input.
  virtual StatusOr<std::string> Ask(std::string_view question) = 0;

  // Whether all data got out. InvalidArgument "output-not-written".
  virtual Status Written() const = 0;
};

// The process's three descriptors. `interrupt_descriptor` becomes readable on SIGINT or SIGTERM and
// is only looked at, never read.
std::unique_ptr<Terminal> MakeSystemTerminal(int interrupt_descriptor);

}  // namespace sluice::cli

// Errors as values: named statuses, and the few macros and conversions that Abseil's Status lacks.
//
// Every failure that a caller or a test may want to tell apart carries a *name* besides its code:
// short, kebab-case, stable ("digest-mismatch"). The code says what the caller does next; the
// message says what happened, where, and what to do.
//
//   code                                    the caller                                  exit
//   InvalidArgument                         mends the input                                2
//   PermissionDenied, Unauthenticated       asks for the right, logs in                    3
//   NotFound                                checks the name                                4
//   Unavailable                             tries again with back-off                      5
//   DeadlineExceeded                        raises its limit, looks at the foundation      6
//   FailedPrecondition, ResourceExhausted   mends the state                                1
//   DataLoss                                stops: bytes differ from what was signed       1
//   Cancelled, Aborted                      looks at the cause                             1
//   Internal                                reports our bug                                1
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice {

using absl::Status;
using absl::StatusCode;
using absl::StatusOr;

// Abseil as Debian builds it has a string_view of its own that std::string_view does not convert
// to.
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view FromAbsl(absl::string_view text) { return {text.data(), text.size()}; }

// A status with a stable name. `code` must not be kOk.
Status NamedError(StatusCode code, std::string_view name, std::string_view message);

// The name given by NamedError, or "" if the status has none (or is OK).
std::string ErrorName(const Status& status);

// The same code and name with "context: " before the message. OK stays OK.
Status WithContext(const Status& status, std::string_view context);

// One line for people: the message, and the name in brackets when there is one.
std::string Describe(const Status& status);

// Rebuilds a status that crossed a process boundary. An unknown code number becomes kUnknown.
Status StatusFromParts(int code, std::string_view name, std::string_view message);

// The CLI's exit code for a status, by the table above.
int ExitCode(const Status& status);

namespace internal {
inline const Status& AsStatus(const Status& status) { return status; }
template <typename T>
const Status& AsStatus(const StatusOr<T>& result) {
  return result.status();
}
}  // namespace internal
}  // namespace sluice

#define SLUICE_CONCAT_INNER(a, b) a##b
#define SLUICE_CONCAT(a, b) SLUICE_CONCAT_INNER(a, b)

#define SLUICE_RETURN_IF_ERROR(expression)                                  \
  do {                                                                      \
    if (::absl::Status sluice_status = (expression); !sluice_status.ok()) { \
      return sluice_status;                                                 \
    }                                                                       \
  } while (false)

#define SLUICE_ASSIGN_OR_RETURN(declaration, expression) \
  SLUICE_ASSIGN_OR_RETURN_INNER(SLUICE_CONCAT(sluice_result_, __LINE__), declaration, expression)
#define SLUICE_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                          \
  if (!result.ok()) return result.status();                            \
  declaration = *std::move(result)

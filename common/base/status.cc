#include "common/base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace sluice {
namespace {

constexpr char kNamePayload[] = "sluice.dev/error-name";
constexpr int kHighestCode = 16;  // absl::StatusCode::kUnauthenticated

}  // namespace

Status NamedError(StatusCode code, std::string_view name, std::string_view message) {
  SLUICE_CHECK(code != StatusCode::kOk);
  Status status(code, ToAbsl(message));
  if (!name.empty()) status.SetPayload(kNamePayload, absl::Cord(ToAbsl(name)));
  return status;
}

std::string ErrorName(const Status& status) {
  if (auto payload = status.GetPayload(kNamePayload)) return std::string(*payload);
  return "";
}

Status WithContext(const Status& status, std::string_view context) {
  if (status.ok()) return status;
  return NamedError(status.code(), ErrorName(status),
                    absl::StrCat(ToAbsl(context), ": ", status.message()));
}

std::string Describe(const Status& status) {
  if (status.ok()) return "OK";
  const std::string name = ErrorName(status);
  if (name.empty()) return std::string(status.message());
  return absl::StrCat(status.message(), " [", name, "]");
}

Status StatusFromParts(int code, std::string_view name, std::string_view message) {
  if (code == 0) return absl::OkStatus();
  const bool known = code > 0 && code <= kHighestCode;
  return NamedError(known ? static_cast<StatusCode>(code) : StatusCode::kUnknown, name, message);
}

int ExitCode(const Status& status) {
  switch (status.code()) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalidArgument:
    case StatusCode::kOutOfRange:
    case StatusCode::kUnimplemented:
      return 2;
    case StatusCode::kPermissionDenied:
    case StatusCode::kUnauthenticated:
      return 3;
    case StatusCode::kNotFound:
      return 4;
    case StatusCode::kUnavailable:
      return 5;
    case StatusCode::kDeadlineExceeded:
      return 6;
    default:
      return 1;
  }
}

}  // namespace sluice

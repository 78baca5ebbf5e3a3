// GoogleMock matchers for Status and StatusOr: IsOk(), StatusIs(code), HasErrorName(name).
#pragma once

#include <string>

#include "common/base/status.h"
#include "gmock/gmock.h"

namespace sluice {

MATCHER(IsOk, "is OK") {
  const Status& status = internal::AsStatus(arg);
  *result_listener << Describe(status);
  return status.ok();
}

MATCHER_P(StatusIs, code, "has the code " + absl::StatusCodeToString(code)) {
  const Status& status = internal::AsStatus(arg);
  *result_listener << absl::StatusCodeToString(status.code()) << ": " << Describe(status);
  return status.code() == code;
}

MATCHER_P(HasErrorName, name, std::string("fails by the name ") + name) {
  const Status& status = internal::AsStatus(arg);
  *result_listener << Describe(status);
  return !status.ok() && ErrorName(status) == name;
}

}  // namespace sluice

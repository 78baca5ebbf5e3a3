#include "common/http/transport.h"

#include <array>
#include <string_view>

namespace sluice::http {

bool MayHaveBeenSent(const Status& failure) {
  // Everything that ends a call before its first byte is written. Whatever is not known here
  // counts as sent.
  static constexpr std::array<std::string_view, 9> kBeforeSending = {
      "bad-url",        "bad-header",      "plain-http-refused", "ca-file-unreadable", "dns-failed",
      "connect-failed", "connect-timeout", "tls-failed",         "tls-untrusted"};
  const std::string name = ErrorName(failure);
  for (std::string_view before : kBeforeSending) {
    if (name == before) return false;
  }
  return true;
}

}  // namespace sluice::http

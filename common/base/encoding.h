// Bytes as text: hexadecimal and base64.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"

namespace sluice {

std::string ToHex(std::string_view bytes);  // lower case
// InvalidArgument "bad-hex" unless an even number of hexadecimal digits.
StatusOr<std::string> FromHex(std::string_view text);

std::string ToBase64(std::string_view bytes);  // RFC 4648 section 4, padded
// Strict: alphabet, padding and zero trailing bits are all required, so that each byte string has
// one text. InvalidArgument "bad-base64".
StatusOr<std::string> FromBase64(std::string_view text);

// RFC 3986: everything but letters, digits and -._~ becomes %XX (upper case).
std::string PercentEncode(std::string_view text);
// InvalidArgument "bad-percent-encoding".
StatusOr<std::string> PercentDecode(std::string_view text);

}  // namespace sluice

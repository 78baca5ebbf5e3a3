// What a token server answers (distribution's specification, "Token Authentication").
#pragma once

#include <string_view>

#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::registry {

inline constexpr size_t kTokenAnswerBytesMax = 256 * 1024;
inline constexpr size_t kTokenBytesMax = 64 * 1024;
// A server that does not say how long a token holds means this.
inline constexpr absl::Duration kTokenLifeDefault = absl::Seconds(60);
inline constexpr absl::Duration kTokenLifeMax = absl::Hours(24);

struct Token {
  Secret value;  // printable ASCII without blanks: it goes into a header
  absl::Duration life = kTokenLifeDefault;
};

// FailedPrecondition "bad-token-answer"; nothing of the text is in the message.
StatusOr<Token> ParseTokenAnswer(std::string_view text);

}  // namespace sluice::registry

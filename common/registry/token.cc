#include "common/registry/token.h"

#include <algorithm>
#include <string>

#include "common/base/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::registry {
namespace {

using nlohmann::json;

Status BadAnswer(const char* why) {
  return NamedError(StatusCode::kFailedPrecondition, "bad-token-answer",
                    std::string("the token server's answer cannot be used: ") + why);
}

bool IsHeaderSafe(const std::string& token) {
  return !token.empty() && token.size() <= kTokenBytesMax &&
         std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace

StatusOr<Token> ParseTokenAnswer(std::string_view text) {
  const StatusOr<json> answer = ParseStrictJson(text, {.bytes_max = kTokenAnswerBytesMax});
  if (!answer.ok()) return BadAnswer("it is not JSON with one meaning");
  // Either name, and docker's own goes first.
  auto value = answer->find("token");
  if (value == answer->end() || *value == "") value = answer->find("access_token");
  if (value == answer->end() || !value->is_string()) return BadAnswer("it holds no token");
  const std::string text_of_token = value->get<std::string>();
  if (!IsHeaderSafe(text_of_token)) return BadAnswer("its token cannot be sent in a header");
  Token token{Secret(text_of_token)};
  if (const auto life = answer->find("expires_in"); life != answer->end() && !life->is_null()) {
    if (!life->is_number_integer()) return BadAnswer("expires_in is no number");
    const int64_t seconds =
        std::clamp<int64_t>(life->get<int64_t>(), 0, absl::ToInt64Seconds(kTokenLifeMax));
    // Older servers give 0 for "not said"; a token that is over before it is used helps nobody.
    if (seconds > 0) token.life = absl::Seconds(seconds);
  }
  return token;
}

}  // namespace sluice::registry

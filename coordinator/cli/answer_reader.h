// Reads the JSON object that an agent answers a question with. Field by field, strictly as to type
// and range; a null is as good as an absent field, and unknown fields are a later agent's business.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/trust/strict_json.h"

namespace sluice::cli {

// Hands the answer's fields to `take`. Internal "bad-answer", naming the foundation and each field,
// unless all that `take` asked for was there and right.
Status ReadAnswer(std::string_view foundation, std::string_view json,
                  const std::function<void(trust::JsonReader&)>& take);

// Getters for fields that may be absent.
int64_t IntegerOr(trust::JsonReader& reader, std::string_view field, int64_t fallback);
bool BoolOr(trust::JsonReader& reader, std::string_view field, bool fallback);
std::vector<std::string> StringsOrNone(trust::JsonReader& reader, std::string_view field);

}  // namespace sluice::cli

#include "agent/foundation/query.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/encoding.h"

namespace sluice::foundation {

std::string WithoutTrailingSlash(std::string url) {
  while (!url.empty() && url.back() == '/') url.pop_back();
  return url;
}

Query& Query::With(std::string_view key, std::string_view value) {
  absl::StrAppend(&text_, text_.empty() ? "" : "&", PercentEncode(key), "=", PercentEncode(value));
  return *this;
}

Query& Query::WithList(std::string_view key, const std::vector<std::string>& elements) {
  std::vector<std::string> encoded;
  for (const std::string& element : elements) encoded.push_back(PercentEncode(element));
  return With(key, absl::StrJoin(encoded, ","));
}

}  // namespace sluice::foundation

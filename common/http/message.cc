#include "common/http/message.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace sluice::http {
namespace {

bool SameName(std::string_view a, std::string_view b) {
  return absl::EqualsIgnoreCase(ToAbsl(a), ToAbsl(b));
}

}  // namespace

void HttpHeaders::Add(std::string_view name, std::string_view value) {
  fields_.push_back({std::string(name), std::string(value)});
}

std::optional<std::string> HttpHeaders::Find(std::string_view name) const {
  for (const HttpHeader& field : fields_) {
    if (SameName(field.name, name)) return field.value;
  }
  return std::nullopt;
}

std::vector<std::string> HttpHeaders::FindAll(std::string_view name) const {
  std::vector<std::string> values;
  for (const HttpHeader& field : fields_) {
    if (SameName(field.name, name)) values.push_back(field.value);
  }
  return values;
}

std::optional<uint64_t> HttpHeaders::FindNumber(std::string_view name) const {
  const std::optional<std::string> text = Find(name);
  if (!text || text->empty() || text->find_first_not_of("0123456789") != std::string::npos) {
    return std::nullopt;
  }
  uint64_t number = 0;
  if (!absl::SimpleAtoi(*text, &number)) return std::nullopt;
  return number;
}

}  // namespace sluice::http

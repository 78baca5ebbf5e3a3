// JSON in the journal: what several records of jobs share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace sluice::agent {

inline nlohmann::json FormatStatusJson(const Status& status) {
  if (status.ok()) return nullptr;
  return {{"code", static_cast<int>(status.code())},
          {"name", ErrorName(status)},
          {"message", std::string(status.message())}};
}

// Throws as nlohmann::json does.
inline Status ParseStatusJson(const nlohmann::json& value) {
  if (value.is_null()) return absl::OkStatus();
  return StatusFromParts(value.at("code").get<int>(), value.at("name").get<std::string>(),
                         value.at("message").get<std::string>());
}

// Error texts may hold bytes of a stranger's that are no UTF-8: replaced.
inline std::string FormatJournalJson(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// `parse` takes the value apart; what it throws becomes DataLoss "journal-unreadable".
template <typename Record>
StatusOr<Record> ParseJournalJson(std::string_view text,
                                  StatusOr<Record> (*parse)(const nlohmann::json&)) {
  try {
    return parse(nlohmann::json::parse(text));
  } catch (const nlohmann::json::exception& error) {
    return NamedError(StatusCode::kDataLoss, "journal-unreadable",
                      absl::StrCat("a job in the journal cannot be read: ", error.what()));
  }
}

}  // namespace sluice::agent

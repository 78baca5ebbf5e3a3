// Calls that end in records instead of JSON.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/foundation/api_session.h"
#include "common/base/status.h"

namespace sluice::foundation {

// One of cc_json.h's.
template <typename T>
using Reader = StatusOr<T> (*)(const nlohmann::json& json);

template <typename T>
StatusOr<T> CallFor(ApiSession& session, const ApiCall& call, Reader<T> read,
                    std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const nlohmann::json json, session.CallForJson(call, std::move(stop)));
  StatusOr<T> record = read(json);
  if (record.ok()) return record;
  const std::string where = session.Where(call.method, call.path);
  if (call.repeat == http::Repeat::kIfNotTaken) {
    return OutcomeUnknown(where, FromAbsl(record.status().message()));
  }
  return WithContext(record.status(), where);
}

template <typename T>
StatusOr<T> GetOne(ApiSession& session, std::string path, Reader<T> read, std::stop_token stop) {
  const ApiCall call{.method = "GET", .path = std::move(path), .query = "", .body = nullptr};
  return CallFor(session, call, read, std::move(stop));
}

template <typename T>
StatusOr<std::vector<T>> GetAll(ApiSession& session, std::string_view path, const Query& query,
                                Reader<T> read, std::stop_token stop) {
  std::vector<T> records;
  const auto visit = [&](const nlohmann::json& json) -> StatusOr<bool> {
    SLUICE_ASSIGN_OR_RETURN(T record, read(json));
    records.push_back(std::move(record));
    return true;
  };
  SLUICE_RETURN_IF_ERROR(session.ForEach(path, query, visit, std::move(stop)));
  return records;
}

}  // namespace sluice::foundation

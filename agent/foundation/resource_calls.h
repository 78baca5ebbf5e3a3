// Calls that end in records instead of JSON.
#pragma once

#include <functional>
#include <optional>
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

// A POST that must not happen twice (kIfNotTaken). When its answer is lost, `find` looks for what
// it may have made, and only if that is not there the POST is repeated, a bounded number of times.
// A failure after a lost answer is looked into as well: a name is taken, perhaps by ourselves. What
// turns up later than that has been made twice: Cloud Controller knows no idempotency keys.
//
// A stop comes between the requests, never into one. When it comes after a lost answer, or the
// attempts are used up, something may be there that the caller has not heard of: it has to look
// for it (agent/jobs: DropletMaker for droplets, an undo for apps and deployments).
template <typename T>
StatusOr<T> CreateOnce(ApiSession& session, const ApiCall& call, Reader<T> read,
                       const std::function<StatusOr<std::optional<T>>()>& find,
                       std::stop_token stop) {
  bool answer_was_lost = false;
  for (int attempt = 1;; ++attempt) {
    if (stop.stop_requested()) return NamedError(StatusCode::kCancelled, "cancelled", "cancelled");
    StatusOr<T> created = CallFor(session, call, read, std::stop_token());
    const bool lost = ErrorName(created.status()) == "outcome-unknown";
    answer_was_lost = answer_was_lost || lost;
    if (created.ok() || !answer_was_lost) return created;
    SLUICE_RETURN_IF_ERROR(session.client().WaitBackoff(attempt, absl::ZeroDuration(), stop));
    StatusOr<std::optional<T>> found = find();
    if (absl::IsCancelled(found.status())) return found.status();
    if (!found.ok()) return created;
    if (*found) return **std::move(found);
    if (!lost || attempt >= session.client().retry().attempts_max) return created;
  }
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

#include "agent/foundation/cc_error.h"

#include <array>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agent/foundation/cc_json.h"
#include "agent/foundation/json_fields.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {
namespace {

constexpr size_t kDetailBytesMax = 300;
constexpr size_t kRequestIdBytesMax = 80;

struct Meaning {
  StatusCode code;
  std::string name;
};

struct KnownError {
  int64_t code;
  StatusCode status;
  std::string_view name;
};

// CC's own codes (cloud_controller_ng, errors/v2.yml) whose meaning callers tell apart.
constexpr std::array<KnownError, 14> kKnownErrors = {{
    {1000, StatusCode::kUnauthenticated, "invalid-token"},
    {10002, StatusCode::kUnauthenticated, "not-authenticated"},
    {10003, StatusCode::kPermissionDenied, "not-authorized"},
    {10013, StatusCode::kUnavailable, "rate-limited"},
    {10014, StatusCode::kUnavailable, "rate-limited"},
    {10015, StatusCode::kUnavailable, "foundation-unavailable"},
    {10017, StatusCode::kFailedPrecondition, "org-suspended"},
    {10019, StatusCode::kFailedPrecondition, "space-suspended"},
    {20004, StatusCode::kUnavailable, "uaa-unavailable"},
    {20008, StatusCode::kUnavailable, "rate-limited"},
    {150006, StatusCode::kUnavailable, "blobstore-unavailable"},
    {150007, StatusCode::kUnavailable, "blobstore-unavailable"},
    {330002, StatusCode::kFailedPrecondition, "feature-disabled"},
    {390014, StatusCode::kFailedPrecondition, "deployments-disabled"},
}};

Meaning MeaningOfStatus(int http_status) {
  switch (http_status) {
    case 401:
      return {StatusCode::kUnauthenticated, "not-authenticated"};
    case 403:
      return {StatusCode::kPermissionDenied, "not-authorized"};
    case 404:
      return {StatusCode::kNotFound, "not-found"};
    case 408:  // nginx: the body came too slowly
      return {StatusCode::kUnavailable, "foundation-unavailable"};
    case 413:
      return {StatusCode::kResourceExhausted, "too-large"};
    case 429:
      return {StatusCode::kUnavailable, "rate-limited"};
    default:
      if (http_status >= 500) return {StatusCode::kUnavailable, "foundation-unavailable"};
      if (http_status == 422) return {StatusCode::kFailedPrecondition, "refused"};
      return {StatusCode::kInvalidArgument, "refused"};
  }
}

Meaning MeaningOfError(int http_status, const JobError& error) {
  for (const KnownError& known : kKnownErrors) {
    if (known.code == error.code) return {known.status, std::string(known.name)};
  }
  if (error.code == 10016 && http_status == 422) return {StatusCode::kAlreadyExists, "name-taken"};
  // Quotas have no code of their own on CC v3, only words.
  if (http_status == 422 && (absl::StrContains(error.detail, "quota_exceeded") ||
                             absl::StrContains(error.detail, "memory limit exceeded"))) {
    return {StatusCode::kResourceExhausted, "quota-exceeded"};
  }
  return {MeaningOfStatus(http_status).code, absl::StrCat("cc-", error.code)};
}

std::string RequestIds(const http::HttpResponse& answer) {
  // gorouter adds one of its own: both are needed to find the request in the logs.
  std::vector<std::string> ids;
  for (const std::string& id : answer.headers.FindAll("X-Vcap-Request-Id")) {
    ids.push_back(Excerpt(id, kRequestIdBytesMax));
  }
  return ids.empty() ? "" : absl::StrCat(" (request id ", absl::StrJoin(ids, ", "), ")");
}

std::vector<JobError> ErrorsOf(const http::HttpResponse& answer) {
  // By content, not by Content-Type: a 429 carries JSON as text/plain.
  if (!answer.body.starts_with('{')) return {};
  const StatusOr<nlohmann::json> json = ParseJson(answer.body);
  return json.ok() ? ReadErrors(*json) : std::vector<JobError>();
}

}  // namespace

std::string Excerpt(std::string_view text, size_t bytes_max) {
  std::string excerpt(text.substr(0, bytes_max));
  if (text.size() > bytes_max) {
    // Not inside a character: drop continuation bytes and the lead byte they belong to.
    while (!excerpt.empty() && (static_cast<unsigned char>(excerpt.back()) & 0xC0) == 0x80) {
      excerpt.pop_back();
    }
    if (!excerpt.empty() && static_cast<unsigned char>(excerpt.back()) >= 0xC0) excerpt.pop_back();
    excerpt += "...";
  }
  for (char& c : excerpt) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return excerpt;
}

std::string DescribeErrors(const std::vector<JobError>& errors) {
  std::vector<std::string> lines;
  for (const JobError& error : errors) {
    lines.push_back(absl::StrFormat("%s (%d): %s", Excerpt(error.title, kRequestIdBytesMax),
                                    error.code, Excerpt(error.detail, kDetailBytesMax)));
  }
  return Excerpt(absl::StrJoin(lines, "; "), 2 * kDetailBytesMax);
}

Status NameMissing(const Status& status, std::string_view name) {
  if (ErrorName(status) != "cc-10010") return status;
  return NamedError(StatusCode::kNotFound, name, FromAbsl(status.message()));
}

bool TokenRefused(const http::HttpResponse& answer) { return answer.status == 401; }

Status StatusFromAnswer(const http::HttpResponse& answer, std::string_view where) {
  const std::vector<JobError> errors = ErrorsOf(answer);
  const std::string ids = RequestIds(answer);
  if (!errors.empty()) {
    const Meaning meaning = MeaningOfError(answer.status, errors.front());
    return NamedError(
        meaning.code, meaning.name,
        absl::StrFormat("%s: %d %s%s", where, answer.status, DescribeErrors(errors), ids));
  }
  if (const auto router_error = answer.headers.Find("X-Cf-RouterError")) {
    return NamedError(StatusCode::kUnavailable, "foundation-unavailable",
                      absl::StrFormat("%s: %d from the router: %s%s", where, answer.status,
                                      Excerpt(*router_error, kRequestIdBytesMax), ids));
  }
  const Meaning meaning = MeaningOfStatus(answer.status);
  return NamedError(meaning.code, meaning.name,
                    absl::StrFormat("%s: %d, without Cloud Controller's explanation%s", where,
                                    answer.status, ids));
}

}  // namespace sluice::foundation

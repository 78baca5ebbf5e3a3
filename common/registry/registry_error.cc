#include "common/registry/registry_error.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::registry {
namespace {

using nlohmann::json;

constexpr size_t kErrorBytesMax = 64 * 1024;
constexpr size_t kShownBytesMax = 200;

struct FirstError {
  std::string code;
  std::string message;
};

// Of "errors" (distribution-spec, "Error Codes"); empty when the body is something else, as it may.
FirstError ReadFirstError(const std::string& body) {
  const StatusOr<json> value =
      ParseStrictJson(body, {.bytes_max = kErrorBytesMax, .depth_max = 16});
  if (!value.ok()) return {};
  const auto errors = value->find("errors");
  if (errors == value->end() || !errors->is_array() || errors->empty()) return {};
  const json& first = errors->front();
  if (!first.is_object()) return {};
  const auto text = [&first](const char* field) {
    const auto found = first.find(field);
    return found != first.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  return {text("code"), text("message")};
}

struct Meaning {
  StatusCode code;
  const char* name;
};

Meaning MeaningOf(int http_status, const std::string& code) {
  if (code == "DIGEST_INVALID") return {StatusCode::kDataLoss, "registry-digest-refused"};
  if (code == "MANIFEST_BLOB_UNKNOWN") {
    return {StatusCode::kFailedPrecondition, "registry-blob-missing"};
  }
  if (code == "BLOB_UPLOAD_UNKNOWN" || code == "BLOB_UPLOAD_INVALID" || http_status == 416) {
    return {StatusCode::kFailedPrecondition, "registry-session-lost"};
  }
  if (http_status == 401) return {StatusCode::kUnauthenticated, "registry-login-refused"};
  if (http_status == 403) return {StatusCode::kPermissionDenied, "registry-denied"};
  if (http_status == 404) return {StatusCode::kNotFound, "registry-not-found"};
  if (http_status == 405) return {StatusCode::kFailedPrecondition, "registry-unsupported"};
  if (http_status == 413) return {StatusCode::kFailedPrecondition, "registry-too-large"};
  if (http_status == 429) return {StatusCode::kUnavailable, "registry-busy"};
  if (http_status == 408 || http_status >= 500) {
    return {StatusCode::kUnavailable, "registry-unavailable"};
  }
  return {StatusCode::kFailedPrecondition, "registry-refused"};
}

}  // namespace

Status StatusFromAnswer(const http::HttpResponse& answer, std::string_view what) {
  const FirstError error = ReadFirstError(answer.body);
  const Meaning meaning = MeaningOf(answer.status, error.code);
  std::string shown = absl::StrCat(ToAbsl(what), ": the registry answered ", answer.status);
  const std::string detail =
      absl::StrCat(error.code, error.message.empty() ? "" : " ", error.message);
  if (!detail.empty()) {
    absl::StrAppend(&shown, ", ", absl::CHexEscape(detail.substr(0, kShownBytesMax)));
  }
  return NamedError(meaning.code, meaning.name, shown);
}

bool IsTransientAnswer(int http_status) {
  return http_status == 408 || http_status == 429 || http_status == 500 || http_status == 502 ||
         http_status == 503 || http_status == 504;
}

}  // namespace sluice::registry

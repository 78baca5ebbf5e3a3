#include "common/trust/read_request.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/crypto/digest.h"
#include "common/trust/agent_signature.h"
#include "common/trust/json_fields.h"
#include "common/trust/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr size_t kRequestIdBytes = 16;
constexpr size_t kActionLengthMax = 32;
constexpr size_t kErrorMessageBytesMax = 4096;
constexpr int64_t kHighestCode = 16;  // absl::StatusCode::kUnauthenticated

// Arguments and results are JSON inside JSON, as text: their bytes are signed as they are, and
// their own depth and size limits begin anew.
std::string ReadEmbeddedJson(JsonReader& reader, std::string_view field, size_t bytes_max) {
  std::string text = reader.String(field, bytes_max);
  const Status status = ParseStrictJson(text, {.bytes_max = bytes_max}).status();
  if (!status.ok()) reader.Mistake(field, absl::StrCat("is refused: ", status.message()));
  return text;
}

}  // namespace

StatusOr<ReadRequest> ParseReadRequest(std::string_view payload) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(payload, "read request"));
  JsonReader root = document.Root();
  ReadRequest request;
  request.request_id = root.Hex("request_id", kRequestIdBytes);
  request.federation = ReadFederation(root, "federation");
  request.foundation = ReadFoundation(root, "foundation");
  request.action = root.String("action");
  if (!IsToken(request.action, kActionLengthMax, "-")) {
    root.Mistake("action", "must be 1 to 32 letters, digits or '-'");
  }
  request.issued_at = root.Time("issued_at");
  request.expires_at = root.Time("expires_at");
  if (request.expires_at <= request.issued_at) {
    root.Mistake("expires_at", "must be after issued_at");
  }
  request.arguments = ReadEmbeddedJson(root, "arguments", kReadArgumentsBytesMax);
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return request;
}

StatusOr<std::string> FormatReadRequest(const ReadRequest& request) {
  std::string payload = FormatJson({{"request_id", request.request_id},
                                    {"federation", request.federation},
                                    {"foundation", request.foundation.value()},
                                    {"action", request.action},
                                    {"issued_at", sluice::FormatTime(request.issued_at)},
                                    {"expires_at", sluice::FormatTime(request.expires_at)},
                                    {"arguments", request.arguments}});
  SLUICE_RETURN_IF_ERROR(ParseReadRequest(payload).status());
  return payload;
}

StatusOr<std::string> SignReadRequest(const ReadRequest& request,
                                      const crypto::SigningKey& operator_key) {
  SLUICE_ASSIGN_OR_RETURN(const std::string payload, FormatReadRequest(request));
  return SealEnvelope(kReadRequestType, payload, operator_key);
}

StatusOr<ReadReply> ParseReadReply(std::string_view payload) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document,
                          JsonDocument::Parse(payload, "read reply", UnknownFields::kRefuse,
                                              {.bytes_max = kReadReplyBytesMax}));
  JsonReader root = document.Root();
  ReadReply reply;
  reply.request_sha256 = root.Hex("request_sha256", kSha256Bytes);
  reply.foundation = ReadFoundation(root, "foundation");
  reply.at = root.Time("at");
  const int64_t code = root.Integer("code", 0, kHighestCode);
  const std::string error_name = root.OptionalLine("error_name", kErrorNameLengthMax);
  const std::string message = root.OptionalString("message", kErrorMessageBytesMax);
  reply.status = StatusFromParts(static_cast<int>(code), error_name, message);
  if (code == 0) {
    reply.result = ReadEmbeddedJson(root, "result", kReadResultBytesMax);
  } else if (!root.String("result").empty()) {
    root.Mistake("result", "must be empty beside an error");
  }
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return reply;
}

StatusOr<std::string> FormatReadReply(const ReadReply& reply) {
  // A server's message may be long: it is cut, the name and code are what decides.
  const std::string message(reply.status.message().substr(0, kErrorMessageBytesMax / 2));
  std::string payload = FormatJson({{"request_sha256", reply.request_sha256},
                                    {"foundation", reply.foundation.value()},
                                    {"at", sluice::FormatTime(reply.at)},
                                    {"code", static_cast<int>(reply.status.code())},
                                    {"error_name", ErrorName(reply.status)},
                                    {"message", message},
                                    {"result", reply.status.ok() ? reply.result : std::string()}});
  SLUICE_RETURN_IF_ERROR(ParseReadReply(payload).status());
  return payload;
}

StatusOr<std::string> SignReadReply(ReadReply reply, std::string_view request_envelope,
                                    const crypto::SigningKey& agent_identity) {
  reply.request_sha256 = crypto::Sha256Of(request_envelope).hex();
  SLUICE_ASSIGN_OR_RETURN(const std::string payload, FormatReadReply(reply));
  std::string envelope = SealEnvelope(kReadReplyType, payload, agent_identity);
  if (envelope.size() > kReadReplyBytesMax) {
    return NamedError(StatusCode::kResourceExhausted, "json-too-large",
                      "the answer is too long for one reply; ask for less");
  }
  return envelope;
}

StatusOr<ReadReply> VerifyReadReply(std::string_view reply_envelope,
                                    std::string_view request_envelope, const TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(const Envelope asked, ParseEnvelope(request_envelope));
  SLUICE_ASSIGN_OR_RETURN(const ReadRequest request, ParseReadRequest(asked.payload));
  SLUICE_ASSIGN_OR_RETURN(const std::string payload,
                          OpenAgentEnvelope(reply_envelope, kReadReplyType, trust,
                                            request.foundation, kReadReplyBytesMax));
  SLUICE_ASSIGN_OR_RETURN(ReadReply reply, ParseReadReply(payload));
  if (reply.foundation != request.foundation ||
      reply.request_sha256 != crypto::Sha256Of(request_envelope).hex()) {
    return NamedError(StatusCode::kPermissionDenied, "reply-to-another-request",
                      absl::StrCat("the agent of ", request.foundation.value(),
                                   " signed this answer for another request"));
  }
  return reply;
}

}  // namespace sluice::trust

// Questions that an operator signs and an agent answers over its signature: plan, list, doctor. The
// coordinator passes both on and can neither ask nor answer.
#pragma once

#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/signing_key.h"
#include "common/trust/envelope.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

inline constexpr absl::Duration kReadRequestLifeMax = absl::Minutes(5);
inline constexpr size_t kReadArgumentsBytesMax = 32 * 1024;
inline constexpr size_t kReadResultBytesMax = 512 * 1024;

struct ReadRequest {
  std::string request_id;  // 32 hexadecimal digits
  std::string federation;
  FoundationName foundation;  // the audience: its agent answers, no other
  std::string action;         // [a-z-]{1,32}: "plan-source", "list-apps", ...
  absl::Time issued_at;       // whole seconds
  absl::Time expires_at;
  std::string arguments;  // a JSON object as text
  bool operator==(const ReadRequest&) const = default;
};

struct ReadReply {
  std::string request_sha256;  // of the request's envelope, hexadecimal
  FoundationName foundation;
  absl::Time at;
  Status status;       // OK, or why there is no result
  std::string result;  // a JSON object as text; "" unless OK
};

StatusOr<std::string> FormatReadRequest(const ReadRequest& request);
StatusOr<ReadRequest> ParseReadRequest(std::string_view payload);
StatusOr<std::string> SignReadRequest(const ReadRequest& request,
                                      const crypto::SigningKey& operator_key);

StatusOr<std::string> FormatReadReply(const ReadReply& reply);
StatusOr<ReadReply> ParseReadReply(std::string_view payload);
// The envelope's text. The reply's request_sha256 is that of `request_envelope`.
StatusOr<std::string> SignReadReply(ReadReply reply, std::string_view request_envelope,
                                    const crypto::SigningKey& agent_identity);

// The reply to exactly this request, signed by an agent of the foundation that was asked. By name:
// as ParseEnvelope() and VerifyEnvelope(); "unknown-agent" for a signer who is no agent of that
// foundation, "reply-to-another-request" (PermissionDenied both). A reply whose own status is not
// OK is returned: look at `status`.
StatusOr<ReadReply> VerifyReadReply(std::string_view reply_envelope,
                                    std::string_view request_envelope, const TrustDocument& trust);

}  // namespace sluice::trust

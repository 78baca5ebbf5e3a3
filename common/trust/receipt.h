// What a target's agent signs at the end of its part: an in-toto Statement v1 with Sluice's
// predicate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/signing_key.h"
#include "common/trust/reference.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

inline constexpr std::string_view kPromotionPredicateType = "https://sluice.dev/promotion/v1";

enum class Outcome { kUploaded, kActive, kVerified, kFailed, kRefused, kCancelled, kRolledBack };
std::string_view OutcomeName(Outcome outcome);          // "uploaded", "rolled_back", ...
StatusOr<Outcome> ParseOutcome(std::string_view name);  // InvalidArgument "bad-outcome"

// What the promotion cost at this target, as its agent counted it.
struct Cost {
  int64_t droplet_bytes = 0;
  int64_t bytes_direct = 0;  // as they were on the wire, by the path they took
  int64_t bytes_relay = 0;
  int64_t bytes_peer = 0;
  int64_t bytes_again = 0;     // of these, chunks that had come before
  int64_t bytes_not_sent = 0;  // of the droplet, which the foundation had
  int64_t transfer_milliseconds = 0;
  int64_t upload_milliseconds = 0;  // without waiting for the transfer
  int64_t job_milliseconds = 0;
  int64_t activation_milliseconds = 0;
  bool operator==(const Cost&) const = default;
};

struct Receipt {
  std::string sha256;  // the order's digest, hexadecimal
  PromotionId promotion;
  std::string order_sha256;
  AppReference target;
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
  AppGuid app_guid;             // empty when there is none
  DropletGuid droplet_guid;     // of the promoted droplet at the target; empty when there is none
  std::string reported_sha256;  // what the target's Cloud Controller says of it; "" when it has not
  DropletGuid previous_droplet_guid;  // what ran before; empty when nothing did
  Outcome outcome = Outcome::kFailed;
  int64_t bytes_transferred = 0;
  Cost cost;              // all 0 in receipts of agents that did not tell it yet
  absl::Time started_at;  // whole seconds, as all times here
  absl::Time finished_at;
  std::string error_name;  // "" when all went well
  std::string error;
  bool operator==(const Receipt&) const = default;
};

// The payload. InvalidArgument "json-field" when ParseReceipt() would refuse it.
StatusOr<std::string> FormatReceipt(const Receipt& receipt);
// Unknown fields are ignored, as in-toto asks. Names as JsonDocument, and "wrong-predicate-type".
StatusOr<Receipt> ParseReceipt(std::string_view payload);
StatusOr<std::string> SignReceipt(const Receipt& receipt, const crypto::SigningKey& agent_identity);

// The receipt, signed by an agent of the foundation it names as its target, which must be
// `foundation`. Names as OpenAgentEnvelope(), and "wrong-foundation".
StatusOr<Receipt> VerifyReceipt(std::string_view envelope, const FoundationName& foundation,
                                const TrustDocument& trust);

}  // namespace sluice::trust

// What the source's agent signs about a droplet: an in-toto Statement v1 with Sluice's predicate.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/signing_key.h"
#include "common/trust/reference.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

inline constexpr std::string_view kDropletPredicateType = "https://sluice.dev/droplet/v1";

struct Buildpack {
  std::string name;
  std::string buildpack_name;
  std::string version;
  std::string detect_output;
  bool operator==(const Buildpack&) const = default;
};

// Where the droplet was staged: the source of the first statement of a chain, carried along.
struct Origin {
  AppReference reference;
  AppGuid app_guid;
  DropletGuid droplet_guid;
  bool operator==(const Origin&) const = default;
};

struct Statement {
  std::string sha256;  // of the droplet, hexadecimal
  int64_t size_bytes = 0;
  PromotionId promotion;
  std::string order_sha256;
  AppReference source;
  AppGuid app_guid;
  DropletGuid droplet_guid;
  std::string stack;  // "" when nobody knows
  std::vector<Buildpack> buildpacks;
  std::map<std::string, std::string> process_types;  // type -> command
  std::string lifecycle;
  absl::Time droplet_created_at;  // whole seconds, as all times here
  absl::Time signed_at;
  Origin origin;
  bool operator==(const Statement&) const = default;
};

// The payload. InvalidArgument "json-field" when ParseStatement() would refuse it.
StatusOr<std::string> FormatStatement(const Statement& statement);
// Unknown fields are ignored, as in-toto asks. Names as JsonDocument, and "wrong-predicate-type".
StatusOr<Statement> ParseStatement(std::string_view payload);
StatusOr<std::string> SignStatement(const Statement& statement,
                                    const crypto::SigningKey& agent_identity);

// The statement, signed by an agent of the foundation it names as its source, which must be
// `foundation`. Names as OpenAgentEnvelope(), and "wrong-foundation".
StatusOr<Statement> VerifyStatement(std::string_view envelope, const FoundationName& foundation,
                                    const TrustDocument& trust);

}  // namespace sluice::trust

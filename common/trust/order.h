// The signed request that starts, continues, ends or undoes a promotion, or that exports a droplet
// to the operator who signed it. It names the digest, the targets and everything of the plan that
// matters; no secret is in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/key_agreement.h"
#include "common/crypto/signing_key.h"
#include "common/trust/envelope.h"
#include "common/trust/reference.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

inline constexpr absl::Duration kOrderLifeMax = absl::Hours(24);
inline constexpr size_t kOrderTargetsMax = 64;
inline constexpr size_t kReasonBytesMax = 1024;
// Below it a single chunk would take half a minute, and look like a broken line.
inline constexpr int64_t kBytesPerSecondMin = 16 << 10;

enum class Strategy { kRolling, kCanary, kRestart };
std::string_view StrategyName(Strategy strategy);
StatusOr<Strategy> ParseStrategy(std::string_view name);  // InvalidArgument "bad-strategy"

enum class OnFailure { kRollback, kStop, kContinue };
std::string_view OnFailureName(OnFailure on_failure);
StatusOr<OnFailure> ParseOnFailure(std::string_view name);  // InvalidArgument "bad-on-failure"

// InvalidArgument "bad-promotion-id" unless [A-Za-z0-9._-]{1,64}.
StatusOr<PromotionId> ParsePromotionId(std::string_view text);

struct OrderSource {
  AppReference reference;
  AppGuid app_guid;
  DropletGuid droplet_guid;
  bool operator==(const OrderSource&) const = default;
};

struct Artifact {
  std::string sha256;  // hexadecimal, as the source's Cloud Controller publishes it
  int64_t size_bytes = 0;
  std::string stack;      // "" when unknown
  std::string lifecycle;  // "buildpack"
  bool operator==(const Artifact&) const = default;
};

struct OrderTarget {
  AppReference reference;
  OrganizationGuid organization_guid;
  SpaceGuid space_guid;
  AppGuid app_guid;  // empty: the app is to be created, and `create` is true
  // From the target agent's plan. At least 1 in a promote or rollback order, which uses it up; 0 in
  // an activate or cancel order, which belongs to one that did.
  int64_t counter = 0;
  bool create = false;
  DropletGuid droplet_guid;                   // rollback: the droplet to go back to; else empty
  DropletGuid expected_current_droplet_guid;  // what the plan saw there; empty: none
  bool operator==(const OrderTarget&) const = default;
};

// Where an exported droplet goes: the operator's own process, by the keys it holds. The order's
// signature binds them, so that nobody on the way can put others in their place.
struct OrderRecipient {
  std::string curve_key;  // 32 raw bytes: whom the source expects to meet at the relay
  crypto::SealSuite suite = crypto::SealSuite::kX25519HkdfSha256Aes256Gcm;
  std::string public_key;  // raw bytes, fresh for each order: the content key is wrapped to it
  bool operator==(const OrderRecipient&) const = default;
};

struct Order {
  std::string order_id;  // 128 random bits as 32 hexadecimal digits
  std::string federation;
  Action action = Action::kPromote;  // never kRead
  PromotionId promotion;
  int64_t trust_version = 1;  // agents refuse it until they have this trust document or a later one
  absl::Time issued_at;       // whole seconds, as all times here
  absl::Time expires_at;      // until when it may be accepted; it does not end what runs
  std::optional<absl::Time> activate_before;  // agents begin no activation from then on
  OrderSource source;
  Artifact artifact;
  std::vector<OrderTarget> targets;         // none in an export order, and in one that cancels it
  std::optional<OrderRecipient> recipient;  // in these two, and in no other
  Strategy strategy = Strategy::kRolling;
  bool activate = true;
  int64_t startup_timeout_seconds = 180;
  OnFailure on_failure = OnFailure::kRollback;
  // How fast each end may send its droplet, and receive it; promote and export orders only.
  std::optional<int64_t> bytes_per_second_max;
  std::string manifest_sha256;  // of the manifest as sealed to the targets; "" without one
  std::string reason;
  // activate, cancel, rollback: of the envelope of the order that began it
  std::string original_order_sha256;
  bool operator==(const Order&) const = default;
};

// The payload. InvalidArgument "json-field" when ParseOrder() would refuse it.
StatusOr<std::string> FormatOrder(const Order& order);
// From a payload, verified or not. Names as JsonDocument.
StatusOr<Order> ParseOrder(std::string_view payload);

// The envelope's text.
StatusOr<std::string> SignOrder(const Order& order, const crypto::SigningKey& operator_key);

// What the ledger and other orders call an order: SHA-256 of its envelope's text, hexadecimal.
std::string OrderSha256(std::string_view envelope);

// For whoever passes orders on and shows them (coordinator, CLI): the content, without any check of
// who signed it. Agents use AcceptOrder().
StatusOr<Order> PeekOrder(std::string_view envelope);

}  // namespace sluice::trust

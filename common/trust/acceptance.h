// Whether an agent obeys. Pure: everything it depends on is handed in, and it changes nothing; the
// caller journals what was accepted before it acts on it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/trust/order.h"
#include "common/trust/policy.h"
#include "common/trust/read_request.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

inline constexpr absl::Duration kClockSkewMax = absl::Minutes(5);
inline constexpr int64_t kCounterJumpMax = 1000;

// When something signed may be taken.
struct Lifetime {
  std::string_view what;  // "order" or "request": begins the names
  absl::Time issued_at;
  absl::Time expires_at;
  absl::Duration life_max;
};
// FailedPrecondition "…-from-the-future", "…-expired", "…-life-too-long".
Status CheckLifetime(const Lifetime& life, absl::Time now);

// All borrowed for the duration of the call.
struct AcceptanceContext {
  FoundationName foundation;  // whose agent decides
  const TrustDocument* trust = nullptr;
  const Policy* policy = nullptr;
  absl::Time now;
  // The latest wall time this agent has ever journalled: a clock set back brings no order to life.
  absl::Time time_floor = absl::InfinitePast();
  // Whether an order of this id was ever accepted. Repeating the very envelope that was accepted is
  // no error, and the caller answers it with the first result before it comes here.
  std::function<bool(const std::string& order_id)> order_seen;
  // The counter last used for the target's app; 0 when none was.
  std::function<int64_t(const OrderTarget& target)> last_counter;
  // Whether the promote order with that SHA-256 was accepted here.
  std::function<bool(const std::string& order_sha256)> order_accepted;
};

struct AcceptedOrder {
  Order order;
  std::string order_sha256;
  std::string operator_name;
  bool is_source = false;
  std::vector<size_t> target_indexes;  // of this foundation, in Order::targets
};

// The checks in order; the first that fails names the refusal (reading "PermissionDenied" where
// nothing else is said):
//   1 envelope     names of ParseEnvelope(), VerifyEnvelope(), ParseOrder();
//                  unknown-operator, key-revoked
//   2 audience     wrong-federation, wrong-audience (this foundation is neither source nor target)
//   3 trust        trust-too-old (Unavailable: fetch a newer one), trust-expired
//   4 grants       not-granted: the action on every target's space, and read on the source's; of
//                  an export and its cancel: PermitsExport();
//                  recipient-not-the-operator (an export to another's key)
//   5 time         clock-behind, order-from-the-future, order-expired, order-life-too-long
//                  (FailedPrecondition all)
//   6 replay       order-replayed; unknown-original-order (activate and cancel)
//   7 counters     counter-used (FailedPrecondition: plan again), counter-jump
//   8 deny list    droplet-denied
//   9 own policy   policy-…
StatusOr<AcceptedOrder> AcceptOrder(std::string_view envelope, const AcceptanceContext& context);

// Whether the operator has the right to an export, or to end one: export at the source, which has
// no target to ask rights of; who may export there, or cancel there, may also cancel it.
bool PermitsExport(const Order& order, std::string_view operator_name, const TrustDocument& trust);

struct AcceptedRead {
  ReadRequest request;
  std::string request_sha256;
  std::string operator_name;
};

// As AcceptOrder(): envelope names, unknown-operator, key-revoked, wrong-federation,
// wrong-audience, trust-expired, not-granted (no grant of the operator reaches into this
// foundation), clock-behind, request-from-the-future, request-expired, request-life-too-long,
// policy-…. What the request asks for is the caller's to judge: it shows only spaces for which
// trust->Permits(operator_name, Action::kRead, ...).
StatusOr<AcceptedRead> AcceptRead(std::string_view envelope, const AcceptanceContext& context);

}  // namespace sluice::trust

#include "common/trust/acceptance.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/crypto/curve_key.h"
#include "common/trust/envelope.h"

namespace sluice::trust {
namespace {

Status Denied(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kPermissionDenied, name, message);
}

Status Untimely(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, name, message);
}

struct Signed {
  std::string payload;
  std::vector<std::string> operators;  // by whom, sorted, each once
};

// What `envelope_text` holds if an operator signed it as `payload_type`.
StatusOr<Signed> OpenOperatorEnvelope(std::string_view envelope_text, std::string_view payload_type,
                                      const TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(const Envelope envelope, ParseEnvelope(envelope_text));
  // An order is known by the SHA-256 of its envelope: one order, one text.
  if (FormatEnvelope(envelope) != envelope_text) {
    return NamedError(StatusCode::kInvalidArgument, "envelope-not-canonical",
                      "the envelope is not written as Sluice writes it");
  }
  StatusOr<VerifiedPayload> verified =
      VerifyEnvelope(envelope, payload_type, trust.OperatorKeys(), 1);
  if (verified.ok()) {
    Signed opened{std::move(verified->payload), {}};
    for (const crypto::VerifyingKey& signer : verified->signers) {
      opened.operators.push_back(trust.OperatorByKey(signer).value_or(""));
    }
    std::sort(opened.operators.begin(), opened.operators.end());
    opened.operators.erase(std::unique(opened.operators.begin(), opened.operators.end()),
                           opened.operators.end());
    return opened;
  }
  if (ErrorName(verified.status()) != "unknown-key") return verified.status();
  for (const EnvelopeSignature& signature : envelope.signatures) {
    if (trust.RevokedKeyId(signature.key_id)) {
      return Denied("key-revoked", "signed by a key that the trust document revokes");
    }
  }
  return Denied("unknown-operator", "not signed by an operator that the trust document names");
}

Status CheckTimes(const Lifetime& life, const AcceptanceContext& context) {
  if (context.now < context.time_floor - kClockSkewMax) {
    return Untimely(
        "clock-behind",
        absl::StrCat("the clock of the agent of ", context.foundation.value(), " shows ",
                     sluice::FormatTime(context.now), ", and it has accepted an order at ",
                     sluice::FormatTime(context.time_floor),
                     ": set the clock; if it is right now, it was ahead then, and the agent obeys "
                     "nobody until that time has come"));
  }
  return CheckLifetime(life, context.now);
}

Status CheckAudience(std::string_view federation, const AcceptanceContext& context) {
  if (federation == context.trust->federation()) return absl::OkStatus();
  return Denied("wrong-federation",
                absl::StrCat("made for another federation than ", context.trust->federation()));
}

// The agent's part in the order.
StatusOr<AcceptedOrder> FindPart(Order order, const AcceptanceContext& context) {
  AcceptedOrder accepted;
  accepted.is_source = order.source.reference.foundation == context.foundation;
  for (size_t index = 0; index < order.targets.size(); ++index) {
    if (order.targets[index].reference.foundation == context.foundation) {
      accepted.target_indexes.push_back(index);
    }
  }
  if (!accepted.is_source && accepted.target_indexes.empty()) {
    return Denied("wrong-audience", absl::StrCat(context.foundation.value(),
                                                 " is neither source nor target of this order"));
  }
  accepted.order = std::move(order);
  return accepted;
}

Status CheckTrust(int64_t trust_version, const AcceptanceContext& context) {
  if (trust_version > context.trust->version()) {
    return NamedError(StatusCode::kUnavailable, "trust-too-old",
                      absl::StrCat("made under version ", trust_version,
                                   " of the trust document; this agent has version ",
                                   context.trust->version(), ": give it the newer one"));
  }
  if (context.trust->ExpiredAt(context.now)) {
    return Denied("trust-expired",
                  absl::StrCat("this agent's trust document expired at ",
                               sluice::FormatTime(context.trust->content().expires),
                               "; give it a newer one"));
  }
  return absl::OkStatus();
}

// What the operator lacks for this order; nothing when it may give it. The whole order counts, not
// only this agent's part: else a source would help where the target must refuse.
std::optional<std::string> MissingGrant(const Order& order, std::string_view operator_name,
                                        const TrustDocument& trust) {
  const AppReference& source = order.source.reference;
  if (!trust.Permits(operator_name, Action::kRead, source.foundation, source.organization,
                     source.space)) {
    return absl::StrCat("read ", source.text());
  }
  if (order.recipient.has_value() && !PermitsExport(order, operator_name, trust)) {
    return absl::StrCat(ToAbsl(ActionName(order.action)), " ", source.text());
  }
  for (const OrderTarget& target : order.targets) {
    if (!trust.Permits(operator_name, order.action, target.reference.foundation,
                       target.reference.organization, target.reference.space)) {
      return absl::StrCat(ToAbsl(ActionName(order.action)), " ", target.reference.text());
    }
  }
  return std::nullopt;
}

// The first signer whose grants cover the order.
StatusOr<std::string> FindGrantedOperator(const Order& order,
                                          const std::vector<std::string>& operators,
                                          const TrustDocument& trust) {
  std::string missing;
  for (const std::string& name : operators) {
    const std::optional<std::string> lacking = MissingGrant(order, name, trust);
    if (!lacking.has_value()) return name;
    missing = absl::StrCat("operator ", name, " has no grant to ", *lacking);
  }
  return Denied("not-granted", missing);
}

// Nobody orders a droplet for somebody else: the one who may have it is the one who gets it.
Status CheckRecipient(const Order& order, const std::string& operator_name,
                      const TrustDocument& trust) {
  if (order.action != Action::kExport) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(const crypto::CurvePublicKey curve,
                          crypto::CurvePublicKey::FromBytes(order.recipient->curve_key));
  const CurveHolder expected{CurveHolder::Role::kOperator, operator_name};
  if (trust.CurveRole(curve) == expected) return absl::OkStatus();
  return Denied("recipient-not-the-operator",
                absl::StrCat("the recipient of an export is ", operator_name,
                             ", who ordered it, and the order names another's key"));
}

Status CheckReplay(const Order& order, const AcceptanceContext& context) {
  if (context.order_seen(order.order_id)) {
    return Denied("order-replayed",
                  absl::StrCat("order ", order.order_id, " was accepted before; sign another one"));
  }
  const bool continues = order.action == Action::kActivate || order.action == Action::kCancel;
  if (continues && !context.order_accepted(order.original_order_sha256)) {
    return Denied("unknown-original-order",
                  absl::StrCat("this agent has not accepted the order that this one is to ",
                               ToAbsl(ActionName(order.action))));
  }
  return absl::OkStatus();
}

Status CheckCounters(const AcceptedOrder& accepted, const AcceptanceContext& context) {
  const Order& order = accepted.order;
  if (order.action == Action::kActivate || order.action == Action::kCancel) return absl::OkStatus();
  for (const size_t index : accepted.target_indexes) {
    const OrderTarget& target = order.targets[index];
    const int64_t last = context.last_counter(target);
    if (target.counter <= last) {
      return Untimely("counter-used",
                      absl::StrCat("somebody promoted to ", target.reference.text(),
                                   " since this order was planned (counter ", target.counter,
                                   ", last ", last, "): plan again"));
    }
    if (target.counter - last > kCounterJumpMax) {
      return Denied("counter-jump",
                    absl::StrCat("counter ", target.counter, " for ", target.reference.text(),
                                 " is more than ", kCounterJumpMax, " above the last, ", last));
    }
  }
  return absl::OkStatus();
}

// A rollback names no digest: its droplet is already at the target, whose agent asks
// DropletDenied() with the checksum it finds there.
Status CheckDenied(const Order& order, const TrustDocument& trust) {
  const bool puts_the_artifact_there = order.action == Action::kPromote ||
                                       order.action == Action::kActivate ||
                                       order.action == Action::kExport;
  if (!puts_the_artifact_there || !trust.DropletDenied(order.artifact.sha256)) {
    return absl::OkStatus();
  }
  return Denied("droplet-denied", absl::StrCat("the trust document denies the droplet sha256:",
                                               order.artifact.sha256));
}

}  // namespace

bool PermitsExport(const Order& order, std::string_view operator_name, const TrustDocument& trust) {
  const AppReference& source = order.source.reference;
  const auto permits = [&](Action action) {
    return trust.Permits(operator_name, action, source.foundation, source.organization,
                         source.space);
  };
  return permits(Action::kExport) || (order.action == Action::kCancel && permits(Action::kCancel));
}

Status CheckLifetime(const Lifetime& life, absl::Time now) {
  const auto named = [&life](std::string_view suffix) {
    return absl::StrCat(ToAbsl(life.what), "-", ToAbsl(suffix));
  };
  if (life.issued_at > now + kClockSkewMax) {
    return Untimely(named("from-the-future"),
                    absl::StrCat("the ", ToAbsl(life.what), " was issued at ",
                                 sluice::FormatTime(life.issued_at), ", and here it is ",
                                 sluice::FormatTime(now), ": compare the clocks"));
  }
  if (now >= life.expires_at) {
    return Untimely(named("expired"),
                    absl::StrCat("the ", ToAbsl(life.what), " expired at ",
                                 sluice::FormatTime(life.expires_at), ", and here it is ",
                                 sluice::FormatTime(now), ": compare the clocks, and ask again"));
  }
  if (life.expires_at - life.issued_at > life.life_max) {
    return Untimely(named("life-too-long"),
                    absl::StrCat("the ", ToAbsl(life.what), " is valid for more than ",
                                 absl::FormatDuration(life.life_max)));
  }
  return absl::OkStatus();
}

StatusOr<AcceptedOrder> AcceptOrder(std::string_view envelope, const AcceptanceContext& context) {
  SLUICE_CHECK(context.trust != nullptr && context.policy != nullptr);
  const TrustDocument& trust = *context.trust;
  SLUICE_ASSIGN_OR_RETURN(Signed opened, OpenOperatorEnvelope(envelope, kOrderType, trust));
  SLUICE_ASSIGN_OR_RETURN(Order order, ParseOrder(opened.payload));
  SLUICE_RETURN_IF_ERROR(CheckAudience(order.federation, context));
  SLUICE_ASSIGN_OR_RETURN(AcceptedOrder accepted, FindPart(std::move(order), context));
  accepted.order_sha256 = OrderSha256(envelope);
  SLUICE_RETURN_IF_ERROR(CheckTrust(accepted.order.trust_version, context));
  SLUICE_ASSIGN_OR_RETURN(accepted.operator_name,
                          FindGrantedOperator(accepted.order, opened.operators, trust));
  SLUICE_RETURN_IF_ERROR(CheckRecipient(accepted.order, accepted.operator_name, trust));
  SLUICE_RETURN_IF_ERROR(CheckTimes({.what = "order",
                                     .issued_at = accepted.order.issued_at,
                                     .expires_at = accepted.order.expires_at,
                                     .life_max = kOrderLifeMax},
                                    context));
  SLUICE_RETURN_IF_ERROR(CheckReplay(accepted.order, context));
  SLUICE_RETURN_IF_ERROR(CheckCounters(accepted, context));
  SLUICE_RETURN_IF_ERROR(CheckDenied(accepted.order, trust));
  SLUICE_RETURN_IF_ERROR(
      context.policy->CheckOrder(accepted.order, accepted.operator_name, context.foundation));
  return accepted;
}

StatusOr<AcceptedRead> AcceptRead(std::string_view envelope, const AcceptanceContext& context) {
  SLUICE_CHECK(context.trust != nullptr && context.policy != nullptr);
  const TrustDocument& trust = *context.trust;
  SLUICE_ASSIGN_OR_RETURN(Signed opened, OpenOperatorEnvelope(envelope, kReadRequestType, trust));
  AcceptedRead accepted;
  SLUICE_ASSIGN_OR_RETURN(accepted.request, ParseReadRequest(opened.payload));
  accepted.request_sha256 = OrderSha256(envelope);
  SLUICE_RETURN_IF_ERROR(CheckAudience(accepted.request.federation, context));
  if (accepted.request.foundation != context.foundation) {
    return Denied("wrong-audience",
                  absl::StrCat("a question to ", accepted.request.foundation.value(), ", not to ",
                               context.foundation.value()));
  }
  SLUICE_RETURN_IF_ERROR(CheckTrust(1, context));
  for (const std::string& name : opened.operators) {
    if (trust.KnowsFoundation(name, context.foundation)) accepted.operator_name = name;
  }
  if (accepted.operator_name.empty()) {
    return Denied("not-granted", absl::StrCat("operator ", opened.operators.front(),
                                              " has no grant in ", context.foundation.value()));
  }
  SLUICE_RETURN_IF_ERROR(CheckTimes({.what = "request",
                                     .issued_at = accepted.request.issued_at,
                                     .expires_at = accepted.request.expires_at,
                                     .life_max = kReadRequestLifeMax},
                                    context));
  SLUICE_RETURN_IF_ERROR(context.policy->CheckRead(accepted.operator_name));
  return accepted;
}

}  // namespace sluice::trust

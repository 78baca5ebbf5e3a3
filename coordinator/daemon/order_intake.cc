#include "coordinator/daemon/order_intake.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/trust/acceptance.h"
#include "common/trust/envelope.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"
#include "coordinator/daemon/ledger_record.h"

namespace sluice::coordinator {
namespace {

Status Denied(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kPermissionDenied, name, message);
}

Status CheckSigner(const trust::VerifiedPayload& verified, const IntakeContext& context) {
  std::set<std::string> names;
  for (const crypto::VerifyingKey& key : verified.signers) {
    if (const auto name = context.trust.OperatorByKey(key)) names.insert(*name);
  }
  if (names.contains(context.submitter)) return absl::OkStatus();
  return Denied(
      "submitted-by-another",
      absl::StrCat("the order is signed by ", absl::StrJoin(names, ", "), " but was submitted by ",
                   context.submitter, ": an operator submits their own orders"));
}

Status CheckTimes(const trust::Order& order, const IntakeContext& context) {
  if (order.trust_version > context.trust.version()) {
    return NamedError(StatusCode::kUnavailable, "trust-too-old",
                      absl::StrCat("the order builds on trust document ", order.trust_version,
                                   ", the coordinator has ", context.trust.version(),
                                   ": give it the later one and send it SIGHUP"));
  }
  if (context.trust.ExpiredAt(context.now)) {
    return NamedError(
        StatusCode::kFailedPrecondition, "trust-expired",
        "the coordinator's trust document has expired: the trust root must sign another");
  }
  return trust::CheckLifetime({.what = "order",
                               .issued_at = order.issued_at,
                               .expires_at = order.expires_at,
                               .life_max = trust::kOrderLifeMax},
                              context.now);
}

Status CheckGrants(const trust::Order& order, const IntakeContext& context) {
  const auto check = [&](trust::Action action, const trust::AppReference& reference) -> Status {
    if (!context.trust.content().foundations.contains(reference.foundation.value())) {
      return NamedError(StatusCode::kNotFound, "no-foundation",
                        absl::StrCat("the trust document has no foundation \"",
                                     reference.foundation.value(), "\""));
    }
    if (context.trust.Permits(context.submitter, action, reference.foundation,
                              reference.organization, reference.space)) {
      return absl::OkStatus();
    }
    return Denied("not-granted",
                  absl::StrCat(context.submitter, " may not ", ToAbsl(trust::ActionName(action)),
                               " at ", reference.text(),
                               action == order.action ? "" : ", the source, as this order needs",
                               "; ask whoever keeps the trust root for the grant"));
  };
  // What was asked for comes first: who lacks both wants to hear of that.
  for (const trust::OrderTarget& target : order.targets) {
    SLUICE_RETURN_IF_ERROR(check(order.action, target.reference));
  }
  if (order.recipient && !trust::PermitsExport(order, context.submitter, context.trust)) {
    SLUICE_RETURN_IF_ERROR(check(order.action, order.source.reference));
  }
  return check(trust::Action::kRead, order.source.reference);
}

Status CheckPromotion(const trust::Order& order, const IntakeContext& context) {
  if (BeginsPromotion(order.action)) {
    if (context.trust.DropletDenied(order.artifact.sha256)) {
      return Denied("droplet-denied", "the trust document denies this droplet");
    }
    if (order.on_failure != trust::OnFailure::kRollback) {
      return NamedError(StatusCode::kInvalidArgument, "on-failure-not-supported",
                        "this coordinator knows only on_failure \"rollback\"");
    }
    return absl::OkStatus();
  }
  const Promotion* promotion = context.find_promotion(order.promotion.value());
  if (promotion == nullptr) {
    return NamedError(StatusCode::kNotFound, "no-promotion",
                      absl::StrCat("there is no promotion ", order.promotion.value()));
  }
  if (order.original_order_sha256 != promotion->order_sha256) {
    return NamedError(StatusCode::kInvalidArgument, "wrong-original-order",
                      absl::StrCat("the order is about another promotion than ", promotion->id));
  }
  if (order.source.reference.text() != promotion->terms.source) {
    return NamedError(StatusCode::kInvalidArgument, "source-differs",
                      absl::StrCat("the order's source is not that of promotion ", promotion->id));
  }
  const auto same = [](const trust::OrderTarget& target, const PromotionTerms::Target& term) {
    return target.reference.text() == term.reference;
  };
  const auto& terms = promotion->terms.targets;
  const bool all =
      std::equal(order.targets.begin(), order.targets.end(), terms.begin(), terms.end(), same);
  const auto among = [&](const trust::OrderTarget& target) {
    return std::any_of(terms.begin(), terms.end(),
                       [&](const auto& term) { return same(target, term); });
  };
  const bool some = order.action == trust::Action::kRollback &&
                    std::all_of(order.targets.begin(), order.targets.end(), among);
  if (all || some) return absl::OkStatus();
  return NamedError(StatusCode::kInvalidArgument, "targets-differ",
                    absl::StrCat("the order's targets are not those of promotion ", promotion->id));
}

}  // namespace

StatusOr<TakenOrder> TakeOrder(const std::string& envelope, const IntakeContext& context) {
  SLUICE_ASSIGN_OR_RETURN(const trust::Envelope parsed, trust::ParseEnvelope(envelope));
  const std::vector<crypto::VerifyingKey> operators = context.trust.OperatorKeys();
  SLUICE_ASSIGN_OR_RETURN(const trust::VerifiedPayload verified,
                          trust::VerifyEnvelope(parsed, trust::kOrderType, operators, 1));
  SLUICE_ASSIGN_OR_RETURN(const trust::Order order, trust::ParseOrder(verified.payload));
  SLUICE_RETURN_IF_ERROR(CheckSigner(verified, context));
  if (order.federation != context.trust.federation()) {
    return NamedError(StatusCode::kInvalidArgument, "wrong-federation",
                      absl::StrCat("the order is for federation \"", order.federation,
                                   "\", this is \"", context.trust.federation(), "\""));
  }
  SLUICE_RETURN_IF_ERROR(CheckTimes(order, context));
  SLUICE_RETURN_IF_ERROR(CheckGrants(order, context));
  SLUICE_RETURN_IF_ERROR(CheckPromotion(order, context));
  TakenOrder taken{.promotion = order.promotion.value(), .event = {.at = context.now, .what = {}}};
  if (BeginsPromotion(order.action)) {
    taken.event.what = RecordedOrder(order, envelope, context.submitter);
  } else {
    taken.event.what = RecordedStep(order, envelope, context.submitter);
  }
  return taken;
}

std::string SignerOf(std::string_view envelope, const trust::TrustDocument& trust) {
  const auto parsed = trust::ParseEnvelope(envelope);
  if (!parsed.ok() || parsed->signatures.empty()) return "unknown";
  std::set<std::string> names;
  for (const trust::EnvelopeSignature& signature : parsed->signatures) {
    std::string name = "key " + signature.key_id;
    for (const auto& [operator_name, trusted] : trust.content().operators) {
      for (const crypto::VerifyingKey& key : trusted.keys) {
        if (key.id() == signature.key_id) name = operator_name;
      }
    }
    names.insert(std::move(name));
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace sluice::coordinator

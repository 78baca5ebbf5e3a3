#include "coordinator/cli/evidence.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/trust/envelope.h"
#include "common/trust/receipt.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kOrderEntry = "order";

Status Differs(std::string_view what) {
  return NamedError(StatusCode::kDataLoss, "record-differs",
                    absl::StrCat("the coordinator tells of another promotion than the one that was "
                                 "signed: its ",
                                 ToAbsl(what), " differs; do not rely on it"));
}

Status ReceiptDiffers(const std::string& target, std::string_view what) {
  return NamedError(StatusCode::kDataLoss, "receipt-differs",
                    absl::StrCat("the receipt for ", target, " is not of this promotion: its ",
                                 ToAbsl(what), " differs; look at the app there"));
}

StatusOr<trust::VerifiedPayload> VerifyRecordedOrder(const trust::Envelope& envelope,
                                                     const trust::TrustDocument& trust) {
  std::vector<crypto::VerifyingKey> keys;
  for (const auto& [key, name] : trust.OperatorKeysOfAllTime()) keys.push_back(key);
  return trust::VerifyEnvelope(envelope, trust::kOrderType, keys, 1);
}

std::optional<std::string> RevokedKeyOf(const trust::VerifiedPayload& verified,
                                        const trust::TrustDocument& trust) {
  for (const crypto::VerifyingKey& signer : verified.signers) {
    if (trust.OperatorByKey(signer).has_value()) return std::nullopt;
  }
  return verified.signers.front().id();
}

Status CheckReceipt(const RecordedOrder& recorded, const trust::OrderTarget& target,
                    const v1::TargetDetail& detail, const trust::TrustDocument& trust) {
  const std::string name = target.reference.text();
  const std::string& envelope = detail.receipt();
  if (envelope.empty()) {
    return NamedError(StatusCode::kDataLoss, "no-receipt",
                      absl::StrCat("the coordinator says that ", name,
                                   " is done and shows no receipt; look at the app there"));
  }
  StatusOr<trust::Receipt> receipt =
      trust::VerifyReceipt(envelope, target.reference.foundation, trust);
  if (!receipt.ok()) return WithContext(receipt.status(), absl::StrCat("the receipt for ", name));
  const trust::Order& order = recorded.order;
  if (receipt->promotion != order.promotion) return ReceiptDiffers(name, "promotion");
  if (receipt->target != target.reference) return ReceiptDiffers(name, "target");
  if (receipt->sha256 != order.artifact.sha256) return ReceiptDiffers(name, "digest");
  if (detail.state() == v1::TARGET_STATE_ROLLED_BACK) {  // by another order, which it names
    if (receipt->outcome == trust::Outcome::kRolledBack) return absl::OkStatus();
    return ReceiptDiffers(name, "outcome");
  }
  if (receipt->order_sha256 != recorded.sha256) return ReceiptDiffers(name, "order");
  if (receipt->reported_sha256 != order.artifact.sha256) {
    return ReceiptDiffers(name, "digest by Cloud Controller");
  }
  if (receipt->outcome != trust::Outcome::kVerified) return ReceiptDiffers(name, "outcome");
  return absl::OkStatus();
}

}  // namespace

StatusOr<RecordedOrder> FindOrder(const v1::PromotionDetail& detail,
                                  const trust::TrustDocument& trust) {
  for (const v1::LedgerEntry& entry : detail.entries()) {
    if (entry.kind() != kOrderEntry) continue;
    SLUICE_ASSIGN_OR_RETURN(trust::Envelope envelope, trust::ParseEnvelope(entry.body()));
    StatusOr<trust::VerifiedPayload> verified = VerifyRecordedOrder(envelope, trust);
    if (!verified.ok()) return WithContext(verified.status(), "the recorded order");
    SLUICE_ASSIGN_OR_RETURN(trust::Order order, trust::ParseOrder(verified->payload));
    RecordedOrder recorded{std::move(order), trust::OrderSha256(entry.body()),
                           RevokedKeyOf(*verified, trust)};
    SLUICE_RETURN_IF_ERROR(CheckRecord(recorded, detail));
    return recorded;
  }
  return NamedError(StatusCode::kDataLoss, "no-recorded-order",
                    absl::StrCat("the coordinator shows no order for the promotion ",
                                 detail.summary().id(), "; do not rely on it"));
}

std::string RevokedKeyNote(const RecordedOrder& recorded) {
  if (!recorded.revoked_key.has_value()) return "";
  return absl::StrCat("warning: the order of promotion ", recorded.order.promotion.value(),
                      " was signed with the key ", *recorded.revoked_key,
                      ", which is revoked since\n");
}

Status CheckRecord(const RecordedOrder& recorded, const v1::PromotionDetail& detail) {
  const trust::Order& order = recorded.order;
  if (order.action != trust::Action::kPromote && order.action != trust::Action::kExport) {
    return Differs("action");
  }
  if (order.recipient.has_value() == detail.summary().recipient().empty()) {
    return Differs("recipient");
  }
  if (detail.summary().id() != order.promotion.value()) return Differs("id");
  if (detail.summary().source() != order.source.reference.text()) return Differs("source");
  if (detail.summary().sha256() != order.artifact.sha256) return Differs("digest");
  if (static_cast<size_t>(detail.targets_size()) != order.targets.size()) return Differs("targets");
  for (size_t i = 0; i < order.targets.size(); ++i) {
    if (detail.targets(static_cast<int>(i)).target() != order.targets[i].reference.text()) {
      return Differs("target");
    }
  }
  return absl::OkStatus();
}

Status CheckReceipts(const RecordedOrder& recorded, const v1::PromotionDetail& detail,
                     const trust::TrustDocument& trust) {
  SLUICE_RETURN_IF_ERROR(CheckRecord(recorded, detail));
  for (size_t i = 0; i < recorded.order.targets.size(); ++i) {
    SLUICE_RETURN_IF_ERROR(CheckReceipt(recorded, recorded.order.targets[i],
                                        detail.targets(static_cast<int>(i)), trust));
  }
  return absl::OkStatus();
}

}  // namespace sluice::cli

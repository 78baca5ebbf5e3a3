#include "coordinator/daemon/ledger_replay.h"

#include "absl/strings/str_cat.h"
#include "coordinator/daemon/ledger_record.h"
#include "coordinator/daemon/order_intake.h"

namespace sluice::coordinator {

StatusOr<PromotionBook> ReplayHistory(const std::vector<crypto::VerifyingKey>& roots,
                                      const std::vector<LedgerEntry>& history) {
  LedgerReplay replay(roots);
  for (const LedgerEntry& entry : history) {
    SLUICE_RETURN_IF_ERROR(replay.Take(entry, /*earlier=*/nullptr));
  }
  return std::move(replay.book());
}

Status LedgerReplay::Take(const LedgerEntry& entry, const EarlierHistory& earlier) {
  if (entry.kind == kTrustKind) {
    StatusOr<trust::TrustDocument> document = trust::TrustDocument::Open(entry.body, roots_);
    if (!document.ok()) return absl::OkStatus();
    floor_ = trust::FloorOf(*document);
    trust_ = std::make_unique<trust::TrustDocument>(*std::move(document));
    return absl::OkStatus();
  }
  const auto operator_of = [this](std::string_view envelope) { return OperatorOf(envelope); };
  SLUICE_ASSIGN_OR_RETURN(const RecordedEvent recorded, EventOf(entry, operator_of));
  if (book_.HasForgotten() && book_.Latest(recorded.promotion) == nullptr) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<LedgerEntry> history, earlier(recorded.promotion));
    SLUICE_ASSIGN_OR_RETURN(PromotionBook found, ReplayHistory(roots_, history));
    book_.Adopt(std::move(found));
  }
  const StatusOr<Promotion> after = book_.Stage(recorded.promotion, recorded.event);
  if (!after.ok()) {
    return NamedError(
        StatusCode::kDataLoss, "ledger-unreadable",
        absl::StrCat("an entry of promotion ", recorded.promotion,
                     " does not follow from those before it: ", Describe(after.status())));
  }
  book_.Commit(*after, entry.sequence);
  book_.Trim();
  return absl::OkStatus();
}

std::string LedgerReplay::OperatorOf(std::string_view envelope) const {
  return trust_ == nullptr ? "unknown" : SignerOf(envelope, *trust_);
}

}  // namespace sluice::coordinator

// An agent's JobReport as an event of the machine, once its evidence has been looked at: the ledger
// shall not hold a statement, seal offer or receipt that is not what it claims to be.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "coordinator/daemon/promotion.h"

namespace sluice::trust {
class TrustDocument;
}  // namespace sluice::trust

namespace sluice::v1 {
enum JobRole : int;
class JobReport;
class Progress;
}  // namespace sluice::v1

namespace sluice::coordinator {

inline constexpr size_t kEvidenceMax = 4;  // envelopes in one report
inline constexpr size_t kWarningsMax = 32;
inline constexpr size_t kWaysMax = 8;
inline constexpr size_t kWayTextBytesMax = 256;
inline constexpr size_t kReportTextBytesMax = 4096;  // one text; messages and warnings are cut

// PermissionDenied "not-your-job" unless that foundation has this job in `promotion`.
Status CheckJob(v1::JobRole role, uint32_t target_index, std::string_view foundation,
                const Promotion& promotion);

// `foundation` is whose agent sent it. InvalidArgument "report-too-large", "unknown-evidence";
// DataLoss "evidence-mismatch" when something signed is about another promotion, order or digest;
// and the names of CheckJob(), VerifyStatement(), VerifySealOffer() and VerifyReceipt().
StatusOr<Event> EventOfReport(const v1::JobReport& report, std::string_view foundation,
                              const Promotion& promotion, const trust::TrustDocument& trust,
                              absl::Time now);

// What is for people only is cut: ways beyond kWaysMax, texts beyond their bounds.
TransferProgress ProgressOf(const v1::Progress& progress);

}  // namespace sluice::coordinator

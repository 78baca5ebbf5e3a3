#include "coordinator/daemon/job_report.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/trust/envelope.h"
#include "common/trust/receipt.h"
#include "common/trust/seal_offer.h"
#include "common/trust/statement.h"
#include "common/trust/trust_document.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

Status CheckSizes(const v1::JobReport& report) {
  const auto short_enough = [](const std::string& text) {
    return text.size() <= kReportTextBytesMax;
  };
  const bool fits = report.evidence_size() <= static_cast<int>(kEvidenceMax) &&
                    report.warnings_size() <= static_cast<int>(kWarningsMax) &&
                    short_enough(report.error().name()) && short_enough(report.droplet_guid()) &&
                    short_enough(report.reported_sha256()) &&
                    short_enough(report.previous_droplet_guid()) && short_enough(report.path()) &&
                    short_enough(report.progress().phase());
  if (fits) return absl::OkStatus();
  return NamedError(
      StatusCode::kInvalidArgument, "report-too-large",
      absl::StrCat("a report has at most ", kEvidenceMax, " envelopes, ", kWarningsMax,
                   " warnings and ", kReportTextBytesMax, " bytes in a text"));
}

Status Mismatch(std::string_view what) {
  return NamedError(
      StatusCode::kDataLoss, "evidence-mismatch",
      absl::StrCat("the signed ", ToAbsl(what), " is about another promotion, order or digest"));
}

Status CheckStatement(const std::string& envelope, const Promotion& promotion,
                      const trust::TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(
      const trust::Statement statement,
      trust::VerifyStatement(envelope, FoundationName(promotion.terms.source_foundation), trust));
  const bool matches = statement.promotion.value() == promotion.id &&
                       statement.order_sha256 == promotion.order_sha256 &&
                       statement.sha256 == promotion.terms.sha256;
  return matches ? absl::OkStatus() : Mismatch("statement");
}

Status CheckReceipt(const std::string& envelope, const std::string& foundation,
                    const Promotion& promotion, const trust::TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(const trust::Receipt receipt,
                          trust::VerifyReceipt(envelope, FoundationName(foundation), trust));
  const auto& steps = promotion.step_orders;
  const bool our_order = receipt.order_sha256 == promotion.order_sha256 ||
                         std::find(steps.begin(), steps.end(), receipt.order_sha256) != steps.end();
  const bool matches = our_order && receipt.promotion.value() == promotion.id &&
                       receipt.sha256 == promotion.terms.sha256;
  return matches ? absl::OkStatus() : Mismatch("receipt");
}

// What people read is cut rather than refused: a report must not fail for a foundation's wordy
// answer in it. The cut is between characters of UTF-8.
std::string Cut(const std::string& text, size_t bytes_max = kReportTextBytesMax) {
  if (text.size() <= bytes_max) return text;
  constexpr std::string_view kMore = "...";
  size_t end = bytes_max - kMore.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return absl::StrCat(text.substr(0, end), ToAbsl(kMore));
}

std::vector<std::string> WarningsOf(const v1::JobReport& report) {
  std::vector<std::string> warnings;
  for (const std::string& warning : report.warnings()) warnings.push_back(Cut(warning));
  return warnings;
}

Status ErrorOf(const v1::JobReport& report) {
  if (!report.has_error()) return absl::OkStatus();
  return StatusFromParts(report.error().code(), report.error().name(),
                         Cut(report.error().message()));
}

WayReport WayOf(const v1::Way& way) {
  WayReport report{.path = way.path(),
                   .endpoint = Cut(way.endpoint(), kWayTextBytesMax),
                   .tries = way.tries(),
                   .times_ready = way.times_ready(),
                   .bytes = way.bytes(),
                   .carries = way.carries(),
                   .given_up = way.given_up(),
                   .lost_by = absl::OkStatus()};
  if (way.has_lost_by()) {
    report.lost_by =
        StatusFromParts(way.lost_by().code(), Cut(way.lost_by().name(), kWayTextBytesMax),
                        Cut(way.lost_by().message(), kWayTextBytesMax));
  }
  return report;
}

std::vector<WayReport> WaysOf(const v1::Progress& progress) {
  std::vector<WayReport> ways;
  for (const v1::Way& way : progress.ways()) {
    if (ways.size() == kWaysMax) break;
    ways.push_back(WayOf(way));
  }
  return ways;
}

StatusOr<Event> SourceEvent(const v1::JobReport& report, const Promotion& promotion,
                            const trust::TrustDocument& trust, absl::Time now) {
  SourceReported event{.revision = report.revision(),
                       .state = report.source_state(),
                       .error = ErrorOf(report),
                       .statement = "",
                       .progress = ProgressOf(report.progress()),
                       .warnings = WarningsOf(report)};
  for (const std::string& envelope : report.evidence()) {
    SLUICE_RETURN_IF_ERROR(CheckStatement(envelope, promotion, trust));
    event.statement = envelope;
  }
  return Event{now, std::move(event)};
}

StatusOr<Event> TargetEvent(const v1::JobReport& report, const std::string& foundation,
                            const Promotion& promotion, const trust::TrustDocument& trust,
                            absl::Time now) {
  TargetReported event{.target_index = report.target_index(),
                       .revision = report.revision(),
                       .state = report.target_state(),
                       .waiting_for = report.waiting_for(),
                       .error = ErrorOf(report),
                       .seal_offer = "",
                       .receipt = "",
                       .droplet_guid = report.droplet_guid(),
                       .reported_sha256 = report.reported_sha256(),
                       .previous_droplet_guid = report.previous_droplet_guid(),
                       .path = report.path(),
                       .progress = ProgressOf(report.progress()),
                       .warnings = WarningsOf(report)};
  for (const std::string& envelope : report.evidence()) {
    SLUICE_ASSIGN_OR_RETURN(const trust::Envelope parsed, trust::ParseEnvelope(envelope));
    if (parsed.payload_type == trust::kInTotoType) {
      SLUICE_RETURN_IF_ERROR(CheckReceipt(envelope, foundation, promotion, trust));
      event.receipt = envelope;
    } else if (parsed.payload_type == trust::kSealOfferType) {
      // An offer that was recorded comes again with later reports, when it may have expired.
      if (envelope == promotion.targets[report.target_index()].seal_offer) continue;
      const trust::ExpectedOffer expected{.foundation = FoundationName(foundation),
                                          .order_sha256 = promotion.order_sha256,
                                          .transfer_id = ""};
      SLUICE_RETURN_IF_ERROR(trust::VerifySealOffer(envelope, expected, trust, now).status());
      event.seal_offer = envelope;
    } else {
      return NamedError(StatusCode::kInvalidArgument, "unknown-evidence",
                        "a target's evidence is a seal offer or a receipt");
    }
  }
  return Event{now, std::move(event)};
}

}  // namespace

TransferProgress ProgressOf(const v1::Progress& progress) {
  return {.bytes_done = progress.bytes_done(),
          .bytes_total = progress.bytes_total(),
          .bytes_sent = progress.bytes_sent(),
          .bytes_again = progress.bytes_again(),
          .milliseconds = progress.milliseconds(),
          .phase = Cut(progress.phase()),
          .bytes_direct = progress.bytes_direct(),
          .bytes_relay = progress.bytes_relay(),
          .bytes_peer = progress.bytes_peer(),
          .bytes_not_sent = progress.bytes_not_sent(),
          .stages = {.download = progress.stages().download_milliseconds(),
                     .transfer = progress.stages().transfer_milliseconds(),
                     .upload = progress.stages().upload_milliseconds(),
                     .job = progress.stages().job_milliseconds(),
                     .activation = progress.stages().activation_milliseconds()},
          .ways = WaysOf(progress)};
}

Status CheckJob(v1::JobRole role, uint32_t target_index, std::string_view foundation,
                const Promotion& promotion) {
  const PromotionTerms& terms = promotion.terms;
  const bool source = role == v1::JOB_ROLE_SOURCE && terms.source_foundation == foundation;
  const bool target = role == v1::JOB_ROLE_TARGET && target_index < terms.targets.size() &&
                      terms.targets[target_index].foundation == foundation;
  if (source || target) return absl::OkStatus();
  return NamedError(StatusCode::kPermissionDenied, "not-your-job",
                    absl::StrCat("the agent of ", ToAbsl(foundation),
                                 " has no such job in promotion ", promotion.id));
}

StatusOr<Event> EventOfReport(const v1::JobReport& report, std::string_view foundation,
                              const Promotion& promotion, const trust::TrustDocument& trust,
                              absl::Time now) {
  SLUICE_RETURN_IF_ERROR(CheckSizes(report));
  SLUICE_RETURN_IF_ERROR(CheckJob(report.role(), report.target_index(), foundation, promotion));
  if (report.role() == v1::JOB_ROLE_SOURCE) return SourceEvent(report, promotion, trust, now);
  return TargetEvent(report, std::string(foundation), promotion, trust, now);
}

}  // namespace sluice::coordinator

#include "agent/jobs/source_steps.h"

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/downloaded_droplet.h"
#include "agent/jobs/source_droplet.h"
#include "agent/jobs/stored_droplet.h"
#include "common/base/logging.h"
#include "common/crypto/digest.h"
#include "common/transfer/content_key.h"
#include "common/trust/envelope.h"
#include "common/trust/seal_offer.h"
#include "common/trust/statement.h"

namespace sluice::agent {
namespace {

Status SendingStopped() {
  return NamedError(StatusCode::kCancelled, "cancelled", "sending was stopped");
}

// A receiver is not asked about for longer than this before the download is closed: blobstores end
// what is idle, and it is taken up again by Range.
constexpr absl::Duration kDownloadIdleMax = absl::Seconds(30);
constexpr std::string_view kDigestLogEnding = ".digests";

}  // namespace

SourceSteps::SourceSteps(Options options, foundation::CloudController& cloud_controller,
                         transfer::BulkExchange& exchange, transfer::Spool& spool,
                         crypto::SigningKey identity, const Clock& clock, Entropy& entropy,
                         Files& files)
    : options_(std::move(options)),
      cloud_controller_(cloud_controller),
      exchange_(exchange),
      identity_(std::move(identity)),
      clock_(clock),
      entropy_(entropy),
      files_(files),
      reading_(options_.reading_max),
      shared_(spool, entropy, clock, options_.chunk_bytes) {}

StatusOr<std::string> SourceSteps::State(const trust::Order& order, const std::string& order_sha256,
                                         const trust::TrustDocument& trust, std::stop_token stop) {
  const trust::AppReference& source = order.source.reference;
  SLUICE_ASSIGN_OR_RETURN(
      const auto place,
      cloud_controller_.FindAppPlace(source.organization, source.space, source.app, stop));
  if (place.app.guid != order.source.app_guid) {
    return ChangedSincePlan("this is another app than the order's");
  }
  SLUICE_ASSIGN_OR_RETURN(const SourceDroplet found,
                          FindSourceDroplet(cloud_controller_, source, place.app,
                                            order.source.droplet_guid.value(), trust, stop));
  if (found.sha256 != order.artifact.sha256) {
    return NamedError(
        StatusCode::kDataLoss, "digest-mismatch",
        absl::StrCat("droplet ", found.droplet.guid.value(), " has sha256:", found.sha256,
                     ", the order names sha256:", order.artifact.sha256));
  }
  SLUICE_ASSIGN_OR_RETURN(const uint64_t size_bytes,
                          cloud_controller_.GetDropletSize(found.droplet.guid, stop));
  if (static_cast<int64_t>(size_bytes) != order.artifact.size_bytes) {
    return ChangedSincePlan(absl::StrCat("the droplet has ", size_bytes, " bytes, the order says ",
                                         order.artifact.size_bytes));
  }
  if (found.stack != order.artifact.stack) {
    return ChangedSincePlan(absl::StrCat("the droplet is for stack '", found.stack,
                                         "', the order says '", order.artifact.stack, "'"));
  }
  const trust::Statement statement = {.sha256 = found.sha256,
                                      .size_bytes = order.artifact.size_bytes,
                                      .promotion = order.promotion,
                                      .order_sha256 = order_sha256,
                                      .source = source,
                                      .app_guid = place.app.guid,
                                      .droplet_guid = found.droplet.guid,
                                      .stack = found.stack,
                                      .buildpacks = found.buildpacks,
                                      .process_types = found.droplet.process_types,
                                      .lifecycle = found.droplet.lifecycle_type,
                                      .droplet_created_at = found.droplet.created_at,
                                      .signed_at = clock_.Now(),
                                      .origin = found.origin};
  return trust::SignStatement(statement, identity_);
}

StatusOr<SourceSteps::Receivers> SourceSteps::RecipientOfExport(const Sending& sending,
                                                                const trust::TrustDocument& trust) {
  if (sending.paths.size() != 1) {
    return NamedError(StatusCode::kInvalidArgument, "paths-without-recipient",
                      "the coordinator must send one path to the recipient of an export");
  }
  const trust::OrderRecipient& recipient = *sending.order.recipient;
  Receivers receivers;
  receivers.recipients.push_back({.suite = recipient.suite, .public_key = recipient.public_key});
  transfer::Meeting meeting;
  SLUICE_ASSIGN_OR_RETURN(meeting.peer, RecipientOf(recipient, trust));
  meeting.ways = sending.paths.front().ways;
  receivers.meetings.push_back(std::move(meeting));
  return receivers;
}

StatusOr<SourceSteps::Receivers> SourceSteps::ReceiversOf(const Sending& sending,
                                                          const trust::TrustDocument& trust) const {
  if (sending.order.recipient.has_value()) return RecipientOfExport(sending, trust);
  if (sending.paths.empty() || sending.paths.size() != sending.seal_offers.size()) {
    return NamedError(StatusCode::kInvalidArgument, "paths-without-offers",
                      "the coordinator must send one seal offer for each path");
  }
  SLUICE_ASSIGN_OR_RETURN(const transfer::TransferId transfer, TransferIdOf(sending.order_sha256));
  Receivers receivers;
  for (size_t i = 0; i < sending.paths.size(); ++i) {
    const ChosenPath& path = sending.paths[i];
    if (path.target_index >= sending.order.targets.size()) {
      return NamedError(StatusCode::kInvalidArgument, "no-such-target",
                        "the coordinator sent a path for a target that the order does not name");
    }
    const FoundationName& foundation =
        sending.order.targets[path.target_index].reference.foundation;
    if (foundation == sending.order.source.reference.foundation ||
        ReceiverOf(sending.order, path.target_index) != i) {
      return NamedError(StatusCode::kInvalidArgument, "paths-out-of-order",
                        "the coordinator must send one path to each foundation but the source's, "
                        "in the order of the targets");
    }
    SLUICE_ASSIGN_OR_RETURN(const trust::SealOffer offer,
                            trust::VerifySealOffer(sending.seal_offers[i],
                                                   {.foundation = foundation,
                                                    .order_sha256 = sending.order_sha256,
                                                    .transfer_id = transfer.hex()},
                                                   trust, clock_.Now()));
    SLUICE_ASSIGN_OR_RETURN(
        const trust::TrustedAgent agent,
        SignerOf(sending.seal_offers[i], trust::kSealOfferType, foundation, trust));
    receivers.recipients.push_back({.suite = offer.suite, .public_key = offer.public_key});
    transfer::Meeting meeting;
    meeting.peer = PeerOf(foundation, agent);
    meeting.ways = path.ways;
    receivers.meetings.push_back(std::move(meeting));
  }
  return receivers;
}

transfer::ChunkSigner SourceSteps::Signer() const {
  return [identity = identity_](std::string_view message) { return identity.Sign(message); };
}

std::string SourceSteps::DigestLogPath(const transfer::TransferId& transfer) const {
  return absl::StrCat(options_.outgoing_folder, "/", transfer.hex(), ToAbsl(kDigestLogEnding));
}

StatusOr<transfer::TransferSeed> SourceSteps::MakeSeed(const Sending& sending,
                                                       const trust::TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(const Receivers receivers, ReceiversOf(sending, trust));
  transfer::SeedOptions options;
  SLUICE_ASSIGN_OR_RETURN(
      options.layout, LayoutOf(sending.order_sha256, sending.order.artifact, options_.chunk_bytes));
  options.statement_sha256 = crypto::Sha256Of(sending.statement);
  options.recipients = receivers.recipients;
  options.sign = Signer();
  return transfer::MakeTransferSeed(options, entropy_);
}

Status SourceSteps::Send(const Sending& sending, const trust::TrustDocument& trust,
                         TransferMeter& meter, std::stop_token stop) {
  if (!sending.seed) {
    return NamedError(StatusCode::kFailedPrecondition, "seed-missing",
                      "nothing is sent before the transfer's seed is journalled");
  }
  SLUICE_ASSIGN_OR_RETURN(Receivers receivers, ReceiversOf(sending, trust));
  transfer::OutgoingOptions options;
  SLUICE_ASSIGN_OR_RETURN(
      options.layout, LayoutOf(sending.order_sha256, sending.order.artifact, options_.chunk_bytes));
  SLUICE_ASSIGN_OR_RETURN(options.droplet_sha256,
                          crypto::Sha256Digest::FromHex(sending.order.artifact.sha256));
  options.seed = *sending.seed;
  options.meetings = std::move(receivers.meetings);
  options.sign = Signer();
  options.digest_log_path = DigestLogPath(options.layout.transfer);
  options.rate = RateOf(sending.order);
  DownloadedDroplet droplet(cloud_controller_, reading_, sending.order.source.droplet_guid,
                            options.layout.droplet_bytes, clock_, stop);
  const std::unique_ptr<SharedDroplet> shared =
      shared_.Join(sending.order.source.droplet_guid, options.layout.droplet_bytes, droplet, stop);
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<transfer::OutgoingTransfer> transfer,
                          exchange_.Send(std::move(options)));
  const std::stop_callback on_stop(stop, [this, &transfer] {
    if (options_.leaving.stop_requested()) return transfer->Leave();
    transfer->Cancel(SendingStopped());
  });
  meter.Show([&transfer] { return transfer->figures(); },
             [&droplet, &shared] { return droplet.waited() + shared->waited(); });
  const Status status = transfer->Run(*shared, kDownloadIdleMax);
  meter.Hide();
  return status;
}

void SourceSteps::Forget(const std::string& order_sha256) {
  const auto transfer = TransferIdOf(order_sha256);
  if (!transfer.ok()) return;
  const Status removed = files_.Remove(DigestLogPath(*transfer));
  if (removed.ok() || absl::IsNotFound(removed)) return;
  LogStatus(LogLevel::kWarning, "digest-log-not-removed", removed);
}

void SourceSteps::ForgetOthers(const std::vector<std::string>& order_sha256s) {
  std::set<std::string> kept;
  for (const std::string& order_sha256 : order_sha256s) {
    const auto transfer = TransferIdOf(order_sha256);
    if (transfer.ok()) kept.insert(absl::StrCat(transfer->hex(), ToAbsl(kDigestLogEnding)));
  }
  const auto names = files_.List(options_.outgoing_folder);
  if (!names.ok()) return LogStatus(LogLevel::kWarning, "digest-logs-not-listed", names.status());
  for (const std::string& name : *names) {
    if (!name.ends_with(kDigestLogEnding) || kept.contains(name)) continue;
    const Status removed = files_.Remove(absl::StrCat(options_.outgoing_folder, "/", name));
    if (!removed.ok()) LogStatus(LogLevel::kWarning, "digest-log-not-removed", removed);
  }
}

}  // namespace sluice::agent

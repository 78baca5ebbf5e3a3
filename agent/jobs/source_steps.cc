#include "agent/jobs/source_steps.h"

#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/source_droplet.h"
#include "common/crypto/digest.h"
#include "common/transfer/content_key.h"
#include "common/trust/envelope.h"
#include "common/trust/seal_offer.h"
#include "common/trust/statement.h"

namespace sluice::agent {
namespace {

// Whoever reads an error of a step is told of which source it is: messages do not repeat it.
Status ChangedSincePlan(std::string_view what) {
  return NamedError(StatusCode::kFailedPrecondition, "changed-since-plan",
                    absl::StrCat(ToAbsl(what), "; plan again"));
}

Status Stopped() { return NamedError(StatusCode::kCancelled, "cancelled", "sending was stopped"); }

// Hashes what passes through, and lets the last bytes go only if the whole is what was published.
class ProvingSink final : public http::ByteSink {
 public:
  ProvingSink(const trust::Artifact& artifact, transfer::OutgoingTransfer& transfer)
      : artifact_(artifact), transfer_(transfer) {}

  Status Write(std::string_view bytes) override {
    hash_.Update(bytes);
    bytes_ += static_cast<int64_t>(bytes.size());
    if (bytes_ == artifact_.size_bytes) {
      const std::string found = hash_.Finish().hex();
      if (found != artifact_.sha256) {
        return NamedError(StatusCode::kDataLoss, "digest-mismatch",
                          absl::StrCat("the source's blobstore gave bytes with sha256:", found,
                                       ", Cloud Controller published sha256:", artifact_.sha256));
      }
    }
    return transfer_.Write(bytes);
  }

 private:
  const trust::Artifact& artifact_;
  transfer::OutgoingTransfer& transfer_;
  crypto::Sha256 hash_;
  int64_t bytes_ = 0;
};

}  // namespace

SourceSteps::SourceSteps(foundation::CloudController& cloud_controller,
                         transfer::BulkExchange& exchange, crypto::SigningKey identity,
                         const Clock& clock, Entropy& entropy)
    : cloud_controller_(cloud_controller),
      exchange_(exchange),
      identity_(std::move(identity)),
      clock_(clock),
      entropy_(entropy) {}

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

StatusOr<transfer::OutgoingOptions> SourceSteps::Prepare(const Sending& sending,
                                                         const trust::TrustDocument& trust) {
  if (sending.paths.empty() || sending.paths.size() != sending.seal_offers.size()) {
    return NamedError(StatusCode::kInvalidArgument, "paths-without-offers",
                      "the coordinator must send one seal offer for each path");
  }
  transfer::OutgoingOptions options;
  SLUICE_ASSIGN_OR_RETURN(options.layout, LayoutOf(sending.order_sha256, sending.order.artifact));
  options.statement_sha256 = crypto::Sha256Of(sending.statement);
  options.content_key = transfer::GenerateContentKey(entropy_);
  for (size_t i = 0; i < sending.paths.size(); ++i) {
    const ChosenPath& path = sending.paths[i];
    if (path.target_index >= sending.order.targets.size()) {
      return NamedError(StatusCode::kInvalidArgument, "no-such-target",
                        "the coordinator sent a path for a target that the order does not name");
    }
    const FoundationName& foundation =
        sending.order.targets[path.target_index].reference.foundation;
    SLUICE_ASSIGN_OR_RETURN(const trust::SealOffer offer,
                            trust::VerifySealOffer(sending.seal_offers[i],
                                                   {.foundation = foundation,
                                                    .order_sha256 = sending.order_sha256,
                                                    .transfer_id = options.layout.transfer.hex()},
                                                   trust, clock_.Now()));
    SLUICE_ASSIGN_OR_RETURN(
        const trust::TrustedAgent agent,
        SignerOf(sending.seal_offers[i], trust::kSealOfferType, foundation, trust));
    SLUICE_ASSIGN_OR_RETURN(const crypto::SealSuite suite, crypto::SealSuiteByName(offer.suite));
    options.recipients.push_back({.suite = suite, .public_key = offer.public_key});
    options.meetings.push_back(
        {.peer = PeerOf(foundation, agent), .dial = path.dial, .endpoint = path.endpoint});
  }
  options.sign = [identity = identity_](std::string_view message) {
    return identity.Sign(message);
  };
  return options;
}

Status SourceSteps::Send(const Sending& sending, const trust::TrustDocument& trust,
                         TransferMeter& meter, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(transfer::OutgoingOptions options, Prepare(sending, trust));
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<transfer::OutgoingTransfer> transfer,
                          exchange_.Send(std::move(options)));
  const std::stop_callback on_stop(stop, [&transfer] { transfer->Cancel(Stopped()); });
  meter.Show([&transfer] { return transfer->figures(); });
  ProvingSink sink(sending.order.artifact, *transfer);
  // A foundation is not asked for bytes that nobody needs.
  Status status = transfer->AwaitReceiver();
  if (status.ok()) {
    status = cloud_controller_.DownloadDroplet(
        sending.order.source.droplet_guid, 0,
        static_cast<uint64_t>(sending.order.artifact.size_bytes), sink, stop);
  }
  if (status.ok()) {
    status = transfer->Finish();
  } else {
    transfer->Cancel(status);
  }
  meter.Hide();
  return ErrorName(status) == kAlreadyStored ? absl::OkStatus() : status;
}

}  // namespace sluice::agent

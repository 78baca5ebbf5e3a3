#include "agent/target_transfer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/incoming_transfer.h"
#include "common/base/logging.h"
#include "common/crypto/digest.h"
#include "common/trust/envelope.h"
#include "common/trust/seal_offer.h"

namespace sluice::agent {
namespace {

StatusOr<transfer::IncomingOptions> OptionsOf(const IncomingTerms& terms,
                                              const trust::TrustDocument& trust) {
  const FoundationName& source = terms.order.source.reference.foundation;
  const bool at_source = terms.order.targets[terms.target_index].reference.foundation == source;
  if (!terms.path || at_source) {
    return NamedError(
        StatusCode::kFailedPrecondition, "droplet-not-copied",
        absl::StrCat(at_source ? "the droplet of the source is in this foundation"
                               : "another target of this promotion brought the droplet into this "
                                 "foundation",
                     ", and no STAGED one with its digest and process types is found there any "
                     "more to copy; promote again"));
  }
  transfer::IncomingOptions options;
  SLUICE_ASSIGN_OR_RETURN(options.layout,
                          LayoutOf(terms.order_sha256, terms.order.artifact, terms.chunk_bytes));
  SLUICE_ASSIGN_OR_RETURN(options.droplet_sha256,
                          crypto::Sha256Digest::FromHex(terms.order.artifact.sha256));
  options.statement_sha256 = crypto::Sha256Of(terms.statement);
  // The offer was kept as it was sent, whatever is configured now.
  SLUICE_ASSIGN_OR_RETURN(const trust::SealOffer offer, trust::PeekSealOffer(terms.seal_offer));
  SLUICE_ASSIGN_OR_RETURN(options.recipient,
                          crypto::SealKeyFromSecret(offer.suite, terms.seal_secret));
  SLUICE_ASSIGN_OR_RETURN(const trust::TrustedAgent agent,
                          SignerOf(terms.statement, trust::kInTotoType, source, trust));
  options.verify = [identity = agent.identity](std::string_view signature,
                                               std::string_view message) {
    return identity.Verify(signature, message);
  };
  options.target_index = ReceiverOf(terms.order, terms.target_index);
  options.meeting.peer = PeerOf(source, agent);
  options.meeting.ways = terms.path->ways;
  options.fellows = FellowsOf(terms.order, terms.target_index, terms.fellow_paths, trust);
  options.rate = RateOf(terms.order);
  return options;
}

}  // namespace

StatusOr<trust::Statement> CheckStatement(const std::string& envelope, const trust::Order& order,
                                          const std::string& order_sha256,
                                          const trust::TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(
      trust::Statement statement,
      trust::VerifyStatement(envelope, order.source.reference.foundation, trust));
  const bool same =
      statement.promotion == order.promotion && statement.order_sha256 == order_sha256 &&
      statement.source == order.source.reference && statement.app_guid == order.source.app_guid &&
      statement.droplet_guid == order.source.droplet_guid &&
      statement.sha256 == order.artifact.sha256 &&
      statement.size_bytes == order.artifact.size_bytes &&
      statement.stack == order.artifact.stack && statement.lifecycle == order.artifact.lifecycle;
  if (same) return statement;
  return NamedError(StatusCode::kPermissionDenied, "statement-differs",
                    absl::StrCat("what the agent of ", order.source.reference.foundation.value(),
                                 " states of the droplet is not what the order names"));
}

StatusOr<std::unique_ptr<IncomingDroplet>> OpenIncomingTransfer(
    transfer::BulkExchange& exchange, const IncomingTerms& terms, const trust::TrustDocument& trust,
    TransferMeter& meter, std::stop_token leaving, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(transfer::IncomingOptions options, OptionsOf(terms, trust));
  SLUICE_ASSIGN_OR_RETURN(auto transfer, exchange.Receive(std::move(options)));
  return std::unique_ptr<IncomingDroplet>(std::make_unique<IncomingTransferDroplet>(
      std::move(transfer), meter, std::move(leaving), std::move(stop)));
}

void DeclineTransfer(transfer::BulkExchange& exchange, const IncomingTerms& terms,
                     const trust::TrustDocument& trust) {
  auto options = OptionsOf(terms, trust);
  auto transfer = options.ok()
                      ? exchange.Receive(*std::move(options))
                      : StatusOr<std::unique_ptr<transfer::IncomingTransfer>>(options.status());
  if (transfer.ok()) return (*transfer)->Waive();
  LogStatus(LogLevel::kWarning, "transfer-not-declined", transfer.status(),
            {{"promotion", terms.order.promotion.value()}});
}

}  // namespace sluice::agent

// The two steps of a source's job: saying what the droplet is, and sending it. They block, and run
// on a thread of their own.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/transfer_meter.h"
#include "agent/jobs/transfer_terms.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "common/transfer/bulk_exchange.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

// What sending needs besides the order.
struct Sending {
  trust::Order order;
  std::string order_sha256;
  std::string statement;                 // envelope
  std::vector<std::string> seal_offers;  // envelopes, one for each path, in the same order
  std::vector<ChosenPath> paths;
};

class SourceWork {
 public:
  virtual ~SourceWork() = default;

  // The signed statement about the order's droplet. FailedPrecondition "changed-since-plan" when
  // the app or the droplet is not what the order says; names of FindSourceDroplet().
  virtual StatusOr<std::string> State(const trust::Order& order, const std::string& order_sha256,
                                      const trust::TrustDocument& trust, std::stop_token stop) = 0;

  // Downloads, seals and sends, all at once. OK when every receiver has the whole droplet, or needs
  // none of it. PermissionDenied by the names of VerifySealOffer(), InvalidArgument
  // "paths-without-offers"; DataLoss "digest-mismatch" when the blobstore gives other bytes than
  // Cloud Controller published; names of DownloadDroplet() and OutgoingTransfer.
  virtual Status Send(const Sending& sending, const trust::TrustDocument& trust,
                      TransferMeter& meter, std::stop_token stop) = 0;
};

class SourceSteps final : public SourceWork {
 public:
  // All borrowed but the key.
  SourceSteps(foundation::CloudController& cloud_controller, transfer::BulkExchange& exchange,
              crypto::SigningKey identity, const Clock& clock, Entropy& entropy);

  StatusOr<std::string> State(const trust::Order& order, const std::string& order_sha256,
                              const trust::TrustDocument& trust, std::stop_token stop) override;
  Status Send(const Sending& sending, const trust::TrustDocument& trust, TransferMeter& meter,
              std::stop_token stop) override;

 private:
  StatusOr<transfer::OutgoingOptions> Prepare(const Sending& sending,
                                              const trust::TrustDocument& trust);

  foundation::CloudController& cloud_controller_;
  transfer::BulkExchange& exchange_;
  const crypto::SigningKey identity_;
  const Clock& clock_;
  Entropy& entropy_;
};

}  // namespace sluice::agent

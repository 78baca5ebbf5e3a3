// The two steps of a source's job: saying what the droplet is, and sending it. They block, and run
// on a thread of their own.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/parallel_limit.h"
#include "agent/jobs/shared_droplet.h"
#include "agent/jobs/transfer_meter.h"
#include "agent/jobs/transfer_terms.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/signing_key.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/spool.h"
#include "common/trust/order.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {

// What sending needs besides the order.
struct Sending {
  trust::Order order;
  std::string order_sha256;
  std::string statement;                 // envelope
  std::vector<std::string> seal_offers;  // envelopes, one for each path, in the same order;
                                         // none for an export, whose order has the key
  std::vector<ChosenPath> paths;
  std::optional<transfer::TransferSeed> seed;  // once it is journalled
};

class SourceWork {
 public:
  virtual ~SourceWork() = default;

  // The signed statement about the order's droplet. FailedPrecondition "changed-since-plan" when
  // the app or the droplet is not what the order says; names of FindSourceDroplet().
  virtual StatusOr<std::string> State(const trust::Order& order, const std::string& order_sha256,
                                      const trust::TrustDocument& trust, std::stop_token stop) = 0;

  // What every process that sends this droplet needs, to seal the same stream. PermissionDenied by
  // the names of VerifySealOffer(), InvalidArgument "paths-without-offers",
  // "no-such-target", "paths-out-of-order".
  virtual StatusOr<transfer::TransferSeed> MakeSeed(const Sending& sending,
                                                    const trust::TrustDocument& trust) = 0;

  // Downloads, seals and sends, all at once, from where an earlier process was. Promotions that
  // send the same droplet at the same time read it together. OK when every receiver has the whole
  // droplet, or needs none of it. Names of MakeSeed(); DataLoss "digest-mismatch" when the
  // blobstore gives other bytes than Cloud Controller published; names of DownloadDroplet() and
  // OutgoingTransfer.
  virtual Status Send(const Sending& sending, const trust::TrustDocument& trust,
                      TransferMeter& meter, std::stop_token stop) = 0;

  // The order's transfer is over for good: what it left on the disk goes.
  virtual void Forget(const std::string& order_sha256) = 0;
  // At the start: what transfers of other orders than these have left goes.
  virtual void ForgetOthers(const std::vector<std::string>& order_sha256s) = 0;
};

class SourceSteps final : public SourceWork {
 public:
  struct Options {
    std::string outgoing_folder;  // for the logs of plain chunks' digests
    // Requested before a step is stopped because the process ends: its receivers then wait.
    std::stop_token leaving;
    uint32_t chunk_bytes = transfer::kChunkBytesDefault;  // the same at all agents
    // Droplets that are read at a time.
    size_t reading_max = ParallelLimit::kPlacesDefault;
  };
  // All borrowed but the options and the key.
  SourceSteps(Options options, foundation::CloudController& cloud_controller,
              transfer::BulkExchange& exchange, transfer::Spool& spool, crypto::SigningKey identity,
              const Clock& clock, Entropy& entropy, Files& files);

  StatusOr<std::string> State(const trust::Order& order, const std::string& order_sha256,
                              const trust::TrustDocument& trust, std::stop_token stop) override;
  StatusOr<transfer::TransferSeed> MakeSeed(const Sending& sending,
                                            const trust::TrustDocument& trust) override;
  Status Send(const Sending& sending, const trust::TrustDocument& trust, TransferMeter& meter,
              std::stop_token stop) override;
  void Forget(const std::string& order_sha256) override;
  void ForgetOthers(const std::vector<std::string>& order_sha256s) override;

 private:
  // Who is sent to, and how each is met; in the same order.
  struct Receivers {
    std::vector<transfer::Recipient> recipients;
    std::vector<transfer::Meeting> meetings;
  };
  StatusOr<Receivers> ReceiversOf(const Sending& sending, const trust::TrustDocument& trust) const;
  static StatusOr<Receivers> RecipientOfExport(const Sending& sending,
                                               const trust::TrustDocument& trust);
  transfer::ChunkSigner Signer() const;
  std::string DigestLogPath(const transfer::TransferId& transfer) const;

  const Options options_;
  foundation::CloudController& cloud_controller_;
  transfer::BulkExchange& exchange_;
  const crypto::SigningKey identity_;
  const Clock& clock_;
  Entropy& entropy_;
  Files& files_;
  ParallelLimit reading_;
  SharedDroplets shared_;
};

}  // namespace sluice::agent

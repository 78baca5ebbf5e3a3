#include "coordinator/cli/droplet_transfer.h"

#include <limits>
#include <optional>
#include <utility>

#include "common/base/logging.h"
#include "common/net/network.h"
#include "common/transfer/spool.h"

namespace sluice::cli {
namespace {

// Destroyed from the last member to the first: the transfer before what carries it.
class OwnTransfer final : public transfer::IncomingTransfer {
 public:
  OwnTransfer(Files& files, std::string spool_folder)
      : files_(files), spool_folder_(std::move(spool_folder)) {}
  OwnTransfer(const OwnTransfer&) = delete;
  OwnTransfer& operator=(const OwnTransfer&) = delete;

  ~OwnTransfer() override {
    transfer_.reset();
    exchange_.reset();
    if (spool_ == nullptr) return;
    const Status removed = RemoveSpool();
    if (!removed.ok()) LogStatus(LogLevel::kError, "spool-not-removed", removed);
  }

  Status Begin(const TransferOptions& options, const Clock& clock, Entropy& entropy) {
    // Listens nowhere: nobody is to be let in.
    SLUICE_ASSIGN_OR_RETURN(
        network_, net::Network::Start(
                      {options.own.public_key().bytes(), options.own.secret_bytes()},
                      [](std::string_view) -> std::optional<net::Peer> { return std::nullopt; }));
    // The disk is its bound: it holds one stream, whose size the order names.
    SLUICE_ASSIGN_OR_RETURN(
        spool_, transfer::Spool::Open(files_, spool_folder_, std::numeric_limits<int64_t>::max()));
    SLUICE_ASSIGN_OR_RETURN(
        exchange_, transfer::BulkExchange::Start(*network_, clock, entropy, files_, *spool_, {}));
    transfer_id_ = options.incoming.layout.transfer;
    SLUICE_ASSIGN_OR_RETURN(transfer_, exchange_->Receive(options.incoming));
    return absl::OkStatus();
  }

  std::unique_ptr<transfer::ArrivingDroplet> Open() override { return transfer_->Open(); }
  Status AwaitVerified() override { return transfer_->AwaitVerified(); }
  void Cancel(const Status& why) override { transfer_->Cancel(why); }
  void Waive() override { transfer_->Waive(); }
  void Leave() override { transfer_->Leave(); }
  transfer::TransferFigures figures() const override { return transfer_->figures(); }

 private:
  Status RemoveSpool() {
    const Status removed = spool_->Remove(transfer_id_);
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    return files_.RemoveFolder(spool_folder_);
  }

  Files& files_;
  const std::string spool_folder_;
  transfer::TransferId transfer_id_;
  std::unique_ptr<net::Network> network_;
  std::unique_ptr<transfer::Spool> spool_;
  std::unique_ptr<transfer::BulkExchange> exchange_;
  std::unique_ptr<transfer::IncomingTransfer> transfer_;
};

}  // namespace

StatusOr<std::unique_ptr<transfer::IncomingTransfer>> ReceiveDroplet(TransferOptions options,
                                                                     const Clock& clock,
                                                                     Entropy& entropy,
                                                                     Files& files) {
  auto transfer = std::make_unique<OwnTransfer>(files, options.spool_folder);
  SLUICE_RETURN_IF_ERROR(transfer->Begin(options, clock, entropy));
  return std::unique_ptr<transfer::IncomingTransfer>(std::move(transfer));
}

}  // namespace sluice::cli

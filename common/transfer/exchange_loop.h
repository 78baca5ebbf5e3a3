// What the exchange's thread does: passes messages to the state machines of the transfers and
// carries out what they want.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/net/event_loop.h"
#include "common/transfer/carriage.h"
#include "common/transfer/credit_budget.h"
#include "common/transfer/exchange_lines.h"
#include "common/transfer/transfer_pace.h"

namespace sluice::transfer {

// Lives on its loop's thread.
class ExchangeLoop final : public LineEvents {
 public:
  // Names of `open`. All borrowed.
  static StatusOr<std::unique_ptr<ExchangeLoop>> Open(const OpenSockets& open, net::EventLoop& loop,
                                                      const Clock& clock, Random& random,
                                                      const BulkExchange::Options& options);
  // Ends every transfer here, by "cancelled", and tells nobody: the other ends wait for the next
  // process.
  ~ExchangeLoop() override;

  std::string endpoint() const { return lines_->endpoint(); }
  CreditBudget& credit() { return credit_; }

  // FailedPrecondition "transfer-exists". One meeting for each of the machine's peers. `own_rate`
  // bounds the transfer besides the process's rates.
  Status Begin(std::shared_ptr<Carriage> carriage, std::vector<Meeting> meetings,
               absl::Duration silence_max, Rate own_rate);
  // Carries out what the carriage's machine just said.
  void Perform(Carriage& carriage, Effects effects);
  // Those that are verified serve their fellows no longer.
  void StopServing(const TransferId& transfer);
  void StopServingAll();
  // Ends the transfer here without telling the other ends, which wait.
  void Abandon(Carriage& carriage, const Status& why);

 private:
  struct Carried {
    std::shared_ptr<Carriage> carriage;
    absl::Duration tick_every;
    Timers::Id tick = 0;
  };

  ExchangeLoop(net::EventLoop& loop, const Clock& clock, const BulkExchange::Options& options)
      : loop_(loop),
        clock_(clock),
        credit_(options.credit_bytes),
        pace_(loop.timers(), clock, options.rates,
              [this](const TransferId& transfer) { Look(transfer); }) {}

  void OnLineReady(LineRef line) override;
  void OnLineMessage(LineRef line, const v1::BulkMessage& message, std::string payload) override;
  void OnLineLost(LineRef line, const LineLoss& loss) override;

  void SendOut(Carriage& carriage, MessageOut out);
  void Tick(const TransferId& transfer);
  // Has the machine see what it may do by now.
  void Look(const TransferId& transfer);
  // Nothing of the transfer is carried any more.
  void Drop(const TransferId& transfer);

  net::EventLoop& loop_;
  const Clock& clock_;
  CreditBudget credit_;
  TransferPace pace_;
  std::unique_ptr<ExchangeLines> lines_;
  std::map<TransferId, Carried> carried_;
};

}  // namespace sluice::transfer

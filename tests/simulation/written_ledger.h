// The coordinator's ledger on a simulated disk: an entry is durable when its write has ended, and
// that takes its time; a crash loses what was under way, or has it written and never answered.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/daemon/ledger.h"
#include "coordinator/daemon/ledger_chain.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

class WrittenLedger final : public coordinator::Ledger {
 public:
  explicit WrittenLedger(World& world) : world_(world) {}

  void Append(std::vector<coordinator::LedgerDraft> drafts, Appended done) override;
  void Recover() override { failed_ = false; }
  void ReadPromotion(std::string promotion, Entries done) override;
  void ReadHistory(std::string promotion, History done) override;
  void FindPromotions(std::string prefix, size_t count_max, Ids done) override;

  // The process dies, and its successor finds what is durable.
  void Crash();
  std::vector<coordinator::LedgerEntry> entries() const;
  // Of that promotion, and what is nobody's, up to that entry.
  std::vector<coordinator::LedgerEntry> HistoryOf(const std::string& promotion,
                                                  uint64_t last) const;
  bool busy() const { return !writes_.empty(); }

 private:
  struct Write {
    std::vector<coordinator::LedgerDraft> drafts;
    Appended done;
  };
  void FinishWrite(uint64_t life);
  uint64_t Keep(const std::vector<coordinator::LedgerDraft>& drafts);

  World& world_;
  std::vector<Write> writes_;  // under way, the oldest first
  std::vector<std::pair<std::string, coordinator::LedgerEntry>> entries_;  // by promotion
  coordinator::LedgerHead head_;
  uint64_t unsynced_ = 0;  // of the entries, the last so many; only with kLedgerUnsynced
  uint64_t life_ = 0;      // of the process
  bool failed_ = false;
};

}  // namespace sluice::simulation

// A ledger without a disk: the same chain, kept in memory, answering when the test says so.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/daemon/ledger.h"
#include "coordinator/daemon/ledger_chain.h"
#include "coordinator/daemon/ledger_record.h"

namespace sluice::coordinator {

class MemoryLedger final : public Ledger {
 public:
  void Append(std::vector<LedgerDraft> drafts, Appended done) override {
    calls_.push_back([this, drafts = std::move(drafts), done = std::move(done)] {
      if (full) failed_ = true;
      if (failed_) {
        done(NamedError(StatusCode::kUnavailable, "ledger-unavailable", "the test's disk is full"));
        return;
      }
      const uint64_t first = head_.sequence + 1;
      for (const LedgerDraft& draft : drafts) {
        LedgerEntry entry = ChainEntry(head_, absl::ToUnixMillis(draft.at), draft.kind, draft.body);
        head_ = {entry.sequence, entry.hash};
        entries_.push_back({draft.promotion, std::move(entry)});
      }
      done(first);
    });
  }

  void Recover() override {
    calls_.push_back([this] { failed_ = false; });
  }

  void ReadPromotion(std::string promotion, Entries done) override {
    calls_.push_back([this, promotion = std::move(promotion), done = std::move(done)] {
      PromotionEntries found;
      for (const auto& [whose, entry] : entries_) {
        if (whose == promotion) found.entries.push_back(entry);
      }
      found.total = found.entries.size();
      done(found);
    });
  }

  void ReadHistory(std::string promotion, History done) override {
    calls_.push_back([this, promotion = std::move(promotion), done = std::move(done)] {
      done(HistoryOf(promotion, head_.sequence));
    });
  }

  void FindPromotions(std::string prefix, size_t count_max, Ids done) override {
    calls_.push_back([this, prefix = std::move(prefix), count_max, done = std::move(done)] {
      std::set<std::string> ids;
      for (const auto& [whose, entry] : entries_) {
        if (whose.starts_with(prefix)) ids.insert(whose);
      }
      std::vector<std::string> found(ids.begin(), ids.end());
      if (found.size() > count_max) found.resize(count_max);
      done(found);
    });
  }

  // Of the entries up to that one.
  std::vector<LedgerEntry> HistoryOf(const std::string& promotion, uint64_t last) const {
    std::vector<LedgerEntry> history;
    for (const auto& [whose, entry] : entries_) {
      const bool wanted = whose == promotion || entry.kind == kTrustKind;
      if (wanted && entry.sequence <= last) history.push_back(entry);
    }
    return history;
  }

  // Writes and answers everything that was asked, and what is asked meanwhile.
  void Settle() {
    while (!calls_.empty()) {
      for (const auto& call : std::exchange(calls_, {})) call();
    }
  }
  // The process dies: what was not written is gone.
  void Forget() { calls_.clear(); }

  std::vector<LedgerEntry> entries() const {
    std::vector<LedgerEntry> all;
    for (const auto& [promotion, entry] : entries_) all.push_back(entry);
    return all;
  }

  bool full = false;

 private:
  std::vector<std::function<void()>> calls_;
  std::vector<std::pair<std::string, LedgerEntry>> entries_;
  LedgerHead head_;
  bool failed_ = false;
};

}  // namespace sluice::coordinator

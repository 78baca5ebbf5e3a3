#include "tests/simulation/written_ledger.h"

#include <set>

namespace sluice::simulation {

using coordinator::LedgerDraft;
using coordinator::LedgerEntry;

void WrittenLedger::Append(std::vector<LedgerDraft> drafts, Appended done) {
  writes_.push_back({std::move(drafts), std::move(done)});
  world_.agenda.After(world_.Between(absl::Microseconds(200), absl::Milliseconds(15)) +
                          absl::Milliseconds(15) * static_cast<double>(writes_.size() - 1),
                      [this, life = life_] { FinishWrite(life); });
}

uint64_t WrittenLedger::Keep(const std::vector<LedgerDraft>& drafts) {
  const uint64_t first = head_.sequence + 1;
  for (const LedgerDraft& draft : drafts) {
    LedgerEntry entry =
        coordinator::ChainEntry(head_, absl::ToUnixMillis(draft.at), draft.kind, draft.body);
    head_ = {entry.sequence, entry.hash};
    entries_.push_back({draft.promotion, std::move(entry)});
  }
  return first;
}

void WrittenLedger::FinishWrite(uint64_t life) {
  if (life != life_ || writes_.empty()) return;
  const Write write = std::move(writes_.front());
  writes_.erase(writes_.begin());
  if (world_.faults.Happens(Fault::kFullDisk, 12, world_.random)) failed_ = true;
  if (failed_) {
    write.done(NamedError(StatusCode::kUnavailable, "ledger-unavailable", "the disk is full"));
    return;
  }
  const uint64_t first = Keep(write.drafts);
  unsynced_ = world_.Has(Bug::kLedgerUnsynced) ? write.drafts.size() : 0;
  write.done(first);
}

void WrittenLedger::ReadPromotion(std::string promotion, Entries done) {
  world_.agenda.After(absl::Milliseconds(1), [this, life = life_, promotion, done] {
    if (life != life_) return;
    coordinator::PromotionEntries found;
    for (const auto& [whose, entry] : entries_) {
      if (whose == promotion) found.entries.push_back(entry);
    }
    found.total = found.entries.size();
    done(found);
  });
}

void WrittenLedger::ReadHistory(std::string promotion, History done) {
  world_.agenda.After(absl::Milliseconds(1), [this, life = life_, promotion, done] {
    if (life == life_) done(HistoryOf(promotion, head_.sequence));
  });
}

void WrittenLedger::FindPromotions(std::string prefix, size_t count_max, Ids done) {
  world_.agenda.After(absl::Milliseconds(1), [this, life = life_, prefix, count_max, done] {
    if (life != life_) return;
    std::set<std::string> ids;
    for (const auto& [whose, entry] : entries_) {
      if (!whose.empty() && whose.starts_with(prefix)) ids.insert(whose);
    }
    std::vector<std::string> found(ids.begin(), ids.end());
    if (found.size() > count_max) found.resize(count_max);
    done(found);
  });
}

std::vector<LedgerEntry> WrittenLedger::HistoryOf(const std::string& promotion,
                                                  uint64_t last) const {
  std::vector<LedgerEntry> history;
  for (const auto& [whose, entry] : entries_) {
    const bool wanted = whose == promotion || whose.empty();
    if (wanted && entry.sequence <= last) history.push_back(entry);
  }
  return history;
}

void WrittenLedger::Crash() {
  ++life_;
  failed_ = false;
  if (!writes_.empty() && world_.random.Below(2) == 0) Keep(writes_.front().drafts);
  writes_.clear();
  entries_.resize(entries_.size() - std::exchange(unsynced_, 0));
  head_ = entries_.empty() ? coordinator::LedgerHead()
                           : coordinator::LedgerHead{entries_.back().second.sequence,
                                                     entries_.back().second.hash};
}

std::vector<LedgerEntry> WrittenLedger::entries() const {
  std::vector<LedgerEntry> all;
  for (const auto& [promotion, entry] : entries_) all.push_back(entry);
  return all;
}

}  // namespace sluice::simulation

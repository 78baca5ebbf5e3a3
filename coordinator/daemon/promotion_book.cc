#include "coordinator/daemon/promotion_book.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/daemon/wish.h"

namespace sluice::coordinator {

StatusOr<Promotion> PromotionBook::Stage(const std::string& id, const Event& event) {
  static const Promotion kNone;
  const Promotion* latest = Latest(id);
  SLUICE_ASSIGN_OR_RETURN(Promotion after, Apply(latest == nullptr ? kNone : *latest, event));
  staged_[id] = after;
  return after;
}

void PromotionBook::Commit(const Promotion& promotion, uint64_t ledger_sequence) {
  const auto [found, added] = committed_.insert_or_assign(promotion.id, promotion);
  if (added) {
    by_age_[ledger_sequence] = promotion.id;
    order_sequences_[promotion.order_sha256] = ledger_sequence;
  }
  if (!promotion.step_orders.empty()) {
    order_sequences_.emplace(promotion.step_orders.back(), ledger_sequence);
  }
  const bool wanting = !Wishes(promotion).empty() || NeedsRoutes(promotion);
  if (wanting) {
    open_.insert(promotion.id);
  } else {
    open_.erase(promotion.id);
  }
  const uint64_t age = order_sequences_.at(promotion.order_sha256);
  if (wanting || !Ended(promotion)) {
    closed_.erase(age);
  } else {
    closed_[age] = promotion.id;
  }
  // The last event that was staged is kept: latest and committed are the same again.
  const auto staged = staged_.find(promotion.id);
  if (staged != staged_.end() && staged->second.events == promotion.events) staged_.erase(staged);
}

void PromotionBook::DropStaged() { staged_.clear(); }

void PromotionBook::Trim() {
  for (auto it = closed_.begin(); it != closed_.end() && closed_.size() > ended_max_;) {
    // What is being written builds on it.
    if (staged_.contains(it->second)) {
      ++it;
      continue;
    }
    const auto promotion = committed_.find(it->second);
    order_sequences_.erase(promotion->second.order_sha256);
    for (const std::string& step : promotion->second.step_orders) order_sequences_.erase(step);
    committed_.erase(promotion);
    by_age_.erase(it->first);
    it = closed_.erase(it);
    ++forgotten_;
  }
}

void PromotionBook::Adopt(PromotionBook other) {
  for (auto& [id, promotion] : other.committed_) {
    const auto [found, added] = committed_.try_emplace(id, std::move(promotion));
    if (!added) continue;
    const uint64_t age = other.order_sequences_.at(found->second.order_sha256);
    by_age_[age] = id;
    if (other.closed_.contains(age)) closed_[age] = id;
    if (other.open_.contains(id)) open_.insert(id);
    order_sequences_[found->second.order_sha256] = age;
    for (const std::string& step : found->second.step_orders) {
      order_sequences_[step] = other.order_sequences_.at(step);
    }
    if (forgotten_ > 0) --forgotten_;
  }
}

const Promotion* PromotionBook::Latest(const std::string& id) const {
  const auto staged = staged_.find(id);
  return staged == staged_.end() ? Committed(id) : &staged->second;
}

const Promotion* PromotionBook::Committed(const std::string& id) const {
  const auto found = committed_.find(id);
  return found == committed_.end() ? nullptr : &found->second;
}

uint64_t PromotionBook::SequenceOfOrder(const std::string& order_sha256) const {
  const auto found = order_sequences_.find(order_sha256);
  return found == order_sequences_.end() ? 0 : found->second;
}

StatusOr<std::string> ChooseId(std::string_view prefix, const std::vector<std::string>& ids) {
  if (ids.empty()) {
    return NamedError(StatusCode::kNotFound, "no-promotion",
                      absl::StrCat("there is no promotion \"", ToAbsl(prefix),
                                   "\"; to see them: sluice promotions"));
  }
  // A whole id is the first of all that begin with it.
  if (ids.size() == 1 || ids.front() == prefix) return ids.front();
  constexpr size_t kNamedMax = kIdsToChooseFromMax - 1;
  const size_t named = std::min(ids.size(), kNamedMax);
  return NamedError(
      StatusCode::kInvalidArgument, "ambiguous-id",
      absl::StrCat("\"", ToAbsl(prefix), "\" is the beginning of several ids: ",
                   absl::StrJoin(ids.begin(), ids.begin() + static_cast<ptrdiff_t>(named), ", "),
                   ids.size() > kNamedMax ? ", ..." : ""));
}

StatusOr<const Promotion*> PromotionBook::Find(std::string_view prefix) const {
  std::vector<std::string> ids;
  if (!prefix.empty()) {
    for (auto it = committed_.lower_bound(prefix);
         it != committed_.end() && it->first.starts_with(prefix) &&
         ids.size() < kIdsToChooseFromMax;
         ++it) {
      ids.push_back(it->first);
    }
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string id, ChooseId(prefix, ids));
  return Committed(id);
}

PromotionListing PromotionBook::List(std::string_view app, v1::PromotionState state,
                                     size_t count_max) const {
  PromotionListing list{.promotions = {}, .not_shown = 0, .not_searched = forgotten_};
  for (auto entry = by_age_.rbegin(); entry != by_age_.rend(); ++entry) {
    const Promotion& promotion = *Committed(entry->second);
    const auto& targets = promotion.terms.targets;
    const bool of_app = app.empty() || promotion.terms.source == app ||
                        std::any_of(targets.begin(), targets.end(),
                                    [app](const auto& target) { return target.reference == app; });
    const bool of_state = state == v1::PromotionState{} || promotion.state == state;
    if (!of_app || !of_state) continue;
    if (list.promotions.size() < count_max) {
      list.promotions.push_back(&promotion);
    } else {
      ++list.not_shown;
    }
  }
  return list;
}

}  // namespace sluice::coordinator

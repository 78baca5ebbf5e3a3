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
    by_age_.push_back(promotion.id);
    order_sequences_[promotion.order_sha256] = ledger_sequence;
  }
  if (!promotion.step_orders.empty()) {
    order_sequences_.emplace(promotion.step_orders.back(), ledger_sequence);
  }
  if (Wishes(promotion).empty() && !NeedsRoutes(promotion)) {
    open_.erase(promotion.id);
  } else {
    open_.insert(promotion.id);
  }
  // The last event that was staged is kept: latest and committed are the same again.
  const auto staged = staged_.find(promotion.id);
  if (staged != staged_.end() && staged->second.events == promotion.events) staged_.erase(staged);
}

void PromotionBook::DropStaged() { staged_.clear(); }

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

StatusOr<const Promotion*> PromotionBook::Find(std::string_view prefix) const {
  constexpr size_t kNamedMax = 3;
  std::vector<const Promotion*> matches;
  if (!prefix.empty()) {
    for (auto it = committed_.lower_bound(prefix);
         it != committed_.end() && it->first.starts_with(prefix); ++it) {
      // A whole id is meant as such, even if another begins with it.
      if (it->first == prefix) return &it->second;
      if (matches.size() <= kNamedMax) matches.push_back(&it->second);
    }
  }
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) {
    return NamedError(StatusCode::kNotFound, "no-promotion",
                      absl::StrCat("there is no promotion \"", ToAbsl(prefix),
                                   "\"; to see them: sluice promotions"));
  }
  std::vector<std::string> names;
  for (size_t i = 0; i < std::min(matches.size(), kNamedMax); ++i) names.push_back(matches[i]->id);
  return NamedError(StatusCode::kInvalidArgument, "ambiguous-id",
                    absl::StrCat("\"", ToAbsl(prefix),
                                 "\" is the beginning of several ids: ", absl::StrJoin(names, ", "),
                                 matches.size() > kNamedMax ? ", ..." : ""));
}

std::vector<const Promotion*> PromotionBook::List(std::string_view app, v1::PromotionState state,
                                                  size_t count_max) const {
  std::vector<const Promotion*> list;
  for (auto id = by_age_.rbegin(); id != by_age_.rend() && list.size() < count_max; ++id) {
    const Promotion& promotion = *Committed(*id);
    const auto& targets = promotion.terms.targets;
    const bool of_app = app.empty() || promotion.terms.source == app ||
                        std::any_of(targets.begin(), targets.end(),
                                    [app](const auto& target) { return target.reference == app; });
    const bool of_state = state == v1::PromotionState{} || promotion.state == state;
    if (of_app && of_state) list.push_back(&promotion);
  }
  return list;
}

}  // namespace sluice::coordinator

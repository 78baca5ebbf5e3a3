// What each agent should be doing for a promotion now: derived from the promotion's state alone, so
// that a restarted coordinator says exactly what the one before would have said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/daemon/promotion.h"

namespace sluice::v1 {
enum JobRole : int;
enum JobStep : int;
}  // namespace sluice::v1

namespace sluice::coordinator {

// The content of one JobCommand.
struct Wish {
  std::string foundation;  // whose agent
  v1::JobRole role{};
  uint32_t target_index = 0;
  v1::JobStep step{};
  std::string step_order;
  std::string statement;
  std::vector<std::string> seal_offers;  // of the targets that have routes, in their order; none
                                         // of an export
  std::vector<ChosenRoute> routes;
  bool operator==(const Wish&) const = default;
};

// At most one per job, in the order source, targets. A job that has ended, or has nothing to do
// before others get on, has none.
//
//   source   ACCEPT until routes are chosen; TRANSFER until SENT or the promotion has ended;
//            CANCEL when undoing or undone, or when it sends and all targets are uploaded, until
//            the source's job has ended
//   target   ACCEPT; TRANSFER if it has a route, or without one once its foundation's carrier is
//            uploaded, until UPLOADED; nothing while the barrier is shut; ACTIVATE once released,
//            until VERIFIED; UNDO (failure, a rollback that names it) or CANCEL, until an end
std::vector<Wish> Wishes(const Promotion& promotion);

}  // namespace sluice::coordinator

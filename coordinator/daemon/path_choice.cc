#include "coordinator/daemon/path_choice.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/daemon/agent_registry.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {
namespace {

Status NoPath(const std::string& source, const std::string& target) {
  return NamedError(
      StatusCode::kFailedPrecondition, "no-path",
      absl::StrCat("neither the agent of ", source, " nor that of ", target,
                   " listens for the other: set bulk.listen in the configuration of one of them, "
                   "at an address that the other can dial"));
}

}  // namespace

std::optional<Event> ChoosePaths(const Promotion& promotion, const AgentRegistry& agents,
                                 absl::Time now) {
  const std::string& source_foundation = promotion.terms.source_foundation;
  const AgentSession* source = agents.Find(source_foundation);
  if (source == nullptr) return std::nullopt;
  RoutesChosen chosen;
  for (uint32_t index = 0; index < promotion.targets.size(); ++index) {
    if (!NeedsRoute(promotion, index)) continue;
    const std::string& foundation = promotion.terms.targets[index].foundation;
    const AgentSession* target = agents.Find(foundation);
    if (target == nullptr) return std::nullopt;
    const bool source_listens = !source->bulk_endpoint.empty();
    if (!source_listens && target->bulk_endpoint.empty()) {
      return Event{now, NoPathFound{NoPath(source_foundation, foundation)}};
    }
    chosen.routes.push_back(
        {.target_index = index,
         .source_dials = !source_listens,
         .endpoint = source_listens ? source->bulk_endpoint : target->bulk_endpoint});
  }
  return Event{now, std::move(chosen)};
}

}  // namespace sluice::coordinator

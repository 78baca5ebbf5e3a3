#include "coordinator/daemon/wish_delivery.h"

#include <utility>
#include <vector>

#include "common/crypto/digest.h"
#include "coordinator/daemon/agent_registry.h"
#include "coordinator/daemon/messages.h"
#include "coordinator/daemon/wish.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {

void WishDelivery::Deliver(const Promotion& promotion) {
  const std::vector<Wish> wishes = Wishes(promotion);
  if (wishes.empty()) Forget(promotion.id);
  for (const Wish& wish : wishes) {
    const AgentSession* agent = agents_.Find(wish.foundation);
    if (agent == nullptr) continue;
    v1::ControlMessage message;
    *message.mutable_job_command() = CommandOf(wish, promotion);
    Delivered delivered{
        .session = agent->session,
        .digest = std::string(crypto::Sha256Of(message.job_command().SerializeAsString()).bytes())};
    Delivered& last = delivered_[{promotion.id, wish.role, wish.target_index}];
    if (last.session == delivered.session && last.digest == delivered.digest) continue;
    last = delivered;
    sender_.Send(delivered.session, std::move(message));
  }
}

void WishDelivery::Forget(const std::string& promotion) {
  const auto first = delivered_.lower_bound({promotion, 0, 0});
  auto last = first;
  while (last != delivered_.end() && std::get<0>(last->first) == promotion) ++last;
  delivered_.erase(first, last);
}

}  // namespace sluice::coordinator

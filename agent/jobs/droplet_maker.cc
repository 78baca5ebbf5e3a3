#include "agent/jobs/droplet_maker.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/jobs/annotations.h"
#include "common/base/logging.h"

namespace sluice::agent {
namespace {

using foundation::Droplet;

// So often somebody who waits looks whether it is its turn.
constexpr absl::Duration kTurnPoll = absl::Milliseconds(50);

// All that a droplet which was asked for can be in. Expired ones stay listed for ever.
const std::vector<std::string>& LivingStates() {
  static const auto* const states = new std::vector<std::string>{
      "AWAITING_UPLOAD", "PROCESSING_UPLOAD", "COPYING", "STAGED", "FAILED"};
  return *states;
}

bool MarkedByAnother(const Droplet& droplet, const std::string& promotion) {
  const auto mark = droplet.metadata.annotations.find(kPromotionAnnotation);
  return mark != droplet.metadata.annotations.end() && mark->second != promotion;
}

}  // namespace

// The right to make and remove droplets in one app, while it lives.
class DropletMaker::Turn {
 public:
  Turn(DropletMaker& maker, AppGuid app) : maker_(maker), app_(std::move(app)) {}
  ~Turn() {
    if (!mine_) return;
    MutexLock lock(maker_.mutex_);
    maker_.at_work_.erase(app_);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Status Await(std::stop_token stop) {
    while (!Take()) SLUICE_RETURN_IF_ERROR(maker_.waiter_.Wait(kTurnPoll, stop));
    return absl::OkStatus();
  }

 private:
  bool Take() {
    MutexLock lock(maker_.mutex_);
    mine_ = maker_.at_work_.insert(app_).second;
    return mine_;
  }

  DropletMaker& maker_;
  const AppGuid app_;
  bool mine_ = false;
};

Status DropletMaker::Make(const Ask& ask, const Annotations& marks, TargetFacts& facts,
                          const Checkpoint& checkpoint, std::stop_token stop) {
  Turn turn(*this, facts.app_guid);
  SLUICE_RETURN_IF_ERROR(turn.Await(stop));
  SLUICE_ASSIGN_OR_RETURN(const auto before,
                          cloud_controller_.ListDroplets(facts.app_guid, LivingStates(), stop));
  if (before.size() > kDropletsBeforeMax) {
    return NamedError(
        StatusCode::kFailedPrecondition, "too-many-droplets",
        absl::StrCat("the app has ", before.size(), " droplets, more than ", kDropletsBeforeMax,
                     " cannot be told from a new one; delete some"));
  }
  // What an earlier attempt has left is still a stray.
  if (!facts.droplet_asked) {
    facts.droplets_before.clear();
    for (const Droplet& droplet : before) facts.droplets_before.push_back(droplet.guid);
    facts.droplet_asked = true;
  }
  SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  SLUICE_ASSIGN_OR_RETURN(const Droplet made, ask());
  facts.droplet_guid = made.guid;
  facts.droplet_made = true;
  SLUICE_RETURN_IF_ERROR(checkpoint(facts));
  return Mark(made.guid, marks, stop);
}

Status DropletMaker::Mark(const DropletGuid& droplet, const Annotations& marks,
                          std::stop_token stop) {
  foundation::MetadataChange change;
  for (const auto& [key, value] : marks) change.annotations[key] = value;
  return cloud_controller_.UpdateDropletMetadata(droplet, change, stop).status();
}

Status DropletMaker::RemoveStrays(const std::string& promotion, TargetFacts& facts,
                                  const Checkpoint& checkpoint, std::stop_token stop) {
  if (!facts.droplet_asked) return absl::OkStatus();
  Turn turn(*this, facts.app_guid);
  SLUICE_RETURN_IF_ERROR(turn.Await(stop));
  SLUICE_ASSIGN_OR_RETURN(const auto strays, FindStrays(promotion, facts, stop));
  for (const DropletGuid& stray : strays) {
    Log(LogLevel::kWarning, "stray-droplet-deleted",
        {{"promotion", promotion}, {"droplet", stray.value()}});
    SLUICE_RETURN_IF_ERROR(cloud_controller_.DeleteDroplet(stray, stop));
  }
  facts.droplet_asked = false;
  facts.droplets_before.clear();
  return checkpoint(facts);
}

StatusOr<std::vector<DropletGuid>> DropletMaker::FindStrays(const std::string& promotion,
                                                            TargetFacts& facts,
                                                            std::stop_token stop) {
  const auto now = cloud_controller_.ListDroplets(facts.app_guid, LivingStates(), stop);
  if (ErrorName(now.status()) == "no-app") return std::vector<DropletGuid>();
  if (!now.ok()) return now.status();
  std::set<DropletGuid> fresh;
  for (const Droplet& droplet : *now) {
    if (droplet.guid != facts.droplet_guid && !MarkedByAnother(droplet, promotion)) {
      fresh.insert(droplet.guid);
    }
  }
  for (const DropletGuid& before : facts.droplets_before) fresh.erase(before);
  if (fresh.empty()) return std::vector<DropletGuid>();
  auto ours = cloud_controller_.FindOwnDroplets(facts.app_guid, fresh, stop);
  if (ours.ok() || absl::IsCancelled(ours.status()) || absl::IsUnavailable(ours.status())) {
    return ours;
  }
  if (facts.warnings.size() < kWarningsMax) {
    facts.warnings.push_back(absl::StrCat(
        "droplets turned up while one was made, and the audit events, which tell whose they are, "
        "cannot be read (",
        ErrorName(ours.status()),
        "): ", absl::StrJoin(fresh, ", ", [](std::string* out, const DropletGuid& guid) {
          out->append(guid.value());
        })));
  }
  return std::vector<DropletGuid>();
}

}  // namespace sluice::agent

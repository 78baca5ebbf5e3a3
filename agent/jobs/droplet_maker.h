// Making a droplet in an app so that none stays behind that nobody knows of, although the process
// may be killed, or the answer lost, at any instant.
//
// Cloud Controller knows no idempotency keys and takes no metadata with a new droplet (CC v3 API,
// "Create a droplet"). So it is journalled that one is asked for and which the app has; the new one
// is marked as the promotion's as soon as its guid is. What then turns up besides, was created by
// this agent's client (by Cloud Controller's audit events) and bears no other promotion's mark is a
// stray: one that was asked for and whose guid was never heard.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>

#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/target_facts.h"
#include "common/base/mutex.h"
#include "common/http/waiter.h"

namespace sluice::agent {

// Of all jobs of one foundation: what two of them do in one app happens one after the other, so
// that neither takes what the other has just made for a stray. Thread-safe; borrows both.
class DropletMaker {
 public:
  DropletMaker(foundation::CloudController& cloud_controller, http::Waiter& waiter)
      : cloud_controller_(cloud_controller), waiter_(waiter) {}

  using Ask = std::function<StatusOr<foundation::Droplet>()>;
  using Annotations = std::map<std::string, std::string>;
  // Has `ask` make a droplet in the facts' app. `marks` are DropletAnnotations(). When it fails,
  // the facts say that a droplet may be there: RemoveStrays() is due.
  Status Make(const Ask& ask, const Annotations& marks, TargetFacts& facts,
              const Checkpoint& checkpoint, std::stop_token stop);

  Status Mark(const DropletGuid& droplet, const Annotations& marks, std::stop_token stop);

  // Deletes what Make() has left in the app, for the promotion that `marks` name; nothing to do
  // when it was never called. When nobody can tell whose a droplet is, the facts get a warning that
  // names it.
  Status RemoveStrays(const std::string& promotion, TargetFacts& facts,
                      const Checkpoint& checkpoint, std::stop_token stop);

 private:
  class Turn;
  StatusOr<std::vector<DropletGuid>> FindStrays(const std::string& promotion, TargetFacts& facts,
                                                std::stop_token stop);

  foundation::CloudController& cloud_controller_;
  http::Waiter& waiter_;
  Mutex mutex_;
  std::set<AppGuid> at_work_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::agent

// The upload of an arriving droplet into one Cloud Controller, by as many requests as it takes.
//
// One request carries all the bits and cannot be resumed, but what has arrived lies in the spool,
// so that repeating it is local. A request that broke, or was starved of bytes and given up, is
// repeated on the same droplet resource as long as Cloud Controller says that it awaits an upload;
// so is what a process before this one has left.
#pragma once

#include <memory>
#include <stop_token>

#include "absl/time/time.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/jobs/arrival_rate.h"
#include "agent/jobs/droplet_maker.h"
#include "agent/jobs/incoming_droplet.h"
#include "agent/jobs/parallel_limit.h"
#include "agent/jobs/target_facts.h"
#include "agent/jobs/upload_start.h"
#include "common/base/clock.h"
#include "common/http/waiter.h"

namespace sluice::agent {

// Requests for one droplet, by one process. With kUploadsCutMax of them begun too early, three are
// left for a foundation that breaks them off for reasons of its own.
inline constexpr int kUploadsMax = kUploadsCutMax + 3;

// One thread's, for one step. Everything is borrowed but the terms.
class DropletUpload {
 public:
  struct Terms {
    foundation::ProcessTypes process_types;
    DropletMaker::Annotations marks;  // of the droplet, once it is made
    uint64_t droplet_bytes = 0;
    UploadLimits limits;
    // What waits for room or for its peer waits no longer than this.
    absl::Time expires_at;
  };
  // `maker` and `arriving` are of all droplets that come here.
  DropletUpload(Terms terms, foundation::CloudController& cloud_controller, DropletMaker& maker,
                ParallelLimit& arriving, const Clock& clock, http::Waiter& waiter,
                TargetFacts& facts, const Checkpoint& checkpoint, std::stop_token stop);

  // OK when Cloud Controller has the droplet whole and stored. DeadlineExceeded "order-expired";
  // names of CloudController::UploadDroplet() and WaitForJob(), and of the transfer's failures.
  Status Run(const OpenIncoming& open_incoming);

 private:
  StatusOr<bool> StoredAlready();
  Status OwnFailure(const Status& stopped) const;
  Status AwaitProcessed(foundation::Droplet& droplet);
  // A place among the droplets that arrive: had from the beginning on, but not while the peer is
  // silent.
  Status AwaitPlace();
  Status OpenTransfer(const OpenIncoming& open_incoming);
  Status MakeDroplet();
  Status UploadUntilStored(const OpenIncoming& open_incoming);
  Status AwaitStart(const OpenIncoming& open_incoming);
  Status LookForPeer(absl::Duration now);
  Status UploadOnce();
  // What a broken upload means for the next: OK to try again, or why not.
  Status Judge(const Status& broken);
  void NoteEarlier();
  void NoteFigures();
  Status WaitFor(const char* what);
  // Not OK once the order has expired while `why` kept it waiting.
  Status CheckExpiry(const Status& why) const;

  const Terms terms_;
  foundation::CloudController& cloud_controller_;
  DropletMaker& maker_;
  const Clock& clock_;
  http::Waiter& waiter_;
  TargetFacts& facts_;
  const Checkpoint& checkpoint_;
  const std::stop_token stop_;
  ParallelLimit::Place place_;
  std::unique_ptr<IncomingDroplet> incoming_;
  TargetFacts earlier_;  // as they were when the transfer was begun, or taken up
  ArrivalRate rate_;
  int begun_ = 0;       // requests of this process
  int cut_ = 0;         // of these, begun while bytes were missing
  bool early_ = false;  // so is the latest
};

}  // namespace sluice::agent

#include "agent/jobs/droplet_upload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/jobs/arriving_body.h"
#include "common/base/logging.h"

namespace sluice::agent {
namespace {

using foundation::Droplet;

// The spool's disk is looked at so often while it is full.
constexpr absl::Duration kFullDiskPoll = absl::Seconds(5);
// So often somebody who waits looks whether it is its turn.
constexpr absl::Duration kPlacePoll = absl::Milliseconds(200);
// While the beginning is put off, rates are looked at so often at most and at least.
constexpr absl::Duration kLookAgainFirst = absl::Milliseconds(20);
constexpr absl::Duration kLookAgainMax = absl::Milliseconds(500);
// A peer that sends nothing for so long is waited for, and people are told.
constexpr absl::Duration kPeerSilence = absl::Seconds(10);
// Between uploads that broke: this, doubled each time.
constexpr absl::Duration kBrokenPause = absl::Milliseconds(500);

bool NoRoom(const Status& status) {
  const std::string name = ErrorName(status);
  return name == "spool-full" || name == "disk-full";
}

const char* PathOfMost(const transfer::PathBytes& bytes) {
  if (bytes.peer > std::max(bytes.direct, bytes.relay)) return kPeerPath;
  return bytes.relay > bytes.direct ? kRelayPath : kDirectPath;
}

// Whether the same bits may be taken another time. Cloud Controller's own verdicts are final.
bool MayPass(const Status& broken) {
  return broken.code() == StatusCode::kUnavailable ||
         broken.code() == StatusCode::kDeadlineExceeded;
}

}  // namespace

DropletUpload::DropletUpload(Terms terms, foundation::CloudController& cloud_controller,
                             DropletMaker& maker, ParallelLimit& arriving, const Clock& clock,
                             http::Waiter& waiter, TargetFacts& facts, const Checkpoint& checkpoint,
                             std::stop_token stop)
    : terms_(std::move(terms)),
      cloud_controller_(cloud_controller),
      maker_(maker),
      clock_(clock),
      waiter_(waiter),
      facts_(facts),
      checkpoint_(checkpoint),
      stop_(std::move(stop)),
      place_(arriving, terms_.droplet_bytes) {}

Status DropletUpload::Run(const OpenIncoming& open_incoming) {
  if (!facts_.FromSource()) facts_.path = kDirectPath;
  SLUICE_ASSIGN_OR_RETURN(const bool stored, StoredAlready());
  if (stored) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(AwaitPlace());
  SLUICE_RETURN_IF_ERROR(OpenTransfer(open_incoming));
  Status uploaded = UploadUntilStored(open_incoming);
  if (!incoming_) return uploaded;
  if (absl::IsCancelled(uploaded)) uploaded = OwnFailure(uploaded);
  NoteFigures();
  if (!uploaded.ok()) incoming_->GiveUp(uploaded);
  return uploaded;
}

// Whoever stops this may have heard of the transfer's failure from the other end before it was
// noticed here: then the failure is the cause. (What the other end told of its own is UNKNOWN.)
Status DropletUpload::OwnFailure(const Status& stopped) const {
  const Status failure = incoming_->failure();
  const bool own = !failure.ok() && !absl::IsCancelled(failure) && !absl::IsUnknown(failure);
  return own ? failure : stopped;
}

// What became of the droplet resource that there is. When it takes no upload any more it is
// deleted, and there is none.
StatusOr<bool> DropletUpload::StoredAlready() {
  if (facts_.droplet_guid.empty()) return false;
  auto droplet = cloud_controller_.GetDroplet(facts_.droplet_guid, stop_);
  if (droplet.ok() && droplet->state == "PROCESSING_UPLOAD") {
    SLUICE_RETURN_IF_ERROR(AwaitProcessed(*droplet));
  }
  if (!droplet.ok() && !absl::IsNotFound(droplet.status())) return droplet.status();
  if (droplet.ok() && droplet->Staged()) return true;
  if (droplet.ok() && droplet->state == "AWAITING_UPLOAD") return false;
  if (droplet.ok()) {
    SLUICE_RETURN_IF_ERROR(cloud_controller_.DeleteDroplet(facts_.droplet_guid, stop_));
  }
  facts_.droplet_guid = DropletGuid();
  facts_.droplet_made = false;
  SLUICE_RETURN_IF_ERROR(checkpoint_(facts_));
  return false;
}

// The job's name was lost with the answer, or with a process: the droplet says how it goes.
Status DropletUpload::AwaitProcessed(Droplet& droplet) {
  const foundation::CloudController::Options& options = cloud_controller_.options();
  const absl::Duration begun_at = clock_.Monotonic();
  while (droplet.state == "PROCESSING_UPLOAD") {
    if (clock_.Monotonic() - begun_at > options.job_timeout) {
      return NamedError(
          StatusCode::kDeadlineExceeded, "job-timeout",
          absl::StrCat("droplet ", droplet.guid.value(), " is still being processed after ",
                       absl::FormatDuration(options.job_timeout)));
    }
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(options.job_poll_max, stop_));
    SLUICE_ASSIGN_OR_RETURN(droplet, cloud_controller_.GetDroplet(droplet.guid, stop_));
  }
  return absl::OkStatus();
}

Status DropletUpload::AwaitPlace() {
  while (!place_.Take()) {
    SLUICE_RETURN_IF_ERROR(CheckExpiry(
        NamedError(StatusCode::kUnavailable, "transfer-limit", "too many droplets arrive")));
    SLUICE_RETURN_IF_ERROR(WaitFor(kWaitingForLimit));
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(kPlacePoll, stop_));
  }
  return WaitFor("");
}

Status DropletUpload::OpenTransfer(const OpenIncoming& open_incoming) {
  while (true) {
    auto incoming = open_incoming(stop_);
    if (incoming.ok()) {
      incoming_ = *std::move(incoming);
      NoteEarlier();
      rate_ = ArrivalRate();
      return WaitFor("");
    }
    if (!NoRoom(incoming.status())) return incoming.status();
    SLUICE_RETURN_IF_ERROR(CheckExpiry(incoming.status()));
    SLUICE_RETURN_IF_ERROR(WaitFor(kWaitingForRoom));
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(kFullDiskPoll, stop_));
  }
}

Status DropletUpload::MakeDroplet() {
  if (!facts_.droplet_guid.empty()) return absl::OkStatus();
  const auto ask = [this] {
    return cloud_controller_.CreateDroplet(facts_.app_guid, terms_.process_types, stop_);
  };
  return maker_.Make(ask, terms_.marks, facts_, checkpoint_, stop_);
}

Status DropletUpload::UploadUntilStored(const OpenIncoming& open_incoming) {
  while (true) {
    SLUICE_RETURN_IF_ERROR(MakeDroplet());
    SLUICE_RETURN_IF_ERROR(AwaitStart(open_incoming));
    SLUICE_RETURN_IF_ERROR(AwaitPlace());
    const Status uploaded = UploadOnce();
    if (uploaded.ok()) return uploaded;
    SLUICE_RETURN_IF_ERROR(Judge(uploaded));
    SLUICE_ASSIGN_OR_RETURN(const bool stored, StoredAlready());
    if (stored) return absl::OkStatus();
  }
}

Status DropletUpload::AwaitStart(const OpenIncoming& open_incoming) {
  while (true) {
    const Status failure = incoming_->failure();
    if (NoRoom(failure)) {
      NoteFigures();
      incoming_.reset();
      SLUICE_RETURN_IF_ERROR(OpenTransfer(open_incoming));
      continue;
    }
    SLUICE_RETURN_IF_ERROR(failure);
    const absl::Duration now = clock_.Monotonic();
    const uint64_t done = incoming_->figures().bytes_done;
    rate_.Add(now, done);
    const Arrival arrival = {.bytes_missing = terms_.droplet_bytes - done,
                             .bytes_per_second = rate_.BytesPerSecond(),
                             .uploads_cut = cut_};
    const UploadStart start = DecideUploadStart(arrival, terms_.limits);
    early_ = arrival.bytes_missing > 0;
    if (start.now) return WaitFor("");
    SLUICE_RETURN_IF_ERROR(LookForPeer(now));
    const absl::Duration longest = arrival.bytes_per_second ? kLookAgainMax : kLookAgainFirst;
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(std::clamp(start.wait, kLookAgainFirst, longest), stop_));
  }
}

Status DropletUpload::LookForPeer(absl::Duration now) {
  if (rate_.SilentFor(now) < kPeerSilence) return WaitFor("");
  SLUICE_RETURN_IF_ERROR(
      CheckExpiry(NamedError(StatusCode::kUnavailable, "peer-silent", "no byte comes")));
  // Others may go on meanwhile.
  place_.Leave();
  return WaitFor(kWaitingForPeer);
}

Status DropletUpload::UploadOnce() {
  ++begun_;
  ++facts_.uploads_begun;
  NoteFigures();
  SLUICE_RETURN_IF_ERROR(checkpoint_(facts_));
  Log(LogLevel::kInfo, "upload-begun",
      {{"droplet", facts_.droplet_guid.value()},
       {"attempt", facts_.uploads_begun},
       {"bytes", facts_.bytes_transferred}});
  const std::unique_ptr<transfer::ArrivingDroplet> droplet = incoming_->Open();
  ArrivingBody body(*droplet, terms_.droplet_bytes, terms_.limits.StarvedAfter(), clock_);
  const absl::Duration begun = clock_.Monotonic();
  const StatusOr<JobGuid> job = cloud_controller_.UploadDroplet(facts_.droplet_guid, body, stop_);
  const absl::Duration sent = clock_.Monotonic();
  facts_.upload_milliseconds += absl::ToInt64Milliseconds(sent - begun - body.waited());
  SLUICE_RETURN_IF_ERROR(job.status());
  const Status stored = cloud_controller_.WaitForJob(*job, stop_);
  facts_.job_milliseconds += absl::ToInt64Milliseconds(clock_.Monotonic() - sent);
  return stored;
}

Status DropletUpload::Judge(const Status& broken) {
  // A transfer that has failed is the cause of what it did to the upload.
  const Status failure = incoming_->failure();
  if (!failure.ok() && !NoRoom(failure)) return failure;
  const bool again = NoRoom(failure) || MayPass(broken);
  if (stop_.stop_requested() || !again || begun_ >= kUploadsMax) return broken;
  if (early_) ++cut_;
  LogStatus(LogLevel::kWarning, "upload-broke", broken,
            {{"droplet", facts_.droplet_guid.value()}, {"attempt", facts_.uploads_begun}});
  if (facts_.warnings.size() < kWarningsMax) {
    facts_.warnings.push_back(
        absl::StrCat("upload ", facts_.uploads_begun,
                     " broke and was begun again from the spool: ", ErrorName(broken)));
  }
  if (ErrorName(broken) == kUploadStarved) return absl::OkStatus();
  return waiter_.Wait(kBrokenPause * (1 << (begun_ - 1)), stop_);
}

void DropletUpload::NoteFigures() {
  const transfer::TransferFigures figures = incoming_->figures();
  const auto added = [](int64_t earlier, uint64_t bytes) {
    return earlier + static_cast<int64_t>(bytes);
  };
  facts_.bytes_transferred = static_cast<int64_t>(figures.bytes_done);
  facts_.bytes_received = added(earlier_.bytes_received, figures.bytes_sent);
  const transfer::PathBytes& by_path = figures.bytes_by_path;
  facts_.bytes_direct = added(earlier_.bytes_direct, by_path.direct);
  facts_.bytes_relay = added(earlier_.bytes_relay, by_path.relay);
  facts_.bytes_peer = added(earlier_.bytes_peer, by_path.peer);
  if (figures.bytes_sent > 0) facts_.path = PathOfMost(by_path);
  if (!figures.ways.empty()) facts_.ways = MostUsed(figures.ways);
  facts_.bytes_again = added(earlier_.bytes_again, figures.bytes_again);
  facts_.transfer_milliseconds =
      earlier_.transfer_milliseconds + absl::ToInt64Milliseconds(figures.elapsed);
}

// What an earlier process has received counts as it was journalled last, and never as less than
// what it left in the spool.
void DropletUpload::NoteEarlier() {
  earlier_ = facts_;
  const auto spooled = static_cast<int64_t>(incoming_->figures().bytes_done);
  const int64_t untold = std::max(int64_t{0}, spooled - earlier_.bytes_received);
  earlier_.bytes_received += untold;
  earlier_.bytes_direct += untold;
}

Status DropletUpload::WaitFor(const char* what) {
  if (facts_.waiting_for == what) return absl::OkStatus();
  facts_.waiting_for = what;
  return checkpoint_(facts_);
}

Status DropletUpload::CheckExpiry(const Status& why) const {
  if (clock_.Now() < terms_.expires_at) return absl::OkStatus();
  return NamedError(StatusCode::kDeadlineExceeded, "order-expired",
                    absl::StrCat("the order expired while it was waited for (", ErrorName(why),
                                 "); promote again"));
}

}  // namespace sluice::agent

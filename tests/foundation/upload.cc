#include "tests/foundation/upload.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/foundation/blobstore.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/present.h"

namespace sluice::box {
namespace {

using Clock = std::chrono::steady_clock;

bool EndsWith(const std::string& text, const std::string& end) { return text.ends_with(end); }

// cloud_controller_ng, app/messages/droplet_upload_message.rb
const ReceivedPart& CheckForm(const ReceivedUpload& upload) {
  const std::string start = "Uploaded droplet file is invalid: ";
  const ReceivedPart* bits = nullptr;
  std::string unknown;
  for (const ReceivedPart& part : upload.parts) {
    if (!part.is_file) continue;  // nginx's module passes file parts on, nothing else
    if (part.name == "bits" && bits == nullptr) {
      bits = &part;
    } else {
      unknown += (unknown.empty() ? "'" : ", '") + part.name + "_name', '" + part.name + "_path'";
    }
  }
  std::string problems = unknown.empty() ? "" : "Unknown field(s): " + unknown;
  if (bits == nullptr) {
    throw Unprocessable(start + problems + (problems.empty() ? "" : ", ") +
                        "A droplet tgz file must be uploaded as 'bits'");
  }
  if (!problems.empty()) throw Unprocessable(start + problems);
  if (!EndsWith(bits->file_name, ".tgz") && !EndsWith(bits->file_name, ".tar.gz")) {
    throw Unprocessable(start + bits->file_name + " is not a tgz");
  }
  if (bits->bytes == 0) throw Unprocessable(start + bits->file_name + " cannot be empty");
  return *bits;
}

// What a job does to the store when it ends one way or the other.
void EndJob(Foundation& foundation, const std::string& job_guid, const std::string& state,
            std::vector<JobError> errors) {
  Job* job = Find(foundation.store.jobs, job_guid);
  if (job == nullptr) return;
  job->state = state;
  job->errors = std::move(errors);
  foundation.store.Touch(*job);
}

JobError FailureNamed(const std::string& code) {
  if (code == "10001") return {10001, "UnknownError", "An unknown error occurred."};
  if (code == "290006") return {290006, "CF-JobTimeout", "The job execution has timed out."};
  return {150007, "CF-BlobstoreError",
          "Failed to perform blobstore operation after three retries."};
}

void FailUpload(Foundation& foundation, const std::string& droplet_guid,
                const std::string& job_guid, const JobError& error) {
  std::lock_guard lock(foundation.store.mutex);
  if (Droplet* droplet = Find(foundation.store.droplets, droplet_guid)) {
    droplet->state = "FAILED";
    droplet->error = error.title + " - " + error.detail;
    foundation.store.Touch(*droplet);
  }
  EndJob(foundation, job_guid, "FAILED", {error});
}

void StoreBits(Foundation& foundation, const std::string& droplet_guid, const std::string& job_guid,
               const ReceivedPart& bits) {
  const FileDigests& digests = bits.digests;
  std::string key = Blobstore::DropletKey(droplet_guid, digests.sha1);
  if (!foundation.blobstore->Put(bits.path, key, digests)) {
    unlink(bits.path.c_str());
    FailUpload(foundation, droplet_guid, job_guid, FailureNamed("150007"));
    return;
  }
  std::lock_guard lock(foundation.store.mutex);
  Droplet* droplet = Find(foundation.store.droplets, droplet_guid);
  if (droplet == nullptr) {  // deleted meanwhile
    foundation.blobstore->Delete(key);
    EndJob(foundation, job_guid, "COMPLETE", {});
    return;
  }
  droplet->sha1 = digests.sha1;
  droplet->sha256 = digests.sha256;
  droplet->state = "STAGED";
  droplet->error.reset();
  if (foundation.misbehaviours.Take("checksum-lies")) {
    droplet->published_sha256_lie = RandomHex(32);
  }
  if (foundation.misbehaviours.Take("droplet-failed-after-complete")) {
    droplet->state = "FAILED";
    droplet->error = "StagingTimeExpired";
  }
  foundation.store.Touch(*droplet);
  EndJob(foundation, job_guid, "COMPLETE", {});
}

// cloud_controller_ng, app/jobs/v3/droplet_upload.rb; a thread of its own as a local worker.
void RunUploadJob(Foundation& foundation, const std::string& droplet_guid,
                  const std::string& job_guid, const ReceivedPart& bits) {
  std::this_thread::sleep_for(std::chrono::duration<double>(foundation.options.job_delay_seconds));
  if (foundation.misbehaviours.Take("job-never-ends")) {
    unlink(bits.path.c_str());
    return;
  }
  if (auto fault = foundation.misbehaviours.Take("job-fails")) {
    unlink(bits.path.c_str());
    FailUpload(foundation, droplet_guid, job_guid, FailureNamed(fault->Text("code", "150007")));
    return;
  }
  StoreBits(foundation, droplet_guid, job_guid, bits);
}

}  // namespace

int UploadReceiver::RefusalBeforeTheBody() const {
  const Request& request = exchange_.request();
  auto type = request.headers.Get("Content-Type");
  // nginx-upload-module 2.3.0 needs a positive content length.
  if (request.chunked || request.content_length.value_or(0) == 0 || !type) return 400;
  if (*request.content_length > foundation_.options.upload_bytes_max) return 413;
  if (!LowerCase(*type).starts_with("multipart/")) return 415;
  if (BoundaryOf(*type).empty()) return 400;
  if (request.Query("bits_path")) return 422;
  return 0;
}

bool UploadReceiver::ReceiveBody(MultipartReader& reader) {
  auto cut = foundation_.misbehaviours.Take("upload-connection-cut");
  auto slow = foundation_.misbehaviours.Take("upload-slow");
  auto stalled = foundation_.misbehaviours.Take("upload-stalled");
  double cut_after = cut ? cut->Number("after_bytes", 65536) : -1;
  double stall_after = stalled ? stalled->Number("after_bytes", 65536) : -1;
  double slow_rate = slow ? slow->Number("bytes_per_second", 1 << 20) : 0;
  uint64_t received = 0;
  auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(foundation_.options.request_limit_seconds));
  exchange_.stream().SetReadTimeout(
      static_cast<int>(foundation_.options.upload_idle_seconds * 1000));
  while (exchange_.body_bytes_left() > 0) {
    size_t space = 0;
    char* buffer = reader.Space(space);
    if (slow_rate > 0) space = std::min(space, static_cast<size_t>(slow_rate / 20) + 1);
    ssize_t got = exchange_.ReadBody(buffer, space);
    if (got <= 0) return false;
    reader.Consume(static_cast<size_t>(got));
    received += static_cast<uint64_t>(got);
    if (cut_after >= 0 && static_cast<double>(received) >= cut_after) return false;
    if (stall_after >= 0 && static_cast<double>(received) >= stall_after) {
      std::this_thread::sleep_for(std::chrono::duration<double>(stalled->Number("seconds", 3600)));
      stall_after = -1;
    }
    if (slow_rate > 0) {
      std::this_thread::sleep_for(
          std::chrono::duration<double>(static_cast<double>(got) / slow_rate));
    }
    if (Clock::now() > deadline) return false;
  }
  return true;
}

ReceivedUpload UploadReceiver::Receive() {
  ReceivedUpload upload;
  upload.refused_with = RefusalBeforeTheBody();
  if (upload.refused_with != 0) {
    exchange_.CloseAfterwards();
    return upload;
  }
  const Request& request = exchange_.request();
  if (EqualWithoutCase(request.headers.Get("Expect").value_or(""), "100-continue")) {
    exchange_.stream().Write("HTTP/1.1 100 Continue\r\n\r\n");
  }
  MultipartReader reader(BoundaryOf(*request.headers.Get("Content-Type")),
                         foundation_.options.directory + "/uploads");
  bool whole = ReceiveBody(reader);
  upload.parts = reader.parts();
  if (!whole) {
    DiscardUpload(upload);
    upload.cut = true;
    exchange_.stream().Reset();
    return upload;
  }
  if (reader.state() != MultipartReader::State::kEnd) {
    DiscardUpload(upload);
    upload.refused_with = reader.state() == MultipartReader::State::kDiskFailed ? 503 : 400;
  }
  return upload;
}

void DiscardUpload(const ReceivedUpload& upload) {
  for (const ReceivedPart& part : upload.parts) {
    if (!part.path.empty()) unlink(part.path.c_str());
  }
}

Response AcceptUpload(Call& call, const std::string& droplet_guid, const ReceivedUpload& upload) {
  Foundation& foundation = call.foundation;
  if (foundation.misbehaviours.Take("upload-500")) {
    throw Refusal{500, "UnknownError", 10001, "An unknown error occurred."};
  }
  const ReceivedPart& bits = CheckForm(upload);
  std::lock_guard lock(foundation.store.mutex);
  Droplet& droplet = call.VisibleDroplet(droplet_guid);
  App& app = call.AppOf(droplet);
  call.RequireWrite(call.Develops(app.space_guid), app.space_guid);
  if (droplet.state != "AWAITING_UPLOAD") {
    throw Unprocessable("Droplet may be uploaded only once. Create a new droplet to upload bits.");
  }
  droplet.state = "PROCESSING_UPLOAD";
  foundation.store.Touch(droplet);
  foundation.store.AddEvent("audit.app.droplet.upload", call.actor.guid, app,
                            nlohmann::json{{"droplet_guid", droplet_guid}}.dump());
  Job job;
  job.operation = "droplet.upload";
  job.resource_kind = "droplet";
  job.resource_guid = droplet_guid;
  job.guid = RandomGuid();
  // A lost job: its address is given out, nobody ever works on it.
  bool lost = foundation.misbehaviours.Take("job-lost").has_value();
  if (!lost) job = foundation.store.Add(foundation.store.jobs, job);
  Response response = JsonResponse(202, Presenter(foundation).Of(droplet, Redaction::kNone));
  response.headers.Set("Location", foundation.api_url + "/v3/jobs/" + job.guid);
  if (lost) {
    DiscardUpload(upload);
  } else {
    std::thread(RunUploadJob, std::ref(foundation), droplet_guid, job.guid, bits).detach();
  }
  return response;
}

}  // namespace sluice::box

#include "common/registry/blob_upload.h"

#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/http/url.h"
#include "common/registry/registry_error.h"

namespace sluice::registry {
namespace {

// Lost sessions in all, whatever was confirmed in between: a registry that loses every one would
// take the blob's first half for ever.
constexpr int kLostSessionsMax = 6;

// `length` bytes of a blob from `offset` on, as a request's body.
class BlobBody final : public http::BodySource {
 public:
  BlobBody(BlobSource& source, uint64_t offset, uint64_t length)
      : source_(source), offset_(offset), length_(length) {}

  void Rewind() { given_ = 0; }
  uint64_t ContentLength() const override { return length_; }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    const uint64_t rest = length_ - given_;
    StatusOr<size_t> count =
        source_.Read(offset_ + given_, buffer.first(std::min<uint64_t>(rest, buffer.size())));
    if (count.ok()) {
      given_ += *count;
    } else {
      failure_ = count.status();
    }
    return count;
  }
  // What the source said when it failed: no reason to try again.
  const Status& failure() const { return failure_; }

 private:
  BlobSource& source_;
  const uint64_t offset_;
  const uint64_t length_;
  uint64_t given_ = 0;
  Status failure_;
};

// "0-END", with or without "bytes=": how many bytes a session has. Nothing when it cannot be told:
// "0-0" is what docker-registry 2.8 says of a session without any.
std::optional<uint64_t> BytesInRange(const http::HttpHeaders& headers) {
  const std::optional<std::string> field = headers.Find("Range");
  if (!field) return std::nullopt;
  std::string_view text = *field;
  if (text.starts_with("bytes=")) text.remove_prefix(6);
  uint64_t last = 0;
  if (!text.starts_with("0-") || !absl::SimpleAtoi(ToAbsl(text.substr(2)), &last) || last == 0) {
    return std::nullopt;
  }
  return last + 1;
}

}  // namespace

BlobUpload::BlobUpload(RegistryCalls& calls, std::string repository_path, BlobSource& source,
                       UploadOptions options)
    : calls_(calls),
      repository_path_(std::move(repository_path)),
      source_(source),
      options_(std::move(options)),
      scopes_{PushScope(repository_path_)} {
  options_.chunk_bytes = std::max(options_.chunk_bytes, kChunkBytesMin);
  if (!options_.mount_from.empty()) {
    scopes_.push_back(PullScope(options_.mount_from));
    std::sort(scopes_.begin(), scopes_.end());
  }
}

std::string BlobUpload::What() const {
  return absl::StrCat("the blob ", FormatDigest(source_.digest()), " of ", repository_path_);
}

StatusOr<UploadOutcome> BlobUpload::Run(std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const bool exists, Exists(stop));
  if (exists) return UploadOutcome::kExisted;
  Step step = Step::kLost;
  while (true) {
    if (step == Step::kLost) {
      session_ = {};
      SLUICE_ASSIGN_OR_RETURN(step, Begin(stop));
      if (step == Step::kMounted) return UploadOutcome::kMounted;
    }
    if (step == Step::kAsk) {
      SLUICE_ASSIGN_OR_RETURN(step, Ask(stop));
      if (step == Step::kLost) continue;
    }
    SLUICE_ASSIGN_OR_RETURN(step, Send(stop));
    if (step == Step::kDone) return UploadOutcome::kSent;
    if (step == Step::kLost && ++lost_sessions_ > kLostSessionsMax) {
      return NamedError(StatusCode::kUnavailable, "registry-session-lost",
                        absl::StrCat(What(), ": the registry lost the upload ", lost_sessions_,
                                     " times; try again later"));
    }
  }
}

StatusOr<bool> BlobUpload::Exists(std::stop_token stop) {
  http::HttpRequest request;
  request.method = "HEAD";
  request.url =
      calls_.Url(absl::StrCat(repository_path_, "/blobs/", FormatDigest(source_.digest())));
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, calls_.Perform(request, scopes_, stop));
  if (answer.status == 404) return false;
  if (answer.status != 200) return StatusFromAnswer(answer, What());
  SLUICE_RETURN_IF_ERROR(CheckReported(answer));
  const std::optional<uint64_t> size = answer.headers.FindNumber("Content-Length");
  if (size && *size != source_.size()) {
    return NamedError(
        StatusCode::kDataLoss, "digest-mismatch",
        absl::StrCat(What(), ": the registry holds ", *size, " bytes, not ", source_.size()));
  }
  return true;
}

StatusOr<BlobUpload::Step> BlobUpload::Begin(std::stop_token stop) {
  http::HttpRequest request;
  request.method = "POST";
  request.url = calls_.Url(absl::StrCat(repository_path_, "/blobs/uploads/"));
  if (!options_.mount_from.empty()) {
    absl::StrAppend(&request.url, "?mount=", PercentEncode(FormatDigest(source_.digest())),
                    "&from=", PercentEncode(options_.mount_from));
  }
  // A session too many is harmless: registries purge what is never closed.
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, calls_.Perform(request, scopes_, stop));
  if (answer.status == 201 && !options_.mount_from.empty()) {
    SLUICE_RETURN_IF_ERROR(CheckReported(answer));
    SLUICE_ASSIGN_OR_RETURN(const bool exists, Exists(stop));
    if (exists) return Step::kMounted;
    options_.mount_from.clear();
    return Begin(stop);
  }
  if (answer.status != 202) return StatusFromAnswer(answer, What());
  session_.location = request.url;  // what a relative Location is relative to
  SLUICE_RETURN_IF_ERROR(TakeLocation(answer));
  // A session that is there already; once is enough to have asked for the mount.
  options_.mount_from.clear();
  const std::optional<uint64_t> minimum = answer.headers.FindNumber("OCI-Chunk-Min-Length");
  if (minimum) options_.chunk_bytes = std::max(options_.chunk_bytes, *minimum);
  return Step::kDone;
}

Status BlobUpload::TakeLocation(const http::HttpResponse& answer) {
  const std::optional<std::string> location = answer.headers.Find("Location");
  if (!location) {
    return NamedError(StatusCode::kFailedPrecondition, "registry-refused",
                      What() + ": the registry's answer lacks the Location of the upload");
  }
  SLUICE_ASSIGN_OR_RETURN(session_.location, http::ResolveLocation(session_.location, *location));
  return absl::OkStatus();
}

StatusOr<BlobUpload::Step> BlobUpload::Send(std::stop_token stop) {
  const bool whole = session_.offset == 0 && (source_.size() <= options_.whole_bytes_max ||
                                              lost_sessions_ >= kLostSessionsUntilWhole);
  if (whole) return Close(0, stop);
  while (session_.offset < source_.size()) {
    SLUICE_ASSIGN_OR_RETURN(const Step step, SendChunk(stop));
    if (step != Step::kDone) return step;
  }
  return Close(session_.offset, stop);
}

StatusOr<BlobUpload::Step> BlobUpload::SendChunk(std::stop_token stop) {
  const uint64_t length = std::min(options_.chunk_bytes, source_.size() - session_.offset);
  BlobBody body(source_, session_.offset, length);
  http::HttpRequest request;
  request.method = "PATCH";
  request.url = session_.location;
  request.headers.Add("Content-Type", "application/octet-stream");
  request.headers.Add("Content-Range",
                      absl::StrCat(session_.offset, "-", session_.offset + length - 1));
  request.body_source = &body;
  const StatusOr<http::HttpResponse> answer =
      calls_.PerformOnce(request, scopes_, stop, [&body] { body.Rewind(); });
  SLUICE_RETURN_IF_ERROR(body.failure());
  if (!answer.ok()) {
    if (!http::IsTransientFailure(answer.status())) return answer.status();
    SLUICE_RETURN_IF_ERROR(CountFailure(nullptr, answer.status(), stop));
    return Step::kAsk;
  }
  if (answer->status == 202) {
    SLUICE_RETURN_IF_ERROR(TakeLocation(*answer));
    const std::optional<uint64_t> has = BytesInRange(answer->headers);
    const uint64_t sent = session_.offset + length;
    // docker-registry 2.8 takes a chunk at the wrong place and says 202: what it holds is asked of
    // every answer, and a session that disagrees is not mended.
    if (has && *has != sent) {
      GiveUp(stop);
      return Step::kLost;
    }
    session_.offset = sent;
    failures_ = 0;
    return Step::kDone;
  }
  const Status refusal = StatusFromAnswer(*answer, What());
  if (answer->status == 413 && options_.chunk_bytes / 2 >= kChunkBytesMin) {
    options_.chunk_bytes /= 2;
    return Step::kAsk;
  }
  if (IsTransientAnswer(answer->status)) {
    SLUICE_RETURN_IF_ERROR(CountFailure(&*answer, refusal, stop));
    return Step::kAsk;
  }
  if (answer->status == 416) return Step::kAsk;
  if (answer->status == 404 || ErrorName(refusal) == "registry-session-lost") return Step::kLost;
  return refusal;
}

StatusOr<BlobUpload::Step> BlobUpload::Ask(std::stop_token stop) {
  // Nothing confirmed is nothing to lose, and "0-0" could not be told from one byte.
  if (session_.offset == 0) {
    GiveUp(stop);
    return Step::kLost;
  }
  http::HttpRequest request;
  request.url = session_.location;
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, calls_.Perform(request, scopes_, stop));
  const std::optional<uint64_t> has = BytesInRange(answer.headers);
  const bool usable = answer.status == 204 && has && *has >= session_.offset &&
                      *has <= std::min(session_.offset + options_.chunk_bytes, source_.size());
  if (!usable) {
    if (answer.status == 401 || answer.status == 403) return StatusFromAnswer(answer, What());
    GiveUp(stop);
    return Step::kLost;
  }
  if (answer.headers.Has("Location")) SLUICE_RETURN_IF_ERROR(TakeLocation(answer));
  session_.offset = *has;
  return Step::kDone;
}

std::string BlobUpload::CloseUrl() const {
  // The query is the session's state: nothing in it is changed.
  const bool has_query = session_.location.find('?') != std::string::npos;
  return absl::StrCat(session_.location, has_query ? "&" : "?",
                      "digest=", PercentEncode(FormatDigest(source_.digest())));
}

StatusOr<BlobUpload::Step> BlobUpload::Close(uint64_t from, std::stop_token stop) {
  BlobBody body(source_, from, source_.size() - from);
  http::HttpRequest request;
  request.method = "PUT";
  request.url = CloseUrl();
  request.headers.Add("Content-Type", "application/octet-stream");
  request.body_source = &body;
  const StatusOr<http::HttpResponse> answer =
      calls_.PerformOnce(request, scopes_, stop, [&body] { body.Rewind(); });
  SLUICE_RETURN_IF_ERROR(body.failure());
  if (answer.ok() && answer->status == 201) {
    SLUICE_RETURN_IF_ERROR(CheckReported(*answer));
    return Step::kDone;
  }
  const Status refusal = answer.ok() ? StatusFromAnswer(*answer, What()) : answer.status();
  const bool transient =
      answer.ok() ? IsTransientAnswer(answer->status) : http::IsTransientFailure(refusal);
  const bool lost = answer.ok() && (answer->status == 404 || answer->status == 416 ||
                                    ErrorName(refusal) == "registry-session-lost");
  if (!transient && !lost) return refusal;
  if (transient) {
    SLUICE_RETURN_IF_ERROR(CountFailure(answer.ok() ? &*answer : nullptr, refusal, stop));
  }
  // The answer may be what was lost, and not the blob.
  SLUICE_ASSIGN_OR_RETURN(const bool exists, Exists(stop));
  return exists ? Step::kDone : Step::kLost;
}

Status BlobUpload::CountFailure(const http::HttpResponse* answer, const Status& cause,
                                std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const bool again, calls_.WaitToRepeat(++failures_, answer, stop));
  return again ? absl::OkStatus() : cause;
}

// Best effort: a registry that does not hear of it purges the session by itself.
void BlobUpload::GiveUp(std::stop_token stop) {
  http::HttpRequest request;
  request.method = "DELETE";
  request.url = session_.location;
  static_cast<void>(calls_.PerformOnce(request, scopes_, stop));
}

Status BlobUpload::CheckReported(const http::HttpResponse& answer) const {
  const std::optional<std::string> reported = answer.headers.Find("Docker-Content-Digest");
  if (!reported || *reported == FormatDigest(source_.digest())) return absl::OkStatus();
  return NamedError(StatusCode::kDataLoss, "digest-mismatch",
                    What() + ": the registry reports another digest for it");
}

}  // namespace sluice::registry

#include "common/registry/registry_client.h"

#include <algorithm>
#include <atomic>

#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/base/mutex.h"
#include "common/base/strict_json.h"
#include "common/base/thread.h"
#include "common/http/url.h"
#include "common/registry/image_reference.h"
#include "common/registry/media_types.h"
#include "common/registry/registry_error.h"
#include "nlohmann/json.hpp"

namespace sluice::registry {
namespace {

using nlohmann::json;

constexpr size_t kTagsPerPage = 1000;

// docker-registry 2.8 hides a manifest whose type is not accepted: all that are known.
std::string AcceptedTypes() {
  return absl::StrCat(kOciManifest, ", ", kOciIndex, ", ", kDockerManifest, ", ", kDockerList);
}

// The type without its parameters.
std::string TypeOf(const http::HttpHeaders& headers) {
  const std::string field = headers.Find("Content-Type").value_or("");
  return field.substr(0, field.find_first_of("; "));
}

Status Mismatch(const std::string& what, std::string_view why) {
  return NamedError(StatusCode::kDataLoss, "digest-mismatch",
                    absl::StrCat(what, ": ", ToAbsl(why)));
}

Status CheckReported(const http::HttpResponse& answer, const Digest& digest,
                     const std::string& what) {
  const std::optional<std::string> reported = answer.headers.Find("Docker-Content-Digest");
  if (!reported || *reported == FormatDigest(digest)) return absl::OkStatus();
  return Mismatch(what, "the registry reports another digest for it");
}

}  // namespace

RegistryClient::RegistryClient(RegistryCalls& calls, std::string repository_path)
    : calls_(calls),
      repository_path_(std::move(repository_path)),
      pull_{PullScope(repository_path_)},
      push_{PushScope(repository_path_)} {}

std::string RegistryClient::What(std::string_view of) const {
  return absl::StrCat(ToAbsl(of), " of ", repository_path_);
}

std::string RegistryClient::ManifestUrl(const std::string& tag_or_digest) const {
  return calls_.Url(absl::StrCat(repository_path_, "/manifests/", tag_or_digest));
}

Status RegistryClient::Ping(std::stop_token stop) {
  http::HttpRequest request;
  request.url = calls_.Url("");
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, calls_.Perform(request, pull_, stop));
  if (answer.status == 200) return absl::OkStatus();
  const std::string where = http::DisplayUrl(request.url);
  if (answer.status == 404 || answer.status < 400) {
    return NamedError(StatusCode::kFailedPrecondition, "not-a-registry",
                      absl::StrCat(where, " answered ", answer.status, ": it is no registry"));
  }
  return StatusFromAnswer(answer, where);
}

StatusOr<bool> RegistryClient::HasBlob(const Descriptor& blob, std::stop_token stop) {
  http::HttpRequest request;
  request.method = "HEAD";
  request.url = calls_.Url(absl::StrCat(repository_path_, "/blobs/", FormatDigest(blob.digest)));
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, calls_.Perform(request, pull_, stop));
  if (answer.status == 404) return false;
  const std::string what = What("the blob " + FormatDigest(blob.digest));
  if (answer.status != 200) return StatusFromAnswer(answer, what);
  const std::optional<uint64_t> size = answer.headers.FindNumber("Content-Length");
  if (size && *size != blob.size) return Mismatch(what, "the registry's has another size");
  return true;
}

StatusOr<std::vector<UploadOutcome>> RegistryClient::UploadAll(
    const std::vector<BlobSource*>& sources, const UploadOptions& options, size_t parallel,
    std::stop_token stop) {
  std::vector<UploadOutcome> outcomes(sources.size());
  std::atomic<size_t> next{0};
  Mutex mutex;
  Status first_failure;
  // Stopped by the caller, or by the first failure.
  std::stop_source stop_all;
  const std::stop_callback passed_on(stop, [&stop_all] { stop_all.request_stop(); });
  const auto work = [&] {
    for (size_t index = next++; index < sources.size(); index = next++) {
      const StatusOr<UploadOutcome> outcome =
          Upload(*sources[index], options, stop_all.get_token());
      if (outcome.ok()) {
        outcomes[index] = *outcome;
        continue;
      }
      MutexLock lock(mutex);
      if (first_failure.ok()) first_failure = outcome.status();
      stop_all.request_stop();
      return;
    }
  };
  {
    std::vector<std::unique_ptr<Thread>> threads;
    const size_t count =
        std::min({std::max<size_t>(parallel, 1), kParallelUploadsMax, sources.size()});
    for (size_t i = 0; i < count; ++i) {
      threads.push_back(std::make_unique<Thread>("blob-upload", work));
    }
  }
  SLUICE_RETURN_IF_ERROR(first_failure);
  return outcomes;
}

StatusOr<StoredManifest> RegistryClient::GetManifest(const std::string& tag_or_digest,
                                                     std::stop_token stop) {
  const std::string what = What("the manifest " + tag_or_digest);
  http::HttpRequest request;
  request.url = ManifestUrl(tag_or_digest);
  request.headers.Add("Accept", AcceptedTypes());
  request.response_bytes_max = kManifestBytesMax;
  SLUICE_ASSIGN_OR_RETURN(http::HttpResponse answer, calls_.Perform(request, pull_, stop));
  if (answer.status != 200) return StatusFromAnswer(answer, what);
  StoredManifest stored{std::move(answer.body), TypeOf(answer.headers), {}};
  stored.digest = crypto::Sha256Of(stored.bytes);
  SLUICE_RETURN_IF_ERROR(CheckReported(answer, stored.digest, what));
  if (tag_or_digest.find(':') != std::string::npos &&
      tag_or_digest != FormatDigest(stored.digest)) {
    return Mismatch(what, "the registry sent another manifest");
  }
  return stored;
}

StatusOr<http::HttpResponse> RegistryClient::PutManifest(const std::string& bytes,
                                                         const std::string& media_type,
                                                         const std::string& tag_or_digest,
                                                         const std::string& if_match,
                                                         std::stop_token stop) {
  http::HttpRequest request;
  request.method = "PUT";
  request.url = ManifestUrl(tag_or_digest);
  request.headers.Add("Content-Type", media_type);
  if (!if_match.empty()) request.headers.Add("If-Match", if_match);
  request.body = bytes;
  SLUICE_ASSIGN_OR_RETURN(http::HttpResponse answer, calls_.Perform(request, push_, stop));
  const std::string what = What("the manifest " + tag_or_digest);
  if (answer.status == 412) return answer;
  if (answer.status != 201) return StatusFromAnswer(answer, what);
  SLUICE_RETURN_IF_ERROR(CheckReported(answer, crypto::Sha256Of(bytes), what));
  return answer;
}

StatusOr<Digest> RegistryClient::PublishManifest(const std::string& bytes,
                                                 const std::string& media_type,
                                                 const std::string& tag, std::stop_token stop) {
  const Digest digest = crypto::Sha256Of(bytes);
  SLUICE_RETURN_IF_ERROR(PutManifest(bytes, media_type, FormatDigest(digest), "", stop).status());
  if (tag.empty()) return digest;
  SLUICE_RETURN_IF_ERROR(CheckTag(tag));
  SLUICE_RETURN_IF_ERROR(PutManifest(bytes, media_type, tag, "", stop).status());
  SLUICE_ASSIGN_OR_RETURN(const StoredManifest read_back, GetManifest(tag, stop));
  if (read_back.digest == digest) return digest;
  return NamedError(
      StatusCode::kDataLoss, "tag-not-kept",
      absl::StrCat(What("the tag " + tag), " leads to ", FormatDigest(read_back.digest),
                   " and not to ", FormatDigest(digest), ": somebody else may have moved it"));
}

Status RegistryClient::ReadPages(const std::string& first_url, const std::string& what,
                                 std::stop_token stop,
                                 const std::function<Status(const std::string&)>& take) {
  http::HttpRequest request;
  request.url = first_url;
  request.headers.Add("Accept", absl::StrCat("application/json, ", kOciIndex));
  for (int page = 0; page < kListPagesMax; ++page) {
    SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, calls_.Perform(request, pull_, stop));
    if (answer.status != 200) return StatusFromAnswer(answer, what);
    SLUICE_RETURN_IF_ERROR(take(answer.body));
    // <URL>; rel="next" (RFC 8288)
    const std::string link = answer.headers.Find("Link").value_or("");
    const size_t end = link.find('>');
    if (!link.starts_with('<') || end == std::string::npos ||
        link.find("next", end) == std::string::npos) {
      return absl::OkStatus();
    }
    SLUICE_ASSIGN_OR_RETURN(request.url,
                            http::ResolveLocation(request.url, link.substr(1, end - 1)));
  }
  return NamedError(StatusCode::kResourceExhausted, "too-many-pages",
                    absl::StrCat(what, ": more than ", kListPagesMax, " pages"));
}

StatusOr<std::vector<std::string>> RegistryClient::Tags(std::stop_token stop) {
  std::vector<std::string> tags;
  const std::string what = What("the tags");
  const std::string url = calls_.Url(absl::StrCat(repository_path_, "/tags/list?n=", kTagsPerPage));
  const auto take = [&tags, &what](const std::string& body) -> Status {
    const StatusOr<json> page = ParseStrictJson(body, {.bytes_max = http::kResponseBytesMax});
    if (!page.ok()) return WithContext(page.status(), what);
    const auto list = page->find("tags");
    if (list == page->end() || list->is_null()) return absl::OkStatus();
    for (const json& tag : *list) {
      if (!tag.is_string()) return MalformedManifest(what + ": a tag is no text");
      SLUICE_RETURN_IF_ERROR(CheckTag(tag.get<std::string>()));
      tags.push_back(tag.get<std::string>());
    }
    if (tags.size() <= kTagsMax) return absl::OkStatus();
    return NamedError(StatusCode::kResourceExhausted, "too-many-tags",
                      absl::StrCat(what, ": more than ", kTagsMax));
  };
  SLUICE_RETURN_IF_ERROR(ReadPages(url, what, stop, take));
  return tags;
}

}  // namespace sluice::registry

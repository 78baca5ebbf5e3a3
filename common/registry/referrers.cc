// The part of RegistryClient that knows what refers to a manifest (OCI distribution-spec, "Listing
// Referrers" and "Referrers Tag Schema").
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/registry/media_types.h"
#include "common/registry/registry_client.h"
#include "common/registry/registry_error.h"

namespace sluice::registry {
namespace {

constexpr int kFallbackAttemptsMax = 5;

std::string FallbackTag(const Digest& subject) { return "sha256-" + subject.hex(); }

}  // namespace

StatusOr<std::vector<Descriptor>> RegistryClient::Referrers(const Digest& subject,
                                                            const std::string& artifact_type,
                                                            std::stop_token stop) {
  std::vector<Descriptor> referrers;
  const auto take = [&referrers](const std::string& body) -> Status {
    SLUICE_ASSIGN_OR_RETURN(const Index index, ParseIndex(body));
    referrers.insert(referrers.end(), index.manifests.begin(), index.manifests.end());
    if (referrers.size() <= kIndexManifestsMax) return absl::OkStatus();
    return MalformedManifest(absl::StrCat("more than ", kIndexManifestsMax, " referrers"));
  };
  const std::string url =
      calls_.Url(absl::StrCat(repository_path_, "/referrers/", FormatDigest(subject)));
  const Status listed = ReadPages(url, What("the referrers"), stop, take);
  if (listed.code() == StatusCode::kNotFound) {
    SLUICE_ASSIGN_OR_RETURN(const std::optional<Index> index, ReadFallback(subject, nullptr, stop));
    if (index) referrers = index->manifests;
  } else {
    SLUICE_RETURN_IF_ERROR(listed);
  }
  // Whether a registry filters is its choice.
  std::erase_if(referrers, [&artifact_type](const Descriptor& each) {
    return !artifact_type.empty() && each.artifact_type != artifact_type;
  });
  return referrers;
}

StatusOr<std::optional<Index>> RegistryClient::ReadFallback(const Digest& subject,
                                                            std::string* entity_tag,
                                                            std::stop_token stop) {
  http::HttpRequest request;
  request.url = ManifestUrl(FallbackTag(subject));
  request.headers.Add("Accept", absl::StrCat(kOciIndex, ", ", kOciManifest));
  request.response_bytes_max = kManifestBytesMax;
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, calls_.Perform(request, pull_, stop));
  if (answer.status == 404) return std::nullopt;
  if (answer.status != 200) return StatusFromAnswer(answer, What("the list of referrers"));
  if (entity_tag != nullptr) *entity_tag = answer.headers.Find("ETag").value_or("");
  const StatusOr<Index> index = ParseIndex(answer.body);
  // Somebody's image under this tag is not to be overwritten.
  if (!index.ok()) return WithContext(index.status(), What("the tag " + FallbackTag(subject)));
  return *index;
}

StatusOr<Digest> RegistryClient::AttachManifest(const std::string& bytes, std::stop_token stop) {
  SLUICE_ASSIGN_OR_RETURN(const Manifest manifest, ParseManifest(bytes));
  if (!manifest.subject) {
    return NamedError(StatusCode::kInvalidArgument, "manifest-without-subject",
                      "a manifest that is to be attached does not say to what");
  }
  const Digest digest = crypto::Sha256Of(bytes);
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer,
                          PutManifest(bytes, manifest.media_type, FormatDigest(digest), "", stop));
  if (answer.headers.Has("OCI-Subject")) return digest;
  Descriptor referrer{manifest.media_type,    digest, bytes.size(), manifest.annotations,
                      manifest.artifact_type, {}};
  if (referrer.artifact_type.empty()) referrer.artifact_type = manifest.config.media_type;
  SLUICE_RETURN_IF_ERROR(AddToFallback(manifest.subject->digest, referrer, stop));
  return digest;
}

Status RegistryClient::AddToFallback(const Digest& subject, const Descriptor& referrer,
                                     std::stop_token stop) {
  const auto is_ours = [&referrer](const Descriptor& each) {
    return each.digest == referrer.digest;
  };
  // Each turn begins by reading: the last one is a read-back alone.
  for (int attempt = 0; attempt <= kFallbackAttemptsMax; ++attempt) {
    std::string entity_tag;
    SLUICE_ASSIGN_OR_RETURN(std::optional<Index> index, ReadFallback(subject, &entity_tag, stop));
    if (!index) index = Index{kOciIndex, "", {}, {}, {}};
    if (std::any_of(index->manifests.begin(), index->manifests.end(), is_ours)) {
      return absl::OkStatus();
    }
    if (attempt == kFallbackAttemptsMax) break;
    if (attempt > 0) {
      SLUICE_RETURN_IF_ERROR(calls_.WaitToRepeat(attempt, nullptr, stop).status());
    }
    index->manifests.push_back(referrer);
    SLUICE_ASSIGN_OR_RETURN(const std::string text, FormatIndex(*index));
    // 412: somebody was first; the next turn reads what they wrote.
    SLUICE_RETURN_IF_ERROR(
        PutManifest(text, kOciIndex, FallbackTag(subject), entity_tag, stop).status());
  }
  return NamedError(StatusCode::kUnavailable, "referrers-contended",
                    What("the list of referrers") + ": others write it all the time; try again");
}

}  // namespace sluice::registry

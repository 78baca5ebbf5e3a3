// What is asked of a registry (OCI distribution-spec 1.1): the way in for everybody else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/registry/blob_download.h"
#include "common/registry/blob_source.h"
#include "common/registry/blob_upload.h"
#include "common/registry/manifest.h"
#include "common/registry/registry_calls.h"

namespace sluice::registry {

inline constexpr size_t kTagsMax = 100'000;
inline constexpr int kListPagesMax = 1000;
inline constexpr size_t kParallelUploadsMax = 8;

struct StoredManifest {
  std::string bytes;  // exactly as stored: what the digest is of
  std::string media_type;
  Digest digest;
};

// Of one repository. Thread-safe. Borrows calls.
class RegistryClient {
 public:
  RegistryClient(RegistryCalls& calls, std::string repository_path);

  // OK when a registry answers there and the login, if it asks for one, is good.
  // FailedPrecondition "not-a-registry".
  Status Ping(std::stop_token stop);

  StatusOr<bool> HasBlob(const Descriptor& blob, std::stop_token stop);
  Status Download(const Descriptor& blob, http::ByteSink& out, std::stop_token stop) {
    return DownloadBlob(calls_, repository_path_, blob, out, stop);
  }
  StatusOr<UploadOutcome> Upload(BlobSource& source, const UploadOptions& options,
                                 std::stop_token stop) {
    return BlobUpload(calls_, repository_path_, source, options).Run(stop);
  }
  // All of them, `parallel` at a time (1 to kParallelUploadsMax); outcomes in the order of
  // `sources`. The first failure stops the others and is returned.
  StatusOr<std::vector<UploadOutcome>> UploadAll(const std::vector<BlobSource*>& sources,
                                                 const UploadOptions& options, size_t parallel,
                                                 std::stop_token stop);

  // By tag or digest. NotFound "registry-not-found"; DataLoss "digest-mismatch" when the bytes
  // are not what was asked for or what the registry says that they are.
  StatusOr<StoredManifest> GetManifest(const std::string& tag_or_digest, std::stop_token stop);

  // Puts it by its digest, then, when `tag` is not empty, under the tag, and reads the tag back:
  // all blobs are there before. DataLoss "digest-mismatch", "tag-not-kept" (somebody else moved it,
  // or the registry did not).
  StatusOr<Digest> PublishManifest(const std::string& bytes, const std::string& media_type,
                                   const std::string& tag, std::stop_token stop);

  // In the registry's order. ResourceExhausted "too-many-tags".
  StatusOr<std::vector<std::string>> Tags(std::stop_token stop);

  // Manifests whose subject is `subject`; of that artifact type, if it is not empty. From the
  // referrers API, or from the tag that stands for it where there is none.
  StatusOr<std::vector<Descriptor>> Referrers(const Digest& subject,
                                              const std::string& artifact_type,
                                              std::stop_token stop);

  // Publishes a manifest that has a subject, so that Referrers() finds it. Two writers of the
  // fallback tag take turns: each reads back and repeats. Unavailable "referrers-contended".
  StatusOr<Digest> AttachManifest(const std::string& bytes, std::stop_token stop);

 private:
  StatusOr<http::HttpResponse> PutManifest(const std::string& bytes, const std::string& media_type,
                                           const std::string& tag_or_digest,
                                           const std::string& if_match, std::stop_token stop);
  StatusOr<std::optional<Index>> ReadFallback(const Digest& subject, std::string* entity_tag,
                                              std::stop_token stop);
  Status AddToFallback(const Digest& subject, const Descriptor& referrer, std::stop_token stop);
  // Calls `take` with each page's body, following Link. A 404 of the first page is returned.
  Status ReadPages(const std::string& first_url, const std::string& what, std::stop_token stop,
                   const std::function<Status(const std::string&)>& take);
  std::string What(std::string_view of) const;
  std::string ManifestUrl(const std::string& tag_or_digest) const;

  RegistryCalls& calls_;
  const std::string repository_path_;
  const Scopes pull_;
  const Scopes push_;
};

}  // namespace sluice::registry

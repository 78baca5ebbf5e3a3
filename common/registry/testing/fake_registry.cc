#include "common/registry/testing/fake_registry.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/encoding.h"
#include "common/http/url.h"
#include "common/registry/manifest.h"
#include "common/registry/media_types.h"

namespace sluice::registry {
namespace {

using http::FakeReply;
using http::SeenRequest;

// A query's value, decoded; nothing when it is not there.
std::optional<std::string> QueryValue(const std::string& url, const std::string& name) {
  const http::Url parsed = *http::ParseUrl(url);
  const std::string query = "&" + parsed.query;
  const size_t start = query.find("&" + name + "=");
  if (start == std::string::npos) return std::nullopt;
  const size_t from = start + name.size() + 2;
  return *PercentDecode(query.substr(from, query.find('&', from) - from));
}

std::string RangeOf(size_t bytes) { return absl::StrCat("0-", bytes == 0 ? 0 : bytes - 1); }

std::string DigestOf(const std::string& bytes) { return FormatDigest(crypto::Sha256Of(bytes)); }

}  // namespace

FakeReply ErrorReply(int status, const std::string& code) {
  return {status, {}, absl::StrCat(R"({"errors":[{"code":")", code, R"(","message":"m"}]})"), {}};
}

Status Cut() { return NamedError(StatusCode::kUnavailable, "connection-cut", "cut"); }

FakeRegistry::FakeRegistry()
    : transport([this](const SeenRequest& request) -> Reply {
        if (fault_) {
          if (std::optional<Reply> reply = fault_(request)) return *reply;
        }
        return Serve(request);
      }) {}

void FakeRegistry::FailFirst(int count, std::string method, std::string part, Reply reply) {
  auto left = std::make_shared<int>(count);
  SetFault([=](const SeenRequest& request) -> std::optional<Reply> {
    if (*left == 0 || request.method != method || !absl::StrContains(request.url, part)) {
      return std::nullopt;
    }
    --*left;
    return reply;
  });
}

std::unique_ptr<RegistryCalls> FakeRegistry::Calls(Credentials credentials,
                                                   RegistryCalls::Options options) {
  return *RegistryCalls::Open("r.example", std::move(options), std::move(credentials), transport,
                              clock, waiter, 1);
}

std::string FakeRegistry::AddBlob(const std::string& repository, const std::string& content) {
  MutexLock lock(mutex_);
  blobs_[{repository, DigestOf(content)}] = content;
  return DigestOf(content);
}

std::optional<std::string> FakeRegistry::Blob(const std::string& repository,
                                              const std::string& digest) const {
  MutexLock lock(mutex_);
  const auto found = blobs_.find({repository, digest});
  if (found == blobs_.end()) return std::nullopt;
  return found->second;
}

void FakeRegistry::AddManifest(const std::string& repository, const std::string& tag,
                               const std::string& type, const std::string& bytes) {
  MutexLock lock(mutex_);
  manifests_[{repository, DigestOf(bytes)}] = {type, bytes};
  manifests_[{repository, tag}] = {type, bytes};
}

std::optional<std::string> FakeRegistry::Manifest(const std::string& repository,
                                                  const std::string& tag_or_digest) const {
  MutexLock lock(mutex_);
  const auto found = manifests_.find({repository, tag_or_digest});
  if (found == manifests_.end()) return std::nullopt;
  return found->second.bytes;
}

size_t FakeRegistry::open_sessions() const {
  MutexLock lock(mutex_);
  return sessions_.size();
}

FakeRegistry::Reply FakeRegistry::Serve(const SeenRequest& request) {
  const http::Url url = *http::ParseUrl(request.url);
  if (url.host == "auth.example") return ServeToken(request);
  if (url.host == "storage.example") {
    const size_t slash = url.path.rfind('/');
    return ServeBlob(request, "", url.path.substr(slash + 1));
  }
  if (!IsAllowed(request)) return Refusal();
  if (url.path == "/v2/") return FakeReply{200, {}, "{}", {}};
  for (const std::string part :
       {"/blobs/uploads/", "/blobs/", "/manifests/", "/tags/list", "/referrers/"}) {
    const size_t at = url.path.find(part);
    if (at == std::string::npos) continue;
    const std::string repository = url.path.substr(4, at - 4);
    const std::string rest = url.path.substr(at + part.size());
    if (part == "/blobs/uploads/" && rest.empty()) return BeginUpload(request, repository);
    if (part == "/blobs/uploads/") return ServeUpload(request, repository, rest);
    if (part == "/blobs/") return ServeBlob(request, repository, rest);
    if (part == "/manifests/") return ServeManifest(request, repository, rest);
    if (part == "/tags/list") return ServeTags(request, repository);
    if (has_referrers) return ServeReferrers(repository, rest);
  }
  return FakeReply{404, {}, "404 page not found\n", {}};
}

FakeRegistry::Reply FakeRegistry::ServeToken(const SeenRequest& request) {
  const bool by_password = request.headers.Find("Authorization") == "Basic " + ToBase64("ci:pass");
  const bool by_token = absl::StrContains(request.body, "refresh_token=identity");
  if (!by_password && !by_token) return FakeReply{401, {}, "{}", {}};
  MutexLock lock(mutex_);
  const std::string token = absl::StrCat("token-", ++last_id_);
  tokens_[token] = clock.Now() + token_life;
  return FakeReply{200,
                   {},
                   absl::StrCat(R"({"token":")", token, R"(","expires_in":)",
                                absl::ToInt64Seconds(token_life), "}"),
                   {}};
}

bool FakeRegistry::IsAllowed(const SeenRequest& request) const {
  const std::string field = request.headers.Find("Authorization").value_or("");
  if (login == LoginKind::kNone) return true;
  if (login == LoginKind::kBasic) return field == "Basic " + ToBase64("ci:pass");
  MutexLock lock(mutex_);
  const auto found = tokens_.find(field.substr(field.find(' ') + 1));
  return found != tokens_.end() && clock.Now() < found->second;
}

FakeRegistry::Reply FakeRegistry::Refusal() const {
  FakeReply reply = ErrorReply(401, "UNAUTHORIZED");
  reply.headers.Add("WWW-Authenticate",
                    login == LoginKind::kBasic
                        ? "Basic realm=\"test\""
                        : "Bearer realm=\"https://auth.example/token?x=1\",service=\"r.example\"");
  return reply;
}

FakeRegistry::Reply FakeRegistry::ServeBlob(const SeenRequest& request,
                                            const std::string& repository,
                                            const std::string& digest) {
  MutexLock lock(mutex_);
  const auto found = std::find_if(blobs_.begin(), blobs_.end(), [&](const auto& each) {
    return each.first.second == digest && (repository.empty() || each.first.first == repository);
  });
  if (found == blobs_.end()) return ErrorReply(404, "BLOB_UNKNOWN");
  const std::string& content = found->second;
  http::HttpHeaders headers{{"Docker-Content-Digest", digest},
                            {"Content-Length", absl::StrCat(content.size())}};
  if (request.method == "HEAD") return FakeReply{200, headers, "", {}};
  if (redirects_blobs && !repository.empty()) {
    return FakeReply{307, {{"Location", "https://storage.example/s/" + digest}}, "", {}};
  }
  const std::string range = request.headers.Find("Range").value_or("");
  uint64_t from = 0;
  if (!absl::StartsWith(range, "bytes=") ||
      !absl::SimpleAtoi(range.substr(6, range.size() - 7), &from)) {
    return FakeReply{200, headers, content, {}};
  }
  return FakeReply{206,
                   {{"Content-Range",
                     absl::StrCat("bytes ", from, "-", content.size() - 1, "/", content.size())}},
                   content.substr(from),
                   {}};
}

// As in docker-registry the query holds the state: a location is good for one request.
std::string FakeRegistry::Location(const std::string& id, const Session& session) const {
  return absl::StrCat(absolute_locations ? "https://r.example" : "", "/v2/", session.repository,
                      "/blobs/uploads/", id, "?state=", session.bytes.size());
}

FakeRegistry::Reply FakeRegistry::BeginUpload(const SeenRequest& request,
                                              const std::string& repository) {
  MutexLock lock(mutex_);
  const std::optional<std::string> mount = QueryValue(request.url, "mount");
  const std::optional<std::string> from = QueryValue(request.url, "from");
  if (mount && from && blobs_.contains({*from, *mount})) {
    blobs_[{repository, *mount}] = blobs_[{*from, *mount}];
    return FakeReply{201, {{"Docker-Content-Digest", *mount}}, "", {}};
  }
  const std::string id = absl::StrCat("id-", ++last_id_);
  const Session& session = sessions_[id] = {repository, ""};
  return FakeReply{202, {{"Location", Location(id, session)}, {"Range", "0-0"}}, "", {}};
}

FakeRegistry::Reply FakeRegistry::ServeUpload(const SeenRequest& request,
                                              const std::string& repository,
                                              const std::string& id) {
  MutexLock lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return ErrorReply(404, "BLOB_UPLOAD_UNKNOWN");
  Session& session = found->second;
  if (session.repository != repository ||
      QueryValue(request.url, "state") != absl::StrCat(session.bytes.size())) {
    return ErrorReply(404, "BLOB_UPLOAD_INVALID");
  }
  if (request.method == "DELETE") {
    sessions_.erase(found);
    return FakeReply{204, {}, "", {}};
  }
  if (request.method == "PUT") {
    session.bytes += request.body;
    return CloseUpload(request, id);
  }
  if (request.method == "PATCH") session.bytes += request.body;
  return FakeReply{request.method == "PATCH" ? 202 : 204,
                   {{"Location", Location(id, session)}, {"Range", RangeOf(session.bytes.size())}},
                   "",
                   {}};
}

FakeRegistry::Reply FakeRegistry::CloseUpload(const SeenRequest& request, const std::string& id) {
  const Session session = sessions_[id];
  sessions_.erase(id);
  const std::string digest = DigestOf(session.bytes);
  if (QueryValue(request.url, "digest") != digest) return ErrorReply(400, "DIGEST_INVALID");
  blobs_[{session.repository, digest}] = session.bytes;
  return FakeReply{201, {{"Docker-Content-Digest", digest}}, "", {}};
}

FakeRegistry::Reply FakeRegistry::ServeManifest(const SeenRequest& request,
                                                const std::string& repository,
                                                const std::string& reference) {
  MutexLock lock(mutex_);
  if (request.method != "PUT") {
    const auto found = manifests_.find({repository, reference});
    if (found == manifests_.end() ||
        !absl::StrContains(request.headers.Find("Accept").value_or(""), found->second.type)) {
      return ErrorReply(404, "MANIFEST_UNKNOWN");
    }
    const std::string digest = DigestOf(found->second.bytes);
    return FakeReply{200,
                     {{"Content-Type", found->second.type},
                      {"Docker-Content-Digest", digest},
                      {"ETag", "\"" + digest + "\""}},
                     found->second.bytes,
                     {}};
  }
  const std::string type = request.headers.Find("Content-Type").value_or("");
  http::HttpHeaders headers{{"Docker-Content-Digest", DigestOf(request.body)}};
  if (IsManifestType(type)) {
    const StatusOr<registry::Manifest> manifest = ParseManifest(request.body);
    if (!manifest.ok()) return ErrorReply(400, "MANIFEST_INVALID");
    std::vector<Descriptor> blobs = manifest->layers;
    blobs.push_back(manifest->config);
    for (const Descriptor& blob : blobs) {
      if (!blobs_.contains({repository, FormatDigest(blob.digest)})) {
        return ErrorReply(400, "MANIFEST_BLOB_UNKNOWN");
      }
    }
    if (has_referrers && manifest->subject) {
      headers.Add("OCI-Subject", FormatDigest(manifest->subject->digest));
    }
  }
  const std::string if_match = request.headers.Find("If-Match").value_or("");
  const auto now = manifests_.find({repository, reference});
  if (!if_match.empty() &&
      (now == manifests_.end() || if_match != "\"" + DigestOf(now->second.bytes) + "\"")) {
    return FakeReply{412, {}, "", {}};
  }
  manifests_[{repository, DigestOf(request.body)}] = {type, request.body};
  manifests_[{repository, reference}] = {type, request.body};
  return FakeReply{201, headers, "", {}};
}

FakeRegistry::Reply FakeRegistry::ServeTags(const SeenRequest& request,
                                            const std::string& repository) {
  MutexLock lock(mutex_);
  const std::string last = QueryValue(request.url, "last").value_or("");
  std::vector<std::string> tags;
  bool more = false;
  for (const auto& [key, stored] : manifests_) {
    if (key.first != repository || absl::StrContains(key.second, ":") || key.second <= last) {
      continue;
    }
    more = tags.size() == tags_per_page;
    if (more) break;
    tags.push_back("\"" + key.second + "\"");
  }
  FakeReply reply{
      200, {}, absl::StrCat(R"({"name":"x","tags":[)", absl::StrJoin(tags, ","), "]}"), {}};
  if (more) {
    const std::string name = tags.back().substr(1, tags.back().size() - 2);
    reply.headers.Add(
        "Link", absl::StrCat("</v2/", repository, "/tags/list?n=2&last=", name, ">; rel=\"next\""));
  }
  return reply;
}

FakeRegistry::Reply FakeRegistry::ServeReferrers(const std::string& repository,
                                                 const std::string& subject) {
  MutexLock lock(mutex_);
  Index index{kOciIndex, "", {}, {}, {}};
  for (const auto& [key, stored] : manifests_) {
    if (key.first != repository || !absl::StartsWith(key.second, "sha256:")) continue;
    const StatusOr<registry::Manifest> manifest = ParseManifest(stored.bytes);
    if (!manifest.ok() || !manifest->subject) continue;
    if (FormatDigest(manifest->subject->digest) != subject) continue;
    index.manifests.push_back({manifest->media_type,
                               crypto::Sha256Of(stored.bytes),
                               stored.bytes.size(),
                               {},
                               manifest->artifact_type,
                               {}});
  }
  return FakeReply{200, {{"Content-Type", kOciIndex}}, *FormatIndex(index), {}};
}

}  // namespace sluice::registry

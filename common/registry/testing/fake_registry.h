// A registry in memory, behind a FakeTransport: answers as docker-registry 2.8 does, and errs when
// a test tells it to.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/testing/fake_clock.h"
#include "common/http/testing/fake_transport.h"
#include "common/http/testing/fake_waiter.h"
#include "common/registry/registry_calls.h"

namespace sluice::registry {

// Its host is r.example, its token server auth.example, its storage storage.example. Thread-safe
// once it is set up.
class FakeRegistry {
 public:
  enum class LoginKind { kNone, kBasic, kBearer };
  using Reply = StatusOr<http::FakeReply>;
  // Looks at each request first. What it returns is the answer; it may call Serve() itself, as a
  // network does that loses the answer alone.
  using Fault = std::function<std::optional<Reply>(const http::SeenRequest&)>;

  FakeRegistry();

  Reply Serve(const http::SeenRequest& request);

  // The user is "ci" and the password "pass".
  std::unique_ptr<RegistryCalls> Calls(Credentials credentials = {"ci", Secret("pass"), {}},
                                       RegistryCalls::Options options = {});

  void SetFault(Fault fault) { fault_ = std::move(fault); }
  // The fault for the `count` first requests with this method whose URL contains `part`.
  void FailFirst(int count, std::string method, std::string part, Reply reply);

  std::string AddBlob(const std::string& repository, const std::string& content);  // its digest
  std::optional<std::string> Blob(const std::string& repository, const std::string& digest) const;
  void AddManifest(const std::string& repository, const std::string& tag, const std::string& type,
                   const std::string& bytes);
  std::optional<std::string> Manifest(const std::string& repository,
                                      const std::string& tag_or_digest) const;
  size_t open_sessions() const;

  FakeClock clock;
  http::FakeWaiter waiter{clock};
  http::FakeTransport transport;

  LoginKind login = LoginKind::kNone;
  absl::Duration token_life = absl::Seconds(60);
  bool has_referrers = false;       // the API, and OCI-Subject with it
  bool redirects_blobs = false;     // to storage.example
  bool absolute_locations = false;  // docker-registry's are; the specification lets both be
  size_t tags_per_page = 2;

 private:
  struct Session {
    std::string repository;
    std::string bytes;
  };
  struct Stored {
    std::string type;
    std::string bytes;
  };
  using Key = std::pair<std::string, std::string>;  // repository, and digest or tag

  Reply ServeToken(const http::SeenRequest& request);
  bool IsAllowed(const http::SeenRequest& request) const;
  Reply Refusal() const;
  Reply ServeBlob(const http::SeenRequest& request, const std::string& repository,
                  const std::string& digest);
  Reply BeginUpload(const http::SeenRequest& request, const std::string& repository);
  Reply ServeUpload(const http::SeenRequest& request, const std::string& repository,
                    const std::string& id);
  Reply CloseUpload(const http::SeenRequest& request, const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Reply ServeManifest(const http::SeenRequest& request, const std::string& repository,
                      const std::string& reference);
  Reply ServeTags(const http::SeenRequest& request, const std::string& repository);
  Reply ServeReferrers(const std::string& repository, const std::string& subject);
  std::string Location(const std::string& id, const Session& session) const;

  Fault fault_;
  mutable Mutex mutex_;
  std::map<Key, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  std::map<Key, Stored> manifests_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Session> sessions_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Time> tokens_ ABSL_GUARDED_BY(mutex_);  // and when each ends
  int last_id_ ABSL_GUARDED_BY(mutex_) = 0;
};

http::FakeReply ErrorReply(int status, const std::string& code);
// The failure of a cut connection.
Status Cut();

}  // namespace sluice::registry

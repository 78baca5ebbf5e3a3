// Who we are to registries, from where container tools keep it (docker's config.json,
// containers-auth.json(5)).
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/base/files.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/registry/image_reference.h"

namespace sluice::registry {

inline constexpr size_t kAuthFileBytesMax = 1024 * 1024;

// All empty: anonymous.
struct Credentials {
  std::string user;
  Secret password;
  Secret identity_token;  // for the token server alone, instead of user and password

  bool empty() const { return user.empty() && identity_token.empty(); }
};

// What such a file holds; by registry or, in auth.json, by a prefix of a repository's name.
struct AuthFile {
  std::map<std::string, Credentials, std::less<>> credentials;
  std::map<std::string, std::string, std::less<>> helpers;  // "ecr-login": docker-credential-...
  std::string default_helper;                               // credsStore
};

// InvalidArgument "bad-auth-file", and never a value in the message.
StatusOr<AuthFile> ParseAuthFile(std::string_view text);

// Asks `docker-credential-NAME` in a child process. Thread-safe.
class CredentialHelpers {
 public:
  virtual ~CredentialHelpers() = default;
  // Anonymous when the helper says that it knows none. FailedPrecondition
  // "credential-helper-failed"; DeadlineExceeded "credential-helper-slow".
  virtual StatusOr<Credentials> Ask(const std::string& name, const std::string& registry) = 0;
};

// The most exact entry for the repository; anonymous if there is none.
StatusOr<Credentials> FindCredentials(const AuthFile& file, const Repository& repository,
                                      CredentialHelpers& helpers);

// "no-file" is anonymous. Whoever can read the file has the passwords: it must be the user's own.
StatusOr<Credentials> ReadCredentials(const Files& files, const std::string& path,
                                      const Repository& repository, CredentialHelpers& helpers);

}  // namespace sluice::registry

#include "common/registry/credentials.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/base/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::registry {
namespace {

using nlohmann::json;

constexpr char kDockerHubKey[] = "https://index.docker.io/v1/";
constexpr char kDockerHubHost[] = "registry-1.docker.io";

Status BadFile(const std::string& why) {
  return NamedError(StatusCode::kInvalidArgument, "bad-auth-file",
                    "the file of registry credentials cannot be used: " + why);
}

StatusOr<std::string> Text(const json& entry, const char* field) {
  const auto found = entry.find(field);
  if (found == entry.end() || found->is_null()) return std::string();
  if (!found->is_string()) return BadFile(absl::StrCat(field, " is no text"));
  return found->get<std::string>();
}

StatusOr<Credentials> ReadEntry(const json& entry) {
  if (!entry.is_object()) return BadFile("an entry of auths is no object");
  Credentials credentials;
  SLUICE_ASSIGN_OR_RETURN(const std::string encoded, Text(entry, "auth"));
  SLUICE_ASSIGN_OR_RETURN(credentials.user, Text(entry, "username"));
  SLUICE_ASSIGN_OR_RETURN(std::string password, Text(entry, "password"));
  SLUICE_ASSIGN_OR_RETURN(std::string identity_token, Text(entry, "identitytoken"));
  credentials.password = Secret(std::move(password));
  credentials.identity_token = Secret(std::move(identity_token));
  if (encoded.empty()) return credentials;
  const StatusOr<std::string> decoded = FromBase64(encoded);
  const size_t colon = decoded.ok() ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) return BadFile("an auth is not base64 of user:password");
  credentials.user = decoded->substr(0, colon);
  credentials.password = Secret(decoded->substr(colon + 1));
  return credentials;
}

// What older tools wrote: https://HOST/v1/.
std::string KeyHost(std::string key) {
  if (key == kDockerHubKey || key == "docker.io" || key == "index.docker.io") return kDockerHubHost;
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.erase(0, scheme.size());
  }
  for (const std::string_view path : {"/v1/", "/v2/", "/v1", "/v2", "/"}) {
    if (key.ends_with(path)) {
      key.erase(key.size() - path.size());
      break;
    }
  }
  return key;
}

// The name goes into the name of a program.
bool IsHelperName(const std::string& name) {
  return !name.empty() && name.size() <= 64 && name.front() != '-' &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             "-_.") == std::string::npos;
}

StatusOr<const json*> ObjectOf(const json& file, const char* field) {
  static const json* const kNone = new json(json::object());
  const auto found = file.find(field);
  if (found == file.end() || found->is_null()) return kNone;
  if (!found->is_object()) return BadFile(absl::StrCat(field, " is no object"));
  return &*found;
}

// From the whole name of the repository up to its host alone.
std::vector<std::string> KeysFor(const Repository& repository) {
  std::vector<std::string> keys;
  std::string key = repository.Text();
  while (true) {
    keys.push_back(key);
    const size_t slash = key.rfind('/');
    if (slash == std::string::npos) return keys;
    key.erase(slash);
  }
}

}  // namespace

StatusOr<AuthFile> ParseAuthFile(std::string_view text) {
  const StatusOr<json> file = ParseStrictJson(text, {.bytes_max = kAuthFileBytesMax});
  if (!file.ok()) return WithContext(file.status(), "the file of registry credentials");
  AuthFile parsed;
  SLUICE_ASSIGN_OR_RETURN(const json* const auths, ObjectOf(*file, "auths"));
  for (const auto& [key, entry] : auths->items()) {
    SLUICE_ASSIGN_OR_RETURN(Credentials credentials, ReadEntry(entry));
    // docker leaves an empty entry where a helper keeps the password.
    if (!credentials.empty()) parsed.credentials.emplace(KeyHost(key), std::move(credentials));
  }
  SLUICE_ASSIGN_OR_RETURN(const json* const helpers, ObjectOf(*file, "credHelpers"));
  for (const auto& [key, name] : helpers->items()) {
    if (!name.is_string() || !IsHelperName(name.get<std::string>())) {
      return BadFile("a name in credHelpers is no name of a helper");
    }
    parsed.helpers.emplace(KeyHost(key), name.get<std::string>());
  }
  SLUICE_ASSIGN_OR_RETURN(parsed.default_helper, Text(*file, "credsStore"));
  if (!parsed.default_helper.empty() && !IsHelperName(parsed.default_helper)) {
    return BadFile("credsStore is no name of a helper");
  }
  return parsed;
}

StatusOr<Credentials> FindCredentials(const AuthFile& file, const Repository& repository,
                                      CredentialHelpers& helpers) {
  const std::string& host = repository.host;
  const std::string asked = host == kDockerHubHost ? kDockerHubKey : host;
  if (const auto helper = file.helpers.find(host); helper != file.helpers.end()) {
    return helpers.Ask(helper->second, asked);
  }
  for (const std::string& key : KeysFor(repository)) {
    const auto found = file.credentials.find(key);
    if (found != file.credentials.end()) return found->second;
  }
  if (!file.default_helper.empty()) return helpers.Ask(file.default_helper, asked);
  return Credentials();
}

StatusOr<Credentials> ReadCredentials(const Files& files, const std::string& path,
                                      const Repository& repository, CredentialHelpers& helpers) {
  const StatusOr<std::string> text = files.ReadPrivate(path, kAuthFileBytesMax);
  if (ErrorName(text.status()) == "no-file") return Credentials();
  if (!text.ok()) return text.status();
  const StatusOr<AuthFile> file = ParseAuthFile(*text);
  if (!file.ok()) return WithContext(file.status(), path);
  return FindCredentials(*file, repository, helpers);
}

}  // namespace sluice::registry

// UAA's access tokens: RS256 JWTs, made and judged with one key of the box.
#pragma once

#include <ctime>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

using EVP_PKEY = struct evp_pkey_st;

namespace sluice::box {

// Who calls. A client_credentials client acts as the user whose guid is the client id.
struct Actor {
  std::string guid;
  std::set<std::string> scopes;
  bool Has(const std::string& scope) const { return scopes.contains(scope); }
};

class Tokens {
 public:
  explicit Tokens(std::string issuer);
  ~Tokens();
  Tokens(const Tokens&) = delete;
  Tokens& operator=(const Tokens&) = delete;

  std::string Make(const std::string& client_id, const std::vector<std::string>& scopes,
                   const std::string& grant_type, double valid_seconds) const;
  // Nullopt: not ours, for somebody else, or expired at `when`.
  std::optional<Actor> Judge(const std::string& token, std::time_t when) const;
  nlohmann::json PublicKeys() const;  // the body of /token_keys

 private:
  std::string issuer_;
  EVP_PKEY* key_;
};

}  // namespace sluice::box

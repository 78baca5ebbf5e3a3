// Programs that keep registry passwords: docker-credential-NAME (docker-credential-helpers).
#pragma once

#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/registry/credentials.h"

namespace sluice::registry {

// Reads from the keychain of a desktop may ask its user; a machine's answer at once.
inline constexpr absl::Duration kHelperTimeMax = absl::Seconds(30);
inline constexpr size_t kHelperAnswerBytesMax = 64 * 1024;

// Runs `docker-credential-NAME get` from the PATH: the registry's name goes to its standard input,
// the answer comes from its standard output, so that no secret is ever an argument. Its standard
// error goes to ours. A helper that takes longer than its time is killed.
class SystemCredentialHelpers final : public CredentialHelpers {
 public:
  // `clock` is borrowed.
  explicit SystemCredentialHelpers(const Clock& clock, absl::Duration time_max = kHelperTimeMax)
      : clock_(clock), time_max_(time_max) {}

  StatusOr<Credentials> Ask(const std::string& name, const std::string& registry) override;

 private:
  const Clock& clock_;
  const absl::Duration time_max_;
};

// {"Username": …, "Secret": …}; the user "<token>" stands for an identity token.
// FailedPrecondition "credential-helper-failed".
StatusOr<Credentials> ParseHelperAnswer(std::string_view text);

}  // namespace sluice::registry

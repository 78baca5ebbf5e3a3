#include "agent/own_foundation.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/random.h"

namespace sluice::agent {
namespace {

constexpr size_t kSecretBytesMax = 4096;

foundation::CloudController::Options OptionsOf(const Settings& settings) {
  foundation::CloudController::Options options;
  options.foundation = settings.foundation.value();
  options.api_url = settings.api_url;
  options.job_poll_first = settings.job_poll_first;
  options.job_poll_max = settings.job_poll_max;
  options.upload_limit = settings.upload_limits.time_max;
  return options;
}

}  // namespace

StatusOr<foundation::ClientCredentials> ReadCredentials(const Settings& settings,
                                                        const Files& files) {
  if (!settings.client_secret.empty()) {
    return foundation::ClientCredentials{settings.client_id, settings.client_secret};
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string text,
                          files.ReadPrivate(settings.client_secret_file, kSecretBytesMax));
  // Editors end a file with a line feed that is no part of the secret.
  std::string secret(FromAbsl(absl::StripTrailingAsciiWhitespace(text)));
  if (secret.empty()) {
    return NamedError(StatusCode::kInvalidArgument, "secret-empty",
                      absl::StrCat(settings.client_secret_file, " holds no secret"));
  }
  return foundation::ClientCredentials{settings.client_id, Secret(std::move(secret))};
}

OwnFoundation::OwnFoundation(const Settings& settings, const Files& files, const Clock& clock)
    : transport_({.ca_file = settings.ca_file,
                  .plain_http_hosts = {},
                  .user_agent = "sluice-agent/" SLUICE_VERSION},
                 clock),
      cloud_controller_(
          OptionsOf(settings), [&settings, &files] { return ReadCredentials(settings, files); },
          transport_, clock, waiter_, SeedFromKernel()) {}

}  // namespace sluice::agent

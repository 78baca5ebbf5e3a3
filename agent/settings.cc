#include "agent/settings.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/query.h"
#include "agent/job_services.h"
#include "agent/jobs/target_steps.h"
#include "agent/reads.h"
#include "common/net/endpoint.h"
#include "common/trust/order.h"
#include "common/trust/reference.h"

namespace sluice::agent {
namespace {

// What the file says, with its folder for relative paths.
class Reader {
 public:
  Reader(const ConfigReader& config, const std::string& file,
         const ConfigReader::Overrides& overrides)
      : config_(config), overrides_(overrides) {
    const size_t slash = file.rfind('/');
    if (slash != std::string::npos) folder_ = file.substr(0, slash + 1);
  }

  std::string RequiredPath(std::string_view key) const {
    return Resolved(key, config_.RequiredString(key));
  }
  std::string Path(std::string_view key) const { return Resolved(key, config_.String(key, "")); }

  // One that somebody dials: this agent, or others.
  std::string Dialled(std::string_view key, std::string endpoint) const {
    if (!endpoint.empty() && !net::IsDialledEndpoint(endpoint)) {
      config_.Mistake(key, "must be tcp://HOST:PORT, with a port of 1 to 65535");
    }
    return endpoint;
  }
  std::string Listened(std::string_view key) const {
    std::string endpoint = config_.String(key, "");
    if (!endpoint.empty() && !net::IsListenedEndpoint(endpoint)) {
      config_.Mistake(key, "must be tcp://ADDRESS:PORT; port * for any free one");
    }
    return endpoint;
  }

  absl::Duration Interval(std::string_view key, absl::Duration fallback) const {
    const absl::Duration interval = config_.Duration(key, fallback);
    if (interval <= absl::ZeroDuration()) config_.Mistake(key, "must be above zero");
    return interval;
  }

 private:
  std::string Resolved(std::string_view key, const std::string& path) const {
    if (path.empty() || path.front() == '/' || Overridden(key)) return path;
    return folder_ + path;
  }
  // As ConfigReader names the variables. Paths of the environment are the process's own.
  bool Overridden(std::string_view key) const {
    std::string name = "SLUICE_";
    for (const char c : key) {
      const bool letter = c >= 'a' && c <= 'z';
      name += letter ? static_cast<char>(c - 'a' + 'A') : c == '.' || c == '-' ? '_' : c;
    }
    return overrides_.contains(name);
  }

  const ConfigReader& config_;
  const ConfigReader::Overrides& overrides_;
  std::string folder_;
};

void ReadTrust(const ConfigReader& config, const Reader& reader, Settings& settings) {
  settings.trust_document = reader.RequiredPath("trust.document");
  const std::vector<std::string> roots = config.Strings("trust.roots");
  if (roots.empty()) {
    config.Mistake("trust.roots", "missing: the trust root's public key (slrt1…) is needed");
  }
  for (const std::string& root : roots) {
    auto key = crypto::VerifyingKey::Parse(crypto::KeyKind::kRoot, root);
    if (key.ok()) {
      settings.trust_roots.push_back(*std::move(key));
    } else {
      config.Mistake("trust.roots", FromAbsl(key.status().message()));
    }
  }
}

void ReadCloudController(const ConfigReader& config, const Reader& reader, Settings& settings) {
  const foundation::CloudController::Options defaults;
  settings.api_url = config.RequiredString("cloud_controller.api");
  const bool is_url = absl::StartsWith(settings.api_url, "https://") ||
                      absl::StartsWith(settings.api_url, "http://");
  if (!settings.api_url.empty() && !is_url) {
    config.Mistake("cloud_controller.api", "must be https://HOST, as `cf api` shows it");
  }
  settings.api_url = foundation::WithoutTrailingSlash(std::move(settings.api_url));
  settings.ca_file = reader.Path("cloud_controller.ca_file");
  settings.client_id = config.RequiredString("cloud_controller.client_id");
  settings.client_secret_file = reader.Path("cloud_controller.client_secret_file");
  settings.client_secret = config.SecretFromEnvironment("cloud_controller.client_secret");
  if (settings.client_secret.empty() && settings.client_secret_file.empty()) {
    config.Mistake("cloud_controller.client_secret_file",
                   "missing, and SLUICE_CLOUD_CONTROLLER_CLIENT_SECRET is not set: the agent needs "
                   "its UAA client's secret");
  }
  settings.job_poll_first =
      reader.Interval("cloud_controller.job_poll_first", defaults.job_poll_first);
  settings.job_poll_max = reader.Interval("cloud_controller.job_poll_max", defaults.job_poll_max);
  settings.deployment_poll =
      reader.Interval("cloud_controller.deployment_poll", TargetSteps::Options().deployment_poll);
  settings.upload_limits.time_max =
      reader.Interval("cloud_controller.upload_time_max", UploadLimits().time_max);
  settings.upload_limits.idle_max =
      reader.Interval("cloud_controller.upload_idle_max", UploadLimits().idle_max);
  settings.droplet_bytes_max =
      config.Size("cloud_controller.droplet_bytes_max", Reads::Options().droplet_bytes_max);
}

void ReadSpool(const ConfigReader& config, const Reader& reader, Settings& settings) {
  // Several of the largest droplets that a foundation takes by default.
  constexpr uint64_t kSpoolBytesMax = uint64_t{8} << 30;
  settings.spool_folder = reader.Path("spool.folder");
  if (settings.spool_folder.empty()) settings.spool_folder = settings.data_dir + "/spool";
  settings.spool_bytes_max = config.Size("spool.bytes_max", kSpoolBytesMax);
  if (settings.spool_bytes_max == 0) config.Mistake("spool.bytes_max", "must be above zero");
}

transfer::Rate ReadRate(const ConfigReader& config, std::string_view key) {
  if (!config.Has(key)) return std::nullopt;
  const uint64_t rate = config.Size(key, trust::kBytesPerSecondMin);
  if (rate < trust::kBytesPerSecondMin) {
    config.Mistake(key, absl::StrCat("is in bytes a second, and must be ",
                                     trust::kBytesPerSecondMin >> 10, "K at least"));
  }
  return rate;
}

void ReadLimits(const ConfigReader& config, Settings& settings) {
  settings.rates = {.send = ReadRate(config, "limits.send_rate"),
                    .receive = ReadRate(config, "limits.receive_rate")};
  const auto places = [&config](std::string_view key) {
    constexpr IntegerRange kRange = {.least = 1, .most = kOpenJobsMax};
    return static_cast<size_t>(config.Integer(key, ParallelLimit::kPlacesDefault, kRange));
  };
  settings.downloads_max = places("limits.downloads");
  settings.uploads_max = places("limits.uploads");
}

}  // namespace

StatusOr<Settings> LoadSettings(const Files& files, const std::string& path,
                                const ConfigReader::Overrides& overrides) {
  constexpr size_t kConfigFileBytesMax = 256 * 1024;
  const auto text = files.Read(path, kConfigFileBytesMax);
  if (!text.ok()) {
    return NamedError(StatusCode::kInvalidArgument, "no-configuration",
                      absl::StrCat("cannot read the configuration: ", text.status().message()));
  }
  Settings settings;
  settings.file = path;
  const ConfigReader config(path, *text, overrides);
  const Reader reader(config, path, overrides);
  const std::string foundation = config.RequiredString("foundation");
  if (const auto name = trust::ParseFoundationName(foundation); name.ok()) {
    settings.foundation = *name;
  } else if (!foundation.empty()) {
    config.Mistake("foundation", "must be 1 to 63 of a-z, 0-9 and -");
  }
  settings.key_file = reader.RequiredPath("key_file");
  ReadTrust(config, reader, settings);
  settings.coordinator_endpoint =
      reader.Dialled("coordinator.endpoint", config.RequiredString("coordinator.endpoint"));
  settings.bulk_listen = reader.Listened("bulk.listen");
  settings.bulk_advertise = reader.Dialled("bulk.advertise", config.String("bulk.advertise", ""));
  if (settings.bulk_listen.empty() && !settings.bulk_advertise.empty()) {
    config.Mistake("bulk.advertise", "has no meaning without bulk.listen");
  }
  ReadCloudController(config, reader, settings);
  settings.policy_file = reader.Path("policy_file");
  if (config.Choice("seal_suite", {"x25519", "p256"}, "x25519") == "p256") {
    settings.seal_suite = crypto::SealSuite::kP256HkdfSha256Aes256Gcm;
  }
  settings.data_dir = reader.RequiredPath("data_dir");
  ReadSpool(config, reader, settings);
  ReadLimits(config, settings);
  const auto level =
      ParseLogLevel(config.Choice("log_level", {"debug", "info", "warning", "error"}, "info"));
  settings.log_level = level.value_or(LogLevel::kInfo);
  SLUICE_RETURN_IF_ERROR(config.Finish());
  settings.unknown_variables = config.UnusedOverrides();
  return settings;
}

}  // namespace sluice::agent

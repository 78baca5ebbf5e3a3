#include "coordinator/cli/settings.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/config.h"
#include "common/net/endpoint.h"

namespace sluice::cli {
namespace {

constexpr size_t kConfigFileBytesMax = 256 * 1024;
constexpr absl::Duration kConnectWait = absl::Seconds(10);
constexpr absl::Duration kConnectWaitMax = absl::Minutes(10);

std::string Variable(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

struct ConfigFile {
  std::string path;  // "" when nothing says where it would be
  bool required = false;
};

ConfigFile ChooseFile(const Environment& environment,
                      const std::optional<std::string>& config_file) {
  if (config_file.has_value()) return {*config_file, true};
  if (std::string named = Variable(environment, "SLUICE_CONFIG"); !named.empty()) {
    return {std::move(named), true};
  }
  if (const std::string folder = Variable(environment, "XDG_CONFIG_HOME"); !folder.empty()) {
    return {absl::StrCat(folder, "/sluice/config.yaml"), false};
  }
  const std::string home = Variable(environment, "HOME");
  if (home.empty()) return {};
  return {absl::StrCat(home, "/.config/sluice/config.yaml"), false};
}

ConfigReader::Overrides OverridesOf(const Environment& environment) {
  ConfigReader::Overrides overrides;
  for (const auto& [name, value] : environment) {
    if (absl::StartsWith(name, "SLUICE_") && name != "SLUICE_CONFIG") overrides[name] = value;
  }
  return overrides;
}

// A path that stands in the file is relative to the file's folder, so that a command means the same
// from everywhere.
std::string Resolved(const std::string& path, const std::string& file, bool from_environment) {
  const size_t slash = file.rfind('/');
  if (path.empty() || path.front() == '/' || from_environment || slash == std::string::npos) {
    return path;
  }
  return absl::StrCat(file.substr(0, slash + 1), path);
}

void ReadTrust(const ConfigReader& config, const Environment& environment, Settings& settings) {
  settings.trust_document = Resolved(config.RequiredString("trust.document"), settings.file,
                                     environment.contains("SLUICE_TRUST_DOCUMENT"));
  const std::vector<std::string> roots = config.Strings("trust.roots");
  if (roots.empty()) {
    config.Mistake("trust.roots", "missing: the trust root's public key (slrt1…) is needed");
  }
  for (const std::string& root : roots) {
    StatusOr<crypto::VerifyingKey> key = crypto::VerifyingKey::Parse(crypto::KeyKind::kRoot, root);
    if (!key.ok()) {
      config.Mistake("trust.roots", FromAbsl(key.status().message()));
    } else {
      settings.trust_roots.push_back(*std::move(key));
    }
  }
}

void ReadConnection(const ConfigReader& config, const Environment& environment,
                    Settings& settings) {
  settings.coordinator_endpoint = config.RequiredString("coordinator.endpoint");
  if (!settings.coordinator_endpoint.empty() &&
      !net::IsDialledEndpoint(settings.coordinator_endpoint)) {
    config.Mistake("coordinator.endpoint", "must be tcp://HOST:PORT, with a port of 1 to 65535");
  }
  settings.connect_wait = config.Duration("coordinator.connect_wait", kConnectWait);
  if (settings.connect_wait <= absl::ZeroDuration() || settings.connect_wait > kConnectWaitMax) {
    config.Mistake("coordinator.connect_wait", "must be above zero, and is at most 10m");
  }
  settings.key_file = Resolved(config.RequiredString("key_file"), settings.file,
                               environment.contains("SLUICE_KEY_FILE"));
}

StatusOr<Settings> Load(const Files& files, const Environment& environment,
                        const std::optional<std::string>& config_file, bool with_connection) {
  const ConfigFile chosen = ChooseFile(environment, config_file);
  StatusOr<std::string> text = "";
  if (!chosen.path.empty()) text = files.Read(chosen.path, kConfigFileBytesMax);
  const bool absent =
      chosen.path.empty() || (!text.ok() && absl::IsNotFound(text.status()) && !chosen.required);
  if (!text.ok() && !absent) {
    return NamedError(StatusCode::kInvalidArgument, "no-configuration",
                      absl::StrCat("cannot read the configuration: ", text.status().message()));
  }
  Settings settings;
  if (!absent) settings.file = chosen.path;
  const ConfigReader config(chosen.path, absent ? "" : *text, OverridesOf(environment));
  ReadTrust(config, environment, settings);
  if (with_connection) {
    ReadConnection(config, environment, settings);
  } else {
    // Known keys of the same file, needed by other commands.
    for (const char* key : {"coordinator.endpoint", "coordinator.connect_wait", "key_file"}) {
      config.Has(key);
    }
  }
  if (Status finished = config.Finish(); !finished.ok()) {
    if (!absent) return finished;
    return NamedError(StatusCode::kInvalidArgument, "no-configuration",
                      absl::StrCat("there is no configuration",
                                   chosen.path.empty() ? ", and HOME is not set"
                                                       : absl::StrCat(" at ", chosen.path),
                                   "; write one ('sluice help' says what is in it), or give "
                                   "--config FILE"));
  }
  return settings;
}

}  // namespace

StatusOr<Settings> LoadSettings(const Files& files, const Environment& environment,
                                const std::optional<std::string>& config_file) {
  return Load(files, environment, config_file, true);
}

StatusOr<Settings> LoadTrustSettings(const Files& files, const Environment& environment,
                                     const std::optional<std::string>& config_file) {
  return Load(files, environment, config_file, false);
}

}  // namespace sluice::cli

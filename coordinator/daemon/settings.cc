#include "coordinator/daemon/settings.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/config_tree.h"
#include "common/net/endpoint.h"

namespace sluice::coordinator {
namespace {

class Reader {
 public:
  Reader(const std::string& path, std::string_view text, const ConfigReader::Overrides& overrides)
      : path_(path), overrides_(overrides), config_(path, text, overrides) {}

  StatusOr<Settings> Read() {
    Settings settings;
    settings.key_file = Path("key_file", "SLUICE_KEY_FILE");
    settings.trust_document = Path("trust.document", "SLUICE_TRUST_DOCUMENT");
    settings.trust_roots = Roots();
    settings.listen = config_.String("control.listen", settings.listen);
    if (!net::IsListenedEndpoint(settings.listen)) {
      config_.Mistake("control.listen", "is tcp://ADDRESS:PORT; port * for any free one");
    }
    settings.relay_listen = config_.String("relay.listen", settings.relay_listen);
    if (!settings.relay_listen.empty() && !net::IsListenedEndpoint(settings.relay_listen)) {
      config_.Mistake("relay.listen",
                      "is tcp://ADDRESS:PORT; port * for any free one; \"\" for no relay");
    }
    settings.relay_advertise = config_.String("relay.advertise", settings.relay_advertise);
    if (!settings.relay_advertise.empty() && !net::IsDialledEndpoint(settings.relay_advertise)) {
      config_.Mistake("relay.advertise", "is tcp://HOST:PORT, as agents dial it");
    }
    settings.data_dir = Path("data_dir", "SLUICE_DATA_DIR");
    const auto level =
        ParseLogLevel(config_.Choice("log_level", {"debug", "info", "warning", "error"}, "info"));
    if (level.ok()) settings.log_level = *level;
    SLUICE_RETURN_IF_ERROR(config_.Finish());
    settings.unknown_variables = config_.UnusedOverrides();
    return settings;
  }

 private:
  std::string Path(std::string_view key, std::string_view variable) {
    std::string path = config_.RequiredString(key);
    const size_t slash = path_.rfind('/');
    if (path.empty() || path.front() == '/' || overrides_.contains(variable) ||
        slash == std::string::npos) {
      return path;
    }
    return absl::StrCat(path_.substr(0, slash + 1), path);
  }

  std::vector<crypto::VerifyingKey> Roots() {
    std::vector<crypto::VerifyingKey> roots;
    const std::vector<std::string> texts = config_.Strings("trust.roots");
    for (const std::string& text : texts) {
      const auto root = crypto::VerifyingKey::Parse(crypto::KeyKind::kRoot, text);
      if (root.ok()) {
        roots.push_back(*root);
      } else {
        config_.Mistake("trust.roots", FromAbsl(root.status().message()));
      }
    }
    if (texts.empty()) {
      config_.Mistake("trust.roots",
                      "needs at least one trust root's public key (slrt1...): "
                      "'sluice keygen root' prints it");
    }
    return roots;
  }

  const std::string path_;
  const ConfigReader::Overrides& overrides_;
  ConfigReader config_;
};

}  // namespace

StatusOr<Settings> LoadSettings(const Files& files, const std::string& path,
                                const ConfigReader::Overrides& overrides) {
  const StatusOr<std::string> text = files.Read(path, kConfigBytesMax);
  if (absl::IsNotFound(text.status())) {
    return NamedError(
        StatusCode::kInvalidArgument, "no-configuration",
        absl::StrCat("there is no configuration at ", path, "; write one, or give --config FILE"));
  }
  SLUICE_RETURN_IF_ERROR(text.status());
  return Reader(path, *text, overrides).Read();
}

StatusOr<trust::CoordinatorKey> LoadTrustedKey(const Files& files, const Settings& settings,
                                               const trust::TrustDocument& trust) {
  SLUICE_ASSIGN_OR_RETURN(trust::CoordinatorKey key,
                          trust::LoadCoordinatorKey(files, settings.key_file));
  if (trust.content().coordinator_curve == key.curve.public_key()) return key;
  return NamedError(StatusCode::kPermissionDenied, "coordinator-key-not-trusted",
                    absl::StrCat("the trust document ", settings.trust_document,
                                 " names another coordinator's key than that of ",
                                 settings.key_file, ": agents and operators would refuse it"));
}

}  // namespace sluice::coordinator

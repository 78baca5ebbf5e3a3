#include "common/image/launcher/app_environment.h"

#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace sluice::image::launcher {
namespace {

// Sorted keys, as Cloud Foundry's launcher writes them.
using Json = nlohmann::json;

constexpr std::string_view kDefaultPort = "8080";
constexpr uint64_t kMebibyte = uint64_t{1} << 20;
// cgroup v1 says "no limit" by the largest multiple of a page: anything that no machine has is
// none.
constexpr uint64_t kMemoryLimitBytesMax = uint64_t{1} << 50;

std::string Dump(const Json& json) {
  // Variables may hold any bytes: what is not UTF-8 is replaced, never a reason not to start.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<uint64_t> Number(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<std::string> InMebibytes(const std::optional<std::string>& limit) {
  if (!limit) return std::nullopt;
  const std::optional<uint64_t> bytes = Number(*limit);
  if (!bytes || *bytes < kMebibyte || *bytes > kMemoryLimitBytesMax) return std::nullopt;
  return std::to_string(*bytes / kMebibyte) + "m";
}

// Builds on the container's environment.
class AppVariables {
 public:
  explicit AppVariables(const Environment& given) : variables_(given) {}

  void Set(std::string_view name, std::string_view value) {
    variables_.insert_or_assign(std::string(name), std::string(value));
  }
  void SetIfAbsent(std::string_view name, std::string_view value) {
    variables_.try_emplace(std::string(name), std::string(value));
  }
  bool Has(std::string_view name) const { return variables_.find(name) != variables_.end(); }
  std::string Get(std::string_view name) const {
    const auto found = variables_.find(name);
    return found == variables_.end() ? "" : found->second;
  }
  // Two names of one thing: whichever is given is the other's value too.
  void SetPairIfAbsent(std::string_view first, std::string_view second, std::string_view value) {
    const std::string chosen(Has(first) ? Get(first) : Has(second) ? Get(second) : value);
    SetIfAbsent(first, chosen);
    SetIfAbsent(second, chosen);
  }
  void Remove(const std::string& name) { variables_.erase(name); }
  Environment Take() { return std::move(variables_); }

 private:
  Environment variables_;
};

void SetPlaces(const Surroundings& surroundings, AppVariables& variables) {
  // Set, not filled in: a container engine sets HOME from /etc/passwd before this program runs.
  variables.Set("HOME", kAppFolder);
  variables.Set("DEPS_DIR", kDependenciesFolder);
  variables.Set("USER", "vcap");
  // Under another user than vcap, or a read-only root, Cloud Foundry's own place cannot be used.
  const bool elsewhere =
      !surroundings.temporary_folder_is_writable && surroundings.other_temporary_folder_is_writable;
  variables.Set("TMPDIR", elsewhere ? kOtherTemporaryFolder : kTemporaryFolder);
  variables.SetIfAbsent("LANG", "en_US.UTF-8");
  variables.SetIfAbsent("PATH", "/usr/local/bin:/usr/bin:/bin");
}

void SetInstance(const Surroundings& surroundings, AppVariables& variables) {
  variables.SetIfAbsent("PORT", kDefaultPort);
  const std::string port = variables.Get("PORT");
  variables.SetIfAbsent("VCAP_APP_PORT", port);
  variables.SetIfAbsent("VCAP_APP_HOST", "0.0.0.0");
  variables.SetPairIfAbsent("INSTANCE_INDEX", "CF_INSTANCE_INDEX", "0");
  variables.SetPairIfAbsent("INSTANCE_GUID", "CF_INSTANCE_GUID", surroundings.random_guid);
  variables.SetIfAbsent("CF_INSTANCE_PORT", port);
  if (const std::optional<uint64_t> number = Number(port)) {
    variables.SetIfAbsent("CF_INSTANCE_PORTS",
                          Dump(Json::array({{{"external", *number}, {"internal", *number}}})));
  }
  if (surroundings.ipv4_address) {
    variables.SetPairIfAbsent("CF_INSTANCE_IP", "CF_INSTANCE_INTERNAL_IP",
                              *surroundings.ipv4_address);
    variables.SetIfAbsent("CF_INSTANCE_ADDR", variables.Get("CF_INSTANCE_IP") + ":" +
                                                  variables.Get("CF_INSTANCE_PORT"));
  }
  if (const auto limit = MemoryLimit(surroundings.cgroup2_limit, surroundings.cgroup1_limit)) {
    variables.SetIfAbsent("MEMORY_LIMIT", *limit);
  }
}

void SetServices(AppVariables& variables) {
  // Bindings given as files would be hidden by an empty VCAP_SERVICES.
  if (!variables.Has("SERVICE_BINDING_ROOT") && !variables.Has("VCAP_SERVICES_FILE_PATH")) {
    variables.SetIfAbsent("VCAP_SERVICES", "{}");
  }
  if (variables.Has("DATABASE_URL")) return;
  if (const auto url = DatabaseUrl(variables.Get("VCAP_SERVICES"))) {
    variables.Set("DATABASE_URL", *url);
  }
}

void SetApplication(const LaunchRecord& record, std::string_view process_type,
                    AppVariables& variables) {
  if (!variables.Has("VCAP_APPLICATION")) {
    Json made = {{"application_name", record.application_name},
                 {"application_uris", Json::array()},
                 {"name", record.application_name},
                 {"uris", Json::array()}};
    if (!record.application_id.empty()) made["application_id"] = record.application_id;
    if (!process_type.empty()) made["process_type"] = process_type;
    variables.Set("VCAP_APPLICATION", Dump(made));
  }
  Json application =
      Json::parse(variables.Get("VCAP_APPLICATION"), nullptr, /*allow_exceptions=*/false);
  if (!application.is_object()) return;  // left as it was given, as Cloud Foundry's launcher does
  application["host"] = "0.0.0.0";
  application["instance_id"] = variables.Get("INSTANCE_GUID");
  if (const auto port = Number(variables.Get("PORT"))) application["port"] = *port;
  if (const auto index = Number(variables.Get("INSTANCE_INDEX"))) {
    application["instance_index"] = *index;
  }
  variables.Set("VCAP_APPLICATION", Dump(application));
}

}  // namespace

std::optional<std::string> MemoryLimit(const std::optional<std::string>& cgroup2_limit,
                                       const std::optional<std::string>& cgroup1_limit) {
  const std::optional<std::string> limit = InMebibytes(cgroup2_limit);
  return limit ? limit : InMebibytes(cgroup1_limit);
}

std::optional<std::string> DatabaseUrl(const std::string& vcap_services) {
  // In the order of the text: "the first" must not depend on the names of the services.
  const auto services =
      nlohmann::ordered_json::parse(vcap_services, nullptr, /*allow_exceptions=*/false);
  if (!services.is_object()) return std::nullopt;
  static const std::map<std::string, std::string, std::less<>> kSchemes = {
      {"mysql", "mysql2"},
      {"mysql2", "mysql2"},
      {"postgres", "postgres"},
      {"postgresql", "postgres"}};
  for (const auto& instances : services) {
    if (!instances.is_array()) continue;
    for (const auto& instance : instances) {
      if (!instance.is_object() || !instance.contains("credentials")) continue;
      const auto& credentials = instance["credentials"];
      if (!credentials.is_object() || !credentials.contains("uri")) continue;
      if (!credentials["uri"].is_string()) continue;
      const std::string uri = credentials["uri"].get<std::string>();
      const size_t scheme_end = uri.find("://");
      if (scheme_end == std::string::npos) continue;
      const auto scheme = kSchemes.find(uri.substr(0, scheme_end));
      if (scheme != kSchemes.end()) return scheme->second + uri.substr(scheme_end);
    }
  }
  return std::nullopt;
}

bool NeedsCredHub(const Environment& environment) {
  if (environment.find("CREDHUB_SKIP_INTERPOLATION") != environment.end()) return false;
  const auto options = environment.find("VCAP_PLATFORM_OPTIONS");
  const auto services = environment.find("VCAP_SERVICES");
  if (options == environment.end() || services == environment.end()) return false;
  const Json platform = Json::parse(options->second, nullptr, /*allow_exceptions=*/false);
  return platform.is_object() && platform.contains("credhub-uri") &&
         services->second.find("\"credhub-ref\"") != std::string::npos;
}

Environment AppEnvironment(const Surroundings& surroundings, const LaunchRecord& record,
                           std::string_view process_type) {
  AppVariables variables(surroundings.environment);
  SetPlaces(surroundings, variables);
  SetInstance(surroundings, variables);
  SetServices(variables);
  SetApplication(record, process_type, variables);
  variables.Remove("VCAP_PLATFORM_OPTIONS");
  return variables.Take();
}

}  // namespace sluice::image::launcher

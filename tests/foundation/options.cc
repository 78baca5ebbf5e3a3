#include "tests/foundation/options.h"

#include <functional>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace sluice::box {
namespace {

struct Option {
  const char* name;
  const char* help;
  std::function<void(Options&, const std::string&)> set;
};

auto Text(std::string Options::*field) {
  return [field](Options& options, const std::string& value) { options.*field = value; };
}
auto Seconds(double Options::*field) {
  return [field](Options& options, const std::string& value) { options.*field = std::stod(value); };
}
auto Number(int Options::*field) {
  return [field](Options& options, const std::string& value) { options.*field = std::stoi(value); };
}

void SetStacks(Options& options, const std::string& value) {
  options.stacks.clear();
  std::istringstream names(value);
  for (std::string name; std::getline(names, name, ',');) options.stacks.push_back(name);
}

const std::vector<Option>& All() {
  static const auto* all = new std::vector<Option>{
      {"--directory", "where everything of the box lies; made when absent (needed)",
       Text(&Options::directory)},
      {"--name", "name of the foundation (box)", Text(&Options::name)},
      {"--address", "IPv4 address to listen on (127.0.0.1)", Text(&Options::address)},
      {"--port-file", "file for a second copy of box.json", Text(&Options::port_file)},
      {"--apps-domain", "domain of the apps' routes (apps.NAME.test)", Text(&Options::apps_domain)},
      {"--blobstore-scheme", "how URLs are signed: md5 or hmac (md5)",
       Text(&Options::blobstore_scheme)},
      {"--api-version", "version of CC that is claimed (3.228.0)", Text(&Options::api_version)},
      {"--stacks", "names with commas between; the first is the default (cflinuxfs4,cflinuxfs3)",
       SetStacks},
      {"--job-delay", "seconds before a job begins (0)", Seconds(&Options::job_delay_seconds)},
      {"--upload-idle", "seconds without a byte after which an upload is cut (60)",
       Seconds(&Options::upload_idle_seconds)},
      {"--request-limit", "seconds that an upload may take in all (900)",
       Seconds(&Options::request_limit_seconds)},
      {"--upload-bytes-max", "bytes of an upload's whole body (2147483648)",
       [](Options& options, const std::string& value) {
         options.upload_bytes_max = std::stoull(value);
       }},
      {"--token-seconds", "life of an access token (1200)", Seconds(&Options::token_seconds)},
      {"--signed-url-seconds", "life of a download URL (3600)",
       Seconds(&Options::signed_url_seconds)},
      {"--deployment-interval", "seconds between steps of a deployment (0.2)",
       Seconds(&Options::deployment_interval_seconds)},
      {"--health-timeout", "seconds within which an instance must be healthy (60)",
       Seconds(&Options::health_timeout_seconds)},
      {"--crash-backoff", "seconds after the third crash; doubles up to 960 (30)",
       Seconds(&Options::crash_backoff_seconds)},
      {"--stop-grace", "seconds between SIGTERM and SIGKILL (10)",
       Seconds(&Options::stop_grace_seconds)},
      {"--ready-fd", "descriptor that gets the line \"ready\"", Number(&Options::ready_fd)},
      {"--lifeline-fd", "descriptor at whose end the box ends", Number(&Options::lifeline_fd)},
  };
  return *all;
}

void PrintHelp() {
  std::cout << "usage: foundation-box --directory D [--OPTION VALUE]...\n\n"
               "Runs one Cloud Foundry foundation in this process. D/box.json tells its URLs.\n\n";
  for (const Option& option : All()) {
    std::string name = option.name;
    name.resize(24, ' ');
    std::cout << "  " << name << option.help << "\n";
  }
}

void Check(const Options& options) {
  if (options.directory.empty()) throw std::runtime_error("--directory is needed");
  if (options.stacks.empty()) throw std::runtime_error("--stacks needs at least one");
  if (options.blobstore_scheme != "md5" && options.blobstore_scheme != "hmac") {
    throw std::runtime_error("--blobstore-scheme is md5 or hmac");
  }
}

const Option& Named(std::string_view name) {
  for (const Option& option : All()) {
    if (option.name == name) return option;
  }
  throw std::runtime_error("there is no option " + std::string(name) + "; --help lists them");
}

}  // namespace

std::optional<Options> ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    if (std::string_view(argv[i]) == "--help") {
      PrintHelp();
      return std::nullopt;
    }
    const Option& option = Named(argv[i]);
    if (i + 1 == argc) throw std::runtime_error(std::string(argv[i]) + " takes a value");
    try {
      option.set(options, argv[i + 1]);
    } catch (const std::logic_error&) {
      throw std::runtime_error(std::string(argv[i]) + " cannot be " + argv[i + 1]);
    }
  }
  Check(options);
  if (options.apps_domain.empty()) options.apps_domain = "apps." + options.name + ".test";
  return options;
}

}  // namespace sluice::box

// foundation-box: one Cloud Foundry foundation in one process. README.md says how to use it.
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/foundation/admin.h"
#include "tests/foundation/blobstore.h"
#include "tests/foundation/certificates.h"
#include "tests/foundation/cloud_controller.h"
#include "tests/foundation/deployment_updater.h"
#include "tests/foundation/digests.h"
#include "tests/foundation/faulty_download.h"
#include "tests/foundation/http_server.h"
#include "tests/foundation/options.h"
#include "tests/foundation/request_log.h"
#include "tests/foundation/router.h"
#include "tests/foundation/runtime.h"
#include "tests/foundation/tokens.h"
#include "tests/foundation/uaa.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::seconds kOrphanWait{5};

// SIGTERM and SIGINT come by this descriptor; blocked before any thread begins.
int BlockSignals() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  sigaddset(&ending, SIGINT);
  sigprocmask(SIG_BLOCK, &ending, nullptr);
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);  // waited for when the box ends
  sigprocmask(SIG_BLOCK, &ended, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &ending, SFD_CLOEXEC);
}

void SeedFoundation(Foundation& foundation, const std::string& admin_secret) {
  Store& store = foundation.store;
  for (const std::string& name : foundation.options.stacks) {
    Stack stack;
    stack.name = name;
    store.Add(store.stacks, std::move(stack));
  }
  Domain domain;
  domain.name = foundation.options.apps_domain;
  store.Add(store.domains, std::move(domain));
  Client admin;
  admin.id = "admin";
  admin.secret = admin_secret;
  admin.scopes = {"cloud_controller.admin"};
  store.clients[admin.id] = std::move(admin);
}

// Written beside and renamed, so that whoever waits for the file never reads half of it.
void WriteWhole(const std::string& path, const std::string& text) {
  std::ofstream(path + ".part") << text;
  std::filesystem::rename(path + ".part", path);
}

void WaitForTheEnd(int signals, int lifeline) {
  pollfd waiting[2] = {{signals, POLLIN, 0}, {lifeline, POLLIN, 0}};
  while (true) {
    int ready = poll(waiting, lifeline >= 0 ? 2 : 1, -1);
    if (ready < 0) continue;
    if (waiting[0].revents != 0) return;
    char ignored[64];
    if (lifeline >= 0 && waiting[1].revents != 0 && read(lifeline, ignored, sizeof ignored) <= 0) {
      return;
    }
  }
}

// What the apps' sandboxes left behind became ours; without a reaping init it would stay for ever.
void ReapOrphans() {
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  auto deadline = std::chrono::steady_clock::now() + kOrphanWait;
  while (true) {
    pid_t reaped = waitpid(-1, nullptr, WNOHANG);
    if (reaped < 0) return;  // none left
    if (reaped > 0) continue;
    auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    timespec limit{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    sigtimedwait(&ended, nullptr, &limit);
  }
}

std::string Url(const std::string& scheme, const Options& options, const HttpServer& server) {
  return scheme + "://" + options.address + ":" + std::to_string(server.port());
}

// The box's directories, and its own path in its one canonical form.
void MakeDirectories(Options& options) {
  std::filesystem::create_directories(options.directory);
  options.directory = std::filesystem::canonical(options.directory);
  for (const char* part : {"/uploads", "/tls"}) {
    std::filesystem::create_directories(options.directory + part);
  }
}

// What box.json says: where everything is, and who may enter.
std::string Description(const Foundation& foundation, const HttpServer& admin_server,
                        const HttpServer& router_server, const std::string& ca_file,
                        const std::string& admin_secret) {
  const Options& options = foundation.options;
  const Blobstore& blobstore = *foundation.blobstore;
  return Json{{"name", options.name},
              {"pid", getpid()},
              {"api_url", foundation.api_url},
              {"uaa_url", foundation.uaa_url},
              {"blobstore_url", blobstore.url()},
              {"admin_url", Url("http", options, admin_server)},
              {"router_url", Url("http", options, router_server)},
              {"router_host", options.address},
              {"router_port", router_server.port()},
              {"apps_domain", options.apps_domain},
              {"apps_domain_guid", Ordered(foundation.store.domains).front()->guid},
              {"ca_file", ca_file},
              {"admin_client", {{"id", "admin"}, {"secret", admin_secret}}},
              {"webdav", {{"user", Blobstore::kUser}, {"password", blobstore.password()}}}}
      .dump(2);
}

void RunBox(const Options& given) {
  int signals = BlockSignals();
  Options options = given;
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (options.lifeline_fd < 0) {
    // Without a lifeline the box ends with the thread that started it.
    pid_t parent = getppid();
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) return;
  }
  MakeDirectories(options);
  CertificateFiles certificates =
      MakeCertificates(options.directory + "/tls", options.name, options.address);
  // For the threads that serve connections to the process's end.
  SSL_CTX* tls = MakeServerTls(certificates.certificate, certificates.key).release();
  HttpServer api(options.address, 0, tls);
  HttpServer uaa_server(options.address, 0, tls);
  HttpServer fault(options.address, 0, tls);
  HttpServer admin_server(options.address, 0, nullptr);
  HttpServer router_server(options.address, 0, nullptr);

  // Connections are served by threads that end with the process only, and they use all of this.
  auto& foundation = *new Foundation;
  foundation.options = options;
  foundation.api_url = Url("https", options, api);
  foundation.uaa_url = Url("https", options, uaa_server);
  foundation.fault_url = Url("https", options, fault);
  foundation.blobstore = new Blobstore(options, certificates);
  foundation.tokens = new Tokens(foundation.uaa_url + "/oauth/token");
  foundation.requests = new RequestLog;
  std::string admin_secret = RandomHex(16);
  SeedFoundation(foundation, admin_secret);
  auto runtime = std::make_unique<Runtime>(foundation);
  foundation.runtime = runtime.get();
  auto updater = std::make_unique<DeploymentUpdater>(foundation);

  std::string about =
      Description(foundation, admin_server, router_server, certificates.ca, admin_secret);
  auto& cloud_controller = *new CloudController(foundation);
  auto& uaa = *new Uaa(foundation);
  auto& admin = *new Admin(foundation, about);
  auto& router = *new Router(foundation);
  api.Start([&](Exchange& exchange) { cloud_controller.Serve(exchange); });
  uaa_server.Start([&](Exchange& exchange) { uaa.Serve(exchange); });
  fault.Start([&](Exchange& exchange) { ServeFaultyDownload(foundation, exchange); });
  admin_server.Start([&](Exchange& exchange) { admin.Serve(exchange); });
  router_server.Start([&](Exchange& exchange) { router.Serve(exchange); });

  WriteWhole(options.directory + "/box.json", about + "\n");
  if (!options.port_file.empty()) WriteWhole(options.port_file, about + "\n");
  if (options.ready_fd >= 0 && write(options.ready_fd, "ready\n", 6) != 6) {
    throw std::runtime_error("nobody reads --ready-fd");
  }
  WaitForTheEnd(signals, options.lifeline_fd);
  updater.reset();
  runtime.reset();
  foundation.blobstore->Stop();
  ReapOrphans();
  // Connections may still be open; what they are served by ends here with their threads, not by
  // destructors.
  std::_Exit(0);
}

}  // namespace
}  // namespace sluice::box

int main(int argc, char** argv) {
  try {
    auto options = sluice::box::ParseOptions(argc, argv);
    if (options) sluice::box::RunBox(*options);
    return 0;
  } catch (const std::exception& problem) {
    std::cerr << "foundation-box: " << problem.what() << "\n";
    return 2;
  }
}

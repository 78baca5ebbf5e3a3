// One simulated foundation: as much of Cloud Controller as a promotion asks for, with its semantics
// (api v3: droplets, jobs, deployments, revisions), and the lies and failures of the history.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/http/testing/fake_transport.h"
#include "nlohmann/json.hpp"

namespace sluice::simulation {

inline constexpr std::string_view kSpaceGuid = "22222222-0000-4000-8000-000000000002";
inline constexpr std::string_view kOrganizationGuid = "22222222-0000-4000-8000-000000000001";

// One thread at a time.
class Foundation {
 public:
  struct Droplet {
    std::string app;
    std::string state;             // as Cloud Controller calls it
    std::string content_sha256;    // of what is stored; "" before
    std::string published_sha256;  // what is said about it
    uint64_t bytes = 0;
    int64_t created = 0;  // its place among all resources
    absl::Time created_at;
    bool by_client = false;  // made over the API
    nlohmann::json process_types;
    nlohmann::json annotations = nlohmann::json::object();
  };
  struct App {
    std::string name;
    std::string state = "STARTED";
    std::string current_droplet;
    std::string running_droplet;  // what its instances run; "" when none do
    int64_t process = 0;          // number of its web process
    nlohmann::json annotations = nlohmann::json::object();
  };

  // `name` as in the trust document. `clock` is borrowed.
  Foundation(std::string name, const Clock& clock) : name_(std::move(name)), clock_(clock) {}

  // An app of the one space, with a droplet that it runs if `sha256` is not empty. Its guid.
  std::string AddApp(const std::string& name, const std::string& sha256, uint64_t bytes);
  // A STAGED droplet of that app. Its guid.
  std::string AddDroplet(const std::string& app, const std::string& sha256, uint64_t bytes);

  // `query` is what follows the "?". The body of an upload has been read already:
  // `upload_sha256` and its length are what arrived.
  struct Upload {
    std::string sha256;
    uint64_t bytes = 0;
  };
  http::FakeReply Serve(std::string_view method, std::string_view path, std::string_view query,
                        const std::string& body, const Upload& upload);

  const std::string& name() const { return name_; }
  const std::map<std::string, App>& apps() const { return apps_; }
  const std::map<std::string, Droplet>& droplets() const { return droplets_; }
  const Droplet* FindDroplet(const std::string& guid) const;

  // What a droplet that was stored is said to have; a liar says something else.
  std::function<std::string(const std::string& sha256)> publish = [](const std::string& sha256) {
    return sha256;
  };
  // Whether the next upload's job fails.
  std::function<bool()> job_fails = [] { return false; };
  // Called when an app is made to run a droplet, before it does.
  std::function<void(const std::string& app, const std::string& droplet)> on_activation =
      [](const std::string&, const std::string&) {};

 private:
  struct Job {
    std::string droplet;  // that is processed, or ""
    std::string state;
    absl::Duration done_at;
  };
  struct Deployment {
    std::string app;
    std::string droplet;
    std::string previous;
    std::string value = "ACTIVE";
    std::string reason = "DEPLOYING";
    int64_t created = 0;
    int64_t process = 0;
    absl::Duration done_at;
    nlohmann::json annotations;
  };
  using Segments = std::vector<std::string>;

  // What goes on by itself, up to now.
  void Advance();
  void FinishDeployment(Deployment& deployment);
  http::FakeReply ServeApps(std::string_view method, const Segments& path, std::string_view query,
                            const nlohmann::json& body);
  http::FakeReply ServeApp(std::string_view method, const Segments& path, std::string_view query,
                           const nlohmann::json& body);
  http::FakeReply ServeDroplets(std::string_view method, const Segments& path,
                                std::string_view query, const nlohmann::json& body,
                                const Upload& upload);
  http::FakeReply CreateDroplet(std::string_view query, const nlohmann::json& body);
  http::FakeReply TakeUpload(const std::string& guid, const Upload& upload);
  http::FakeReply ServeDeployments(std::string_view method, const Segments& path,
                                   const nlohmann::json& body);
  http::FakeReply CreateDeployment(const nlohmann::json& body);
  http::FakeReply ListDroplets(const std::string& app, std::string_view query) const;
  http::FakeReply ListAuditEvents(std::string_view query) const;
  http::FakeReply ListRevisions(const std::string& app) const;
  http::FakeReply Accepted(const nlohmann::json& resource, Job job);
  nlohmann::json Show(const std::string& guid, const App& app) const;
  nlohmann::json Show(const std::string& guid, const Droplet& droplet) const;
  nlohmann::json Show(const std::string& guid, const Deployment& deployment) const;
  std::string NewGuid(std::string_view kind);

  const std::string name_;
  const Clock& clock_;
  std::map<std::string, App> apps_;
  std::map<std::string, Droplet> droplets_;
  std::map<std::string, Job> jobs_;
  std::map<std::string, Deployment> deployments_;
  int64_t made_ = 0;
};

}  // namespace sluice::simulation

// The client as an agent has it, before a foundation in a box.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/foundation/cloud_controller.h"
#include "agent/foundation/testing/box_process.h"
#include "common/base/files.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/crypto/digest.h"
#include "common/http/curl_transport.h"
#include "gtest/gtest.h"

namespace sluice::foundation {

inline const ProcessTypes kProcessTypes = {{"web", "exec sleep infinity"},
                                           {"worker", "exec sleep infinity"}};

inline std::string Sha256Of(std::string_view bytes) {
  crypto::Sha256 hash;
  hash.Update(bytes);
  return hash.Finish().hex();
}

class StringSink final : public http::ByteSink {
 public:
  Status Write(std::string_view bytes) override {
    text.append(bytes);
    return absl::OkStatus();
  }
  std::string text;
};

class StringSource final : public http::BodySource {
 public:
  explicit StringSource(std::string text) : text_(std::move(text)) {}
  uint64_t ContentLength() const override { return text_.size(); }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    const size_t count = std::min(buffer.size(), text_.size() - at_);
    std::copy_n(text_.data() + at_, count, buffer.data());
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  size_t at_ = 0;
};

// Everything that a client needs, real but for what a test replaces.
struct Agent {
  Agent(const BoxProcess& box, std::string id, std::string secret,
        const std::function<void(CloudController::Options&)>& adjust = {})
      : transport({.ca_file = box.ca_file(), .plain_http_hosts = {}, .user_agent = "box-test"},
                  kernel_clock),
        credentials{std::move(id), Secret(std::move(secret))} {
    CloudController::Options options;
    options.foundation = "prod";
    options.api_url = box.api_url();
    options.job_poll_first = absl::Milliseconds(20);
    options.job_poll_max = absl::Milliseconds(100);
    options.download_idle_timeout = absl::Seconds(1);
    options.retry.backoff_first = absl::Milliseconds(5);
    options.retry.backoff_max = absl::Milliseconds(20);
    if (adjust) adjust(options);
    client = std::make_unique<CloudController>(
        options, [this]() -> StatusOr<ClientCredentials> { return credentials; }, transport, clock,
        waiter, /*jitter_seed=*/1);
  }
  SystemClock kernel_clock;
  FakeClock clock;  // stands still: a test says when a token grows old
  http::RealWaiter waiter;
  http::CurlTransport transport;
  ClientCredentials credentials;
  std::unique_ptr<CloudController> client;
};

// One box for all tests of a suite; each test has apps of its own.
class BoxTest : public testing::Test {
 protected:
  static constexpr size_t kDropletBytesMax = size_t{16} << 20;

  static void SetUpTestSuite() { StartBox({}); }
  static void StartBox(const std::vector<std::string>& options) {
    auto started = BoxProcess::Start(options);
    ASSERT_THAT(started, IsOk());
    box_ = started->release();
    const nlohmann::json space =
        *box_->Admin("POST", "/spaces", {{"organization", "acme"}, {"space", "payments"}});
    space_ = SpaceGuid(space["space_guid"]);
    organization_ = OrganizationGuid(space["organization_guid"]);
    AddClient("sluice", "s3cret+&% ", "space_developer");
    droplet_file_ = box_->MakeDroplet(1);
    bytes_ = *SystemFiles().Read(droplet_file_, kDropletBytesMax);
    agent_ = new Agent(*box_, "sluice", "s3cret+&% ");
  }
  static void TearDownTestSuite() {
    delete std::exchange(agent_, nullptr);
    delete std::exchange(box_, nullptr);
  }
  void SetUp() override { ASSERT_NE(agent_, nullptr) << "the box did not start"; }
  void TearDown() override { EXPECT_THAT(box_->Admin("DELETE", "/misbehaviours"), IsOk()); }

  static void AddClient(const std::string& id, const std::string& secret, const std::string& role,
                        const nlohmann::json& scopes = {"cloud_controller.read",
                                                        "cloud_controller.write"}) {
    ASSERT_THAT(
        box_->Admin(
            "POST", "/clients",
            {{"id", id},
             {"secret", secret},
             {"scopes", scopes},
             {"roles", {{{"type", role}, {"organization", "acme"}, {"space", "payments"}}}}}),
        IsOk());
  }
  // An app with the droplet, as somebody has pushed it.
  static nlohmann::json AddApp(const std::string& name, bool start = false,
                               const nlohmann::json& more = {}) {
    nlohmann::json app = {{"organization", "acme"},
                          {"space", "payments"},
                          {"name", name},
                          {"droplet", droplet_file_},
                          {"process_types", kProcessTypes},
                          {"start", start},
                          {"health_check", "process"}};
    if (!more.is_null()) app.update(more);
    if (app["droplet"].is_null()) app.erase("droplet");
    auto added = box_->Admin("POST", "/apps", app);
    EXPECT_THAT(added, IsOk());
    return added.value_or(nlohmann::json::object());
  }
  static void Misbehave(const std::string& name,
                        const nlohmann::json& how = nlohmann::json::object()) {
    ASSERT_THAT(box_->Admin("PUT", "/misbehaviours/" + name, how), IsOk());
  }
  static CloudController& client() { return *agent_->client; }

  static StatusOr<std::string> Download(const DropletGuid& droplet) {
    StringSink sink;
    SLUICE_RETURN_IF_ERROR(client().DownloadDroplet(droplet, 0, bytes_.size(), sink, {}));
    return sink.text;
  }
  // A droplet of the app that awaits its bits.
  static DropletGuid NewDroplet(const AppGuid& app) {
    auto droplet = client().CreateDroplet(app, kProcessTypes, {});
    EXPECT_THAT(droplet, IsOk());
    return droplet.ok() ? droplet->guid : DropletGuid("none");
  }
  static StatusOr<JobGuid> Upload(const DropletGuid& droplet) {
    StringSource bits(bytes_);
    return client().UploadDroplet(droplet, bits, {});
  }
  // The status of the whole way to STAGED.
  static StatusOr<Droplet> Store(const DropletGuid& droplet) {
    SLUICE_ASSIGN_OR_RETURN(const JobGuid job, Upload(droplet));
    SLUICE_RETURN_IF_ERROR(client().WaitForJob(job, {}));
    return client().GetDroplet(droplet, {});
  }
  // Asks until the deployment is final; the test's own time limit ends a deployment that hangs.
  static Deployment WaitForDeployment(const DeploymentGuid& guid) {
    while (true) {
      auto now = client().GetDeployment(guid, {});
      EXPECT_THAT(now, IsOk());
      if (!now.ok() || now->Finalized()) return now.value_or(Deployment{});
      agent_->waiter.Wait(absl::Milliseconds(50), {}).IgnoreError();
    }
  }

  static inline BoxProcess* box_ = nullptr;
  static inline Agent* agent_ = nullptr;
  static inline SpaceGuid space_;
  static inline OrganizationGuid organization_;
  static inline std::string droplet_file_;
  static inline std::string bytes_;
};

}  // namespace sluice::foundation

// Each misbehaviour as a client sees it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/foundation/digests.h"
#include "tests/foundation/testing/test_box.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

class Misled : public testing::Test {
 protected:
  Misled() : bits_(RandomHex(100000)) {
    Json seeded = box_.SeedApp("checkout", box_.WriteFile("a.tgz", bits_));
    app_ = seeded["app_guid"];
    droplet_ = seeded["droplet_guid"];
  }

  TestBox box_;
  std::string bits_;
  std::string app_;
  std::string droplet_;
};

using Download = Misled;

TEST_F(Download, CorruptByteComesWithTheRightLength) {
  box_.Misbehave("download-corrupt-byte", {{"count", 1}, {"parameters", {{"at", 7}}}});
  std::string body = box_.Download(droplet_).body;
  ASSERT_EQ(body.size(), bits_.size());
  EXPECT_NE(body[7], bits_[7]);
  body[7] = bits_[7];
  EXPECT_EQ(body, bits_);
  EXPECT_EQ(box_.Download(droplet_).body, bits_) << "once only";
}

TEST_F(Download, TruncatedOrResetIsNoWholeAnswer) {
  for (const char* name : {"download-truncated", "download-reset"}) {
    box_.Misbehave(name, {{"count", 1}});
    EXPECT_EQ(box_.Download(droplet_).status, 0) << name;
  }
}

TEST_F(Download, HtmlEmptyAndShortBodiesComeWithStatus200) {
  box_.Misbehave("download-html-200", {{"count", 1}});
  EXPECT_THAT(box_.Download(droplet_).body, HasSubstr("<html>"));
  box_.Misbehave("download-empty", {{"count", 1}});
  Answer empty = box_.Download(droplet_);
  EXPECT_EQ(empty.status, 200);
  EXPECT_EQ(empty.body, "");
  box_.Misbehave("download-wrong-content-length", {{"count", 1}});
  Answer shorter = box_.Download(droplet_);
  EXPECT_EQ(shorter.status, 200);
  EXPECT_EQ(shorter.body, bits_.substr(0, bits_.size() - 1000));
}

TEST_F(Download, SlowAndStalledOnesTakeTheirTimeAndComeWhole) {
  using Clock = std::chrono::steady_clock;
  auto began = Clock::now();
  box_.Misbehave("download-slow", {{"count", 1}, {"parameters", {{"bytes_per_second", 400000}}}});
  EXPECT_EQ(box_.Download(droplet_).body, bits_);
  EXPECT_GE(Clock::now() - began, std::chrono::milliseconds(450));
  began = Clock::now();
  box_.Misbehave("blobstore-idle", {{"count", 1}, {"parameters", {{"seconds", 0.5}}}});
  EXPECT_EQ(box_.Download(droplet_).status, 0) << "ends early after the stall";
  EXPECT_GE(Clock::now() - began, std::chrono::milliseconds(450));
}

TEST_F(Download, DirectAnswerAndMissingBlobComeFromCloudController) {
  box_.Misbehave("download-direct-200", {{"count", 1}});
  Answer direct = box_.Call("GET", "/v3/droplets/" + droplet_ + "/download");
  EXPECT_EQ(direct.status, 200);
  EXPECT_EQ(direct.body, bits_);
  box_.Misbehave("download-blob-missing-502", {{"count", 1}});
  Answer missing = box_.Call("GET", "/v3/droplets/" + droplet_ + "/download");
  EXPECT_EQ(missing.status, 502);
  EXPECT_EQ(missing.code(), 150006);
}

using Front = Misled;

TEST_F(Front, RateLimitIsJsonAsTextWithRetryAfter) {
  box_.Misbehave("rate-limited-429", {{"count", 1}, {"parameters", {{"retry_after", 3}}}});
  Answer limited = box_.Call("GET", "/v3/apps");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.headers.Get("Retry-After"), "3");
  EXPECT_THAT(limited.headers.Get("Content-Type").value_or(""), HasSubstr("text/plain"));
  EXPECT_EQ(limited.code(), 10013);
  EXPECT_EQ(box_.Call("GET", "/v3/apps").status, 200);
}

TEST_F(Front, GatewayMaintenanceAndCutComeFromBeforeCloudController) {
  box_.Misbehave("bad-gateway-502", {{"count", 1}});
  Answer gateway = box_.Call("GET", "/v3/apps");
  EXPECT_EQ(gateway.status, 502);
  EXPECT_TRUE(gateway.json.is_discarded());
  box_.Misbehave("maintenance-503", {{"count", 1}});
  EXPECT_EQ(box_.Call("GET", "/v3/apps").body, "API down for maintenance");
  box_.Misbehave("api-connection-cut", {{"count", 1}});
  EXPECT_EQ(box_.Call("GET", "/v3/apps").status, 0);
}

TEST_F(Front, LostAnswerMeansThatTheChangeWasMade) {
  box_.Misbehave("api-answer-lost",
                 {{"count", 1}, {"parameters", {{"path", "POST /v3/droplets"}}}});
  EXPECT_THROW(box_.CreateDroplet(app_), std::exception);
  Json waiting = box_.Call("GET", "/v3/apps/" + app_ + "/droplets?states=AWAITING_UPLOAD").json;
  EXPECT_EQ(waiting["resources"].size(), 1U);
}

TEST_F(Front, PathSkipAndCountSayWhichRequestsSuffer) {
  box_.Misbehave("bad-gateway-502",
                 {{"count", 1}, {"skip", 1}, {"parameters", {{"path", "GET /v3/apps"}}}});
  EXPECT_EQ(box_.Call("GET", "/v3/spaces").status, 200);
  EXPECT_EQ(box_.Call("GET", "/v3/apps").status, 200) << "skipped";
  EXPECT_EQ(box_.Call("GET", "/v3/apps").status, 502);
  EXPECT_EQ(box_.Call("GET", "/v3/apps").status, 200);
  Json active = box_.Admin("GET", "/misbehaviours")["active"];
  ASSERT_EQ(active.size(), 1U);
  EXPECT_EQ(active[0]["occurred"], 1);
}

TEST_F(Front, GoodTokenIsRefusedOnce) {
  box_.Misbehave("invalid-token-once", {{"count", 1}});
  EXPECT_EQ(box_.Call("GET", "/v3/apps").code(), 1000);
  EXPECT_EQ(box_.Call("GET", "/v3/apps").status, 200);
}

TEST_F(Front, ExpiredTokenIsGivenOutAndRefused) {
  box_.Misbehave("expired-token");
  box_.Admin("POST", "/clients", {{"id", "late"}, {"secret", "a secret"}});
  EXPECT_EQ(box_.Call("GET", "/v3/apps", nullptr, "late").code(), 1000);
}

TEST_F(Front, UaaCanBeDownAndTokensShort) {
  box_.Misbehave("uaa-down", {{"count", 1}});
  EXPECT_EQ(box_.TokenAnswer("sluice", "a secret").status, 503);
  box_.Misbehave("short-token", {{"parameters", {{"seconds", 2}}}});
  EXPECT_EQ(box_.TokenAnswer("sluice", "a secret").json["expires_in"], 2);
}

TEST_F(Front, SuspendedOrganisationRefusesWritesOnly) {
  box_.Misbehave("org-suspended");
  EXPECT_EQ(box_.Call("GET", "/v3/apps").status, 200);
  EXPECT_EQ(box_.Call("PATCH", "/v3/apps/" + app_, {{"name", "other"}}).code(), 10017);
}

using Uploading = Misled;

TEST_F(Uploading, FailedJobTellsItsErrorAndFailsTheDroplet) {
  box_.Misbehave("job-fails", {{"count", 1}, {"parameters", {{"code", "290006"}}}});
  std::string guid = box_.CreateDroplet(app_);
  Answer accepted = box_.Upload(guid, "bits");
  ASSERT_EQ(accepted.status, 202);
  Json job = box_.JobDone(accepted.headers.Get("Location").value_or(""));
  EXPECT_EQ(job["state"], "FAILED");
  EXPECT_EQ(job["errors"][0]["code"], 290006);
  EXPECT_EQ(box_.Call("GET", "/v3/droplets/" + guid).json["state"], "FAILED");
}

TEST_F(Uploading, LyingChecksumDiffersFromTheStoredBits) {
  box_.Misbehave("checksum-lies", {{"count", 1}});
  std::string guid = box_.UploadWhole(app_, "bits");
  Json droplet = box_.Call("GET", "/v3/droplets/" + guid).json;
  EXPECT_EQ(droplet["state"], "STAGED");
  EXPECT_NE(droplet["checksum"]["value"], Sha256Hex("bits"));
  EXPECT_EQ(box_.Download(guid).body, "bits");
}

TEST_F(Uploading, LostAndEndlessJobsLeaveTheDropletProcessing) {
  box_.Misbehave("job-lost", {{"count", 1}});
  std::string lost = box_.CreateDroplet(app_);
  std::string location = box_.Upload(lost, "bits").headers.Get("Location").value_or("");
  Headers headers;
  headers.Set("Authorization", "bearer " + box_.Token());
  EXPECT_EQ(box_.Ask("GET", location, "", headers).code(), 10010);
  box_.Misbehave("job-never-ends", {{"count", 1}});
  std::string endless = box_.CreateDroplet(app_);
  location = box_.Upload(endless, "bits").headers.Get("Location").value_or("");
  EXPECT_EQ(box_.Ask("GET", location, "", headers).json["state"], "PROCESSING");
  EXPECT_EQ(box_.Call("GET", "/v3/droplets/" + lost).json["state"], "PROCESSING_UPLOAD");
  EXPECT_EQ(box_.Call("GET", "/v3/droplets/" + endless).json["state"], "PROCESSING_UPLOAD");
}

TEST_F(Uploading, DropletCanFailAlthoughItsJobIsComplete) {
  box_.Misbehave("droplet-failed-after-complete", {{"count", 1}});
  EXPECT_EQ(box_.Call("GET", "/v3/droplets/" + box_.UploadWhole(app_, "bits")).json["state"],
            "FAILED");
}

TEST_F(Uploading, CutOneLeavesTheDropletAwaitingAndNoFile) {
  box_.Misbehave("upload-connection-cut", {{"count", 1}});
  std::string guid = box_.CreateDroplet(app_);
  EXPECT_EQ(box_.Upload(guid, bits_).status, 0);
  EXPECT_EQ(box_.Call("GET", "/v3/droplets/" + guid).json["state"], "AWAITING_UPLOAD");
  EXPECT_EQ(box_.Admin("GET", "/state")["state"]["uploads"], Json::array());
  EXPECT_EQ(box_.Upload(guid, bits_).status, 202) << "it may be repeated";
}

TEST_F(Uploading, InternalErrorComesAfterTheBody) {
  box_.Misbehave("upload-500", {{"count", 1}});
  std::string guid = box_.CreateDroplet(app_);
  EXPECT_EQ(box_.Upload(guid, "bits").code(), 10001);
}

TEST_F(Uploading, SlowAndStalledOnesTakeTheirTime) {
  auto began = std::chrono::steady_clock::now();
  box_.Misbehave("upload-slow", {{"count", 1}, {"parameters", {{"bytes_per_second", 400000}}}});
  EXPECT_EQ(box_.Upload(box_.CreateDroplet(app_), bits_).status, 202);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(450));
  began = std::chrono::steady_clock::now();
  box_.Misbehave("upload-stalled", {{"count", 1}, {"parameters", {{"seconds", 0.5}}}});
  EXPECT_EQ(box_.Upload(box_.CreateDroplet(app_), bits_).status, 202);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(450));
}

TEST_F(Misled, SlowApiTakesItsTimeWithOneAnswerAndOnlyThatOne) {
  const auto ask = [this] {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(box_.Call("GET", "/v3/apps/" + app_).status, 200);
    return std::chrono::steady_clock::now() - began;
  };
  ask();  // logs in
  box_.Misbehave("slow-api", {{"count", 1}, {"parameters", {{"seconds", 0.5}}}});
  EXPECT_GE(ask(), std::chrono::milliseconds(500));
  ask();
  EXPECT_EQ(box_.Admin("GET", "/misbehaviours")["active"][0]["occurred"], 1) << "once only";
}

TEST_F(Misled, DoubledRequestIdIsTwoHeadersWithDifferentIds) {
  const auto ids = [this] {
    std::vector<std::string> found;
    const Answer answer = box_.Call("GET", "/v3/apps/" + app_);
    for (const auto& [name, value] : answer.headers.all()) {
      if (EqualWithoutCase(name, "X-Vcap-Request-Id")) found.push_back(value);
    }
    return found;
  };
  EXPECT_EQ(ids().size(), 1U);
  box_.Misbehave("doubled-request-id", {{"count", 1}});
  const std::vector<std::string> doubled = ids();
  ASSERT_EQ(doubled.size(), 2U);
  EXPECT_NE(doubled[0], doubled[1]);
  EXPECT_EQ(ids().size(), 1U) << "once only";
}

TEST_F(Misled, OtherRefusalsOfCloudControllerCanBeAskedFor) {
  box_.Misbehave("deployment-create-422-quota", {{"count", 1}});
  Json body = {{"relationships", {{"app", {{"data", {{"guid", app_}}}}}}}};
  EXPECT_THAT(box_.Call("POST", "/v3/deployments", body).body, HasSubstr("memory quota_exceeded"));
  box_.Misbehave("stats-unavailable-503", {{"count", 1}});
  EXPECT_EQ(box_.Call("GET", "/v3/processes/" + app_ + "/stats").status, 503);
  box_.Misbehave("app-create-restricted-stack", {{"count", 1}});
  std::string space = box_.Admin("POST", "/spaces",
                                 {{"organization", "acme"}, {"space", "payments"}})["space_guid"];
  Json app = {{"name", "new"}, {"relationships", {{"space", {{"data", {{"guid", space}}}}}}}};
  EXPECT_THAT(box_.Call("POST", "/v3/apps", app).body, HasSubstr("RESTRICTED"));
  EXPECT_EQ(box_.Call("POST", "/v3/apps", app).status, 201);
}

}  // namespace
}  // namespace sluice::box

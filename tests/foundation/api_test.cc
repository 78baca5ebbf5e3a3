// Cloud Controller and UAA as a client of theirs meets them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/foundation/digests.h"
#include "tests/foundation/testing/test_box.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

TEST(Discovery, RootTellsLoginAndVersionWithoutAToken) {
  TestBox box;
  Answer root = box.Ask("GET", "/");
  EXPECT_EQ(root.status, 200);
  EXPECT_EQ(root.json["links"]["login"]["href"], box.about()["uaa_url"]);
  EXPECT_EQ(root.json["links"]["cloud_controller_v3"]["meta"]["version"], "3.228.0");
  EXPECT_EQ(box.Ask("GET", "/v3/info").status, 200);
  EXPECT_EQ(box.Ask("GET", "/healthz").body, "OK");
}

TEST(Authentication, RequestWithoutTokenOrWithABadOneIsRefusedByItsOwnCode) {
  TestBox box;
  EXPECT_EQ(box.Ask("GET", "/v3/apps").code(), 10002);
  Headers forged;
  forged.Set("Authorization", "bearer " + box.Token() + "x");
  Answer answer = box.Ask("GET", "/v3/apps", "", forged);
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.code(), 1000);
  EXPECT_EQ(box.Call("GET", "/v3/nothing").code(), 10000);
}

TEST(Authentication, WrongSecretIsRefusedAsUaaDoes) {
  TestBox box;
  Answer answer = box.TokenAnswer("sluice", "another secret");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.json["error"], "invalid_client");
}

TEST(Authentication, ReadOnlyClientMayReadEverythingAndWriteNothing) {
  TestBox box;
  box.SeedApp("checkout", box.WriteFile("a.tgz", "bits"));
  box.Admin(
      "POST", "/clients",
      {{"id", "auditor"}, {"secret", "a secret"}, {"scopes", {"cloud_controller.global_auditor"}}});
  EXPECT_EQ(box.Call("GET", "/v3/apps", nullptr, "auditor").json["resources"].size(), 1U);
  Answer refused = box.Call("POST", "/v3/apps", {{"name", "x"}}, "auditor");
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.code(), 10003);
}

TEST(Listing, PagesAreFollowedToTheirEndAndHoldEveryApp) {
  TestBox box;
  for (int i = 0; i < 7; ++i) box.SeedApp("app-" + std::to_string(i), "");
  std::vector<std::string> names;
  std::string next = "/v3/apps?per_page=3&order_by=-name";
  int pages = 0;
  for (; !next.empty(); ++pages) {
    Json page = box.Call("GET", next).json;
    EXPECT_EQ(page["pagination"]["total_results"], 7);
    EXPECT_EQ(page["pagination"]["total_pages"], 3);
    for (const Json& app : page["resources"]) names.push_back(app["name"]);
    Json link = page["pagination"]["next"];
    next = link.is_null() ? "" : link["href"].get<std::string>();
  }
  EXPECT_EQ(pages, 3);
  EXPECT_THAT(
      names, ::testing::ElementsAre("app-6", "app-5", "app-4", "app-3", "app-2", "app-1", "app-0"));
}

TEST(Listing, EmptyListHasOnePage) {
  TestBox box;
  Json page = box.Call("GET", "/v3/apps?names=nothing").json;
  EXPECT_EQ(page["pagination"]["total_results"], 0);
  EXPECT_EQ(page["pagination"]["total_pages"], 1);
}

TEST(Listing, UnknownParameterAndBadPageAreRefused) {
  TestBox box;
  EXPECT_EQ(box.Call("GET", "/v3/apps?colour=red").code(), 10005);
  EXPECT_EQ(box.Call("GET", "/v3/apps?page=0").code(), 10005);
  EXPECT_EQ(box.Call("GET", "/v3/apps?per_page=5001").code(), 10005);
}

TEST(Listing, NamesMatchWithoutCaseAndAreDecodedTwice) {
  TestBox box;
  box.SeedApp("Check,out 100%", "");
  EXPECT_EQ(box.Call("GET", "/v3/apps?names=check%252Cout%2520100%2525").json["resources"].size(),
            1U);
  EXPECT_EQ(box.Call("GET", "/v3/apps?names=check%2Cout%20100%25").json["resources"].size(), 0U);
}

TEST(Redaction, StartCommandsAreHiddenInListsAndFromAuditorsButNeverInCurrent) {
  TestBox box;
  Json seeded = box.SeedApp("checkout", box.WriteFile("a.tgz", "bits"),
                            {{"process_types", {{"web", "run secretly"}}}});
  box.Admin(
      "POST", "/clients",
      {{"id", "auditor"},
       {"secret", "a secret"},
       {"roles", {{{"type", "space_auditor"}, {"organization", "acme"}, {"space", "payments"}}}}});
  std::string guid = seeded["droplet_guid"];
  std::string app = seeded["app_guid"];
  EXPECT_EQ(box.Call("GET", "/v3/droplets/" + guid).json["process_types"]["web"], "run secretly");
  EXPECT_EQ(box.Call("GET", "/v3/droplets", nullptr, "admin").json["resources"][0]["process_types"],
            Json({{"redacted_message", "[PRIVATE DATA HIDDEN IN LISTS]"}}));
  EXPECT_EQ(box.Call("GET", "/v3/droplets/" + guid, nullptr, "auditor").json["process_types"],
            Json({{"redacted_message", "[PRIVATE DATA HIDDEN]"}}));
  EXPECT_EQ(box.Call("GET", "/v3/apps/" + app + "/droplets/current", nullptr, "auditor")
                .json["process_types"]["web"],
            "run secretly");
}

TEST(Upload, StagedDropletHasTheBitsBothDigestsAndNothingOfStaging) {
  TestBox box;
  std::string app = box.SeedApp("checkout", "")["app_guid"];
  std::string bits = RandomHex(200000);
  std::string guid = box.UploadWhole(app, bits);
  Json droplet = box.Call("GET", "/v3/droplets/" + guid).json;
  EXPECT_EQ(droplet["state"], "STAGED");
  EXPECT_EQ(droplet["checksum"], Json({{"type", "sha256"}, {"value", Sha256Hex(bits)}}));
  EXPECT_TRUE(droplet["stack"].is_null());
  EXPECT_EQ(droplet["buildpacks"], Json::array());
  EXPECT_EQ(box.Download(guid).body, bits);
}

TEST(Upload, SecondUploadToTheSameDropletIsRefused) {
  TestBox box;
  std::string app = box.SeedApp("checkout", "")["app_guid"];
  std::string guid = box.UploadWhole(app, "bits");
  Answer again = box.Upload(guid, "bits");
  EXPECT_EQ(again.status, 422);
  EXPECT_THAT(again.body, HasSubstr("may be uploaded only once"));
}

TEST(Upload, FormsThatCloudControllerRefusesLeaveTheDropletAwaitingItsUpload) {
  TestBox box;
  std::string app = box.SeedApp("checkout", "")["app_guid"];
  std::string guid = box.CreateDroplet(app);
  EXPECT_THAT(box.Upload(guid, "bits", "droplet.zip").body, HasSubstr("droplet.zip is not a tgz"));
  EXPECT_THAT(box.Upload(guid, "").body, HasSubstr("droplet.tgz cannot be empty"));
  EXPECT_THAT(box.Upload(guid, "bits", "droplet.tgz", "bots").body, HasSubstr("'bots_name'"));
  EXPECT_EQ(box.Call("GET", "/v3/droplets/" + guid).json["state"], "AWAITING_UPLOAD");
  EXPECT_EQ(box.Upload(guid, "bits", "droplet.tar.gz").status, 202);
}

TEST(Upload, NginxRefusesBeforeCloudControllerIsAsked) {
  TestBox box({"--upload-bytes-max", "10000"});
  std::string app = box.SeedApp("checkout", "")["app_guid"];
  std::string guid = box.CreateDroplet(app);
  Answer too_large = box.Upload(guid, std::string(10001, 'x'));
  EXPECT_EQ(too_large.status, 413);
  EXPECT_THAT(too_large.body, HasSubstr("<html>"));
  Headers headers;  // no token either: nginx looks first
  headers.Set("Content-Type", "text/plain");
  std::string path = "/v3/droplets/" + guid + "/upload";
  EXPECT_EQ(box.Ask("POST", path, "bits", headers).status, 415);
  EXPECT_EQ(box.Ask("POST", path, "", headers).status, 400);
  EXPECT_EQ(box.Ask("DELETE", path).status, 405);
}

TEST(Upload, RoleIsJudgedAfterTheWholeBodyCame) {
  TestBox box;
  std::string app = box.SeedApp("checkout", "")["app_guid"];
  box.Admin(
      "POST", "/clients",
      {{"id", "auditor"},
       {"secret", "a secret"},
       {"roles", {{{"type", "space_auditor"}, {"organization", "acme"}, {"space", "payments"}}}}});
  std::string guid = box.CreateDroplet(app);
  EXPECT_EQ(box.Upload(guid, "bits", "droplet.tgz", "bits", "auditor").code(), 10003);
}

TEST(Droplets, CurrentOneCannotBeDeletedAnotherCanWithItsBlob) {
  TestBox box;
  Json seeded = box.SeedApp("checkout", box.WriteFile("a.tgz", "current"));
  std::string other = box.UploadWhole(seeded["app_guid"], "other");
  std::string current = seeded["droplet_guid"];
  EXPECT_EQ(box.Call("DELETE", "/v3/droplets/" + current).status, 422);
  EXPECT_EQ(box.Admin("GET", "/state")["state"]["blobs"].size(), 2U);
  EXPECT_EQ(box.Call("DELETE", "/v3/droplets/" + other).status, 202);
  EXPECT_EQ(box.Call("GET", "/v3/droplets/" + other).code(), 10010);
  EXPECT_EQ(box.Admin("GET", "/state")["state"]["blobs"].size(), 1U);
}

TEST(Droplets, CopyBecomesStagedWithTheSameChecksum) {
  TestBox box;
  Json seeded = box.SeedApp("checkout", box.WriteFile("a.tgz", "bits"));
  std::string other = box.SeedApp("other", "")["app_guid"];
  Json to_other = {{"relationships", {{"app", {{"data", {{"guid", other}}}}}}}};
  std::string source = seeded["droplet_guid"];
  Json copy = box.Call("POST", "/v3/droplets?source_guid=" + source, to_other).json;
  std::string path = "/v3/droplets/" + copy["guid"].get<std::string>();
  EXPECT_TRUE(box.Eventually([&] { return box.Call("GET", path).json["state"] == "STAGED"; }));
  EXPECT_EQ(box.Call("GET", path).json["checksum"]["value"], Sha256Hex("bits"));
  EXPECT_EQ(box.Call("GET", path).json["stack"], "cflinuxfs4");
}

TEST(Droplets, OldDockerAndExpiredOnesShowWhatCloudControllerShows) {
  TestBox box;
  std::string file = box.WriteFile("a.tgz", "bits");
  Json old = box.SeedApp("old", file, {{"checksum", "sha1"}});
  Json none = box.SeedApp("none", file, {{"checksum", "none"}});
  Json docker = box.SeedApp("docker", "", {{"lifecycle", "docker"}});
  Json expired = box.SeedApp("expired", file);
  box.Admin("PATCH", "/droplets/" + expired["droplet_guid"].get<std::string>(),
            {{"state", "EXPIRED"}});
  auto shown = [&](const Json& seeded) {
    return box.Call("GET", "/v3/droplets/" + seeded["droplet_guid"].get<std::string>()).json;
  };
  EXPECT_EQ(shown(old)["checksum"]["type"], "sha1");
  EXPECT_TRUE(shown(none)["checksum"].is_null());
  EXPECT_TRUE(shown(docker)["checksum"].is_null());
  EXPECT_TRUE(shown(docker)["buildpacks"].is_null());
  EXPECT_EQ(shown(expired)["state"], "EXPIRED");
  EXPECT_TRUE(shown(expired)["checksum"].is_null());
  std::string download = "/v3/droplets/" + expired["droplet_guid"].get<std::string>() + "/download";
  EXPECT_THAT(box.Call("GET", download).body, HasSubstr("Only staged droplets"));
  download = "/v3/droplets/" + docker["droplet_guid"].get<std::string>() + "/download";
  EXPECT_THAT(box.Call("GET", download).body, HasSubstr("'docker' lifecycle"));
}

TEST(Metadata, DigestDoesNotFitInALabelButInAnAnnotation) {
  TestBox box;
  Json seeded = box.SeedApp("checkout", box.WriteFile("a.tgz", "bits"));
  std::string path = "/v3/droplets/" + seeded["droplet_guid"].get<std::string>();
  std::string digest = seeded["sha256"];
  EXPECT_EQ(
      box.Call("PATCH", path, {{"metadata", {{"labels", {{"sluice.dev/sha256", digest}}}}}}).status,
      422);
  Json annotated = {{"metadata", {{"annotations", {{"sluice.dev/sha256", digest}}}}}};
  EXPECT_EQ(box.Call("PATCH", path, annotated).json["metadata"]["annotations"]["sluice.dev/sha256"],
            digest);
}

TEST(State, ReadingChangesNothingAndAWriteShows) {
  TestBox box;
  Json seeded = box.SeedApp("checkout", box.WriteFile("a.tgz", "bits"));
  std::string guid = seeded["droplet_guid"];
  std::string before = box.Admin("GET", "/state")["digest"];
  box.Admin("DELETE", "/requests");
  box.Download(guid);
  box.Call("GET", "/v3/apps");
  EXPECT_EQ(box.Admin("GET", "/state")["digest"], before);
  EXPECT_EQ(box.Admin("GET", "/requests")["mutating"], 0);
  EXPECT_EQ(box.Admin("GET", "/requests")["by_path"]["GET /v3/droplets/:guid/download"], 1);
  std::string created = box.CreateDroplet(seeded["app_guid"]);
  EXPECT_NE(box.Admin("GET", "/state")["digest"], before);
  EXPECT_EQ(box.Admin("GET", "/requests")["mutating"], 1);
  box.Call("DELETE", "/v3/droplets/" + created);
  EXPECT_EQ(box.Admin("GET", "/state")["digest"], before)
      << "created and deleted: as if never there";
}

TEST(Events, DownloadIsRecordedAndListedByType) {
  TestBox box;
  Json seeded = box.SeedApp("checkout", box.WriteFile("a.tgz", "bits"));
  box.Download(seeded["droplet_guid"]);
  Json events =
      box.Call("GET", "/v3/audit_events?types=audit.app.droplet.download").json["resources"];
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0]["data"]["droplet_guid"], seeded["droplet_guid"]);
  EXPECT_EQ(events[0]["actor"]["guid"], "sluice");
}

}  // namespace
}  // namespace sluice::box

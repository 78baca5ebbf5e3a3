#include "common/registry/registry_client.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "common/registry/media_types.h"
#include "common/registry/testing/fake_registry.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

using http::FakeReply;
using http::SeenRequest;
using Reply = FakeRegistry::Reply;

class RegistryClientTest : public ::testing::Test {
 protected:
  // The bytes of a manifest whose blobs the registry has.
  std::string Image(const std::string& layer, std::optional<Descriptor> subject = {},
                    const std::string& artifact_type = "") {
    registry_.AddBlob("team/app", "{}");
    registry_.AddBlob("team/app", layer);
    Manifest manifest;
    manifest.media_type = kOciManifest;
    manifest.artifact_type = artifact_type;
    manifest.config = {kOciEmpty, crypto::Sha256Of("{}"), 2, {}, "", {}};
    manifest.layers = {{kOciLayerGzip, crypto::Sha256Of(layer), layer.size(), {}, "", {}}};
    manifest.subject = std::move(subject);
    return *FormatManifest(manifest);
  }
  Descriptor Subject() const { return {kOciManifest, crypto::Sha256Of("subject"), 7, {}, "", {}}; }

  FakeRegistry registry_;
  std::unique_ptr<RegistryCalls> calls_ = registry_.Calls();
  RegistryClient client_{*calls_, "team/app"};
};

TEST_F(RegistryClientTest, AManifestIsPutByDigestThenByTagAndReadBack) {
  const std::string bytes = Image("layer");
  const auto digest = client_.PublishManifest(bytes, kOciManifest, "v1", {});
  ASSERT_THAT(digest, IsOk());
  EXPECT_EQ(registry_.Manifest("team/app", "v1"), bytes);
  const auto stored = client_.GetManifest("v1", {});
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->bytes, bytes);
  EXPECT_EQ(stored->media_type, kOciManifest);
  EXPECT_EQ(stored->digest, *digest);
  const auto puts = registry_.transport.Seen("PUT", "/manifests/");
  ASSERT_EQ(puts.size(), 2u);
  EXPECT_NE(puts[0].url.find("sha256:"), std::string::npos);
}

TEST_F(RegistryClientTest, NoTagIsMadeWhenABlobIsMissingOrAnotherDigestIsReported) {
  const std::string bytes = Image("layer");
  std::string partial = bytes;
  partial.replace(partial.find(crypto::Sha256Of("layer").hex()), 64, std::string(64, 'f'));
  EXPECT_THAT(client_.PublishManifest(partial, kOciManifest, "v1", {}),
              HasErrorName("registry-blob-missing"));
  registry_.FailFirst(
      1, "PUT", "/manifests/",
      FakeReply{201, {{"Docker-Content-Digest", "sha256:" + std::string(64, '0')}}, "", {}});
  EXPECT_THAT(client_.PublishManifest(bytes, kOciManifest, "v1", {}),
              HasErrorName("digest-mismatch"));
  EXPECT_EQ(registry_.Manifest("team/app", "v1"), std::nullopt);
}

TEST_F(RegistryClientTest, ATagThatLeadsElsewhereAfterwardsIsNoSuccess) {
  const std::string bytes = Image("layer");
  const std::string other = Image("other");
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method == "GET") registry_.AddManifest("team/app", "v1", kOciManifest, other);
    return std::nullopt;
  });
  EXPECT_THAT(client_.PublishManifest(bytes, kOciManifest, "v1", {}), HasErrorName("tag-not-kept"));
}

TEST_F(RegistryClientTest, AManifestThatIsNotWhatWasAskedForIsRefused) {
  const std::string bytes = Image("layer");
  const std::string asked = FormatDigest(crypto::Sha256Of(bytes));
  registry_.FailFirst(1, "GET", "", FakeReply{200, {{"Content-Type", kOciManifest}}, "{}", {}});
  EXPECT_THAT(client_.GetManifest(asked, {}), HasErrorName("digest-mismatch"));
  registry_.FailFirst(1, "GET", "", FakeReply{200, {{"Docker-Content-Digest", asked}}, "{}", {}});
  EXPECT_THAT(client_.GetManifest("v1", {}), HasErrorName("digest-mismatch"));
  registry_.FailFirst(1, "GET", "",
                      FakeReply{200, {}, std::string(kManifestBytesMax + 1, ' '), {}});
  EXPECT_THAT(client_.GetManifest("v1", {}), HasErrorName("response-too-large"));
  EXPECT_THAT(client_.GetManifest("v2", {}), HasErrorName("registry-not-found"));
}

TEST_F(RegistryClientTest, ManifestsAreTriedAgainWhenTheServerIsInTrouble) {
  const std::string bytes = Image("layer");
  for (const std::string method : {"GET", "PUT"}) {
    for (const int status : {429, 500, 502, 503}) {
      registry_.FailFirst(2, method, "/manifests/", FakeReply{status, {}, "", {}});
      EXPECT_THAT(client_.PublishManifest(bytes, kOciManifest, "v1", {}), IsOk())
          << status << " to " << method;
    }
  }
}

TEST_F(RegistryClientTest, AllTagsAreListedOverAllPages) {
  const std::string bytes = Image("layer");
  for (const std::string tag : {"a", "b", "c", "d", "e"}) {
    registry_.AddManifest("team/app", tag, kOciManifest, bytes);
  }
  const auto tags = client_.Tags({});
  ASSERT_THAT(tags, IsOk());
  EXPECT_EQ(*tags, (std::vector<std::string>{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(registry_.transport.Seen().size(), 3u);
}

TEST_F(RegistryClientTest, PagesThatLeadInACircleEnd) {
  registry_.FailFirst(
      1'000'000, "GET", "",
      FakeReply{
          200, {{"Link", "</v2/team/app/tags/list?n=2>; rel=\"next\""}}, R"({"tags":["a"]})", {}});
  EXPECT_THAT(client_.Tags({}), HasErrorName("too-many-pages"));
}

TEST_F(RegistryClientTest, BlobsGoUpInParallelAndTheOutcomesAreInOrder) {
  std::vector<std::unique_ptr<MemoryBlob>> blobs;
  std::vector<BlobSource*> sources;
  for (int i = 0; i < 20; ++i) {
    blobs.push_back(std::make_unique<MemoryBlob>("blob " + std::to_string(i)));
    sources.push_back(blobs.back().get());
  }
  registry_.AddBlob("team/app", "blob 7");
  const auto outcomes = client_.UploadAll(sources, {}, 4, {});
  ASSERT_THAT(outcomes, IsOk());
  for (size_t i = 0; i < sources.size(); ++i) {
    EXPECT_EQ((*outcomes)[i], i == 7 ? UploadOutcome::kExisted : UploadOutcome::kSent) << i;
    EXPECT_TRUE(registry_.Blob("team/app", FormatDigest(sources[i]->digest())).has_value()) << i;
  }
}

TEST_F(RegistryClientTest, OneFailedUploadStopsTheOthersAndIsReported) {
  std::vector<std::unique_ptr<MemoryBlob>> blobs;
  std::vector<BlobSource*> sources;
  for (int i = 0; i < 200; ++i) {
    blobs.push_back(std::make_unique<MemoryBlob>("blob " + std::to_string(i)));
    sources.push_back(blobs.back().get());
  }
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    if (request.body != "blob 3") return std::nullopt;
    return ErrorReply(403, "DENIED");
  });
  EXPECT_THAT(client_.UploadAll(sources, {}, 2, {}), HasErrorName("registry-denied"));
  EXPECT_LT(registry_.transport.Seen("PUT", "").size(), sources.size());
}

TEST_F(RegistryClientTest, ReferrersAreFoundByTheApiAndByTheTagThatStandsForIt) {
  const std::string kind = "application/vnd.x.v1";
  for (const bool has_api : {true, false}) {
    FakeRegistry& registry = registry_;
    registry.has_referrers = has_api;
    const std::string statement = Image(has_api ? "statement 1" : "statement 2", Subject(), kind);
    const auto digest = client_.AttachManifest(statement, {});
    ASSERT_THAT(digest, IsOk());
    // Once more changes nothing.
    ASSERT_THAT(client_.AttachManifest(statement, {}), IsOk());
    const auto found = client_.Referrers(Subject().digest, kind, {});
    ASSERT_THAT(found, IsOk());
    ASSERT_EQ(found->size(), 1u) << has_api;
    EXPECT_EQ(found->front().digest, *digest);
    EXPECT_EQ(client_.Referrers(Subject().digest, "application/vnd.y.v1", {})->size(), 0u);
  }
  EXPECT_EQ(client_.Referrers(crypto::Sha256Of("nothing"), kind, {})->size(), 0u);
}

TEST_F(RegistryClientTest, TwoWritersOfTheReferrersTagLoseNothing) {
  const std::string kind = "application/vnd.x.v1";
  const std::string ours = Image("ours", Subject(), kind);
  const std::string theirs = Image("theirs", Subject(), kind);
  ASSERT_THAT(client_.AttachManifest(Image("earlier", Subject(), kind), {}), IsOk());
  const auto other_calls = registry_.Calls();
  RegistryClient other(*other_calls, "team/app");
  bool raced = false;
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    // They write between our reading and our writing.
    if (request.method == "PUT" && request.url.find("/sha256-") != std::string::npos && !raced) {
      raced = true;
      EXPECT_THAT(other.AttachManifest(theirs, {}), IsOk());
    }
    return std::nullopt;
  });
  EXPECT_THAT(client_.AttachManifest(ours, {}), IsOk());
  EXPECT_TRUE(raced);
  EXPECT_EQ(client_.Referrers(Subject().digest, kind, {})->size(), 3u);
}

TEST_F(RegistryClientTest, AnImageUnderTheReferrersTagIsNotOverwritten) {
  const std::string image = Image("layer");
  const std::string tag = "sha256-" + Subject().digest.hex();
  registry_.AddManifest("team/app", tag, kOciManifest, image);
  EXPECT_THAT(client_.AttachManifest(Image("statement", Subject()), {}),
              HasErrorName("manifest-malformed"));
  EXPECT_EQ(registry_.Manifest("team/app", tag), image);
}

}  // namespace
}  // namespace sluice::registry

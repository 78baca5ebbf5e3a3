// Bits lie in a real nginx: what its signed URLs let through, and what they do not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/foundation/digests.h"
#include "tests/foundation/testing/test_box.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Seeded(TestBox& box, const std::string& bits) {
  return box.SeedApp("checkout", box.WriteFile("a.tgz", bits))["droplet_guid"];
}

// The URL with the last character of that parameter changed.
std::string Altered(std::string url, const std::string& parameter) {
  size_t at = url.find(parameter + "=") + parameter.size() + 1;
  url[at] = url[at] == 'A' ? 'B' : 'A';
  return url;
}

TEST(SignedUrl, GivesTheBitsWholeAndByRange) {
  TestBox box;
  std::string bits = RandomHex(50000);
  std::string guid = Seeded(box, bits);
  std::string url = box.DownloadUrl(guid);
  EXPECT_THAT(url, StartsWith(box.about()["blobstore_url"].get<std::string>()));
  EXPECT_EQ(box.Ask("GET", url).body, bits);
  Headers range;
  range.Set("Range", "bytes=0-0");
  Answer first = box.Ask("GET", url, "", range);
  EXPECT_EQ(first.status, 206);
  EXPECT_EQ(first.headers.Get("Content-Range"), "bytes 0-0/100000");
  range.Set("Range", "bytes=99990-");
  EXPECT_EQ(box.Ask("GET", url, "", range).body, bits.substr(99990));
  range.Set("Range", "bytes=100000-");
  EXPECT_EQ(box.Ask("GET", url, "", range).status, 416);
}

TEST(SignedUrl, AlteredOrUnsignedIsForbiddenAndOtherMethodsTooAreRefused) {
  TestBox box;
  std::string url = box.DownloadUrl(Seeded(box, "bits"));
  EXPECT_EQ(box.Ask("GET", Altered(url, "md5")).status, 403);
  EXPECT_EQ(box.Ask("GET", Altered(url, "expires")).status, 403);
  EXPECT_EQ(box.Ask("GET", url.substr(0, url.find('?'))).status, 403);
  EXPECT_EQ(box.Ask("HEAD", url).status, 200);
  EXPECT_EQ(box.Ask("PUT", url, "other bits").status, 405);
}

TEST(SignedUrl, ExpiredIsGone) {
  TestBox box({"--signed-url-seconds", "-10"});
  EXPECT_EQ(box.Download(Seeded(box, "bits")).status, 410);
}

TEST(SignedUrl, TokenOrContentTypeBreaksTheSignatureAsInS3) {
  TestBox box;
  std::string url = box.DownloadUrl(Seeded(box, "bits"));
  Headers with_token;
  with_token.Set("Authorization", "bearer " + box.Token());
  Answer refused = box.Ask("GET", url, "", with_token);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("SignatureDoesNotMatch"));
  Headers with_type;
  with_type.Set("Content-Type", "application/octet-stream");
  EXPECT_EQ(box.Ask("GET", url, "", with_type).status, 403);
}

TEST(HmacSignedUrl, GivesTheBitsAndRefusesAHeadAndAnythingAltered) {
  TestBox box({"--blobstore-scheme", "hmac"});
  std::string url = box.DownloadUrl(Seeded(box, "bits"));
  EXPECT_THAT(url, HasSubstr("/signed/cc-droplets/"));
  EXPECT_EQ(box.Ask("GET", url).body, "bits");
  EXPECT_EQ(box.Ask("HEAD", url).status, 403);
  EXPECT_EQ(box.Ask("GET", Altered(url, "st")).status, 403);
  EXPECT_EQ(box.Ask("GET", Altered(url, "e")).status, 403);
}

TEST(HmacSignedUrl, ExpiredIsForbidden) {
  TestBox box({"--blobstore-scheme", "hmac", "--signed-url-seconds", "-10"});
  EXPECT_EQ(box.Download(Seeded(box, "bits")).status, 403);
}

TEST(Signatures, FollowTheVectorsOfBothSchemes) {
  EXPECT_EQ(Base64Url(Md5("1700003600/read/cc-droplets/58/5b/g/h topsecret")),
            "emA9YI795raBl7IKfLZ01A");
  EXPECT_EQ(Base64Url(HmacSha256("topsecret", "GETcc-droplets/58/5b/g/h17000000003600")),
            "IOZl62JFj9LNdspIledOI5P6pw9hJGRiDK6f7idL-WI");
}

TEST(WebDav, OperatorOfTheBlobstoreCanReplaceBitsBehindCloudController) {
  TestBox box;
  std::string guid = Seeded(box, "bits");
  Json blobs = box.Admin("GET", "/state")["state"]["blobs"];
  std::string key = blobs.begin().key();
  std::string url = box.about()["blobstore_url"].get<std::string>() + "/admin/" + key;
  EXPECT_EQ(box.Ask("PUT", url, "evil").status, 401);
  const Json& webdav = box.about()["webdav"];
  Headers authorized;
  authorized.Set("Authorization", "Basic " + Base64(webdav["user"].get<std::string>() + ":" +
                                                    webdav["password"].get<std::string>()));
  EXPECT_EQ(box.Ask("PUT", url, "evil", authorized).status, 204);
  EXPECT_EQ(box.Download(guid).body, "evil");
  EXPECT_EQ(box.Call("GET", "/v3/droplets/" + guid).json["checksum"]["value"], Sha256Hex("bits"));
  EXPECT_EQ(box.Admin("GET", "/state")["state"]["blobs"][key]["sha256"], Sha256Hex("evil"));
  EXPECT_EQ(box.Ask("DELETE", url, "", authorized).status, 204);
  EXPECT_EQ(box.Call("GET", "/v3/droplets/" + guid + "/download").code(), 150006);
}

TEST(Corruption, FlippedBitOfAStoredBlobStaysUnseenByCloudController) {
  TestBox box;
  std::string guid = Seeded(box, "bits");
  box.Admin("PATCH", "/droplets/" + guid, {{"corrupt_byte", 0}});
  EXPECT_EQ(box.Download(guid).body, "cits");
  EXPECT_EQ(box.Call("GET", "/v3/droplets/" + guid).json["checksum"]["value"], Sha256Hex("bits"));
}

}  // namespace
}  // namespace sluice::box

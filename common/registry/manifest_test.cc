#include "common/registry/manifest.h"

#include <string>
#include <vector>

#include "common/base/testing/status_matchers.h"
#include "common/registry/media_types.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

const std::string kConfigDigest = "sha256:" + std::string(64, 'a');
const std::string kLayerDigest = "sha256:" + std::string(64, 'b');
const std::string kConfig =
    R"({"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + kConfigDigest +
    R"(","size":12})";
const std::string kLayer =
    R"({"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":")" + kLayerDigest +
    R"(","size":345,"annotations":{"a":"1","b":"2"}})";
const std::string kImage =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)" +
    kConfig + R"(,"layers":[)" + kLayer + "]}";

TEST(ManifestTest, ComesOutAsTheBytesThatWentIn) {
  const auto manifest = ParseManifest(kImage);
  ASSERT_THAT(manifest, IsOk());
  EXPECT_EQ(manifest->config.size, 12u);
  EXPECT_EQ(FormatDigest(manifest->layers.at(0).digest), kLayerDigest);
  EXPECT_EQ(*FormatManifest(*manifest), kImage);
}

TEST(ManifestTest, WritesFieldsInTheSpecificationsOrderWhateverTheOrderTheyCameIn) {
  const auto manifest = ParseManifest(R"({ "annotations":{"z":"1","a":"2"},"subject":)" + kLayer +
                                      R"(,"layers":[],"config":)" + kConfig +
                                      R"(,"artifactType":"application/vnd.x.v1","unknown":[1],)" +
                                      R"("schemaVersion":2})");
  ASSERT_THAT(manifest, IsOk());
  EXPECT_EQ(*FormatManifest(*manifest),
            R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
            R"("artifactType":"application/vnd.x.v1","config":)" +
                kConfig + R"(,"layers":[],"subject":)" + kLayer +
                R"(,"annotations":{"a":"2","z":"1"}})");
}

TEST(ManifestTest, IndexComesOutAsTheBytesThatWentIn) {
  const std::string text =
      R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json",)"
      R"("manifests":[{"mediaType":"application/vnd.docker.distribution.manifest.v2+json","digest":")" +
      kLayerDigest +
      R"(","size":7,"platform":{"architecture":"arm64","os":"linux","variant":"v8"}}]})";
  const auto index = ParseIndex(text);
  ASSERT_THAT(index, IsOk());
  EXPECT_EQ(index->manifests.at(0).platform->architecture, "arm64");
  EXPECT_EQ(*FormatIndex(*index), text);
}

TEST(ManifestTest, RefusesEachMalformedDocumentByItsName) {
  const std::string head = R"({"schemaVersion":2,"config":)";
  const std::vector<std::string> malformed = {
      "{}",
      R"({"schemaVersion":1,"config":)" + kConfig + R"(,"layers":[]})",
      R"({"schemaVersion":2,"layers":[]})",
      head + kConfig + "}",
      head + kConfig + R"(,"layers":{}})",
      head + kConfig + R"(,"layers":[7]})",
      head + kConfig + R"(,"layers":[],"manifests":[]})",
      head + kConfig + R"(,"layers":[],"mediaType":"application/vnd.oci.image.index.v1+json"})",
      head + kConfig + R"(,"layers":[],"mediaType":7})",
      head + kConfig + R"(,"layers":[],"artifactType":"x"})",
      head + kConfig + R"(,"layers":[],"subject":{}})",
      head + kConfig + R"(,"layers":[],"annotations":{"a":1}})",
      head + R"({"digest":")" + kLayerDigest + R"(","size":1},"layers":[]})",
      head + R"({"mediaType":"a/b","digest":"sha256:12","size":1},"layers":[]})",
      head + R"({"mediaType":"a/b","digest":"sha512:12","size":1},"layers":[]})",
      head + R"({"mediaType":"a/b","digest":")" + kLayerDigest + R"(","size":-1},"layers":[]})",
      head + R"({"mediaType":"a/b","digest":")" + kLayerDigest + R"("},"layers":[]})",
      head + R"({"mediaType":"a b","digest":")" + kLayerDigest + R"(","size":1},"layers":[]})",
  };
  for (const std::string& text : malformed) {
    EXPECT_THAT(ParseManifest(text), HasErrorName("manifest-malformed")) << text;
  }
  EXPECT_THAT(ParseIndex(kImage), HasErrorName("manifest-malformed"));
  EXPECT_THAT(ParseManifest(kImage + " x"), HasErrorName("json-malformed"));
  EXPECT_THAT(ParseManifest(std::string(kManifestBytesMax + 1, ' ')),
              HasErrorName("json-too-large"));
}

TEST(ManifestTest, RefusesMoreLayersThanItsLimit) {
  std::string layers = kLayer;
  for (size_t i = 1; i < kManifestLayersMax; ++i) layers += "," + kLayer;
  const std::string begin = R"({"schemaVersion":2,"config":)" + kConfig + R"(,"layers":[)";
  EXPECT_THAT(ParseManifest(begin + layers + "]}"), IsOk());
  EXPECT_THAT(ParseManifest(begin + layers + "," + kLayer + "]}"),
              HasErrorName("manifest-malformed"));
}

TEST(ManifestTest, DoesNotWriteWhatJsonCannotHold) {
  Manifest manifest = *ParseManifest(kImage);
  manifest.annotations["a"] = "\xff";
  EXPECT_THAT(FormatManifest(manifest), HasErrorName("text-not-utf8"));
}

}  // namespace
}  // namespace sluice::registry

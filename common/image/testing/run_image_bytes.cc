#include "common/image/testing/run_image_bytes.h"

#include "common/crypto/digest.h"
#include "common/image/launcher_layer.h"
#include "common/image/testing/tar_bytes.h"
#include "common/registry/digest_text.h"

namespace sluice::image {
namespace {

using nlohmann::json;

json DescriptorOf(const std::string& type, const std::string& blob) {
  return {{"mediaType", type},
          {"digest", registry::FormatDigest(crypto::Sha256Of(blob))},
          {"size", blob.size()}};
}

void AddBlob(TarBuilder& tar, const std::string& blob) {
  tar.File("blobs/sha256/" + crypto::Sha256Of(blob).hex(), blob);
}

}  // namespace

std::vector<std::string> RunImageBytes::Tars() const {
  if (!layer_tars.empty()) return layer_tars;
  return {TarBuilder().Folder("home").Folder("home/vcap").File("etc/passwd", "root").Tar(),
          TarBuilder().File("etc/os-release", "NAME=base").SymbolicLink("app", "home").Tar()};
}

std::string RunImageBytes::Config() const {
  json config = {{"architecture", LauncherArchitecture()},
                 {"os", "linux"},
                 {"config",
                  {{"User", "2000:2000"},
                   {"Env", {"PATH=/usr/bin:/bin", "LANG=en_US.UTF-8", "SECRET_OF_THE_BASE=1"}},
                   {"Labels", {{"maintainer", "somebody"}}}}},
                 {"history",
                  {{{"created", "2026-01-01T00:00:00Z"}, {"created_by", "one"}},
                   {{"created_by", "USER"}, {"empty_layer", true}},
                   {{"created_by", "two"}}}}};
  config["rootfs"] = {{"type", "layers"}, {"diff_ids", json::array()}};
  for (const std::string& tar : Tars()) {
    config["rootfs"]["diff_ids"].push_back(registry::FormatDigest(crypto::Sha256Of(tar)));
  }
  if (change_config != nullptr) change_config(config);
  return config.dump();
}

std::string RunImageBytes::OciArchive() const {
  TarBuilder tar;
  const std::string config = Config();
  json manifest = {{"schemaVersion", 2},
                   {"config", DescriptorOf("application/vnd.oci.image.config.v1+json", config)},
                   {"layers", json::array()}};
  for (const std::string& layer : Tars()) {
    const std::string blob = plain_tars ? layer : Gzipped(layer);
    const std::string type = "application/vnd.oci.image.layer.v1.tar";
    manifest["layers"].push_back(DescriptorOf(plain_tars ? type : type + "+gzip", blob));
    AddBlob(tar, blob);
  }
  if (change_manifest != nullptr) change_manifest(manifest);
  json image = DescriptorOf("application/vnd.oci.image.manifest.v1+json", manifest.dump());
  image["annotations"] = {{"org.opencontainers.image.ref.name", name}};
  json index = {{"schemaVersion", 2}, {"manifests", {image}}};
  if (change_index != nullptr) change_index(index);
  AddBlob(tar, config);
  AddBlob(tar, manifest.dump());
  return tar.File("index.json", index.dump())
      .File("oci-layout", R"({"imageLayoutVersion":"1.0.0"})")
      .Tar();
}

std::string RunImageBytes::DockerArchive() const {
  TarBuilder tar;
  json image = {{"Config", "config.json"}, {"RepoTags", {name}}, {"Layers", json::array()}};
  for (const std::string& layer : Tars()) {
    const std::string path = crypto::Sha256Of(layer).hex() + ".tar";
    tar.File(path, plain_tars ? layer : Gzipped(layer));
    image["Layers"].push_back(path);
  }
  json images = json::array({image});
  if (change_index != nullptr) change_index(images);
  return tar.File("./config.json", Config()).File("manifest.json", images.dump()).Tar();
}

}  // namespace sluice::image

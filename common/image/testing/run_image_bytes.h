// Small base images for tests, in both kinds of archives, in the right form and in wrong ones.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace sluice::image {

// A base of two layers: gzip, or plain tars. What is changed through the hooks is
// changed before digests are taken of it, so that only the change is wrong.
struct RunImageBytes {
  std::string name = "docker.io/cloudfoundry/cflinuxfs4:1.0";
  std::vector<std::string> layer_tars;  // two small ones if empty
  bool plain_tars = false;              // not gzipped
  std::function<void(nlohmann::json& config)> change_config;
  std::function<void(nlohmann::json& manifest)> change_manifest;  // OCI only
  std::function<void(nlohmann::json& index)> change_index;        // index.json, manifest.json

  std::string OciArchive() const;
  std::string DockerArchive() const;

 private:
  std::vector<std::string> Tars() const;
  std::string Config() const;
};

}  // namespace sluice::image

// What is to be made of a droplet: everything that its image says, apart from the bytes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"

namespace sluice::image {

// Docker: schema 2 media types, for foundations whose Diego does not take OCI manifests
// (cloudfoundry/dockerapplifecycle before January 2024).
enum class ImageFormat { kOci, kDocker };

struct BuildpackName {
  std::string name;
  std::string version;  // may be empty
};

// The droplet as its source's statement describes it. What is unknown is empty, and not said.
struct DropletRecord {
  crypto::Sha256Digest digest;
  std::string guid;
  std::string created;  // RFC 3339, as Cloud Controller has it
  std::string stack;
  std::string foundation;
  std::string organization;
  std::string space;
  std::string app_name;
  std::string app_guid;
  std::vector<BuildpackName> buildpacks;
  std::map<std::string, std::string> process_types;  // to their commands
};

struct ImageRecipe {
  DropletRecord droplet;
  std::string process = "web";  // what the image starts when it is not told otherwise
  ImageFormat format = ImageFormat::kOci;
  // Variables that the operator named one by one; of the app's own none enters by itself.
  std::map<std::string, std::string> environment;
  std::string promotion_id;  // empty if the image comes of none
  std::string exporter;      // "sluice 0.1.0"
  absl::Time created;        // from the droplet or an option, never from a clock
};

// InvalidArgument:
//   no-such-process-type
//   variable-not-exportable  no name of a variable; or one that holds the credentials of bound
//                            services, which never enter an image
//   text-not-utf8
Status CheckRecipe(const ImageRecipe& recipe);

// The content of /sluice/launch.json (launcher/records.h).
StatusOr<std::string> FormatLaunchRecord(const ImageRecipe& recipe);

}  // namespace sluice::image

// An exported droplet made into a runnable image, as one file: the base that it stands on is
// looked at before anything is ordered, and the image is made when the droplet has come.
#pragma once

#include <memory>
#include <string>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/image/byte_stream.h"
#include "common/image/image.h"
#include "common/image/run_image.h"
#include "coordinator/cli/destination.h"

namespace sluice::cli {

// `--run-image`: a file, alone or as skopeo has it, "oci-archive:FILE[:TAG]" or
// "docker-archive:FILE[:REPOSITORY:TAG]".
struct RunImageReference {
  std::string file;
  std::string tag;  // empty: the only image in it
};
// InvalidArgument "bad-run-image".
StatusOr<RunImageReference> ParseRunImage(const std::string& text);

class ImageExport {
 public:
  // Proves the base for a droplet of that stack. `work_folder` is made, for layers. Names of
  // ArchiveContents::Open(), FindRunImage() and ProveRunImage(). `files` is borrowed.
  static StatusOr<std::unique_ptr<ImageExport>> Prepare(
      Files& files, const RunImageReference& base, const image::RunImageRequirements& requirements,
      std::string work_folder);
  // The work folder goes.
  ~ImageExport();
  ImageExport(const ImageExport&) = delete;
  ImageExport& operator=(const ImageExport&) = delete;

  // Reads the droplet to its end; the file appears when the image is whole and on the disk. Names
  // of BuildImage(), WriteOciArchive() and WriteDockerArchive().
  StatusOr<image::Image> Write(const image::ImageRecipe& recipe, image::ByteReader droplet,
                               const Destination& destination);

 private:
  ImageExport(Files& files, std::string work_folder);
  Status RemoveWorkFolder();

  Files& files_;
  const std::string work_folder_;
  image::RunImage base_;
};

}  // namespace sluice::cli

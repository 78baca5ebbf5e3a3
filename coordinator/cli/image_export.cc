#include "coordinator/cli/image_export.h"

#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/logging.h"
#include "common/image/archive_contents.h"
#include "common/image/image_archive.h"
#include "common/image/run_image_archive.h"

namespace sluice::cli {

StatusOr<RunImageReference> ParseRunImage(const std::string& text) {
  absl::string_view rest = text;
  RunImageReference base;
  if (absl::ConsumePrefix(&rest, "oci-archive:") || absl::ConsumePrefix(&rest, "docker-archive:")) {
    const size_t colon = rest.find(':');
    base.file = std::string(rest.substr(0, colon));
    if (colon != absl::string_view::npos) base.tag = std::string(rest.substr(colon + 1));
  } else {
    base.file = text;
  }
  if (!base.file.empty() && base.file.find("://") == std::string::npos) return base;
  return NamedError(StatusCode::kInvalidArgument, "bad-run-image",
                    absl::StrCat("'", text,
                                 "' is no run image; write a file's name, or "
                                 "oci-archive:FILE[:TAG] or docker-archive:FILE[:REPOSITORY:TAG]; "
                                 "a registry is not asked for one"));
}

ImageExport::ImageExport(Files& files, std::string work_folder)
    : files_(files), work_folder_(std::move(work_folder)) {}

StatusOr<std::unique_ptr<ImageExport>> ImageExport::Prepare(
    Files& files, const RunImageReference& base, const image::RunImageRequirements& requirements,
    std::string work_folder) {
  SLUICE_ASSIGN_OR_RETURN(const image::ArchiveContents archive,
                          image::ArchiveContents::Open(files, base.file));
  SLUICE_ASSIGN_OR_RETURN(const image::RunImageParts parts, image::FindRunImage(archive, base.tag));
  SLUICE_RETURN_IF_ERROR(files.MakeFolder(work_folder));
  std::unique_ptr<ImageExport> prepared(new ImageExport(files, std::move(work_folder)));
  StatusOr<image::RunImage> proven =
      image::ProveRunImage(parts, requirements, files, prepared->work_folder_);
  if (ErrorName(proven.status()) == "base-stack-unknown") {
    return NamedError(proven.status().code(), "base-stack-unknown",
                      absl::StrCat(proven.status().message(), ": --run-image-stack STACK"));
  }
  SLUICE_ASSIGN_OR_RETURN(prepared->base_, std::move(proven));
  return prepared;
}

ImageExport::~ImageExport() {
  const Status removed = RemoveWorkFolder();
  if (!removed.ok()) LogStatus(LogLevel::kError, "work-folder-not-removed", removed);
}

Status ImageExport::RemoveWorkFolder() {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_.List(work_folder_));
  for (const std::string& name : names) {
    SLUICE_RETURN_IF_ERROR(files_.Remove(absl::StrCat(work_folder_, "/", name)));
  }
  return files_.RemoveFolder(work_folder_);
}

StatusOr<image::Image> ImageExport::Write(const image::ImageRecipe& recipe,
                                          image::ByteReader droplet,
                                          const Destination& destination) {
  SLUICE_ASSIGN_OR_RETURN(image::Image made, image::BuildImage(recipe, base_, std::move(droplet),
                                                               files_, work_folder_));
  const image::ImageName name{destination.repository, destination.tag};
  if (destination.kind == DestinationKind::kOciArchive) {
    SLUICE_RETURN_IF_ERROR(image::WriteOciArchive(made, name, files_, destination.file));
  } else {
    SLUICE_RETURN_IF_ERROR(image::WriteDockerArchive(made, name, files_, destination.file));
  }
  return made;
}

}  // namespace sluice::cli

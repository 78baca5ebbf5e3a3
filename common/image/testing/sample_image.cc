#include "common/image/testing/sample_image.h"

#include "common/image/run_image_archive.h"
#include "common/image/testing/run_image_bytes.h"
#include "common/image/testing/tar_bytes.h"

namespace sluice::image {

std::string SampleDroplet() {
  return SmallDroplet()
      .File("./app/server",
            "#!/bin/sh\necho \"hello on $PORT as $0, from a profile: $FROM_PROFILE\"\n", 0755)
      .HardLink("./app/again", "./app/server")
      .SymbolicLink("./app/etc", "/etc")
      .File("./app/" + std::string(200, 'n') + "/" + std::string(200, 'm'), "long")
      .Folder("./deps")
      .Folder("./deps/0")
      .File("./deps/0/library", "library")
      .Folder("./profile.d")
      .File("./profile.d/0.sh", "export FROM_PROFILE=yes")
      .Gzip();
}

ImageRecipe SampleRecipe(const std::string& droplet) {
  ImageRecipe recipe;
  recipe.droplet = {.digest = crypto::Sha256Of(droplet),
                    .guid = "droplet-guid",
                    .created = "2026-10-01T08:00:00Z",
                    .stack = "cflinuxfs4",
                    .foundation = "dev",
                    .organization = "shop",
                    .space = "payments",
                    .app_name = "cart",
                    .app_guid = "app-guid",
                    .buildpacks = {{"go_buildpack", "1.10.1"}},
                    .process_types = {{"web", "./server"}, {"worker", "./server worker"}}};
  recipe.promotion_id = "promotion-id";
  recipe.exporter = "sluice 0.1.0";
  recipe.created = absl::FromUnixSeconds(1'790'000'000);
  return recipe;
}

StatusOr<RunImage> SampleRunImage(Files& files, const std::string& folder,
                                  const std::string& archive) {
  const std::string path = folder + "/run-image.tar";
  SLUICE_RETURN_IF_ERROR(files.Replace(path, archive, FileAccess::kEveryone));
  SLUICE_ASSIGN_OR_RETURN(const ArchiveContents contents, ArchiveContents::Open(files, path));
  SLUICE_ASSIGN_OR_RETURN(const RunImageParts parts, FindRunImage(contents, ""));
  return ProveRunImage(parts, {.stack = "cflinuxfs4", .stated_stack = ""}, files, folder);
}

StatusOr<Image> SampleImage(Files& files, const std::string& folder, ImageFormat format) {
  SLUICE_ASSIGN_OR_RETURN(const RunImage base,
                          SampleRunImage(files, folder, RunImageBytes().OciArchive()));
  const std::string droplet = SampleDroplet();
  ImageRecipe recipe = SampleRecipe(droplet);
  recipe.format = format;
  return BuildImage(recipe, base, ReaderOf(droplet), files, folder);
}

}  // namespace sluice::image

#include "common/image/image.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/image/droplet_layers.h"
#include "common/image/image_config.h"
#include "common/image/launcher_layer.h"

namespace sluice::image {
namespace {

constexpr size_t kMadeLayersMax = 3;  // launcher, dependencies, app

ImageLayer LayerOf(const LayerBlob& blob) {
  return {blob.digest, blob.bytes, blob.diff_id, {blob.file, 0, blob.bytes}};
}

}  // namespace

StatusOr<Image> BuildImage(const ImageRecipe& recipe, const RunImage& base, ByteReader droplet,
                           Files& files, const std::string& folder) {
  SLUICE_RETURN_IF_ERROR(CheckRecipe(recipe));
  if (base.layers.size() + kMadeLayersMax > kImageLayersMax) {
    return NamedError(StatusCode::kFailedPrecondition, "image-too-many-layers",
                      absl::StrCat("the base has ", base.layers.size(), " layers: with the app's ",
                                   "there would be more than ", kImageLayersMax));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string record, FormatLaunchRecord(recipe));
  SLUICE_ASSIGN_OR_RETURN(
      const DropletLayers parts,
      ConvertDroplet(std::move(droplet), recipe.droplet.digest, record, files, folder));
  SLUICE_ASSIGN_OR_RETURN(const LayerBlob launcher, WriteLauncherLayer(files, folder));
  // What changes least lies lowest.
  const std::string of_droplet = " of droplet sha256:" + recipe.droplet.digest.hex();
  std::vector<MadeLayer> made = {{LayerOf(launcher), "sluice export: launcher"}};
  if (parts.dependencies) {
    made.push_back({LayerOf(*parts.dependencies), "sluice export: dependencies" + of_droplet});
  }
  made.push_back({LayerOf(parts.app), "sluice export: app" + of_droplet});

  Image image;
  image.format = recipe.format;
  image.layers = base.layers;
  for (const MadeLayer& each : made) image.layers.push_back(each.layer);
  SLUICE_ASSIGN_OR_RETURN(image.config, FormatImageConfig(recipe, base, made));
  image.config_digest = crypto::Sha256Of(image.config);
  SLUICE_ASSIGN_OR_RETURN(image.manifest,
                          FormatImageManifest(recipe, base, image.config, image.layers));
  image.digest = crypto::Sha256Of(image.manifest);
  return image;
}

}  // namespace sluice::image

// The two documents of an image (OCI image-spec, config.md and manifest.md): what it runs as, and
// what it is made of.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "common/image/image_layer.h"
#include "common/image/image_recipe.h"
#include "common/image/run_image.h"

namespace sluice::image {

// One of our layers, and what its entry in the history says.
struct MadeLayer {
  ImageLayer layer;
  std::string made_by;
};

// By their names: what is known of droplet, source, promotion and base. The same as labels of the
// config and annotations of the manifest.
std::map<std::string, std::string> ImageLabels(const ImageRecipe& recipe, const RunImage& base);

// The config's JSON, in one form. `made` are the layers above the base's, lowest first.
StatusOr<std::string> FormatImageConfig(const ImageRecipe& recipe, const RunImage& base,
                                        const std::vector<MadeLayer>& made);

// The manifest's JSON, in one form.
StatusOr<std::string> FormatImageManifest(const ImageRecipe& recipe, const RunImage& base,
                                          const std::string& config,
                                          const std::vector<ImageLayer>& layers);

std::string ManifestMediaType(ImageFormat format);

}  // namespace sluice::image

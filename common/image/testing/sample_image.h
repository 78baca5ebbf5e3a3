// A small droplet, its recipe, and the image made of both, for tests.
#pragma once

#include <string>

#include "common/base/files.h"
#include "common/image/image.h"

namespace sluice::image {

// An app with dependencies and links, whose start command says hello.
std::string SampleDroplet();

// Says everything about it that a recipe can say.
ImageRecipe SampleRecipe(const std::string& droplet);

// Writes the base's archive into `folder` and proves it.
StatusOr<RunImage> SampleRunImage(Files& files, const std::string& folder,
                                  const std::string& archive);

// Of the sample droplet on a sample base.
StatusOr<Image> SampleImage(Files& files, const std::string& folder,
                            ImageFormat format = ImageFormat::kOci);

}  // namespace sluice::image

// An image as one file, for tools that people have: skopeo, podman, docker load, umoci, crane.
#pragma once

#include <string>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/image/image.h"

namespace sluice::image {

// How the image is called in the file; either may be empty.
struct ImageName {
  std::string repository;  // "registry.example/shop/cart"
  std::string tag;         // "1.2"
};

// An uncompressed tar of an OCI layout (OCI image-spec, image-layout.md). With docker's
// manifest.json beside it, so that `docker load` takes the same file.
//
// The file appears under its name when it is whole and on the disk. Its bytes follow from image and
// name. Each layer's bytes are compared with its digest once more while they are copied.
//
// InvalidArgument "image-not-oci" for an image in docker's format; DataLoss "layer-changed";
// AlreadyExists "file-exists" when another export to the same file is under way or was broken off;
// and what `files` says.
Status WriteOciArchive(const Image& image, const ImageName& name, Files& files,
                       const std::string& path);

// What `docker save` writes. Of an image in OCI format it is the same file as WriteOciArchive()'s.
Status WriteDockerArchive(const Image& image, const ImageName& name, Files& files,
                          const std::string& path);

}  // namespace sluice::image

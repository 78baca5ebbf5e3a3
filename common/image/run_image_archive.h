// Finds the base in an image's archive: an OCI layout in a tar (OCI image-spec, image-layout.md) or
// what `docker save` and `skopeo copy` write (manifest.json; moby's docker-image-spec).
#pragma once

#include <string_view>

#include "common/base/status.h"
#include "common/image/archive_contents.h"
#include "common/image/run_image.h"

namespace sluice::image {

// The parts of the image that is called `tag`, as its tag or its whole name; of the only image
// there is when `tag` is empty. An index of several platforms gives linux and this build's
// architecture. An archive in both forms is read as an OCI layout. The layers' bytes are not looked
// at.
//
// FailedPrecondition, besides the names of ArchiveContents and run_image_config.h:
//   base-not-an-archive      a tar, and no image in it
//   base-ambiguous           several images, and no tag to tell them apart
//   base-blob-missing, base-layer-type (neither gzip nor a plain tar)
//   base-for-another-architecture
// NotFound "base-no-such-tag"; DataLoss "base-blob-mismatch".
StatusOr<RunImageParts> FindRunImage(const ArchiveContents& archive, std::string_view tag);

}  // namespace sluice::image

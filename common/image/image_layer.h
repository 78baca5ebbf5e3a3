// A layer that can be published, and where its bytes lie.
#pragma once

#include <cstdint>
#include <string>

#include "common/crypto/digest.h"

namespace sluice::image {

// A part of a file on disk.
struct FileRange {
  std::string file;
  uint64_t offset = 0;
  uint64_t bytes = 0;

  bool operator==(const FileRange&) const = default;
};

// gzip, its two digests proven.
struct ImageLayer {
  crypto::Sha256Digest digest;  // of the compressed bytes
  uint64_t bytes = 0;
  crypto::Sha256Digest diff_id;  // of the tar in them
  FileRange range;

  bool operator==(const ImageLayer&) const = default;
};

}  // namespace sluice::image

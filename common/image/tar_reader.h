// Reads tar archives of any dialect, a stranger's too (libarchive): names and content, nothing is
// extracted. Sparse files are given expanded.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "common/base/status.h"
#include "common/image/byte_stream.h"
#include "common/image/tar_entry.h"

namespace sluice::image {

class TarReader {
 public:
  // How to leave bytes out that nobody wants; without it they are read and thrown away.
  using Skip = std::function<void(uint64_t bytes)>;

  explicit TarReader(ByteReader source, Skip skip = nullptr);
  ~TarReader();

  // The next entry, whatever was left of the content before; nullopt after the last one.
  // FailedPrecondition "bad-tar"; the source's own failure as it is.
  StatusOr<std::optional<TarEntry>> Next();
  // The current file's content, as a ByteReader.
  StatusOr<size_t> Read(std::span<char> bytes);
  // Where in the source the current entry's content begins; right after Next() only.
  uint64_t ContentOffset() const;

 private:
  struct Archive;
  Status Failure() const;

  const std::unique_ptr<Archive> archive_;
};

}  // namespace sluice::image

// What an image's archive holds and where: a tar's files are found by name and read in place.
//
// The archive is a stranger's: everything about it is bounded, and what is ambiguous is refused.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/image/byte_stream.h"
#include "common/image/image_layer.h"

namespace sluice::image {

// Three entries for each of the 127 layers that overlayfs takes, and images beside the one wanted.
inline constexpr size_t kArchiveEntriesMax = 4096;
// "blobs/sha256/HEX" are 77; docker's older archives have 76.
inline constexpr size_t kArchivePathBytesMax = 256;

// Where an OCI layout keeps a blob (OCI image-spec, image-layout.md).
std::string BlobPath(const crypto::Sha256Digest& digest);

class ArchiveContents {
 public:
  // FailedPrecondition:
  //   compressed-archive        it has to be unpacked before, as parts of it are read in place
  //   bad-tar                   no tar, or one that ends too early
  //   archive-too-many-entries, archive-path-too-long
  //   archive-duplicate-entry   which of the two is meant, readers do not agree on
  // and what `files` says.
  static StatusOr<ArchiveContents> Open(Files& files, const std::string& path);

  const std::string& path() const { return path_; }

  // The file of that name, or the one that a link of that name leads to (docker's archives keep
  // equal layers once). nullopt if there is none.
  std::optional<FileRange> Find(std::string_view name) const;

  // FailedPrecondition "archive-file-missing", "archive-file-too-large".
  StatusOr<std::string> Read(std::string_view name, size_t bytes_max) const;

  // Valid as long as this.
  ByteReader ReadRange(const FileRange& range) const;

 private:
  ArchiveContents() = default;

  Status ReadEntries();

  std::string path_;
  std::unique_ptr<RandomAccessFile> file_;
  std::map<std::string, FileRange, std::less<>> files_;
  std::map<std::string, std::string, std::less<>> links_;  // to what they lead to
};

}  // namespace sluice::image

// One layer of an image while it is written: its tar is hashed, compressed, hashed again and put
// into a file, in one pass.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/files.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/image/gzip.h"
#include "common/image/tar_writer.h"

namespace sluice::image {

// A finished layer on disk.
struct LayerBlob {
  std::string file;
  crypto::Sha256Digest digest;  // of the file: the layer's identity
  uint64_t bytes = 0;
  crypto::Sha256Digest diff_id;  // of the tar in it
  uint64_t tar_bytes = 0;
};

// A file that is written from its beginning to its end, in large pieces.
class FileWriter {
 public:
  // The file must not exist. `files` outlives the writer.
  static StatusOr<std::unique_ptr<FileWriter>> Create(Files& files, const std::string& path);

  Status Write(std::string_view bytes);
  // All that was written is in the file, for whoever reads it.
  Status Flush();
  // It is on the disk.
  Status Sync();

  uint64_t bytes() const { return flushed_bytes_ + buffer_.size(); }
  const RandomAccessFile& file() const { return *file_; }

 private:
  explicit FileWriter(std::unique_ptr<RandomAccessFile> file) : file_(std::move(file)) {}

  const std::unique_ptr<RandomAccessFile> file_;
  std::string buffer_;
  uint64_t flushed_bytes_ = 0;
};

// Reads a file, or a part of it.
ByteReader ReadFileFrom(const RandomAccessFile& file, uint64_t offset, uint64_t bytes);

// Destroyed before Finish() it removes its file.
class LayerWriter {
 public:
  ~LayerWriter();

  // Writes to `folder`, at first under `name`. `files` outlives the writer.
  static StatusOr<std::unique_ptr<LayerWriter>> Create(Files& files, std::string folder,
                                                       std::string name);

  // The layer's tar as it is, from elsewhere; or entry by entry through tar(). Not both.
  Status WriteTar(std::string_view bytes);
  TarWriter& tar() { return tar_; }

  // The tar as far as it was written, from its beginning. The writer outlives the reader and
  // writes nothing while it is read.
  StatusOr<ByteReader> ReadBack();

  // Ends compression and file, which is then called as its digest in hexadecimal. Of a tar that
  // was written through tar() the end is written first by tar().Finish().
  StatusOr<LayerBlob> Finish();

 private:
  LayerWriter(Files& files, std::string folder, std::string name,
              std::unique_ptr<FileWriter> writer);

  Files& files_;
  const std::string folder_;
  const std::string path_;
  const std::unique_ptr<FileWriter> file_;
  crypto::Sha256 blob_hash_;
  crypto::Sha256 tar_hash_;
  uint64_t tar_bytes_ = 0;
  GzipWriter gzip_;
  TarWriter tar_;
  bool finished_ = false;
};

}  // namespace sluice::image

// gzip, both ways (RFC 1952): written the same at any time and place, read without mercy.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/image/byte_stream.h"

namespace sluice::image {

// zlib's level of a layer. Changing it changes the digest of every exported layer.
inline constexpr int kLayerCompressionLevel = 6;

// Compresses into `sink`: one member whose header holds no time, no name and "unknown" as system,
// so that the bytes follow from the content, the level and the version of zlib alone.
class GzipWriter {
 public:
  explicit GzipWriter(ByteSink sink, int level = kLayerCompressionLevel);
  ~GzipWriter();

  Status Write(std::string_view bytes);
  // Brings all that was written so far into the sink, so that a reader of it gets that much.
  Status Flush();
  // Ends the member; nothing may be written after it.
  Status Finish();

 private:
  struct Stream;
  Status Deflate(std::string_view bytes, int flush);

  const ByteSink sink_;
  const std::unique_ptr<Stream> stream_;
};

// Decompresses what `compressed` gives; several members are one content, as gunzip has it.
// FailedPrecondition "bad-gzip", "truncated-gzip", "bytes-after-gzip" (which are no member).
class Gunzip {
 public:
  explicit Gunzip(ByteReader compressed);
  ~Gunzip();

  // As a ByteReader.
  StatusOr<size_t> Read(std::span<char> bytes);

 private:
  struct Stream;
  // False where the compressed stream ends.
  StatusOr<bool> Refill();
  StatusOr<bool> BeginNextMember();

  const ByteReader compressed_;
  const std::unique_ptr<Stream> stream_;
  bool between_members_ = false;
};

}  // namespace sluice::image

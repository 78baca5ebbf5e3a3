#include "common/image/gzip.h"

#include <zlib.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace sluice::image {
namespace {

constexpr int kWindowBits = 15;
constexpr int kAsGzip = 16;  // added to the window's bits (zlib manual, deflateInit2)
constexpr int kMemoryLevel = 8;
constexpr int kUnknownSystem = 255;  // RFC 1952 section 2.3.1
constexpr unsigned char kFirstMagicByte = 0x1f;

Status Refused(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, name, message);
}

}  // namespace

struct GzipWriter::Stream {
  z_stream zlib{};
  gz_header header{};  // zlib reads it when the first bytes are written
  char output[kPieceBytes];
};

GzipWriter::GzipWriter(ByteSink sink, int level)
    : sink_(std::move(sink)), stream_(std::make_unique<Stream>()) {
  SLUICE_CHECK(deflateInit2(&stream_->zlib, level, Z_DEFLATED, kWindowBits + kAsGzip, kMemoryLevel,
                            Z_DEFAULT_STRATEGY) == Z_OK);
  stream_->header.os = kUnknownSystem;
  SLUICE_CHECK(deflateSetHeader(&stream_->zlib, &stream_->header) == Z_OK);
}

GzipWriter::~GzipWriter() { deflateEnd(&stream_->zlib); }

Status GzipWriter::Deflate(std::string_view bytes, int flush) {
  z_stream& zlib = stream_->zlib;
  while (true) {
    // zlib counts in unsigned int.
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    const bool last = piece.size() == bytes.size();
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    zlib.avail_in = static_cast<uInt>(piece.size());
    do {
      zlib.next_out = reinterpret_cast<Bytef*>(stream_->output);
      zlib.avail_out = sizeof stream_->output;
      SLUICE_CHECK(deflate(&zlib, last ? flush : Z_NO_FLUSH) != Z_STREAM_ERROR);
      const size_t produced = sizeof stream_->output - zlib.avail_out;
      if (produced > 0) SLUICE_RETURN_IF_ERROR(sink_({stream_->output, produced}));
    } while (zlib.avail_out == 0);
    if (last) return absl::OkStatus();
    bytes.remove_prefix(piece.size());
  }
}

Status GzipWriter::Write(std::string_view bytes) {
  return bytes.empty() ? absl::OkStatus() : Deflate(bytes, Z_NO_FLUSH);
}
Status GzipWriter::Flush() { return Deflate("", Z_SYNC_FLUSH); }
Status GzipWriter::Finish() { return Deflate("", Z_FINISH); }

struct Gunzip::Stream {
  z_stream zlib{};
  char input[kPieceBytes];
};

Gunzip::Gunzip(ByteReader compressed)
    : compressed_(std::move(compressed)), stream_(std::make_unique<Stream>()) {
  SLUICE_CHECK(inflateInit2(&stream_->zlib, kWindowBits + kAsGzip) == Z_OK);
}

Gunzip::~Gunzip() { inflateEnd(&stream_->zlib); }

StatusOr<bool> Gunzip::Refill() {
  if (stream_->zlib.avail_in > 0) return true;
  SLUICE_ASSIGN_OR_RETURN(const size_t count, compressed_(std::span<char>(stream_->input)));
  stream_->zlib.next_in = reinterpret_cast<Bytef*>(stream_->input);
  stream_->zlib.avail_in = static_cast<uInt>(count);
  return count > 0;
}

StatusOr<bool> Gunzip::BeginNextMember() {
  SLUICE_ASSIGN_OR_RETURN(const bool more, Refill());
  if (!more) return false;
  if (*stream_->zlib.next_in != kFirstMagicByte) {
    return Refused("bytes-after-gzip", "there are bytes after the end of the gzip stream");
  }
  SLUICE_CHECK(inflateReset(&stream_->zlib) == Z_OK);
  between_members_ = false;
  return true;
}

StatusOr<size_t> Gunzip::Read(std::span<char> bytes) {
  z_stream& zlib = stream_->zlib;
  const std::span<char> wanted = bytes.first(std::min(bytes.size(), kPieceBytes));
  zlib.next_out = reinterpret_cast<Bytef*>(wanted.data());
  zlib.avail_out = static_cast<uInt>(wanted.size());
  while (zlib.avail_out == wanted.size() && !wanted.empty()) {
    if (between_members_) {
      SLUICE_ASSIGN_OR_RETURN(const bool more, BeginNextMember());
      if (!more) return 0;
    }
    SLUICE_ASSIGN_OR_RETURN(const bool more, Refill());
    if (!more) return Refused("truncated-gzip", "the gzip stream ends too early");
    const int result = inflate(&zlib, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      between_members_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      return Refused("bad-gzip", absl::StrCat("not a gzip stream: ",
                                              zlib.msg == nullptr ? "(no reason)" : zlib.msg));
    }
  }
  return wanted.size() - zlib.avail_out;
}

}  // namespace sluice::image

#include "common/image/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace sluice::image {
namespace {

std::string OrEmpty(const char* text) { return text == nullptr ? "" : text; }

EntryKind KindOf(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return EntryKind::kHardLink;
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      return EntryKind::kFile;
    case AE_IFDIR:
      return EntryKind::kFolder;
    case AE_IFLNK:
      return EntryKind::kSymbolicLink;
    default:
      return EntryKind::kSpecial;
  }
}

}  // namespace

struct TarReader::Archive {
  archive* handle = archive_read_new();
  ByteReader source;
  Skip skip;
  Status source_failure;
  bool opened = false;
  char piece[kPieceBytes];

  static la_ssize_t ReadPiece(archive*, void* self, const void** bytes) {
    auto& own = *static_cast<Archive*>(self);
    const StatusOr<size_t> count = own.source(std::span<char>(own.piece));
    if (!count.ok()) {
      own.source_failure = count.status();
      archive_set_error(own.handle, EIO, "the source failed");
      return ARCHIVE_FATAL;
    }
    *bytes = own.piece;
    return static_cast<la_ssize_t>(*count);
  }

  static la_int64_t SkipBytes(archive*, void* self, la_int64_t bytes) {
    auto& own = *static_cast<Archive*>(self);
    if (own.skip == nullptr) return 0;
    own.skip(static_cast<uint64_t>(bytes));
    return bytes;
  }
};

TarReader::TarReader(ByteReader source, Skip skip) : archive_(std::make_unique<Archive>()) {
  SLUICE_CHECK(archive_->handle != nullptr);
  archive_->source = std::move(source);
  archive_->skip = std::move(skip);
}

TarReader::~TarReader() { archive_read_free(archive_->handle); }

Status TarReader::Failure() const {
  if (!archive_->source_failure.ok()) return archive_->source_failure;
  return NamedError(
      StatusCode::kFailedPrecondition, "bad-tar",
      absl::StrCat("not a tar archive: ", OrEmpty(archive_error_string(archive_->handle))));
}

StatusOr<std::optional<TarEntry>> TarReader::Next() {
  if (!archive_->opened) {
    archive_->opened = true;
    archive_read_support_format_tar(archive_->handle);
    archive_read_set_read_callback(archive_->handle, Archive::ReadPiece);
    archive_read_set_skip_callback(archive_->handle, Archive::SkipBytes);
    archive_read_set_callback_data(archive_->handle, archive_.get());
    if (archive_read_open1(archive_->handle) != ARCHIVE_OK) return Failure();
  }
  archive_entry* found = nullptr;
  const int result = archive_read_next_header(archive_->handle, &found);
  if (result == ARCHIVE_EOF) return std::nullopt;
  // A warning is about what is not carried (attributes, a name's character set): names stay bytes.
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return Failure();
  TarEntry entry;
  entry.path = OrEmpty(archive_entry_pathname(found));
  entry.kind = KindOf(found);
  if (entry.kind == EntryKind::kHardLink)
    entry.link_target = OrEmpty(archive_entry_hardlink(found));
  if (entry.kind == EntryKind::kSymbolicLink) {
    entry.link_target = OrEmpty(archive_entry_symlink(found));
  }
  entry.mode = archive_entry_perm(found);
  if (entry.kind == EntryKind::kFile) {
    const la_int64_t bytes = archive_entry_size(found);
    if (bytes < 0) {
      return NamedError(StatusCode::kFailedPrecondition, "bad-tar",
                        absl::StrCat("a size below zero for ", entry.path));
    }
    entry.bytes = static_cast<uint64_t>(bytes);
  }
  entry.modified_seconds = archive_entry_mtime(found);
  return entry;
}

StatusOr<size_t> TarReader::Read(std::span<char> bytes) {
  const la_ssize_t count = archive_read_data(archive_->handle, bytes.data(), bytes.size());
  if (count < 0) return Failure();
  return static_cast<size_t>(count);
}

uint64_t TarReader::ContentOffset() const {
  return static_cast<uint64_t>(archive_filter_bytes(archive_->handle, 0));
}

}  // namespace sluice::image

#include "common/image/archive_contents.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/image/layer_writer.h"
#include "common/image/tar_reader.h"

namespace sluice::image {
namespace {

constexpr int kLinksFollowedMax = 4;

Status RefusedArchive(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, name, message);
}

std::string Shown(std::string_view text) {
  return absl::CHexEscape(ToAbsl(text.substr(0, kArchivePathBytesMax)));
}

// "./a/../b/" is "b"; nullopt where it leads out of the archive.
std::optional<std::string> Normalised(std::string_view path) {
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(path), '/', absl::SkipEmpty())) {
    if (part == ".") continue;
    if (part != "..") {
      parts.emplace_back(part);
    } else if (parts.empty()) {
      return std::nullopt;
    } else {
      parts.pop_back();
    }
  }
  return absl::StrJoin(parts, "/");
}

// Where a link leads to: a hard link's target is a path of the archive, a symbolic link's is seen
// from the link's folder.
std::optional<std::string> LinkTarget(const TarEntry& link) {
  if (link.kind == EntryKind::kHardLink) return Normalised(link.link_target);
  if (link.link_target.starts_with('/')) return std::nullopt;
  return Normalised(absl::StrCat(link.path, "/../", link.link_target));
}

// gzip (RFC 1952), zstd (RFC 8878), xz, bzip2.
bool LooksCompressed(std::string_view head) {
  using namespace std::string_view_literals;
  return head.starts_with("\x1f\x8b"sv) || head.starts_with("\x28\xb5\x2f\xfd"sv) ||
         head.starts_with("\xfd\x37zXZ"sv) || head.starts_with("BZh"sv);
}

}  // namespace

std::string BlobPath(const crypto::Sha256Digest& digest) { return "blobs/sha256/" + digest.hex(); }

StatusOr<ArchiveContents> ArchiveContents::Open(Files& files, const std::string& path) {
  ArchiveContents contents;
  contents.path_ = path;
  SLUICE_ASSIGN_OR_RETURN(contents.file_, files.OpenRandomAccess(path, FileOpening::kReadOnly));
  char head[6];
  SLUICE_ASSIGN_OR_RETURN(const size_t count, contents.file_->Read(0, std::span<char>(head)));
  if (LooksCompressed({head, count})) {
    return RefusedArchive("compressed-archive",
                          path +
                              " is compressed as a whole: decompress it first (its layers may "
                              "stay as they are)");
  }
  if (const Status read = contents.ReadEntries(); !read.ok()) return WithContext(read, path);
  return contents;
}

Status ArchiveContents::ReadEntries() {
  SLUICE_ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  uint64_t offset = 0;
  TarReader reader(
      [this, &offset](std::span<char> bytes) -> StatusOr<size_t> {
        SLUICE_ASSIGN_OR_RETURN(const size_t count, file_->Read(offset, bytes));
        offset += count;
        return count;
      },
      [&offset](uint64_t bytes) { offset += bytes; });
  for (size_t entries = 0;; ++entries) {
    SLUICE_ASSIGN_OR_RETURN(const std::optional<TarEntry> entry, reader.Next());
    if (!entry) return absl::OkStatus();
    if (entries == kArchiveEntriesMax) {
      return RefusedArchive(
          "archive-too-many-entries",
          absl::StrCat("the archive has more than ", kArchiveEntriesMax, " entries"));
    }
    if (std::max(entry->path.size(), entry->link_target.size()) > kArchivePathBytesMax) {
      return RefusedArchive("archive-path-too-long",
                            "the archive's entry " + Shown(entry->path) + " has too long a path");
    }
    if (entry->kind == EntryKind::kFolder || entry->kind == EntryKind::kSpecial) continue;
    const std::optional<std::string> name = Normalised(entry->path);
    if (!name || name->empty()) continue;  // nobody can ask for it
    if (files_.contains(*name) || links_.contains(*name)) {
      return RefusedArchive("archive-duplicate-entry",
                            "the archive has " + Shown(*name) + " more than once");
    }
    if (entry->kind != EntryKind::kFile) {
      if (const auto target = LinkTarget(*entry)) links_[*name] = *target;
      continue;
    }
    const FileRange range{path_, reader.ContentOffset(), entry->bytes};
    if (range.offset > size || range.bytes > size - range.offset) {
      return RefusedArchive("bad-tar", "the archive ends within " + Shown(*name));
    }
    files_[*name] = range;
  }
}

std::optional<FileRange> ArchiveContents::Find(std::string_view name) const {
  std::optional<std::string> wanted = Normalised(name);
  for (int links = 0; wanted && links <= kLinksFollowedMax; ++links) {
    if (const auto found = files_.find(*wanted); found != files_.end()) return found->second;
    const auto link = links_.find(*wanted);
    if (link == links_.end()) return std::nullopt;
    wanted = link->second;
  }
  return std::nullopt;
}

StatusOr<std::string> ArchiveContents::Read(std::string_view name, size_t bytes_max) const {
  const std::optional<FileRange> range = Find(name);
  if (!range) return RefusedArchive("archive-file-missing", path_ + " has no " + Shown(name));
  if (range->bytes > bytes_max) {
    return RefusedArchive("archive-file-too-large",
                          absl::StrCat(Shown(name), " in ", path_, " has ", range->bytes,
                                       " bytes, more than ", bytes_max));
  }
  std::string content(static_cast<size_t>(range->bytes), '\0');
  SLUICE_ASSIGN_OR_RETURN(const size_t count, file_->Read(range->offset, content));
  content.resize(count);
  return content;
}

ByteReader ArchiveContents::ReadRange(const FileRange& range) const {
  return ReadFileFrom(*file_, range.offset, range.bytes);
}

}  // namespace sluice::image

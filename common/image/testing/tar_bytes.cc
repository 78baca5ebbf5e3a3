#include "common/image/testing/tar_bytes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/image/gzip.h"
#include "common/image/tar_reader.h"

namespace sluice::image {
namespace {

constexpr size_t kFileBytesMax = size_t{64} << 20;
constexpr size_t kTypeOffset = 156;
constexpr size_t kChecksumOffset = 148;
constexpr uint32_t kOwner = 2000;
constexpr int64_t kStagedAt = 1'700'000'000;

// The last header in `bytes` gets another type, and the checksum that goes with it.
void ChangeType(std::string& bytes, char type) {
  char* const header = bytes.data() + bytes.size() - 512;
  header[kTypeOffset] = type;
  std::fill_n(header + kChecksumOffset, 8, ' ');
  uint32_t sum = 0;
  for (size_t index = 0; index < 512; ++index) sum += static_cast<unsigned char>(header[index]);
  const std::string text = absl::StrFormat("%06o", sum);
  std::copy(text.begin(), text.end(), header + kChecksumOffset);
  header[kChecksumOffset + 6] = '\0';
}

}  // namespace

ByteReader ReaderOf(std::string bytes, size_t piece_bytes) {
  return [bytes = std::move(bytes), piece_bytes,
          offset = size_t{0}](std::span<char> into) mutable -> StatusOr<size_t> {
    const size_t count = std::min({into.size(), piece_bytes, bytes.size() - offset});
    std::copy_n(bytes.data() + offset, count, into.data());
    offset += count;
    return count;
  };
}

StatusOr<std::string> ReadAll(const ByteReader& reader) {
  std::string all;
  std::string piece(kPieceBytes, '\0');
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const size_t count, reader(std::span<char>(piece)));
    if (count == 0) return all;
    all.append(piece, 0, count);
  }
}

std::string Gzipped(std::string_view bytes) {
  std::string compressed;
  GzipWriter writer([&compressed](std::string_view piece) {
    compressed += piece;
    return absl::OkStatus();
  });
  SLUICE_CHECK(writer.Write(bytes).ok() && writer.Finish().ok());
  return compressed;
}

TarBuilder::TarBuilder()
    : bytes_(std::make_unique<std::string>()),
      writer_(std::make_unique<TarWriter>([bytes = bytes_.get()](std::string_view piece) {
        *bytes += piece;
        return absl::OkStatus();
      })) {}

TarBuilder& TarBuilder::Entry(TarEntry entry, std::string_view content) {
  entry.owner = kOwner;
  entry.modified_seconds = kStagedAt;
  SLUICE_CHECK(writer_->Whole(entry, content).ok());
  return *this;
}

TarBuilder& TarBuilder::Folder(const std::string& path, uint32_t mode) {
  TarEntry entry;
  entry.path = path;
  entry.kind = EntryKind::kFolder;
  entry.mode = mode;
  return Entry(entry);
}

TarBuilder& TarBuilder::File(const std::string& path, std::string_view content, uint32_t mode) {
  TarEntry entry;
  entry.path = path;
  entry.mode = mode;
  return Entry(entry, content);
}

TarBuilder& TarBuilder::SymbolicLink(const std::string& path, const std::string& target) {
  TarEntry entry;
  entry.path = path;
  entry.kind = EntryKind::kSymbolicLink;
  entry.link_target = target;
  entry.mode = 0777;
  return Entry(entry);
}

TarBuilder& TarBuilder::HardLink(const std::string& path, const std::string& target) {
  TarEntry entry;
  entry.path = path;
  entry.kind = EntryKind::kHardLink;
  entry.link_target = target;
  return Entry(entry);
}

TarBuilder& TarBuilder::OfType(const std::string& path, char type) {
  TarEntry entry;
  entry.path = path;
  Entry(entry);
  ChangeType(*bytes_, type);
  return *this;
}

TarBuilder& TarBuilder::Pax(const std::vector<std::string>& records) {
  std::string content;
  for (const std::string& record : records) {
    size_t length = record.size() + 3;
    while (absl::StrCat(length, " ", record, "\n").size() != length) ++length;
    absl::StrAppend(&content, length, " ", record, "\n");
  }
  const size_t begin = bytes_->size();
  File("PaxHeaders/entry", content);
  std::string entry = bytes_->substr(begin, 512);
  ChangeType(entry, 'x');
  bytes_->replace(begin, 512, entry);
  return *this;
}

TarBuilder& TarBuilder::Raw(std::string_view bytes) {
  *bytes_ += bytes;
  return *this;
}

std::string TarBuilder::Tar() {
  SLUICE_CHECK(writer_->Finish().ok());
  return *bytes_;
}

TarBuilder SmallDroplet() {
  TarBuilder droplet;
  droplet.Folder(".", 0700)
      .Folder("./app")
      .File("./staging_info.yml", R"({"start_command":"./server"})")
      .Folder("./tmp")
      .Folder("./logs");
  return droplet;
}

StatusOr<std::vector<EntryWithContent>> ReadTar(std::string tar) {
  TarReader reader(ReaderOf(std::move(tar)));
  std::vector<EntryWithContent> entries;
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(std::optional<TarEntry> entry, reader.Next());
    if (!entry) return entries;
    SLUICE_ASSIGN_OR_RETURN(std::string content, ReadAll([&reader](std::span<char> bytes) {
                              return reader.Read(bytes);
                            }));
    entries.push_back({*std::move(entry), std::move(content)});
  }
}

StatusOr<std::vector<EntryWithContent>> ReadLayer(Files& files, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(std::string compressed, files.Read(path, kFileBytesMax));
  Gunzip gunzip(ReaderOf(std::move(compressed)));
  SLUICE_ASSIGN_OR_RETURN(std::string tar,
                          ReadAll([&gunzip](std::span<char> bytes) { return gunzip.Read(bytes); }));
  return ReadTar(std::move(tar));
}

std::vector<std::string> PathsOf(const std::vector<EntryWithContent>& entries) {
  std::vector<std::string> paths;
  for (const EntryWithContent& each : entries) {
    paths.push_back(each.entry.link_target.empty()
                        ? each.entry.path
                        : absl::StrCat(each.entry.path, " -> ", each.entry.link_target));
  }
  return paths;
}

const EntryWithContent* Find(const std::vector<EntryWithContent>& entries, std::string_view path) {
  for (const EntryWithContent& each : entries) {
    if (each.entry.path == path) return &each;
  }
  return nullptr;
}

}  // namespace sluice::image

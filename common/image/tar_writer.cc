#include "common/image/tar_writer.h"

#include <string.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace sluice::image {
namespace {

constexpr size_t kBlockBytes = 512;
constexpr size_t kNameBytes = 100;
// What eleven octal digits can say.
constexpr uint64_t kUstarNumberMax = (uint64_t{1} << 33) - 1;

struct Field {
  size_t offset;
  size_t bytes;
};
// POSIX.1, "ustar Interchange Format".
constexpr Field kName{0, kNameBytes};
constexpr Field kMode{100, 8};
constexpr Field kUser{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kModified{136, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kLinkName{157, kNameBytes};
constexpr Field kMagic{257, 8};

using Block = std::array<char, kBlockBytes>;

void Put(Block& block, Field field, std::string_view text) {
  SLUICE_CHECK(text.size() <= field.bytes);
  memcpy(block.data() + field.offset, text.data(), text.size());
}

void PutNumber(Block& block, Field field, uint64_t number) {
  Put(block, field, absl::StrFormat("%0*o", static_cast<int>(field.bytes - 1), number));
}

char TypeFlag(EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return '0';
    case EntryKind::kHardLink:
      return '1';
    case EntryKind::kSymbolicLink:
      return '2';
    case EntryKind::kFolder:
      return '5';
    case EntryKind::kSpecial:
      break;
  }
  SLUICE_CHECK(false);  // nobody writes special files
  return '0';
}

bool FitsUstar(int64_t seconds) {
  return seconds >= 0 && static_cast<uint64_t>(seconds) <= kUstarNumberMax;
}

Block Header(const TarEntry& entry, std::string_view path, char type) {
  Block block{};
  Put(block, kName, path.substr(0, kNameBytes));
  PutNumber(block, kMode, entry.mode);
  PutNumber(block, kUser, entry.owner);
  PutNumber(block, kGroup, entry.owner);
  PutNumber(block, kSize, entry.bytes <= kUstarNumberMax ? entry.bytes : 0);
  PutNumber(block, kModified,
            FitsUstar(entry.modified_seconds) ? static_cast<uint64_t>(entry.modified_seconds) : 0);
  Put(block, kType, {&type, 1});
  Put(block, kLinkName, std::string_view(entry.link_target).substr(0, kNameBytes));
  Put(block, kMagic, {"ustar\00000", 8});
  Put(block, kChecksum, "        ");
  uint32_t sum = 0;
  for (const char byte : block) sum += static_cast<unsigned char>(byte);
  Put(block, kChecksum, {absl::StrFormat("%06o", sum).append(1, '\0')});
  return block;
}

// "LENGTH KEY=VALUE\n", where the length counts itself.
std::string PaxRecord(std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + 1;
  while (absl::StrCat(length).size() + rest != length) {
    length = rest + absl::StrCat(length).size();
  }
  return absl::StrCat(length, " ", ToAbsl(key), "=", ToAbsl(value), "\n");
}

}  // namespace

TarWriter::TarWriter(ByteSink sink) : sink_(std::move(sink)) {}

Status TarWriter::PaxHeader(const TarEntry& entry, const std::string& path) {
  std::string records;
  if (!FitsUstar(entry.modified_seconds)) {
    records += PaxRecord("mtime", absl::StrCat(entry.modified_seconds));
  }
  if (path.size() > kNameBytes) records += PaxRecord("path", path);
  if (entry.link_target.size() > kNameBytes) records += PaxRecord("linkpath", entry.link_target);
  if (entry.bytes > kUstarNumberMax) records += PaxRecord("size", absl::StrCat(entry.bytes));
  if (records.empty()) return absl::OkStatus();
  TarEntry header;
  header.bytes = records.size();
  const Block block = Header(header, "PaxHeaders/entry", 'x');
  SLUICE_RETURN_IF_ERROR(sink_({block.data(), block.size()}));
  content_bytes_ = records.size();
  SLUICE_RETURN_IF_ERROR(sink_(records));
  return Pad();
}

Status TarWriter::Begin(const TarEntry& entry) {
  SLUICE_CHECK(content_bytes_left_ == 0);
  const std::string path = entry.kind == EntryKind::kFolder ? entry.path + "/" : entry.path;
  SLUICE_RETURN_IF_ERROR(PaxHeader(entry, path));
  const Block block = Header(entry, path, TypeFlag(entry.kind));
  SLUICE_RETURN_IF_ERROR(sink_({block.data(), block.size()}));
  content_bytes_ = content_bytes_left_ = entry.bytes;
  return absl::OkStatus();
}

Status TarWriter::Content(std::string_view bytes) {
  SLUICE_CHECK(bytes.size() <= content_bytes_left_);
  SLUICE_RETURN_IF_ERROR(sink_(bytes));
  content_bytes_left_ -= bytes.size();
  return content_bytes_left_ == 0 ? Pad() : absl::OkStatus();
}

Status TarWriter::Whole(TarEntry entry, std::string_view content) {
  entry.bytes = content.size();
  SLUICE_RETURN_IF_ERROR(Begin(entry));
  return content.empty() ? absl::OkStatus() : Content(content);
}

Status TarWriter::Finish() {
  SLUICE_CHECK(content_bytes_left_ == 0);
  return sink_(std::string(2 * kBlockBytes, '\0'));
}

Status TarWriter::Pad() {
  const size_t beyond = content_bytes_ % kBlockBytes;
  content_bytes_ = 0;
  return beyond == 0 ? absl::OkStatus() : sink_(std::string(kBlockBytes - beyond, '\0'));
}

}  // namespace sluice::image

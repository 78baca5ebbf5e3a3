// Tar and gzip bytes for tests: made entry by entry, in the right form and in wrong ones, and read
// back as a list.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/files.h"
#include "common/image/byte_stream.h"
#include "common/image/tar_entry.h"
#include "common/image/tar_writer.h"

namespace sluice::image {

// Gives the bytes in pieces of `piece_bytes`.
ByteReader ReaderOf(std::string bytes, size_t piece_bytes = 4096);
StatusOr<std::string> ReadAll(const ByteReader& reader);

std::string Gzipped(std::string_view bytes);

class TarBuilder {
 public:
  TarBuilder();

  TarBuilder& Folder(const std::string& path, uint32_t mode = 0755);
  TarBuilder& File(const std::string& path, std::string_view content, uint32_t mode = 0644);
  TarBuilder& SymbolicLink(const std::string& path, const std::string& target);
  TarBuilder& HardLink(const std::string& path, const std::string& target);
  // An entry whose type is only a letter of the header, as '3' for a device.
  TarBuilder& OfType(const std::string& path, char type);
  // A PAX header before the next entry: "path=..." and so on.
  TarBuilder& Pax(const std::vector<std::string>& records);
  TarBuilder& Raw(std::string_view bytes);

  std::string Tar();  // ends the archive
  std::string Gzip() { return Gzipped(Tar()); }

 private:
  TarBuilder& Entry(TarEntry entry, std::string_view content = "");

  // On the heap, so that a builder can be moved while its writer points to the bytes.
  std::unique_ptr<std::string> bytes_;
  std::unique_ptr<TarWriter> writer_;
};

// What a droplet is at least: root, app, staging_info.yml, tmp and logs, as the lifecycle writes
// it.
TarBuilder SmallDroplet();

struct EntryWithContent {
  TarEntry entry;
  std::string content;
};

StatusOr<std::vector<EntryWithContent>> ReadTar(std::string tar);
// Of a gzipped tar on disk.
StatusOr<std::vector<EntryWithContent>> ReadLayer(Files& files, const std::string& path);
// "path" or "path -> target" of each entry, in their order.
std::vector<std::string> PathsOf(const std::vector<EntryWithContent>& entries);
// Empty when there is no such path.
const EntryWithContent* Find(const std::vector<EntryWithContent>& entries, std::string_view path);

}  // namespace sluice::image

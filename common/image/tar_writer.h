// Writes tar archives whose bytes follow from the entries alone: ustar, with a PAX header (POSIX.1,
// pax) for what ustar has no room for, numeric owners, no names of users, no device numbers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/image/byte_stream.h"
#include "common/image/tar_entry.h"

namespace sluice::image {

class TarWriter {
 public:
  explicit TarWriter(ByteSink sink);

  // Begins an entry; of a file, exactly entry.bytes of Content() must follow. A folder's path has
  // no slash at its end: it is written with one.
  Status Begin(const TarEntry& entry);
  Status Content(std::string_view bytes);
  // An entry and all of its content.
  Status Whole(TarEntry entry, std::string_view content);
  // Ends the archive; nothing may be written after it.
  Status Finish();

 private:
  Status Pad();
  Status PaxHeader(const TarEntry& entry, const std::string& path);

  const ByteSink sink_;
  uint64_t content_bytes_ = 0;  // of the current file
  uint64_t content_bytes_left_ = 0;
};

}  // namespace sluice::image

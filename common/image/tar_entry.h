// One entry of a tar, as read and as written.
#pragma once

#include <cstdint>
#include <string>

namespace sluice::image {

enum class EntryKind { kFile, kFolder, kSymbolicLink, kHardLink, kSpecial };

struct TarEntry {
  std::string path;
  EntryKind kind = EntryKind::kFile;
  std::string link_target;       // of both kinds of links
  uint32_t mode = 0644;          // permissions, with setuid, setgid and sticky when read
  uint32_t owner = 0;            // user and group
  uint64_t bytes = 0;            // of a file's content
  int64_t modified_seconds = 0;  // since 1970; whole seconds
};

}  // namespace sluice::image

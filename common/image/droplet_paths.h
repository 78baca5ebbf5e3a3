// Which paths of a droplet have come, so that the tree which its layers give is the one that the
// archive means: no path twice, nothing through a link, hard links to what is there.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "common/base/status.h"
#include "common/image/droplet_entry.h"

namespace sluice::image {

// Paths are kept as digests: a million entries of any length take below 40 MiB, the 200,000 of a
// large Node app 10.
inline constexpr size_t kDropletEntriesMax = 1'000'000;
// Names of folders that have no entry of their own are kept until the end.
inline constexpr size_t kUnlistedFolderBytesMax = size_t{4} << 20;

class DropletPaths {
 public:
  enum class Arrival {
    kPlain,
    kLinkAcrossLayers,  // a hard link whose file lies in the other layer, or comes at the end
  };

  // FailedPrecondition:
  //   duplicate-path          the path has come before (a folder may be named after its content)
  //   path-through-file       a folder of the path is a file or a link
  //   hard-link-target-missing  no such file has come
  //   too-many-entries, too-many-unlisted-folders
  StatusOr<Arrival> Add(const PlacedEntry& placed);

  // Folders that entries lie in and that never had an entry of their own, with their layers.
  const std::set<std::pair<std::string, DropletLayer>>& unlisted_folders() const {
    return unlisted_folders_;
  }
  // True when the path (below kHome) is a folder that has, or only implies, entries.
  bool HasFolder(std::string_view path) const;

 private:
  enum class Kind : uint8_t { kImpliedFolder, kFolder, kFile, kDeferredFile, kLink };
  struct Record {
    Kind kind = Kind::kFolder;
    DropletLayer layer = DropletLayer::kApp;
  };
  // The first half of a SHA-256: two paths of one key are not to be found.
  using Key = std::array<uint64_t, 2>;

  static Key KeyOf(std::string_view path);
  Status AddFoldersOf(const PlacedEntry& placed);

  absl::flat_hash_map<Key, Record> records_;
  std::set<std::pair<std::string, DropletLayer>> unlisted_folders_;
  size_t unlisted_folder_bytes_ = 0;
  std::string last_folder_;  // of the entry before: its folders are known
};

}  // namespace sluice::image

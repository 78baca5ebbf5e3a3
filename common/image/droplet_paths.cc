#include "common/image/droplet_paths.h"

#include <string.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/crypto/digest.h"

namespace sluice::image {
namespace {

Status Refused(std::string_view name, std::string_view path, std::string_view why) {
  return NamedError(StatusCode::kFailedPrecondition, name,
                    absl::StrCat("in the droplet ", absl::CHexEscape(ToAbsl(path.substr(0, 200))),
                                 " ", ToAbsl(why)));
}

}  // namespace

DropletPaths::Key DropletPaths::KeyOf(std::string_view path) {
  Key key;
  const crypto::Sha256Digest digest = crypto::Sha256Of(path);
  memcpy(key.data(), digest.bytes().data(), sizeof key);
  return key;
}

bool DropletPaths::HasFolder(std::string_view path) const {
  const auto found = records_.find(KeyOf(path));
  return found != records_.end() &&
         (found->second.kind == Kind::kFolder || found->second.kind == Kind::kImpliedFolder);
}

Status DropletPaths::AddFoldersOf(const PlacedEntry& placed) {
  const std::string_view path = placed.entry.path;
  const std::string_view own_folder = path.substr(0, path.rfind('/'));
  if (own_folder == last_folder_) return absl::OkStatus();
  for (size_t slash = path.find('/', kHome.size() + 1); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    const std::string_view folder = path.substr(0, slash);
    const auto [record, added] =
        records_.try_emplace(KeyOf(folder), Record{Kind::kImpliedFolder, placed.layer});
    if (added) {
      unlisted_folder_bytes_ += folder.size();
      if (unlisted_folder_bytes_ > kUnlistedFolderBytesMax) {
        return Refused("too-many-unlisted-folders", folder,
                       "is one of too many folders without an entry of their own");
      }
      unlisted_folders_.emplace(folder, placed.layer);
    } else if (record->second.kind != Kind::kFolder &&
               record->second.kind != Kind::kImpliedFolder) {
      return Refused("path-through-file", path, "lies in something that is no folder");
    }
  }
  last_folder_ = own_folder;
  return absl::OkStatus();
}

StatusOr<DropletPaths::Arrival> DropletPaths::Add(const PlacedEntry& placed) {
  const TarEntry& entry = placed.entry;
  SLUICE_RETURN_IF_ERROR(AddFoldersOf(placed));
  if (records_.size() >= kDropletEntriesMax) {
    return Refused("too-many-entries", entry.path,
                   absl::StrCat("is one of more than ", kDropletEntriesMax, " entries"));
  }
  Record record{Kind::kFile, placed.layer};
  if (entry.kind == EntryKind::kFolder) record.kind = Kind::kFolder;
  if (entry.kind == EntryKind::kSymbolicLink) record.kind = Kind::kLink;
  Arrival arrival = Arrival::kPlain;
  if (entry.kind == EntryKind::kHardLink) {
    const auto target = records_.find(KeyOf(entry.link_target));
    if (target == records_.end() ||
        (target->second.kind != Kind::kFile && target->second.kind != Kind::kDeferredFile)) {
      return Refused("hard-link-target-missing", entry.path,
                     "is a hard link to what has not come before it as a file");
    }
    if (target->second.layer != placed.layer || target->second.kind == Kind::kDeferredFile) {
      arrival = Arrival::kLinkAcrossLayers;
      record.kind = Kind::kDeferredFile;
    }
  }
  const auto [found, added] = records_.try_emplace(KeyOf(entry.path), record);
  if (!added) {
    if (found->second.kind != Kind::kImpliedFolder || record.kind != Kind::kFolder) {
      return Refused("duplicate-path", entry.path, "comes twice");
    }
    found->second.kind = Kind::kFolder;
    unlisted_folder_bytes_ -= entry.path.size();
    unlisted_folders_.erase({entry.path, placed.layer});
  }
  return arrival;
}

}  // namespace sluice::image

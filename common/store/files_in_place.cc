#include "common/store/files_in_place.h"

#include <sys/stat.h>

#include "absl/strings/str_cat.h"

namespace sluice::store {

FilesInPlace::FilesInPlace(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    struct stat facts {};
    if (lstat(path.c_str(), &facts) == 0) places_.push_back({path, facts.st_dev, facts.st_ino});
  }
}

Status FilesInPlace::Check() const {
  for (const Place& place : places_) {
    struct stat facts {};
    if (lstat(place.path.c_str(), &facts) == 0 && facts.st_dev == place.device &&
        facts.st_ino == place.inode) {
      continue;
    }
    return NamedError(
        StatusCode::kFailedPrecondition, "database-gone",
        absl::StrCat(place.path,
                     " was removed or replaced under the program that has it open; put it back, or "
                     "stop the program, restore a backup and start it again"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::store

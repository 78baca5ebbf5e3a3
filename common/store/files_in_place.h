// Whether files that are open are still the ones at their paths. SQLite goes on writing to a file
// that somebody has removed or replaced, and what it acknowledges then goes with the process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "common/base/status.h"

namespace sluice::store {

class FilesInPlace {
 public:
  FilesInPlace() = default;
  // As they are now; paths at which nothing is are left out.
  explicit FilesInPlace(const std::vector<std::string>& paths);

  // FailedPrecondition "database-gone" when one of them was removed, moved or replaced since; OK
  // again when it was put back.
  Status Check() const;

 private:
  struct Place {
    std::string path;
    dev_t device;
    ino_t inode;
  };
  std::vector<Place> places_;
};

}  // namespace sluice::store

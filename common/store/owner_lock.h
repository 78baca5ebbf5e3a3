// One owner of a database that readers may open too: SQLite's own lock would keep them out.
#pragma once

#include <memory>
#include <string>

#include "common/base/files.h"
#include "common/base/status.h"

namespace sluice::store {

// Held until it goes, or its process ends.
class OwnerLock {
 public:
  // Makes the file that is locked, if it is not there. FailedPrecondition "database-locked" while
  // somebody holds it.
  static StatusOr<std::unique_ptr<OwnerLock>> Take(Files& files, const std::string& path);
  ~OwnerLock();
  OwnerLock(const OwnerLock&) = delete;
  OwnerLock& operator=(const OwnerLock&) = delete;

 private:
  explicit OwnerLock(int descriptor) : descriptor_(descriptor) {}
  const int descriptor_;
};

}  // namespace sluice::store

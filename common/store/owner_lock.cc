#include "common/store/owner_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_format.h"

namespace sluice::store {

StatusOr<std::unique_ptr<OwnerLock>> OwnerLock::Take(Files& files, const std::string& path) {
  const Status made = files.Create(path, "", FileAccess::kOwnerOnly);
  if (!made.ok() && made.code() != StatusCode::kAlreadyExists) return made;
  const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) {
    return NamedError(StatusCode::kInternal, "disk-error",
                      absl::StrFormat("cannot open %s: %s", path, std::strerror(errno)));
  }
  std::unique_ptr<OwnerLock> lock(new OwnerLock(descriptor));
  // Of the open file, unlike POSIX record locks: a second one in this process is kept out too.
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return NamedError(StatusCode::kFailedPrecondition, "database-locked",
                      absl::StrFormat("another process holds %s: stop that one first", path));
  }
  return NamedError(StatusCode::kInternal, "disk-error",
                    absl::StrFormat("cannot lock %s: %s", path, std::strerror(errno)));
}

OwnerLock::~OwnerLock() { close(descriptor_); }

}  // namespace sluice::store

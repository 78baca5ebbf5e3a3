// A disk that is full when the test says so, for every SQLite database of the process: no write is
// taken then, and what is there can be read.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <map>

namespace sluice::store {

// There is one at a time. Databases are opened while it lives, and closed before it goes.
class FullDisk {
 public:
  FullDisk() {
    real_ = sqlite3_vfs_find(nullptr);
    vfs_ = *real_;
    vfs_.zName = "full-disk";
    vfs_.xOpen = Open;
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~FullDisk() {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(real_, 1);
    full_ = false;
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

  void Fill() { full_ = true; }
  void MakeRoom() { full_ = false; }

 private:
  static int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int opened = real_->xOpen(real_, name, file, flags, out_flags);
    if (opened != SQLITE_OK || file->pMethods == nullptr) return opened;
    write_ = file->pMethods->xWrite;
    sqlite3_io_methods& ours = methods_.try_emplace(file->pMethods, *file->pMethods).first->second;
    ours.xWrite = Write;
    file->pMethods = &ours;
    return opened;
  }
  static int Write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    return full_ ? SQLITE_FULL : write_(file, bytes, count, offset);
  }

  static inline sqlite3_vfs* real_ = nullptr;
  static inline int (*write_)(sqlite3_file*, const void*, int, sqlite3_int64) = nullptr;
  // SQLite's own but for xWrite, by SQLite's own; files keep a pointer to theirs.
  static inline std::map<const sqlite3_io_methods*, sqlite3_io_methods> methods_;
  static inline std::atomic<bool> full_ = false;
  sqlite3_vfs vfs_;
};

}  // namespace sluice::store

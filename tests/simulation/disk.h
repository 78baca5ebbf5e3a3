// An agent's disk: FakeFiles that take their time, so that a crash comes between a write and its
// sync, and that are full at times.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/testing/fake_files.h"
#include "tests/simulation/world.h"

namespace sluice::simulation {

// Borrows the world.
class Disk final : public Files {
 public:
  explicit Disk(World& world) : world_(world) {}

  // Power fails: what was not synced is there, is not, or partly.
  // Whoever still unwinds changes nothing on it until Mount().
  void Crash(uint64_t seed) {
    files_.Crash(seed);
    dead_ = true;
  }
  void Mount() { dead_ = false; }
  // As if they had never been (kDigestLogForgotten).
  void ForgetFiles(const std::string& folder);
  void SetFull(bool full);
  // Nothing on it is of the droplet's plain bytes.
  void Inspect(const std::string& whose, const std::vector<std::string>& folders) const;

  StatusOr<std::string> Read(const std::string& path, size_t bytes_max) const override {
    return files_.Read(path, bytes_max);
  }
  StatusOr<std::string> ReadPrivate(const std::string& path, size_t bytes_max) const override {
    return files_.ReadPrivate(path, bytes_max);
  }
  Status Replace(const std::string& path, std::string_view content, FileAccess access) override;
  Status Create(const std::string& path, std::string_view content, FileAccess access) override;
  StatusOr<std::unique_ptr<RandomAccessFile>> OpenRandomAccess(const std::string& path,
                                                               FileOpening opening) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status MakeFolder(const std::string& path) override;
  Status RemoveFolder(const std::string& path) override;
  Status Remove(const std::string& path) override;
  StatusOr<std::vector<std::string>> List(const std::string& path) const override {
    return files_.List(path);
  }
  StatusOr<FileFacts> Facts(const std::string& path) const override { return files_.Facts(path); }
  StatusOr<uint64_t> FreeBytes(const std::string& path) const override {
    return files_.FreeBytes(path);
  }

 private:
  class SlowFile;
  // Takes its time; fails on a disk that is dead.
  Status Work();

  World& world_;
  FakeFiles files_;
  bool dead_ = false;
};

}  // namespace sluice::simulation

// The bytes of a blob as an upload needs them: from any place, any number of times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/registry/digest_text.h"

namespace sluice::registry {

// Used by one thread at a time.
class BlobSource {
 public:
  virtual ~BlobSource() = default;
  virtual uint64_t size() const = 0;
  virtual const Digest& digest() const = 0;
  // Fills a prefix of `bytes` from `offset` on and says how long it is; 0 at the end only.
  virtual StatusOr<size_t> Read(uint64_t offset, std::span<char> bytes) = 0;
};

// A small blob in memory: a config, a statement.
class MemoryBlob final : public BlobSource {
 public:
  explicit MemoryBlob(std::string content)
      : content_(std::move(content)), digest_(crypto::Sha256Of(content_)) {}

  uint64_t size() const override { return content_.size(); }
  const Digest& digest() const override { return digest_; }
  StatusOr<size_t> Read(uint64_t offset, std::span<char> bytes) override {
    const std::string_view rest = std::string_view(content_).substr(offset, bytes.size());
    rest.copy(bytes.data(), rest.size());
    return rest.size();
  }

 private:
  const std::string content_;
  const Digest digest_;
};

}  // namespace sluice::registry

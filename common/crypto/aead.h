// AES-256-GCM: sealing and opening under one key.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice::crypto {

// Keeps its cipher context and key schedule between calls. A nonce must never meet two plaintexts
// under one key: that is the caller's duty. Sealed bytes are the ciphertext, then the 16-byte tag
// (NIST SP 800-38D). Movable, not thread-safe.
class Aes256Gcm {
 public:
  static constexpr size_t kKeyBytes = 32;
  static constexpr size_t kNonceBytes = 12;
  static constexpr size_t kTagBytes = 16;

  explicit Aes256Gcm(const Secret& key);  // of kKeyBytes
  ~Aes256Gcm();
  Aes256Gcm(Aes256Gcm&&) noexcept;
  Aes256Gcm& operator=(Aes256Gcm&&) noexcept;

  // Writes plain.size() + kTagBytes bytes; `sealed` has exactly that size. It may begin where
  // `plain` does, to seal in place.
  void SealInto(std::string_view nonce, std::string_view associated, std::string_view plain,
                std::span<char> sealed);

  // Writes sealed.size() - kTagBytes bytes; `plain` has exactly that size, and may begin where
  // `sealed` does. PermissionDenied "bad-seal" when key, nonce, associated data or bytes are not
  // those that were sealed; `plain` is then wiped.
  Status OpenInto(std::string_view nonce, std::string_view associated, std::string_view sealed,
                  std::span<char> plain);

  // The same, into a buffer of their own. Open() also refuses what is shorter than a tag.
  std::string Seal(std::string_view nonce, std::string_view associated, std::string_view plain);
  StatusOr<std::string> Open(std::string_view nonce, std::string_view associated,
                             std::string_view sealed);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace sluice::crypto

// crypto::Aes256Gcm that leaves the bytes as they are: linked before common/crypto's, whose object
// is then not taken. For the programs that show what sealing costs, and what its absence shows.
#include <algorithm>

#include "common/base/check.h"
#include "common/crypto/aead.h"

namespace sluice::crypto {

struct Aes256Gcm::Contexts {};

Aes256Gcm::Aes256Gcm(const Secret& key) { SLUICE_CHECK(key.Reveal().size() == kKeyBytes); }
Aes256Gcm::~Aes256Gcm() = default;
Aes256Gcm::Aes256Gcm(Aes256Gcm&&) noexcept = default;
Aes256Gcm& Aes256Gcm::operator=(Aes256Gcm&&) noexcept = default;

void Aes256Gcm::SealInto(std::string_view /*nonce*/, std::string_view /*associated*/,
                         std::string_view plain, std::span<char> sealed) {
  if (plain.data() != sealed.data()) std::copy(plain.begin(), plain.end(), sealed.begin());
  std::fill(sealed.end() - kTagBytes, sealed.end(), '\0');
}

Status Aes256Gcm::OpenInto(std::string_view /*nonce*/, std::string_view /*associated*/,
                           std::string_view sealed, std::span<char> plain) {
  if (plain.data() != sealed.data()) {
    std::copy(sealed.begin(), sealed.end() - kTagBytes, plain.begin());
  }
  return absl::OkStatus();
}

std::string Aes256Gcm::Seal(std::string_view nonce, std::string_view associated,
                            std::string_view plain) {
  std::string sealed(plain.size() + kTagBytes, '\0');
  SealInto(nonce, associated, plain, sealed);
  return sealed;
}

StatusOr<std::string> Aes256Gcm::Open(std::string_view nonce, std::string_view associated,
                                      std::string_view sealed) {
  std::string plain(sealed.size() - kTagBytes, '\0');
  SLUICE_RETURN_IF_ERROR(OpenInto(nonce, associated, sealed, plain));
  return plain;
}

}  // namespace sluice::crypto

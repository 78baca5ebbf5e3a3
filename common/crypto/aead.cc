#include "common/crypto/aead.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <limits>

#include "common/base/check.h"

namespace sluice::crypto {
namespace {

const EVP_CIPHER* Algorithm() {
  static const EVP_CIPHER* const algorithm = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  SLUICE_CHECK(algorithm != nullptr);
  return algorithm;
}

const unsigned char* Octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* Octets(std::span<char> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

// OpenSSL counts in int.
int Length(size_t bytes) {
  SLUICE_CHECK(bytes <= static_cast<size_t>(std::numeric_limits<int>::max()));
  return static_cast<int>(bytes);
}

Status BadSeal() {
  return NamedError(StatusCode::kPermissionDenied, "bad-seal",
                    "the sealed bytes do not open: altered, or sealed under another key or place");
}

}  // namespace

struct Aes256Gcm::Contexts {
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  std::unique_ptr<EVP_CIPHER_CTX, Free> seal{EVP_CIPHER_CTX_new()};
  std::unique_ptr<EVP_CIPHER_CTX, Free> open{EVP_CIPHER_CTX_new()};
};

Aes256Gcm::Aes256Gcm(const Secret& key) : contexts_(std::make_unique<Contexts>()) {
  SLUICE_CHECK(key.Reveal().size() == kKeyBytes);
  const unsigned char* octets = Octets(key.Reveal());
  SLUICE_CHECK(EVP_EncryptInit_ex2(contexts_->seal.get(), Algorithm(), octets, nullptr, nullptr));
  SLUICE_CHECK(EVP_DecryptInit_ex2(contexts_->open.get(), Algorithm(), octets, nullptr, nullptr));
}

Aes256Gcm::~Aes256Gcm() = default;
Aes256Gcm::Aes256Gcm(Aes256Gcm&&) noexcept = default;
Aes256Gcm& Aes256Gcm::operator=(Aes256Gcm&&) noexcept = default;

void Aes256Gcm::SealInto(std::string_view nonce, std::string_view associated,
                         std::string_view plain, std::span<char> sealed) {
  SLUICE_CHECK(nonce.size() == kNonceBytes);
  SLUICE_CHECK(sealed.size() == plain.size() + kTagBytes);
  EVP_CIPHER_CTX* context = contexts_->seal.get();
  int written = 0;
  // The key stays in the context; only the nonce is new.
  SLUICE_CHECK(EVP_EncryptInit_ex2(context, nullptr, nullptr, Octets(nonce), nullptr) == 1);
  SLUICE_CHECK(EVP_EncryptUpdate(context, nullptr, &written, Octets(associated),
                                 Length(associated.size())) == 1);
  SLUICE_CHECK(EVP_EncryptUpdate(context, Octets(sealed), &written, Octets(plain),
                                 Length(plain.size())) == 1);
  SLUICE_CHECK(written == Length(plain.size()));
  unsigned char* tag = Octets(sealed) + plain.size();
  SLUICE_CHECK(EVP_EncryptFinal_ex(context, tag, &written) == 1 && written == 0);
  SLUICE_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1);
}

Status Aes256Gcm::OpenInto(std::string_view nonce, std::string_view associated,
                           std::string_view sealed, std::span<char> plain) {
  SLUICE_CHECK(nonce.size() == kNonceBytes);
  SLUICE_CHECK(sealed.size() >= kTagBytes && plain.size() == sealed.size() - kTagBytes);
  EVP_CIPHER_CTX* context = contexts_->open.get();
  std::string tag(sealed.substr(plain.size()));
  int written = 0;
  SLUICE_CHECK(EVP_DecryptInit_ex2(context, nullptr, nullptr, Octets(nonce), nullptr) == 1);
  SLUICE_CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1);
  SLUICE_CHECK(EVP_DecryptUpdate(context, nullptr, &written, Octets(associated),
                                 Length(associated.size())) == 1);
  SLUICE_CHECK(EVP_DecryptUpdate(context, Octets(plain), &written, Octets(sealed),
                                 Length(plain.size())) == 1);
  unsigned char rest = 0;  // GCM leaves nothing for the end
  if (EVP_DecryptFinal_ex(context, &rest, &written) != 1) {
    OPENSSL_cleanse(plain.data(), plain.size());
    return BadSeal();
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
  if (sealed.size() < kTagBytes) return BadSeal();
  std::string plain(sealed.size() - kTagBytes, '\0');
  SLUICE_RETURN_IF_ERROR(OpenInto(nonce, associated, sealed, plain));
  return plain;
}

}  // namespace sluice::crypto

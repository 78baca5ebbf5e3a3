#include "common/crypto/digest.h"

#include <openssl/evp.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/base/encoding.h"

namespace sluice::crypto {
namespace {

// Fetched once and kept for the process: EVP_sha256() would look the implementation up at each use
// (OpenSSL 3, "ALGORITHM FETCHING").
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  SLUICE_CHECK(algorithm != nullptr);
  return algorithm;
}

unsigned char* Octets(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

Status BadDigest(std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, "bad-digest", message);
}

}  // namespace

StatusOr<Sha256Digest> Sha256Digest::FromHex(std::string_view text) {
  const auto canonical = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() != 2 * kBytes || !std::all_of(text.begin(), text.end(), canonical)) {
    return BadDigest("a SHA-256 is written as 64 lower-case hexadecimal digits");
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string bytes, ::sluice::FromHex(text));
  return FromBytes(bytes);
}

StatusOr<Sha256Digest> Sha256Digest::FromBytes(std::string_view bytes) {
  if (bytes.size() != kBytes) return BadDigest("a SHA-256 has 32 bytes");
  Sha256Digest digest;
  std::copy(bytes.begin(), bytes.end(), digest.bytes_.begin());
  return digest;
}

std::string Sha256Digest::hex() const { return ToHex(bytes()); }

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> evp{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  SLUICE_CHECK(EVP_DigestInit_ex2(context_->evp.get(), Algorithm(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::string_view bytes) {
  SLUICE_CHECK(context_ != nullptr);
  SLUICE_CHECK(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) == 1);
}

Sha256Digest Sha256::Finish() {
  SLUICE_CHECK(context_ != nullptr);
  Sha256Digest digest;
  unsigned int length = 0;
  SLUICE_CHECK(EVP_DigestFinal_ex(context_->evp.get(), Octets(digest.bytes_.data()), &length) == 1);
  SLUICE_CHECK(length == Sha256Digest::kBytes);
  context_.reset();
  return digest;
}

Sha256Digest Sha256Of(std::string_view bytes) {
  Sha256 hash;
  hash.Update(bytes);
  return hash.Finish();
}

}  // namespace sluice::crypto

// What the primitives alone cost for a droplet of some size, in core-seconds: the floor under each
// role of a transfer. OpenSSL as common/crypto uses it, and libsodium's XSalsa20-Poly1305 as
// libzmq's CURVE uses it.
//
//   bench-floor MEBIBYTES    prints one JSON object: {"aes-256-gcm": s, "sha-256": s, ...}
#include <sodium.h>
#include <sys/resource.h>

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/numbers.h"
#include "common/base/check.h"
#include "common/base/status.h"
#include "common/crypto/aead.h"
#include "common/crypto/digest.h"
#include "common/crypto/signing_key.h"
#include "common/crypto/system_entropy.h"
#include "common/transfer/stream_layout.h"

namespace {

double CoreSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double Spent(uint64_t chunks, const std::function<void()>& work) {
  work();  // warm
  const double before = CoreSeconds();
  for (uint64_t i = 0; i < chunks; ++i) work();
  return CoreSeconds() - before;
}

nlohmann::json Measure(uint64_t mebibytes) {
  constexpr uint32_t kChunkBytes = sluice::transfer::kChunkBytesDefault;
  const uint64_t chunks = mebibytes * (1 << 20) / kChunkBytes;
  sluice::crypto::SystemEntropy entropy;
  std::string chunk = entropy.Bytes(kChunkBytes);
  std::string sealed(kChunkBytes + sluice::crypto::Aes256Gcm::kTagBytes, '\0');
  sluice::crypto::Aes256Gcm cipher{sluice::Secret(entropy.Bytes(32))};
  const std::string nonce(sluice::crypto::Aes256Gcm::kNonceBytes, '\0');
  const auto key = sluice::crypto::SigningKey::Generate(sluice::crypto::KeyKind::kAgent, entropy);
  const std::string signed_bytes(86, 's');  // of the length that a chunk's signature is over
  const std::string signature = key.Sign(signed_bytes);
  const std::string box_key = entropy.Bytes(crypto_box_BEFORENMBYTES);
  const std::string box_nonce = entropy.Bytes(crypto_box_NONCEBYTES);
  std::string boxed(kChunkBytes + crypto_box_MACBYTES, '\0');
  const auto octets = [](const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  const auto own_octets = [](std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
  };
  return {{"aes-256-gcm", Spent(chunks, [&] { cipher.SealInto(nonce, "", chunk, sealed); })},
          {"sha-256", Spent(chunks, [&] { sluice::crypto::Sha256Of(chunk); })},
          {"ed25519-sign", Spent(chunks, [&] { (void)key.Sign(signed_bytes); })},
          {"ed25519-verify",
           Spent(chunks, [&] { SLUICE_CHECK(key.Public().Verify(signature, signed_bytes)); })},
          {"xsalsa20-poly1305", Spent(chunks, [&] {
             SLUICE_CHECK(crypto_box_easy_afternm(own_octets(boxed), octets(chunk), kChunkBytes,
                                                  octets(box_nonce), octets(box_key)) == 0);
           })}};
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t mebibytes = 0;
  if (argc != 2 || !absl::SimpleAtoi(argv[1], &mebibytes) || mebibytes == 0) {
    std::fprintf(stderr, "usage: bench-floor MEBIBYTES\n");
    return 2;
  }
  if (sodium_init() < 0) return 1;
  std::printf("%s\n", Measure(mebibytes).dump().c_str());
  return 0;
}

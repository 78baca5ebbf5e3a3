// Linked with the whole of sluice-agent, makes it a source that corrupts one chunk of a droplet on
// its way to the target: a bit of the third chunk is not what the agent meant. FLIPPED_BIT in the
// environment says at which stage, so that each of the target's defences meets its own attack:
//
//   plain   before it is sealed: seal and signature are good, the droplet is another
//   sealed  after it is sealed, before it is signed: the signature is good, the seal is not
//   sent    after it is signed: the signature is not of these bytes
//
// Nothing of the agent is changed for it: the linker (--wrap, ld(1)) leads the agent's calls of
// OpenSSL and libzmq through here. A chunk is known by its length, which nothing else has that the
// agent encrypts or sends.
#include <openssl/evp.h>
#include <zmq.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/crypto/aead.h"
#include "common/transfer/stream_layout.h"

extern "C" {
// The names are the linker's.
int __real_EVP_EncryptUpdate(EVP_CIPHER_CTX* context, unsigned char* out, int* out_length,
                             const unsigned char* in, int in_length);
int __wrap_EVP_EncryptUpdate(EVP_CIPHER_CTX* context, unsigned char* out, int* out_length,
                             const unsigned char* in, int in_length);
int __real_zmq_msg_send(zmq_msg_t* message, void* socket, int flags);
int __wrap_zmq_msg_send(zmq_msg_t* message, void* socket, int flags);
}

namespace sluice {
namespace {

constexpr size_t kPlainBytes = transfer::kChunkBytesDefault;
constexpr size_t kSealedBytes = kPlainBytes + crypto::Aes256Gcm::kTagBytes;
constexpr int kFlippedChunk = 2;
constexpr size_t kFlippedByte = 4321;
constexpr unsigned char kFlippedBit = 0x10;

// Counts the chunks that pass one stage.
class Stage {
 public:
  explicit Stage(std::string_view name) : name_(name) {}

  // Whether this is the chunk, and this the stage.
  bool Flips() {
    const char* wanted = std::getenv("FLIPPED_BIT");
    return wanted != nullptr && name_ == wanted && passed_.fetch_add(1) == kFlippedChunk;
  }

 private:
  const std::string_view name_;
  std::atomic<int> passed_ = 0;
};

Stage plain("plain");
Stage sealed("sealed");
Stage sent("sent");

}  // namespace
}  // namespace sluice

int __wrap_EVP_EncryptUpdate(EVP_CIPHER_CTX* context, unsigned char* out, int* out_length,
                             const unsigned char* in, int in_length) {
  const bool chunk = out != nullptr && static_cast<size_t>(in_length) == sluice::kPlainBytes;
  if (!chunk) return __real_EVP_EncryptUpdate(context, out, out_length, in, in_length);
  std::basic_string<unsigned char> bytes(in, sluice::kPlainBytes);
  if (sluice::plain.Flips()) bytes[sluice::kFlippedByte] ^= sluice::kFlippedBit;
  const int done = __real_EVP_EncryptUpdate(context, out, out_length, bytes.data(), in_length);
  if (sluice::sealed.Flips()) out[sluice::kFlippedByte] ^= sluice::kFlippedBit;
  return done;
}

int __wrap_zmq_msg_send(zmq_msg_t* message, void* socket, int flags) {
  if (zmq_msg_size(message) == sluice::kSealedBytes && sluice::sent.Flips()) {
    static_cast<unsigned char*>(zmq_msg_data(message))[sluice::kFlippedByte] ^= sluice::kFlippedBit;
  }
  return __real_zmq_msg_send(message, socket, flags);
}

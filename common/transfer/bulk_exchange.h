// Transfers of droplets between this process and others: bytes go in at the source's end and come
// out at the target's, sealed in between. What the agents use of this room.
//
// A BulkExchange owns one thread with the process's bulk sockets; the two kinds of transfer are its
// handles, each used by one job's thread at a time, except Cancel() and figures(), which any thread
// may call. Sealing, opening and hashing happen in the jobs' threads, inside Write() and Read().
// Handles may outlive the exchange: what they are asked then fails by "cancelled".
//
// Both ends begin in any order; whoever is first waits for the other up to silence_max, and who
// dials dials again until then. A connection that breaks while chunks are under way ends the
// transfer at both ends ("peer-unreachable"); another try is another transfer, with another id and
// content key.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/entropy.h"
#include "common/base/secret.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/key_agreement.h"
#include "common/net/peer.h"
#include "common/transfer/content_key.h"
#include "common/transfer/signature.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/transfer_id.h"

namespace sluice::net {
class Network;
}  // namespace sluice::net

namespace sluice::transfer {

// How the two ends meet: one of them dials.
struct Meeting {
  net::Peer peer;        // the other end, by its CURVE key: nobody else is listened to
  bool dial = false;     // this end dials; else it waits to be dialled
  std::string endpoint;  // what to dial, "tcp://HOST:PORT"
};

// What a transfer has cost so far, at this end.
struct TransferFigures {
  uint64_t bytes_total = 0;  // of the droplet
  uint64_t bytes_done = 0;   // target: authenticated here; source: asked for and sent
  uint64_t bytes_sent = 0;   // or received: sealed chunks and headers, as they were on the wire
  uint64_t bytes_again = 0;  // of these, chunks that had been sent before
  absl::Duration elapsed;    // since the transfer began
};

struct OutgoingOptions {
  StreamLayout layout;  // with an id that no transfer had before
  crypto::Sha256Digest statement_sha256;
  Secret content_key;
  std::vector<Recipient> recipients;  // one per meeting, in the same order
  std::vector<Meeting> meetings;
  ChunkSigner sign;
  // When given, the transfer fails by "verified-mismatch" if a receiver claims to hold another.
  std::optional<crypto::Sha256Digest> droplet_sha256 = std::nullopt;
  // Without a sign of life from a receiver for this long, the transfer fails: "peer-silent".
  absl::Duration silence_max = absl::Seconds(30);
};

// The source's end. Destroyed before its end, it cancels.
class OutgoingTransfer {
 public:
  virtual ~OutgoingTransfer() = default;
  // Waits until a receiver asks for the stream: only then is it known that the droplet is needed.
  // Optional. Fails as Write().
  virtual Status AwaitReceiver() = 0;
  // The droplet's next bytes, in pieces of any length. Blocks while the receivers' credit is used
  // up. Fails with the transfer's cause: what the receiver said when it gave up, "peer-silent",
  // "peer-unreachable", "peer-not-admitted" (Unavailable), "cancelled", a refusal of
  // SenderMachine; OutOfRange "stream-overrun" for more than layout.droplet_bytes.
  virtual Status Write(std::string_view plain) = 0;
  // After all bytes: waits until every receiver has said that the whole digest holds. DataLoss
  // "stream-truncated" when bytes are missing.
  virtual Status Finish() = 0;
  // Effective at once here: a blocked Write() or Finish() returns `why`, an error. The receivers
  // are told it and fail by it.
  virtual void Cancel(const Status& why) = 0;
  virtual TransferFigures figures() const = 0;
};

struct IncomingOptions {
  StreamLayout layout;                  // as the order and the seal offer have it
  crypto::Sha256Digest droplet_sha256;  // that of the signed order
  crypto::Sha256Digest statement_sha256;
  crypto::SealKeyPair recipient;
  ChunkVerifier verify;       // the source agent's signature
  uint32_t target_index = 0;  // place among the source's recipients: it refuses any other
  Meeting meeting;
  absl::Duration silence_max = absl::Seconds(30);
};

// The target's end. Destroyed before Read() has given the last chunk, it cancels; later the
// exchange itself repeats to the source that the digest holds, until that is acknowledged.
class IncomingTransfer {
 public:
  virtual ~IncomingTransfer() = default;
  // The droplet's next bytes, authenticated, in order; blocks while there are none; 0 at the end.
  // `plain` has room for one byte at least.
  // The last chunk is given out only after the digest of the whole was found equal to
  // droplet_sha256: else DataLoss "digest-mismatch". Other failures: "chunk-bad-signature",
  // "chunk-bad-seal", "header-wrong-layout", "header-wrong-statement" (DataLoss), names of
  // ParseHeader() and UnwrapFrom(), "peer-silent", "peer-unreachable", "peer-not-admitted", what
  // the source said when it gave up, "cancelled", a refusal of ReceiverMachine.
  virtual StatusOr<size_t> Read(std::span<char> plain) = 0;
  // Effective at once here: a blocked Read() returns `why`, an error. The source is told it and
  // fails by it.
  virtual void Cancel(const Status& why) = 0;
  virtual TransferFigures figures() const = 0;
};

class BulkExchange {
 public:
  struct Options {
    std::string listen_endpoint;  // empty: this process only dials
    // What all transfers into this process may have under way together, in equal shares.
    uint64_t credit_bytes = uint64_t{16} << 20;
  };
  // Starts the thread and listens. Unavailable "cannot-listen". All borrowed.
  static StatusOr<std::unique_ptr<BulkExchange>> Start(net::Network& network, const Clock& clock,
                                                       Entropy& entropy, Options options);
  virtual ~BulkExchange() = default;
  // With its port; empty when not listening.
  virtual std::string endpoint() const = 0;
  // Names as MakeHeader(); FailedPrecondition "transfer-exists"; InvalidArgument "peer-twice": two
  // meetings with one agent.
  virtual StatusOr<std::unique_ptr<OutgoingTransfer>> Send(OutgoingOptions options) = 0;
  virtual StatusOr<std::unique_ptr<IncomingTransfer>> Receive(IncomingOptions options) = 0;
};

}  // namespace sluice::transfer

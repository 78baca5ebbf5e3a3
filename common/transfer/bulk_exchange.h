// Transfers of droplets between this process and others: bytes go in at the source's end, are
// sealed in between, lie in the target's spool and come out of it. What the agents use of this
// room.
//
// A BulkExchange owns one thread with the process's bulk sockets, and one more for each transfer
// into this process, which checks, stores and hashes. The two kinds of transfer are its handles.
// Handles may outlive the exchange: what they are asked then fails by "cancelled".
//
// Both ends begin in any order; whoever is first waits for the other. A connection that breaks, or
// is silent too long, is replaced by another way or made again by whoever dials, with no limit of
// time: how long a promotion
// may wait for its peer is for its owner to say, by Cancel(). What has been stored is never asked
// for again, and either process may be restarted: a source with the same TransferSeed and the same
// log of digests, a target with the same spool and seal key, go on where they were.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
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
#include "common/transfer/line_ways.h"
#include "common/transfer/rate_limit.h"
#include "common/transfer/signature.h"
#include "common/transfer/stream_layout.h"
#include "common/transfer/transfer_id.h"
#include "common/transfer/transfer_pace.h"

namespace sluice::net {
class Network;
}  // namespace sluice::net
namespace sluice {
class Files;
}  // namespace sluice

namespace sluice::transfer {

class Spool;

// One way to the other end of a line. `host` is whose key is expected at `endpoint`: the other end
// itself, or the coordinator with its relay.
struct Way {
  WayKind kind = WayKind::kAccepted;
  std::string endpoint;  // what to dial, "tcp://HOST:PORT"; empty for kAccepted
  net::Peer host;        // for kRelay
};

// How the two ends meet. All ways are tried at once, and one that breaks is replaced by another.
struct Meeting {
  net::Peer peer;  // the other end, by its CURVE key: nobody else is listened to
  std::vector<Way> ways = {Way{}};
  // One of the two says by which way the line goes. Receive() sees to it that the target does.
  LineEnd end = LineEnd::kFollows;
};
// This end dials `endpoint`; or, without one, waits to be dialled.
Meeting DirectMeeting(net::Peer peer, const std::string& endpoint);

// What became of one way to one other end, for people who ask which path the bytes took and why.
struct WayFigures {
  size_t peer = 0;  // the other end's place among the meetings
  WayKind kind{};
  std::string endpoint;
  bool carrying = false;  // at present
  LineWays::State state{};
  uint64_t tries = 0;  // to dial
  uint64_t times_ready = 0;
  uint64_t bytes = 0;  // sealed chunks and headers that went or came this way
  Status why;          // it was lost last, or never came
};

// Bytes on the wire by the path they took: between source and target, the same through the
// coordinator's relay, or from one target to another.
struct PathBytes {
  uint64_t direct = 0;
  uint64_t relay = 0;
  uint64_t peer = 0;
};

// What a transfer has cost so far, at this end.
struct TransferFigures {
  uint64_t bytes_total = 0;      // of the droplet
  uint64_t bytes_done = 0;       // target: durable here; source: sent, each chunk once
  uint64_t bytes_sent = 0;       // or received: sealed chunks and headers, as they were on the wire
  PathBytes bytes_by_path;       // of these; a moment ago
  uint64_t bytes_served = 0;     // target: passed on to fellows
  uint64_t bytes_again = 0;      // of bytes_sent, chunks that had been sent before
  absl::Duration elapsed;        // since the transfer began
  bool connected = false;        // to a peer, at present
  std::vector<WayFigures> ways;  // of a moment ago
};

// What makes a stream the same stream after a restart of the source. Journalled, 0600, before the
// transfer begins; dropped when it is over.
struct TransferSeed {
  Secret content_key;
  std::string header;  // as SerializeHeader() gives it; with the key wrapped for each recipient
};
// A new one. Names as MakeHeader().
struct SeedOptions {
  StreamLayout layout;  // with an id that no transfer had before
  crypto::Sha256Digest statement_sha256;
  std::vector<Recipient> recipients;  // one per meeting, in the same order
  ChunkSigner sign;
};
StatusOr<TransferSeed> MakeTransferSeed(const SeedOptions& options, Entropy& entropy);

struct OutgoingOptions {
  StreamLayout layout;
  TransferSeed seed;
  std::vector<Meeting> meetings;
  ChunkSigner sign;
  // Fails by "verified-mismatch" if a receiver claims to hold another.
  crypto::Sha256Digest droplet_sha256;
  // The log of sealed chunks' digests, made if there is none: no chunk leaves twice with different
  // bytes. The transfer removes it when it has ended well; after anything else its owner does.
  std::string digest_log_path;
  // A connection without a sign of life for this long is taken for broken.
  absl::Duration silence_max = absl::Seconds(6);
  Rate rate = {};  // of this transfer, to all receivers together
};

// Where an outgoing transfer's bytes come from. Called on the thread that calls Run().
class DropletSource {
 public:
  virtual ~DropletSource() = default;
  // Takes the next bytes, in pieces of any length. May block. An error ends the reading.
  using Take = std::function<Status(std::string_view)>;
  // Gives the droplet's bytes from `offset` on to `take`, in order, until the droplet ends or
  // `take` fails, and returns then: OK, what `take` returned, or why there are no bytes.
  virtual Status Read(uint64_t offset, const Take& take) = 0;
};

// The source's end. Destroyed before its end, it stops without telling the receivers: they wait.
class OutgoingTransfer {
 public:
  virtual ~OutgoingTransfer() = default;
  // Reads what receivers ask for, seals and sends, until each has said that the whole digest holds.
  // `source` is not asked before somebody has asked for a chunk, read on from where it was as long
  // as that serves, and asked anew from another offset when what is wanted was passed before, or
  // when nothing was wanted for `idle_max`. Fails with the transfer's cause: what a receiver said
  // when it gave up, why Cancel() was called, what `source` returned, "cancelled", a refusal of
  // SenderMachine; DataLoss "digest-mismatch" (the droplet read in one piece has another SHA-256),
  // "chunk-changed" (other bytes than when it was read before), "stream-truncated",
  // "stream-overrun".
  virtual Status Run(DropletSource& source, absl::Duration idle_max) = 0;
  // Any thread. Effective at once here: Run() returns `why`, an error. Receivers are told it and
  // fail by it.
  virtual void Cancel(const Status& why) = 0;
  // Any thread. As if it were destroyed now: Run() returns "cancelled", and the receivers wait.
  virtual void Leave() = 0;
  virtual TransferFigures figures() const = 0;
};

// As many fellows as a header has recipients, but for one.
inline constexpr size_t kFellowsMax = 63;

// Another target of the same transfer, from which chunks may come, and to which they may go.
struct Fellow {
  uint32_t target_index = 0;
  Meeting meeting;
};

struct IncomingOptions {
  StreamLayout layout;                  // as the order and the seal offer have it
  crypto::Sha256Digest droplet_sha256;  // that of the signed order
  crypto::Sha256Digest statement_sha256;
  crypto::SealKeyPair recipient;
  ChunkVerifier verify;       // the source agent's signature
  uint32_t target_index = 0;  // place among the source's recipients: it refuses any other
  Meeting meeting;
  std::vector<Fellow> fellows;  // at most kFellowsMax
  absl::Duration silence_max = absl::Seconds(6);
  Rate rate = {};  // of this transfer, in each direction
};

// The droplet of an incoming transfer from its first byte, opened, in order. One thread's.
class ArrivingDroplet {
 public:
  virtual ~ArrivingDroplet() = default;
  // Blocks while there are no bytes; 0 at the end. `plain` has room for one byte at least.
  // The last chunk is given out only after the digest of the whole was found equal to
  // droplet_sha256. Fails with the transfer's cause.
  virtual StatusOr<size_t> Read(std::span<char> plain) = 0;
  // Waits until Read() would not block; false when it still would after `patience`. Fails as
  // Read().
  virtual StatusOr<bool> AwaitBytes(absl::Duration patience) = 0;
};

// The target's end. Destroyed before its end, it stops without telling the source, which waits; the
// spool keeps what has arrived.
class IncomingTransfer {
 public:
  virtual ~IncomingTransfer() = default;
  // From the first byte, however often: an upload that broke is begun again from the spool. The
  // transfer outlives its readers.
  virtual std::unique_ptr<ArrivingDroplet> Open() = 0;
  // Waits until the whole has arrived and its digest holds. Fails with the transfer's cause:
  // DataLoss "digest-mismatch", "header-wrong-layout", "header-wrong-statement", "header-changed",
  // names of ParseHeader(), UnwrapFrom() and Spool; what the source said when it gave up, why
  // Cancel() was called, "cancelled", a refusal of ReceiverMachine. A bad chunk
  // ("chunk-bad-signature") fails it too, as long as there is one source to ask.
  virtual Status AwaitVerified() = 0;
  // Any thread. Effective at once here: blocked calls return `why`, an error. The source is told it
  // and fails by it.
  virtual void Cancel(const Status& why) = 0;
  // Any thread. This end has the droplet by other means: the source hears that the whole digest
  // holds here, until it has answered, and other targets go on.
  virtual void Waive() = 0;
  // Any thread. As if it were destroyed now: blocked calls return "cancelled", and the source
  // waits.
  virtual void Leave() = 0;
  virtual TransferFigures figures() const = 0;
};

class BulkExchange {
 public:
  struct Options {
    std::string listen_endpoint;  // empty: this process only dials
    // What all transfers into this process may have under way together, in equal shares.
    uint64_t credit_bytes = uint64_t{16} << 20;
    // Of all transfers together.
    Rates rates = {};
  };
  // Starts the thread and listens. Unavailable "cannot-listen". All borrowed.
  static StatusOr<std::unique_ptr<BulkExchange>> Start(net::Network& network, const Clock& clock,
                                                       Entropy& entropy, Files& files, Spool& spool,
                                                       Options options);
  virtual ~BulkExchange() = default;
  // With its port; empty when not listening.
  virtual std::string endpoint() const = 0;
  // FailedPrecondition "transfer-exists"; InvalidArgument "peer-twice": two meetings with one
  // agent; names of ChunkDigestLog.
  virtual StatusOr<std::unique_ptr<OutgoingTransfer>> Send(OutgoingOptions options) = 0;
  // Takes up what the spool has of this transfer, or makes room for it: ResourceExhausted
  // "spool-full". Names of Spool; FailedPrecondition "transfer-exists"; InvalidArgument
  // "peer-twice", "too-many-fellows".
  virtual StatusOr<std::unique_ptr<IncomingTransfer>> Receive(IncomingOptions options) = 0;
  // Any thread. A transfer that is verified stays and serves its fellows when its handle has gone:
  // it does so no longer, and its spool file is closed.
  virtual void StopServing(const TransferId& transfer) = 0;
};

}  // namespace sluice::transfer

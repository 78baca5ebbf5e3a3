#include "tests/bench/stage_transfer.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/digest.h"
#include "common/crypto/key_agreement.h"
#include "common/crypto/signing_key.h"
#include "common/crypto/system_entropy.h"
#include "common/net/network.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/spool.h"

namespace sluice::bench {
namespace {

constexpr size_t kPieceBytes = 256 * 1024;
constexpr size_t kEndpointBytesMax = 256;
constexpr uint64_t kSpoolBytesMax = uint64_t{16} << 30;
constexpr absl::Duration kIdleMax = absl::Seconds(30);
constexpr char kAnyLoopbackPort[] = "tcp://127.0.0.1:*";

Status FileTrouble(const std::string& file) {
  return NamedError(StatusCode::kInternal, "file-trouble", "cannot read or write " + file);
}

// What both processes know before they part.
struct Agreed {
  crypto::SystemEntropy entropy;
  crypto::CurveKeyPair source = crypto::CurveKeyPair::Generate(entropy);
  crypto::CurveKeyPair target = crypto::CurveKeyPair::Generate(entropy);
  crypto::SigningKey signing = crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy);
  crypto::SealKeyPair recipient =
      crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, entropy);
  crypto::Sha256Digest statement_sha256 = crypto::Sha256Of("bench");
  crypto::Sha256Digest droplet_sha256;
  transfer::StreamLayout layout;

  net::Peer Source() const {
    return {net::PeerRole::kAgent, "source", source.public_key().bytes()};
  }
  net::Peer Target() const {
    return {net::PeerRole::kAgent, "target", target.public_key().bytes()};
  }
};

class DropletFile final : public transfer::DropletSource {
 public:
  explicit DropletFile(std::string file) : file_(std::move(file)) {}

  Status Read(uint64_t offset, const Take& take) override {
    std::ifstream in(file_, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(offset));
    std::string piece(kPieceBytes, '\0');
    while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())) || in.gcount() > 0) {
      SLUICE_RETURN_IF_ERROR(
          take(std::string_view(piece).substr(0, static_cast<size_t>(in.gcount()))));
    }
    return absl::OkStatus();
  }

 private:
  const std::string file_;
};

struct Party {
  std::unique_ptr<SystemFiles> files;
  std::unique_ptr<transfer::Spool> spool;
  std::unique_ptr<net::Network> network;
  std::unique_ptr<transfer::BulkExchange> exchange;
};

StatusOr<Party> Join(const crypto::CurveKeyPair& own, const net::Peer& other,
                     const std::string& listen, const std::string& folder, const Clock& clock,
                     Entropy& entropy) {
  Party party;
  party.files = std::make_unique<SystemFiles>();
  SLUICE_ASSIGN_OR_RETURN(party.spool, transfer::Spool::Open(*party.files, folder, kSpoolBytesMax));
  SLUICE_ASSIGN_OR_RETURN(
      party.network, net::Network::Start({own.public_key().bytes(), own.secret_bytes()},
                                         [other](std::string_view key) -> std::optional<net::Peer> {
                                           if (key == other.curve_key) return other;
                                           return std::nullopt;
                                         }));
  transfer::BulkExchange::Options options;
  options.listen_endpoint = listen;
  SLUICE_ASSIGN_OR_RETURN(
      party.exchange, transfer::BulkExchange::Start(*party.network, clock, entropy, *party.files,
                                                    *party.spool, std::move(options)));
  return party;
}

Status WriteTo(const std::string& file, transfer::IncomingTransfer& incoming) {
  const std::unique_ptr<transfer::ArrivingDroplet> droplet = incoming.Open();
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  std::string piece(kPieceBytes, '\0');
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const size_t count, droplet->Read(piece));
    if (count == 0) break;
    out.write(piece.data(), static_cast<std::streamsize>(count));
  }
  out.close();
  return out ? absl::OkStatus() : FileTrouble(file);
}

Status AwaitDigest(const std::string& /*file*/, transfer::IncomingTransfer& incoming) {
  return incoming.AwaitVerified();
}

// What the receiver does with the droplet.
using Take = Status (*)(const std::string& file, transfer::IncomingTransfer& incoming);

// Tells the sender by `told` where it listens, and ends when the sender has closed `heard`.
Status ReceiveInto(Agreed& agreed, const std::string& file, Take take, int told, int heard) {
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(Party party, Join(agreed.target, agreed.Source(), kAnyLoopbackPort,
                                            file + ".spool", clock, agreed.entropy));
  transfer::IncomingOptions options;
  options.layout = agreed.layout;
  options.droplet_sha256 = agreed.droplet_sha256;
  options.statement_sha256 = agreed.statement_sha256;
  options.recipient = agreed.recipient;
  options.verify = [key = agreed.signing.Public()](std::string_view signature,
                                                   std::string_view message) {
    return key.Verify(signature, message);
  };
  options.meeting.peer = agreed.Source();
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<transfer::IncomingTransfer> incoming,
                          party.exchange->Receive(std::move(options)));
  const std::string endpoint = party.exchange->endpoint();
  if (write(told, endpoint.data(), endpoint.size()) < 0) return FileTrouble("pipe");
  close(told);
  SLUICE_RETURN_IF_ERROR(take(file, *incoming));
  // The source is to hear of it before this process ends: then it closes the pipe.
  char byte = 0;
  while (read(heard, &byte, 1) > 0) {
  }
  return absl::OkStatus();
}

Status SendFrom(Agreed& agreed, const std::string& file, int heard) {
  std::string endpoint(kEndpointBytesMax, '\0');
  const ssize_t length = read(heard, endpoint.data(), endpoint.size());
  if (length <= 0) return FileTrouble("pipe");
  endpoint.resize(static_cast<size_t>(length));
  const SystemClock clock;
  SLUICE_ASSIGN_OR_RETURN(Party party, Join(agreed.source, agreed.Target(), "", file + ".outgoing",
                                            clock, agreed.entropy));
  transfer::OutgoingOptions options;
  options.layout = agreed.layout;
  options.droplet_sha256 = agreed.droplet_sha256;
  options.meetings = {transfer::DirectMeeting(agreed.Target(), endpoint)};
  options.sign = [&agreed](std::string_view message) { return agreed.signing.Sign(message); };
  options.digest_log_path = file + ".digests";
  SLUICE_ASSIGN_OR_RETURN(
      options.seed, transfer::MakeTransferSeed(
                        {.layout = agreed.layout,
                         .statement_sha256 = agreed.statement_sha256,
                         .recipients = {{agreed.recipient.suite, agreed.recipient.public_key}},
                         .sign = options.sign},
                        agreed.entropy));
  SLUICE_ASSIGN_OR_RETURN(std::unique_ptr<transfer::OutgoingTransfer> outgoing,
                          party.exchange->Send(std::move(options)));
  DropletFile droplet(file);
  return outgoing->Run(droplet, kIdleMax);
}

StatusOr<Agreed> Agree(const std::string& from, const std::string& sha256) {
  Agreed agreed;
  SLUICE_ASSIGN_OR_RETURN(agreed.droplet_sha256, crypto::Sha256Digest::FromHex(sha256));
  SLUICE_ASSIGN_OR_RETURN(
      agreed.layout,
      transfer::StreamLayout::Cut(transfer::TransferId::Generate(agreed.entropy),
                                  std::filesystem::file_size(from), transfer::kChunkBytesDefault));
  return agreed;
}

double CoreSeconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Forks: the child receives, this process sends.
StatusOr<EngineCost> Transfer(const std::string& from, const std::string& to,
                              const std::string& sha256, Take take) {
  SLUICE_ASSIGN_OR_RETURN(Agreed agreed, Agree(from, sha256));
  int told[2];
  int heard[2];
  if (pipe(told) != 0 || pipe(heard) != 0) return FileTrouble("pipe");
  const pid_t receiver = fork();
  if (receiver == 0) {
    close(told[0]);
    close(heard[1]);
    const Status received = ReceiveInto(agreed, to, take, told[1], heard[0]);
    if (!received.ok()) std::fprintf(stderr, "receiver: %s\n", Describe(received).c_str());
    _exit(received.ok() ? 0 : 1);
  }
  close(told[1]);
  close(heard[0]);
  const SystemClock clock;
  const absl::Duration began = clock.Monotonic();
  const Status sent = SendFrom(agreed, from, told[0]);
  EngineCost cost;
  cost.seconds = absl::ToDoubleSeconds(clock.Monotonic() - began);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  cost.source_core_seconds = CoreSeconds(usage);
  close(told[0]);
  close(heard[1]);
  int wait_status = 0;
  wait4(receiver, &wait_status, 0, &usage);
  cost.target_core_seconds = CoreSeconds(usage);
  SLUICE_RETURN_IF_ERROR(sent);
  if (wait_status != 0) {
    return NamedError(StatusCode::kInternal, "receiver-failed", "the receiving process failed");
  }
  return cost;
}

}  // namespace

Status TransferFile(const std::string& from, const std::string& to, const std::string& sha256) {
  return Transfer(from, to, sha256, WriteTo).status();
}

StatusOr<EngineCost> MeasureEngine(const std::string& from, const std::string& to,
                                   const std::string& sha256) {
  return Transfer(from, to, sha256, AwaitDigest);
}

}  // namespace sluice::bench

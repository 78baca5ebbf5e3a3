// Exchanges with real CURVE sockets, each as in a process of its own, for tests.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/mailbox.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/crypto/system_entropy.h"
#include "common/net/testing/test_network.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/chunk_digest_log.h"
#include "common/transfer/spool.h"
#include "common/transfer/stream_machine.h"
#include "common/transfer/testing/memory_droplet.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {

inline constexpr char kAnyPort[] = "tcp://127.0.0.1:*";
inline constexpr char kFolder[] = "/agent";
inline constexpr uint64_t kSpoolBytes = 64 << 20;
inline constexpr absl::Duration kIdleMax = absl::Seconds(30);

// What a process has. Its disk outlives its exchange, as that of a restarted process does.
struct Party {
  net::Peer peer;
  net::CurveIdentity identity;
  FakeFiles files;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<net::Network> network;
  std::unique_ptr<BulkExchange> exchange;
};

struct ReadResult {
  Status status;
  std::string bytes;
};

// Until the end or an error, `piece` bytes at a time.
inline ReadResult ReadAll(IncomingTransfer& incoming, size_t piece = 10'000) {
  const auto droplet = incoming.Open();
  ReadResult result;
  std::string buffer(piece, '\0');
  while (true) {
    const auto count = droplet->Read(buffer);
    if (!count.ok()) {
      result.status = count.status();
      return result;
    }
    if (*count == 0) return result;
    result.bytes.append(buffer, 0, *count);
  }
}

inline Status SendAll(OutgoingTransfer& outgoing, const std::string& bytes) {
  MemoryDroplet droplet(bytes);
  return outgoing.Run(droplet, kIdleMax);
}

// Runs `body` on a thread of its own and has its result.
template <typename Result>
class Running {
 public:
  explicit Running(std::function<Result()> body)
      : thread_(std::make_unique<Thread>(
            "test", [this, body = std::move(body)] { result_.Put(body()); })) {}
  Result Get() { return *result_.WaitAndTake(); }

 private:
  Mailbox<Result> result_{1};
  std::unique_ptr<Thread> thread_;
};

class BulkExchangeTest : public testing::Test {
 protected:
  BulkExchangeTest() {
    net::CurveIdentity source = directory_.Admit(net::PeerRole::kAgent, "dev");
    net::CurveIdentity target = directory_.Admit(net::PeerRole::kAgent, "prod");
    net::CurveIdentity other = directory_.Admit(net::PeerRole::kAgent, "other");
    Start(source_, "dev", std::move(source));
    Start(target_, "prod", std::move(target));
    Start(other_, "other", std::move(other));
  }

  void Start(Party& party, const std::string& name, net::CurveIdentity identity) {
    party.peer = {net::PeerRole::kAgent, name, identity.public_key};
    party.identity = std::move(identity);
    ASSERT_THAT(party.files.MakeFolder(kFolder), IsOk());
    Restart(party, kAnyPort);
  }
  // The exchange and the spool of a new process, on the disk of the one before.
  void Restart(Party& party, const std::string& endpoint) {
    party.exchange.reset();
    party.network.reset();
    party.network = directory_.Start(party.identity);
    auto spool = Spool::Open(party.files, absl::StrCat(kFolder, "/spool"), kSpoolBytes);
    ASSERT_THAT(spool, IsOk());
    party.spool = *std::move(spool);
    auto exchange = BulkExchange::Start(*party.network, clock_, entropy_, party.files, *party.spool,
                                        {.listen_endpoint = endpoint});
    ASSERT_THAT(exchange, IsOk());
    party.exchange = *std::move(exchange);
  }

  // The meetings of both ends; one of them dials.
  enum class Dials { kSource, kTarget };
  Meeting OfSource(Dials dials) const {
    return DirectMeeting(target_.peer, dials == Dials::kSource ? target_.exchange->endpoint() : "");
  }
  Meeting OfTarget(Dials dials) const {
    return DirectMeeting(source_.peer, dials == Dials::kTarget ? source_.exchange->endpoint() : "");
  }
  static std::string LogPath(const StreamFixture& stream) {
    return absl::StrCat(kFolder, "/", stream.layout.transfer.hex(), ".digests");
  }
  std::unique_ptr<OutgoingTransfer> Send(const StreamFixture& stream, Dials dials) {
    OutgoingOptions options = stream.Outgoing();
    options.meetings = {OfSource(dials)};
    options.digest_log_path = LogPath(stream);
    auto outgoing = source_.exchange->Send(std::move(options));
    SLUICE_CHECK(outgoing.ok());
    return *std::move(outgoing);
  }
  std::unique_ptr<IncomingTransfer> Receive(const StreamFixture& stream, Dials dials) {
    IncomingOptions options = stream.Incoming();
    options.meeting = OfTarget(dials);
    auto incoming = target_.exchange->Receive(std::move(options));
    SLUICE_CHECK(incoming.ok());
    return *std::move(incoming);
  }

  SystemClock clock_;
  crypto::SystemEntropy entropy_;
  net::TestDirectory directory_;
  Party source_;
  Party target_;
  Party other_;
};

}  // namespace sluice::transfer

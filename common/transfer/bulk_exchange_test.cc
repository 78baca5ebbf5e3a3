// Two exchanges with real CURVE sockets between them, each as in a process of its own.
#include "common/transfer/bulk_exchange.h"

#include <memory>
#include <string>
#include <utility>

#include "common/base/mailbox.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/crypto/system_entropy.h"
#include "common/net/testing/test_network.h"
#include "common/transfer/testing/stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr char kAnyPort[] = "tcp://127.0.0.1:*";

struct Party {
  net::Peer peer;
  std::unique_ptr<net::Network> network;
  std::unique_ptr<BulkExchange> exchange;
};

struct ReadResult {
  Status status;
  std::string bytes;
};

// Until the end or an error, `piece` bytes at a time.
ReadResult ReadAll(IncomingTransfer& incoming, size_t piece = 10'000) {
  ReadResult result;
  std::string buffer(piece, '\0');
  while (true) {
    const auto count = incoming.Read(buffer);
    if (!count.ok()) {
      result.status = count.status();
      return result;
    }
    if (*count == 0) return result;
    result.bytes.append(buffer, 0, *count);
  }
}

// In pieces that do not fit the chunks; the first error, or that of Finish().
Status WriteAll(OutgoingTransfer& outgoing, std::string_view bytes, size_t piece = 7'001) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
    SLUICE_RETURN_IF_ERROR(outgoing.Write(bytes.substr(0, piece)));
  }
  return outgoing.Finish();
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
    party.network = directory_.Start(std::move(identity));
    auto exchange = BulkExchange::Start(*party.network, clock_, entropy_, {kAnyPort});
    ASSERT_THAT(exchange, IsOk());
    party.exchange = *std::move(exchange);
  }

  // The meetings of both ends; one of them dials.
  enum class Dials { kSource, kTarget };
  Meeting OfSource(Dials dials) const {
    return {target_.peer, dials == Dials::kSource, target_.exchange->endpoint()};
  }
  Meeting OfTarget(Dials dials) const {
    return {source_.peer, dials == Dials::kTarget, source_.exchange->endpoint()};
  }
  std::unique_ptr<OutgoingTransfer> Send(const StreamFixture& stream, Dials dials) {
    OutgoingOptions options = stream.Outgoing();
    options.meetings = {OfSource(dials)};
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

TEST_F(BulkExchangeTest, DropletArrivesByteForByteWhicheverEndDialsAndWhicheverBeginsFirst) {
  uint64_t seed = 0;
  for (const Dials dials : {Dials::kSource, Dials::kTarget}) {
    for (const bool source_first : {false, true}) {
      StreamFixture stream(3 * kChunkBytesMin + 5, kChunkBytesMin, ++seed);
      std::unique_ptr<OutgoingTransfer> outgoing;
      std::unique_ptr<IncomingTransfer> incoming;
      if (source_first) {
        outgoing = Send(stream, dials);
        incoming = Receive(stream, dials);
      } else {
        incoming = Receive(stream, dials);
        outgoing = Send(stream, dials);
      }
      Running<ReadResult> read([&] { return ReadAll(*incoming); });
      EXPECT_THAT(WriteAll(*outgoing, stream.droplet), IsOk());
      const ReadResult result = read.Get();
      EXPECT_THAT(result.status, IsOk());
      EXPECT_EQ(result.bytes, stream.droplet);
    }
  }
}

TEST_F(BulkExchangeTest, DropletOfAnySizeArrivesByteForByte) {
  constexpr uint64_t kChunk = kChunkBytesMin;
  uint64_t seed = 100;
  for (const uint64_t bytes :
       {uint64_t{0}, uint64_t{1}, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk, 300 * kChunk + 17}) {
    StreamFixture stream(bytes, kChunk, ++seed);
    auto incoming = Receive(stream, Dials::kSource);
    auto outgoing = Send(stream, Dials::kSource);
    Running<ReadResult> read([&] { return ReadAll(*incoming); });
    EXPECT_THAT(WriteAll(*outgoing, stream.droplet), IsOk());
    const ReadResult result = read.Get();
    EXPECT_THAT(result.status, IsOk());
    EXPECT_TRUE(result.bytes == stream.droplet) << bytes;
    EXPECT_EQ(outgoing->figures().bytes_done, bytes);
    EXPECT_EQ(incoming->figures().bytes_done, bytes);
    EXPECT_EQ(outgoing->figures().bytes_sent, incoming->figures().bytes_sent);
  }
}

}  // namespace
}  // namespace sluice::transfer

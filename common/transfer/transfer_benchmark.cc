// What a droplet costs on its way: sealing and signing, verifying, opening and hashing, and the
// whole way between two exchanges over CURVE on loopback. Build preset `release`, then
// build/release/bin/transfer_benchmark.
#include <memory>
#include <string>
#include <utility>

#include "benchmark/benchmark.h"
#include "common/base/testing/fake_files.h"
#include "common/base/thread.h"
#include "common/crypto/system_entropy.h"
#include "common/net/testing/test_network.h"
#include "common/transfer/spool.h"
#include "common/transfer/testing/memory_droplet.h"
#include "common/transfer/testing/stream_fixture.h"

namespace sluice::transfer {
namespace {

constexpr uint32_t kMiB = 1 << 20;

void Seal(benchmark::State& state) {
  const auto chunk_bytes = static_cast<uint32_t>(state.range(0));
  const StreamFixture stream(64 * kMiB, chunk_bytes);
  int64_t bytes = 0;
  while (state.KeepRunning()) {
    ChunkSealer sealer = stream.Sealer();
    for (uint32_t i = 0; i < stream.layout.chunk_count; ++i) {
      std::string plain;
      plain.reserve(stream.layout.SealedBytes(i));
      plain.append(stream.droplet, uint64_t{i} * chunk_bytes, chunk_bytes);
      benchmark::DoNotOptimize(sealer.Seal(i, std::move(plain)));
    }
    bytes += static_cast<int64_t>(stream.layout.droplet_bytes);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(Seal)->Arg(kMiB / 4)->Arg(kMiB / 2)->Arg(kMiB)->Unit(benchmark::kMillisecond);

void OpenAndHash(benchmark::State& state) {
  const StreamFixture stream(64 * kMiB, static_cast<uint32_t>(state.range(0)));
  const std::vector<SealedChunk> chunks = stream.SealAll();
  int64_t bytes = 0;
  while (state.KeepRunning()) {
    ChunkOpener opener = stream.Opener();
    crypto::Sha256 hash;
    for (const SealedChunk& chunk : chunks) {
      SLUICE_CHECK(stream.Check(chunk).ok());
      hash.Update(*opener.Open(chunk));
    }
    if (hash.Finish() != stream.droplet_sha256) state.SkipWithError("wrong digest");
    bytes += static_cast<int64_t>(stream.layout.droplet_bytes);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(OpenAndHash)->Arg(kMiB / 4)->Arg(kMiB / 2)->Arg(kMiB)->Unit(benchmark::kMillisecond);

// An agent of the benchmark.
struct Party {
  Party(net::TestDirectory& directory, net::CurveIdentity identity, uint64_t credit_bytes)
      : peer{net::PeerRole::kAgent, "agent", identity.public_key},
        network(directory.Start(std::move(identity))) {
    SLUICE_CHECK(files.MakeFolder("/agent").ok());
    auto opened = Spool::Open(files, "/agent/spool", uint64_t{1} << 30);
    SLUICE_CHECK(opened.ok());
    spool = *std::move(opened);
    auto started = BulkExchange::Start(*network, clock, entropy, files, *spool,
                                       {"tcp://127.0.0.1:*", credit_bytes});
    SLUICE_CHECK(started.ok());
    exchange = *std::move(started);
  }
  SystemClock clock;
  crypto::SystemEntropy entropy;
  net::Peer peer;
  FakeFiles files;  // what the disk costs is not measured here
  std::unique_ptr<Spool> spool;
  std::unique_ptr<net::Network> network;
  std::unique_ptr<BulkExchange> exchange;
};

void Loopback(benchmark::State& state) {
  constexpr size_t kPieceBytes = 64 * 1024;
  net::TestDirectory directory;
  net::CurveIdentity source_identity = directory.Admit(net::PeerRole::kAgent, "dev");
  net::CurveIdentity target_identity = directory.Admit(net::PeerRole::kAgent, "prod");
  const auto credit_bytes = static_cast<uint64_t>(state.range(1)) * kMiB;
  Party source(directory, std::move(source_identity), credit_bytes);
  Party target(directory, std::move(target_identity), credit_bytes);
  StreamFixture stream(64 * kMiB, static_cast<uint32_t>(state.range(0)));
  int64_t bytes = 0;
  while (state.KeepRunning()) {
    stream.layout.transfer = TransferId::Generate(source.entropy);
    OutgoingOptions send = stream.Outgoing();
    send.digest_log_path = "/agent/digests";
    send.meetings = {DirectMeeting(target.peer, target.exchange->endpoint())};
    IncomingOptions receive = stream.Incoming();
    receive.meeting = DirectMeeting(source.peer, "");
    auto incoming = target.exchange->Receive(std::move(receive));
    auto outgoing = source.exchange->Send(std::move(send));
    SLUICE_CHECK(incoming.ok() && outgoing.ok());
    {
      const Thread reader("reader", [&] {
        const auto droplet = (*incoming)->Open();
        std::string piece(kPieceBytes, '\0');
        StatusOr<size_t> count = 1;
        while (count.ok() && *count > 0) count = droplet->Read(piece);
        SLUICE_CHECK(count.ok());
      });
      MemoryDroplet droplet(stream.droplet, kPieceBytes);
      SLUICE_CHECK((*outgoing)->Run(droplet, absl::Seconds(30)).ok());
    }
    incoming->reset();
    SLUICE_CHECK(target.spool->Remove(stream.layout.transfer).ok());
    bytes += static_cast<int64_t>(stream.layout.droplet_bytes);
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(Loopback)
    ->ArgNames({"chunk", "credit_mib"})
    ->ArgsProduct({{kMiB / 4, kMiB / 2, kMiB}, {4, 8, 16}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->MeasureProcessCPUTime();

}  // namespace
}  // namespace sluice::transfer

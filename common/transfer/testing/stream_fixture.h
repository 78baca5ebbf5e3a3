// What every test of a sealed droplet stream needs: keys of a source and a target, a droplet, a
// cut.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/testing/fake_entropy.h"
#include "common/crypto/digest.h"
#include "common/crypto/key_agreement.h"
#include "common/crypto/signing_key.h"
#include "common/transfer/bulk_exchange.h"
#include "common/transfer/content_key.h"
#include "common/transfer/sealed_chunk.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

// Everything follows from the seed, so that bytes can be compared.
struct StreamFixture {
  explicit StreamFixture(uint64_t droplet_bytes, uint32_t chunk_bytes = kChunkBytesMin,
                         uint64_t seed = 1)
      : entropy(std::make_shared<FakeEntropy>(seed)),
        source_key(crypto::SigningKey::Generate(crypto::KeyKind::kAgent, *entropy)),
        recipient(crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, *entropy)),
        content_key(GenerateContentKey(*entropy)),
        droplet(entropy->Bytes(droplet_bytes)),
        droplet_sha256(crypto::Sha256Of(droplet)),
        statement_sha256(crypto::Sha256Of("a statement")) {
    auto cut = StreamLayout::Cut(TransferId::Generate(*entropy), droplet_bytes, chunk_bytes);
    SLUICE_CHECK(cut.ok());
    layout = *cut;
  }

  ChunkSigner Sign() const {
    return [key = source_key](std::string_view message) { return key.Sign(message); };
  }
  ChunkVerifier Verify() const {
    return [key = source_key.Public()](std::string_view signature, std::string_view message) {
      return key.Verify(signature, message);
    };
  }
  std::string PlainChunk(uint32_t index) const {
    return droplet.substr(uint64_t{index} * layout.chunk_bytes, layout.PlainBytes(index));
  }
  ChunkSealer Sealer() const {
    return ChunkSealer(layout, SealingKey(content_key, layout.transfer), Sign());
  }
  ChunkOpener Opener() const {
    return ChunkOpener(layout, SealingKey(content_key, layout.transfer));
  }
  Status Check(const SealedChunk& chunk) const { return CheckChunk(layout, Verify(), chunk); }
  std::vector<SealedChunk> SealAll() const {
    ChunkSealer sealer = Sealer();
    std::vector<SealedChunk> chunks;
    for (uint32_t i = 0; i < layout.chunk_count; ++i)
      chunks.push_back(sealer.Seal(i, PlainChunk(i)));
    return chunks;
  }
  // The same each time, as a source that was restarted has it from its journal.
  TransferSeed Seed() const {
    FakeEntropy ephemeral(2);
    auto header = MakeHeader(layout, statement_sha256, content_key,
                             {{recipient.suite, recipient.public_key}}, ephemeral);
    SLUICE_CHECK(header.ok());
    auto bytes = SerializeHeader(*header, Sign());
    SLUICE_CHECK(bytes.ok());
    return {.content_key = content_key, .header = *bytes};
  }
  std::string Header() const { return Seed().header; }

  // With the meetings and the log's path still to be filled in.
  OutgoingOptions Outgoing() const {
    OutgoingOptions options;
    options.layout = layout;
    options.seed = Seed();
    options.sign = Sign();
    options.droplet_sha256 = droplet_sha256;
    return options;
  }
  IncomingOptions Incoming() const {
    IncomingOptions options;
    options.layout = layout;
    options.droplet_sha256 = droplet_sha256;
    options.statement_sha256 = statement_sha256;
    options.recipient = recipient;
    options.verify = Verify();
    return options;
  }

  std::shared_ptr<FakeEntropy> entropy;
  crypto::SigningKey source_key;
  crypto::SealKeyPair recipient;
  Secret content_key;
  std::string droplet;
  crypto::Sha256Digest droplet_sha256;
  crypto::Sha256Digest statement_sha256;
  StreamLayout layout;
};

}  // namespace sluice::transfer

// Whatever has become of a spool file: what is counted as stored is what was written there, and
// anything else is a chunk that has not arrived or a file that is given up.
//
// Input: how many octets are cut off the file's end (two octets, the higher one first), and then
// pieces that are written over it: offset (three octets), length (one), octets.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/fake_files.h"
#include "common/crypto/signing_key.h"
#include "common/transfer/spool.h"
#include "common/transfer/stream_header.h"

namespace sluice::transfer {
namespace {

constexpr size_t kFileBytesMax = 1 << 20;
constexpr std::string_view kHeader = "what the spool takes for a header";

struct Original {
  Original()
      : key(crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy)),
        layout(*StreamLayout::Cut(*TransferId::FromBytes("a transfer of 16"), 8193, 4096)) {
    FakeFiles files;
    const auto spool = Spool::Open(files, "/spool", kFileBytesMax);
    SLUICE_CHECK(spool.ok());
    const auto file = (*spool)->Admit(layout, kHeader);
    SLUICE_CHECK(file.ok());
    for (uint32_t i = 0; i < layout.chunk_count; ++i) {
      const std::string sealed(layout.SealedBytes(i), static_cast<char>('a' + i));
      chunks.push_back({i, key.Sign(ChunkSignedBytes(layout, i, sealed)), sealed});
      if (i != 1) SLUICE_CHECK((*file)->Write(chunks.back()).ok());  // one slot is empty
    }
    path = "/spool/" + layout.transfer.hex() + ".spool";
    content = *files.Read(path, kFileBytesMax);
  }

  FakeEntropy entropy{1};
  crypto::SigningKey key;
  StreamLayout layout;
  std::vector<SealedChunk> chunks;
  std::string path;
  std::string content;
};

uint32_t Take(std::string_view& input, size_t octets) {
  uint32_t value = 0;
  for (size_t i = 0; i < octets && !input.empty(); ++i) {
    value = value << 8 | static_cast<uint8_t>(input.front());
    input.remove_prefix(1);
  }
  return value;
}

std::string Altered(std::string content, std::string_view input) {
  content.resize(content.size() - std::min<size_t>(Take(input, 2), content.size()));
  while (!input.empty() && !content.empty()) {
    const size_t offset = Take(input, 3) % content.size();
    const size_t length = std::min<size_t>({Take(input, 1), input.size(), content.size() - offset});
    content.replace(offset, length, input.substr(0, length));
    input.remove_prefix(length);
  }
  return content;
}

#ifdef SLUICE_PLANTED_BUG
// A campaign proves itself by finding this: no header is more than twice as long as it may be.
void CopyHeader(const std::string& content) {
  constexpr size_t kLengthAt = 4096;
  if (content.size() < kLengthAt + 4) return;
  std::vector<char> header(2 * kHeaderBytesMax);
  std::string_view rest = std::string_view(content).substr(kLengthAt);
  const uint32_t length = Take(rest, 4);
  if (length > 0) header[length - 1] = 1;
}
#endif

void Resume(std::string_view input) {
  static const Original& original = *new Original;
  const std::string content = Altered(original.content, input);
#ifdef SLUICE_PLANTED_BUG
  CopyHeader(content);
#endif
  FakeFiles files;
  SLUICE_CHECK(files.MakeFolder("/spool").ok());
  SLUICE_CHECK(files.Create(original.path, content, FileAccess::kOwnerOnly).ok());
  const auto spool = Spool::Open(files, "/spool", kFileBytesMax);
  SLUICE_CHECK(spool.ok() && (*spool)->bytes_used() == content.size());
  const auto file =
      (*spool)->Resume(original.layout, [&](std::string_view signature, std::string_view message) {
        static const crypto::VerifyingKey key = original.key.Public();
        return key.Verify(signature, message);
      });
  if (!file.ok()) {
    SLUICE_CHECK(ErrorName(file.status()) == "not-in-spool");
    SLUICE_CHECK(!files.Facts(original.path).ok() && (*spool)->bytes_used() == 0);
    return;
  }
  SLUICE_CHECK((*file)->header().empty() || (*file)->header() == kHeader);
  const ChunkSet stored = (*file)->stored();
  for (const SealedChunk& chunk : original.chunks) {
    if (!stored.Contains(chunk.index)) continue;
    const auto read = (*file)->Read(chunk.index);
    SLUICE_CHECK(read.ok() && read->sealed == chunk.sealed && read->signature == chunk.signature);
  }
}

}  // namespace
}  // namespace sluice::transfer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t bytes) {
  sluice::transfer::Resume(std::string_view(reinterpret_cast<const char*>(input), bytes));
  return 0;
}

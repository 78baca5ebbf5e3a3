// The files that this room leaves on a disk are read by the next version of it: their bytes are
// kept in proto/golden/spool.hex and compared.
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/base/testing/fake_files.h"
#include "common/base/testing/golden_file.h"
#include "common/base/testing/status_matchers.h"
#include "common/crypto/digest.h"
#include "common/transfer/chunk_digest_log.h"
#include "common/transfer/chunk_set.h"
#include "common/transfer/spool.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

TEST(SpoolGoldenTest, FilesAndMapsHaveTheBytesThatAreDocumented) {
  const auto layout = *StreamLayout::Cut(*TransferId::FromHex("000102030405060708090a0b0c0d0e0f"),
                                         2 * 4096 + 1, 4096);
  std::string text =
      "# The spool file, the log of digests and a chunk map of one stream of 8,193 bytes in "
      "chunks\n"
      "# of 4,096 (proto/sealed-stream.md, part C). Stored are chunk 0 (4,112 times \"a\" under a\n"
      "# signature of 64 times \"s\") and chunk 2 (17 times \"c\"); the header is \"header\".\n";
  const auto line = [&](const std::string& name, std::string_view bytes) {
    absl::StrAppend(&text, name, " ", ToHex(bytes), "\n");
  };
  FakeFiles files;
  auto spool = Spool::Open(files, "/spool", 1 << 20);
  ASSERT_THAT(spool, IsOk());
  auto file = (*spool)->Admit(layout, "header");
  ASSERT_THAT(file, IsOk());
  const std::string signature(kSignatureBytes, 's');
  ASSERT_THAT((*file)->Write({0, signature, std::string(4112, 'a')}), IsOk());
  ASSERT_THAT((*file)->Write({2, signature, std::string(17, 'c')}), IsOk());
  const std::string content = *files.Read("/spool/000102030405060708090a0b0c0d0e0f.spool", 1 << 20);
  ASSERT_EQ(content.size(), 40'960u + 2 * (64 + 4112) + 64 + 17);
  line("spool-layout-record-at-0", content.substr(0, 72));
  line("spool-header-record-at-4096", content.substr(4096, 4 + 6 + 32));
  line("spool-slot-0-at-40960-first-80", content.substr(40'960, 80));
  line("spool-slot-2-at-49312", content.substr(49'312));
  line("spool-file-sha256", crypto::Sha256Of(content).bytes());
  line("chunk-map", (*file)->readable().Encode());

  auto log = ChunkDigestLog::Open(files, "/spool/log", layout);
  ASSERT_THAT(log, IsOk());
  ASSERT_THAT((*log)->Append(2, crypto::Sha256Of("two")), IsOk());
  ASSERT_THAT((*log)->Append(0, crypto::Sha256Of("zero")), IsOk());
  ASSERT_THAT((*log)->Sync(), IsOk());
  const std::string logged = *files.Read("/spool/log", 1 << 20);
  ASSERT_EQ(logged.size(), 512u + 2 * 64);
  line("log-layout-record-at-0", logged.substr(0, 72));
  line("log-record-0-at-512", logged.substr(512, 64));
  line("log-record-1-at-576", logged.substr(576, 64));
  line("log-file-sha256", crypto::Sha256Of(logged).bytes());
  ExpectGolden("proto/golden/spool.hex", text);
}

}  // namespace
}  // namespace sluice::transfer

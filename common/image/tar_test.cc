// Tar and gzip as this room writes them are the same bytes for ever, other programs read them, and
// what strangers wrote is read or refused by name.
#include <cstdint>
#include <string>

#include "common/base/testing/status_matchers.h"
#include "common/crypto/digest.h"
#include "common/image/gzip.h"
#include "common/image/tar_reader.h"
#include "common/image/tar_writer.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::image {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

StatusOr<std::string> Gunzipped(std::string bytes, size_t piece_bytes = 4096) {
  Gunzip gunzip(ReaderOf(std::move(bytes), piece_bytes));
  return ReadAll([&gunzip](std::span<char> into) { return gunzip.Read(into); });
}

TEST(Gzip, HasAHeaderOfNoTimeNoNameAndNoSystem) {
  EXPECT_THAT(Gzipped("x"), StartsWith(std::string("\x1f\x8b\x08\0\0\0\0\0\0\xff", 10)));
}

TEST(Gzip, BytesDoNotDependOnThePiecesTheyWereWrittenIn) {
  std::string content;
  for (int line = 0; line < 30'000; ++line) content += std::to_string(line) + "\n";
  std::string compressed;
  GzipWriter writer([&compressed](std::string_view piece) {
    compressed += piece;
    return absl::OkStatus();
  });
  std::string_view rest = content;
  for (size_t bytes = 1; !rest.empty(); bytes = bytes * 2 + 1) {
    ASSERT_THAT(writer.Write(rest.substr(0, bytes)), IsOk());
    rest.remove_prefix(std::min(bytes, rest.size()));
  }
  ASSERT_THAT(writer.Finish(), IsOk());
  EXPECT_EQ(compressed, Gzipped(content));
  EXPECT_EQ(*Gunzipped(compressed, 1), content);
}

TEST(Gzip, SeveralMembersAreOneContentAndAnEmptyOneIsNone) {
  EXPECT_EQ(*Gunzipped(Gzipped("a") + Gzipped("") + Gzipped("b")), "ab");
  EXPECT_EQ(*Gunzipped(Gzipped("")), "");
}

TEST(Gzip, WhatIsCutBrokenOrFollowedIsRefusedByName) {
  const std::string good = Gzipped("some content that is long enough to be cut");
  for (size_t bytes = 0; bytes < good.size(); ++bytes) {
    EXPECT_THAT(Gunzipped(good.substr(0, bytes)), HasErrorName("truncated-gzip")) << bytes;
  }
  EXPECT_THAT(Gunzipped("PK\3\4"), HasErrorName("bad-gzip"));
  EXPECT_THAT(Gunzipped(good + "x"), HasErrorName("bytes-after-gzip"));
  EXPECT_THAT(Gunzipped(good + std::string(512, '\0')), HasErrorName("bytes-after-gzip"));
  EXPECT_THAT(Gunzipped(good + "\x1f\x8b"), HasErrorName("truncated-gzip"));
  std::string flipped = good;
  flipped[good.size() - 5] ^= 1;  // in the checksum
  EXPECT_THAT(Gunzipped(flipped), HasErrorName("bad-gzip"));
}

TEST(Tar, EveryKindOfEntryComesBackAsItWasWritten) {
  const std::string deep = std::string(60, 'a') + "/" + std::string(60, 'b');
  const std::string deeper = std::string(150, 'c') + "/" + std::string(149, 'd');
  const auto entries = ReadTar(TarBuilder()
                                   .Folder("app", 0700)
                                   .File("app/run", "#!", 0755)
                                   .File("app/empty", "")
                                   .HardLink("app/again", "app/run")
                                   .SymbolicLink("app/link", "/etc/../x")
                                   .File(deep, "120 characters")
                                   .File(deeper, "300 characters")
                                   .SymbolicLink("app/far", deeper)
                                   .File("app/gr\xc3\xbc\xc3\x9f", "umlaut")
                                   .File("app/" + std::string(110, 'e') + "\xc3\xbc", "both")
                                   .File("app/\xff\xfe", "no UTF-8")
                                   .Tar());
  ASSERT_THAT(entries, IsOk());
  EXPECT_THAT(
      PathsOf(*entries),
      ElementsAre("app/", "app/run", "app/empty", "app/again -> app/run", "app/link -> /etc/../x",
                  deep, deeper, "app/far -> " + deeper, "app/gr\xc3\xbc\xc3\x9f",
                  "app/" + std::string(110, 'e') + "\xc3\xbc", "app/\xff\xfe"));
  EXPECT_EQ((*entries)[0].entry.mode, 0700U);
  EXPECT_EQ((*entries)[1].content, "#!");
  EXPECT_EQ((*entries)[1].entry.mode, 0755U);
  EXPECT_EQ((*entries)[1].entry.modified_seconds, 1'700'000'000);
  EXPECT_EQ((*entries)[6].content, "300 characters");
}

TEST(Tar, WritesTheBytesThatItHasAlwaysWritten) {
  // Any change here changes the digest of every exported layer.
  const std::string tar = TarBuilder()
                              .Folder("home/vcap")
                              .File("home/vcap/run", "content", 0755)
                              .SymbolicLink("home/vcap/l", "run")
                              .File(std::string(101, 'n'), "long")
                              .Tar();
  EXPECT_EQ(tar.size() % 512, 0U);
  EXPECT_EQ(crypto::Sha256Of(tar).hex(),
            "7ad906ddb999d9338b85beb212c58251c40c0a55d6b8b91869c52dd968399cf8");
  EXPECT_EQ(crypto::Sha256Of(Gzipped(tar)).hex(),
            "5d4ab63afa6b35d3783a33df25e451be642e0703855638c5f1e0f6b796c2e275");
}

TEST(Tar, TimesAndSizesBeyondUstarAreKeptInPaxRecords) {
  TarEntry entry;
  entry.path = "big";
  entry.bytes = (uint64_t{8} << 30) + 1;
  entry.modified_seconds = -5;
  std::string header;
  TarWriter writer([&header](std::string_view piece) {
    header += piece;
    return absl::OkStatus();
  });
  ASSERT_THAT(writer.Begin(entry), IsOk());
  EXPECT_NE(header.find("12 mtime=-5\n"), std::string::npos);
  EXPECT_NE(header.find("19 size=8589934593\n"), std::string::npos);
  TarReader reader(ReaderOf(header));
  const auto read = reader.Next();
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ((*read)->bytes, entry.bytes);
  EXPECT_EQ((*read)->modified_seconds, -5);
}

TEST(Tar, SpecialFilesAreSeenAsSuchAndUnknownBytesAreRefused) {
  for (const char type : {'3', '4', '6'}) {
    const auto entries = ReadTar(TarBuilder().OfType("x", type).Tar());
    ASSERT_THAT(entries, IsOk());
    EXPECT_EQ((*entries)[0].entry.kind, EntryKind::kSpecial) << type;
  }
  EXPECT_THAT(ReadTar(std::string(2048, 'x')), HasErrorName("bad-tar"));
  EXPECT_THAT(ReadTar(""), HasErrorName("bad-tar"));
  std::string cut = TarBuilder().File("x", std::string(2000, 'y')).Tar();
  EXPECT_THAT(ReadTar(cut.substr(0, 1500)), HasErrorName("bad-tar"));
}

TEST(Tar, ContentCanBeFoundAgainByItsOffset) {
  const std::string tar = TarBuilder()
                              .File("a", "first")
                              .File(std::string(200, 'b'), "second")
                              .File("c", std::string(200'000, 'c'))
                              .File("d", "last")
                              .Tar();
  size_t skipped = 0;
  size_t offset = 0;
  TarReader reader(
      [&](std::span<char> into) -> StatusOr<size_t> {
        const size_t count = std::min(into.size(), tar.size() - offset);
        std::copy_n(tar.data() + offset, count, into.data());
        offset += count;
        return count;
      },
      [&](uint64_t bytes) {
        skipped += bytes;
        offset += bytes;
      });
  std::vector<std::string> found;
  while (true) {
    const auto entry = reader.Next();
    ASSERT_THAT(entry, IsOk());
    if (!*entry) break;
    found.push_back(tar.substr(reader.ContentOffset(), std::min<uint64_t>((*entry)->bytes, 6)));
  }
  EXPECT_THAT(found, ElementsAre("first", "second", "cccccc", "last"));
  EXPECT_GT(skipped, 0U);
}

}  // namespace
}  // namespace sluice::image

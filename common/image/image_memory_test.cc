// An export takes the same memory whatever the droplet's size. A program of its own: the peak is
// the process's.
#include <stdlib.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>

#include "common/base/files.h"
#include "common/base/testing/status_matchers.h"
#include "common/image/gzip.h"
#include "common/image/image_archive.h"
#include "common/image/layer_writer.h"
#include "common/image/tar_reader.h"
#include "common/image/testing/run_image_bytes.h"
#include "common/image/testing/sample_image.h"
#include "common/image/testing/tar_bytes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::image {
namespace {

constexpr uint64_t kFileBytes = (uint64_t{1} << 30) + 1;
constexpr uint64_t kMemberBytes = uint64_t{64} << 20;
// Far below the file, above what buffers and zlib's windows take; a sanitizer keeps what was freed.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kMemoryBytesMax = uint64_t{512} << 20;
#else
constexpr uint64_t kMemoryBytesMax = uint64_t{32} << 20;
#endif

uint64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB (getrusage(2))
}

std::string HeaderOf(const std::string& path, uint64_t bytes) {
  std::string header;
  TarWriter tar([&header](std::string_view piece) {
    header += piece;
    return absl::OkStatus();
  });
  TarEntry entry;
  entry.path = path;
  entry.bytes = bytes;
  EXPECT_THAT(tar.Begin(entry), IsOk());
  return header;
}

// kMemberBytes of them, a piece at a time: they must not be part of the peak that is there before.
std::string GzippedZeros() {
  std::string compressed;
  GzipWriter writer([&compressed](std::string_view piece) {
    compressed += piece;
    return absl::OkStatus();
  });
  const std::string piece(kPieceBytes, '\0');
  for (uint64_t written = 0; written < kMemberBytes; written += piece.size()) {
    EXPECT_THAT(writer.Write(piece), IsOk());
  }
  EXPECT_THAT(writer.Finish(), IsOk());
  return compressed;
}

// A droplet with a file of zeros, in gzip members of which all but the ends are the same, so that
// it is made in no time.
std::string DropletWithAFileOfZeros() {
  std::string head = SmallDroplet().Tar();
  head.resize(head.size() - 1024);  // without its end
  const std::string zeros = GzippedZeros();
  std::string droplet = Gzipped(head + HeaderOf("./app/zeros", kFileBytes));
  for (uint64_t written = kMemberBytes; written <= kFileBytes; written += kMemberBytes) {
    droplet += zeros;
  }
  const uint64_t rest = kFileBytes % kMemberBytes;
  const uint64_t padding = (512 - kFileBytes % 512) % 512;
  return droplet + Gzipped(std::string(rest + padding + 1024, '\0'));
}

TEST(ImageMemory, ADropletOfOneGibibyteTakesAFewMebibytesAndIsWhole) {
  std::string folder = std::filesystem::temp_directory_path() / "sluice-image-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  SystemFiles files;
  const auto base = SampleRunImage(files, folder, RunImageBytes().OciArchive());
  ASSERT_THAT(base, IsOk());
  const std::string droplet = DropletWithAFileOfZeros();
  const ImageRecipe recipe = SampleRecipe(droplet);
  const uint64_t before = PeakBytes();
  const auto image = BuildImage(recipe, *base, ReaderOf(droplet, kPieceBytes), files, folder);
  ASSERT_THAT(image, IsOk());
  ASSERT_THAT(WriteOciArchive(*image, {"shop/cart", "1"}, files, folder + "/cart.tar"), IsOk());
  EXPECT_LT(PeakBytes() - before, kMemoryBytesMax);

  const auto layer =
      files.OpenRandomAccess(image->layers.back().range.file, FileOpening::kReadOnly);
  ASSERT_THAT(layer, IsOk());
  Gunzip gunzip(ReadFileFrom(**layer, 0, image->layers.back().bytes));
  TarReader reader([&gunzip](std::span<char> bytes) { return gunzip.Read(bytes); });
  uint64_t found = 0;
  while (true) {
    const auto entry = reader.Next();
    ASSERT_THAT(entry, IsOk());
    if (!*entry) break;
    if ((*entry)->path == "home/vcap/app/zeros") found = (*entry)->bytes;
  }
  EXPECT_EQ(found, kFileBytes);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sluice::image

// Bytes that must not change unnoticed: compared with a file of the source tree that is reviewed
// like code. A change that is meant is accepted by running the test with SLUICE_ACCEPT_GOLDEN=1,
// which writes the files; the difference is then part of the commit.
#pragma once

#include <stdlib.h>

#include <string>
#include <string_view>

#include "common/base/files.h"
#include "gtest/gtest.h"

namespace sluice {

// `path` is relative to the source tree.
inline void ExpectGolden(const std::string& path, std::string_view actual) {
  constexpr size_t kGoldenBytesMax = 4 << 20;
  SystemFiles files;
  const std::string file = std::string(SLUICE_SOURCE_DIR) + "/" + path;
  if (getenv("SLUICE_ACCEPT_GOLDEN") != nullptr) {
    const Status written = files.Replace(file, actual, FileAccess::kEveryone);
    ASSERT_TRUE(written.ok()) << written;
    // Accepting is not passing: nobody mistakes such a run for a good one.
    ADD_FAILURE() << path << " was written anew; look at the difference, then run without "
                  << "SLUICE_ACCEPT_GOLDEN";
    return;
  }
  const StatusOr<std::string> expected = files.Read(file, kGoldenBytesMax);
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_EQ(*expected, actual) << path
                               << " differs; if that is meant, run this test again with "
                                  "SLUICE_ACCEPT_GOLDEN=1";
}

}  // namespace sluice

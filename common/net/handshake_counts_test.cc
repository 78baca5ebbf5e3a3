#include "common/net/handshake_counts.h"

#include "gtest/gtest.h"

namespace sluice::net {
namespace {

constexpr absl::Duration kNow = absl::Seconds(100);
const absl::Duration kLater = kNow + kHandshakeMax + absl::Milliseconds(1);

TEST(HandshakeCountsTest, EachRefusalCountsOnceUnderItsCause) {
  HandshakeCounts counts;
  for (int descriptor = 1; descriptor <= 4; ++descriptor) counts.OnAccepted(descriptor, kNow);
  counts.OnAdmitted();
  counts.OnNotAdmitted();
  counts.OnBadHandshake();
  counts.OnUnfinished();
  counts.OnNotAccepted();
  const RefusedConnections refused = counts.Take(kLater);
  EXPECT_EQ(refused.not_admitted, 1u);
  EXPECT_EQ(refused.bad_handshake, 1u);
  EXPECT_EQ(refused.unfinished, 1u);
  EXPECT_EQ(refused.not_accepted, 1u);
  EXPECT_EQ(refused.not_zmtp, 0u);
  EXPECT_EQ(counts.Take(kLater).all(), 0u);
}

TEST(HandshakeCountsTest, ConnectionThatEndedWithoutAnyEventIsCountedByItsAbsence) {
  HandshakeCounts counts;
  counts.OnAccepted(1, kNow);
  counts.OnAdmitted();
  counts.OnAccepted(2, kNow);
  counts.OnEnded(2);
  // The first is too young to be told from the second.
  EXPECT_EQ(counts.Take(kNow).not_zmtp, 0u);
  EXPECT_EQ(counts.Take(kLater).not_zmtp, 1u);
  EXPECT_EQ(counts.Take(kLater).not_zmtp, 0u);
}

TEST(HandshakeCountsTest, ConnectionThatIsStillInItsHandshakeIsNotRefused) {
  HandshakeCounts counts;
  counts.OnAccepted(1, kNow);
  EXPECT_EQ(counts.Take(kNow + kHandshakeMax).all(), 0u);
}

TEST(HandshakeCountsTest, AdmittedConnectionThatEndsIsNotRefused) {
  HandshakeCounts counts;
  counts.OnAccepted(1, kNow);
  counts.OnAdmitted();
  counts.OnEnded(1);
  EXPECT_EQ(counts.Take(kLater).all(), 0u);
}

}  // namespace
}  // namespace sluice::net

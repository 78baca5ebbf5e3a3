#include "common/net/unfinished_messages.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class UnfinishedMessagesTest : public testing::Test {
 protected:
  // Each has said something whole.
  void Open(int count) {
    for (int descriptor = 0; descriptor < count; ++descriptor) {
      messages_.OnOpened(descriptor);
      taken_[descriptor] = 0;
      messages_.OnWhole(descriptor, "key");
    }
    EXPECT_THAT(Look(), IsEmpty());
  }
  std::vector<int> Look() {
    std::vector<int> descriptors;
    for (const auto& excess : messages_.Look()) descriptors.push_back(excess.descriptor);
    return descriptors;
  }

  std::map<int, uint64_t> taken_;
  UnfinishedMessages messages_{[this](int descriptor) -> std::optional<uint64_t> {
    const auto found = taken_.find(descriptor);
    if (found == taken_.end()) return std::nullopt;
    return found->second;
  }};
};

TEST_F(UnfinishedMessagesTest, ConnectionIsToEndOnceItHoldsMoreThanTheLimit) {
  Open(1);
  taken_[0] = kUnfinishedBytesMax;
  EXPECT_THAT(Look(), IsEmpty());
  ++taken_[0];
  EXPECT_THAT(Look(), ElementsAre(0));
  // It was said once; libzmq ends it in its own time.
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_TRUE(messages_.empty());
}

TEST_F(UnfinishedMessagesTest, ConnectionThatGivesWholeMessagesMayCarryAnyNumberOfBytes) {
  Open(1);
  for (int look = 0; look < 100; ++look) {
    taken_[0] += kUnfinishedBytesMax;
    messages_.OnWhole(0, "key");
    EXPECT_THAT(Look(), IsEmpty());
  }
  taken_[0] += kUnfinishedBytesMax + 1;
  const auto excess = messages_.Look();
  ASSERT_EQ(excess.size(), 1u);
  EXPECT_EQ(excess[0].bytes, kUnfinishedBytesMax + 1);
  EXPECT_EQ(excess[0].user_id, "key");
  EXPECT_TRUE(excess[0].by_itself);
}

TEST_F(UnfinishedMessagesTest, ConnectionThatHasSaidNothingWholeMayHoldOneSmallMessage) {
  messages_.OnOpened(0);
  taken_[0] = kFirstMessageBytesMax;
  EXPECT_THAT(Look(), IsEmpty());
  ++taken_[0];
  EXPECT_THAT(Look(), IsEmpty());  // a whole one may lie there, not read yet
  EXPECT_THAT(Look(), ElementsAre(0));
}

TEST_F(UnfinishedMessagesTest, ConnectionWhoseFirstMessageIsReadLateIsNotToEnd) {
  messages_.OnOpened(0);
  taken_[0] = 2 * kFirstMessageBytesMax;
  EXPECT_THAT(Look(), IsEmpty());
  messages_.OnWhole(0, "key");
  taken_[0] += 2 * kFirstMessageBytesMax;
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(UnfinishedMessagesTest, OfManyThatHoldTooMuchTogetherThoseWithMostAreToEnd) {
  constexpr int kConnections = 8;
  Open(kConnections);
  for (int descriptor = 0; descriptor < kConnections; ++descriptor) {
    taken_[descriptor] = kUnfinishedBytesOfAllMax / kConnections;
  }
  EXPECT_THAT(Look(), IsEmpty());
  taken_[3] += 2;
  taken_[5] += 1;
  const auto excess = messages_.Look();
  ASSERT_EQ(excess.size(), 1u);
  EXPECT_EQ(excess[0].descriptor, 3);
  EXPECT_FALSE(excess[0].by_itself);
  EXPECT_THAT(Look(), IsEmpty());
}

TEST_F(UnfinishedMessagesTest, ConnectionThatHasEndedHoldsNothing) {
  Open(2);
  taken_[1] = kUnfinishedBytesMax + 1;
  messages_.OnClosed(1);
  EXPECT_THAT(Look(), IsEmpty());
  EXPECT_FALSE(messages_.empty());
}

}  // namespace
}  // namespace sluice::net

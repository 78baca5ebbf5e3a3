#include "coordinator/daemon/promotion_book.h"

#include "common/base/testing/status_matchers.h"
#include "coordinator/daemon/testing/promotion_events.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

OrderRecorded OrderOf(const std::string& id) {
  OrderRecorded order = TestOrder();
  order.promotion = id;
  order.order_sha256 = "sha of " + id;
  return order;
}

class PromotionBookTest : public ::testing::Test {
 protected:
  Promotion Stage(const std::string& id, const Event& event) {
    const auto after = book_.Stage(id, event);
    EXPECT_THAT(after, IsOk());
    return after.value_or(Promotion());
  }
  void Keep(const std::string& id, const Event& event) {
    const Promotion after = Stage(id, event);
    book_.Commit(after, ++sequence_);
  }
  std::vector<std::string> Listed(std::string_view app, v1::PromotionState state,
                                  size_t most = 10) {
    std::vector<std::string> ids;
    for (const Promotion* promotion : book_.List(app, state, most).promotions) {
      ids.push_back(promotion->id);
    }
    return ids;
  }

  PromotionBook book_;
  uint64_t sequence_ = 0;
};

TEST_F(PromotionBookTest, StagedEventIsJudgedByButNotSeenUntilItIsCommitted) {
  const Promotion recorded = Stage("p-1", {{}, OrderOf("p-1")});
  EXPECT_EQ(book_.Committed("p-1"), nullptr);
  EXPECT_THAT(book_.Find("p-1"), HasErrorName("no-promotion"));
  ASSERT_NE(book_.Latest("p-1"), nullptr);
  EXPECT_THAT(book_.Stage("p-1", {{}, OrderOf("p-1")}), HasErrorName("promotion-exists"));
  book_.Commit(recorded, 5);
  EXPECT_EQ(book_.Committed("p-1")->id, "p-1");
  EXPECT_EQ(book_.SequenceOfOrder("sha of p-1"), 5u);
  EXPECT_EQ(book_.SequenceOfOrder("another"), 0u);
}

TEST_F(PromotionBookTest, SeveralStagedEventsAreCommittedOneByOne) {
  Keep("p-1", {{}, OrderOf("p-1")});
  const Promotion first = Stage("p-1", {{}, SourceSays(1, v1::SOURCE_STATE_ACCEPTED)});
  const Promotion second = Stage("p-1", {{}, TargetSays(0, 1, v1::TARGET_STATE_ACCEPTED)});
  book_.Commit(first, 2);
  EXPECT_EQ(*book_.Committed("p-1"), first);
  EXPECT_EQ(*book_.Latest("p-1"), second);
  book_.Commit(second, 3);
  EXPECT_EQ(*book_.Committed("p-1"), second);
  EXPECT_EQ(book_.Latest("p-1"), book_.Committed("p-1"));
}

TEST_F(PromotionBookTest, DroppedEventsLeaveTheCommittedState) {
  Keep("p-1", {{}, OrderOf("p-1")});
  Stage("p-1", {{}, SourceSays(1, v1::SOURCE_STATE_ACCEPTED)});
  Stage("p-2", {{}, OrderOf("p-2")});
  book_.DropStaged();
  EXPECT_EQ(book_.Latest("p-1")->events, 1u);
  EXPECT_EQ(book_.Latest("p-2"), nullptr);
}

TEST_F(PromotionBookTest, StepOrderIsKnownByItsDigest) {
  Keep("p-1", {{}, OrderOf("p-1")});
  Keep("p-1", {{}, Ordered(StepAction::kCancel)});
  Keep("p-1", {{}, SourceSays(1, v1::SOURCE_STATE_CANCELLED)});
  EXPECT_EQ(book_.SequenceOfOrder("sha of cancel"), 2u);
}

TEST_F(PromotionBookTest, UniquePrefixFindsAndAWholeIdWinsOverLongerOnes) {
  for (const char* id : {"alpha", "alpha-2", "alpine", "beta"}) Keep(id, {{}, OrderOf(id)});
  EXPECT_EQ((*book_.Find("b"))->id, "beta");
  EXPECT_EQ((*book_.Find("alpha"))->id, "alpha");
  EXPECT_EQ((*book_.Find("alpi"))->id, "alpine");
  const auto ambiguous = book_.Find("al");
  EXPECT_THAT(ambiguous, HasErrorName("ambiguous-id"));
  EXPECT_THAT(std::string(ambiguous.status().message()),
              ::testing::HasSubstr("alpha, alpha-2, alpine"));
  EXPECT_THAT(book_.Find("gamma"), HasErrorName("no-promotion"));
  EXPECT_THAT(book_.Find(""), HasErrorName("no-promotion"));
}

TEST_F(PromotionBookTest, ListsNewestFirstByAppAndState) {
  for (const char* id : {"z", "a", "m"}) Keep(id, {{}, OrderOf(id)});
  Keep("a", {{},
             SourceSays(1, v1::SOURCE_STATE_REFUSED,
                        NamedError(StatusCode::kPermissionDenied, "no", "no"))});
  EXPECT_THAT(Listed("", {}), ElementsAre("m", "a", "z"));
  EXPECT_THAT(Listed("", {}, 2), ElementsAre("m", "a"));
  EXPECT_THAT(Listed("", v1::PROMOTION_STATE_UNDOING), ElementsAre("a"));
  EXPECT_THAT(Listed("dev:acme/payments/checkout", {}), ElementsAre("m", "a", "z"));
  EXPECT_THAT(Listed("prod-0:acme/payments/checkout", {}), ElementsAre("m", "a", "z"));
  EXPECT_THAT(Listed("prod-9:acme/payments/checkout", {}), IsEmpty());
}

TEST_F(PromotionBookTest, OpenAreThoseWithSomethingToAskFor) {
  Keep("p-1", {{}, OrderOf("p-1")});
  EXPECT_THAT(book_.open(), ElementsAre("p-1"));
  Keep("p-1", {{}, SourceSays(1, v1::SOURCE_STATE_CANCELLED)});
  Keep("p-1", {{}, TargetSays(0, 1, v1::TARGET_STATE_CANCELLED)});
  EXPECT_THAT(book_.open(), IsEmpty());
}

class SmallBookTest : public PromotionBookTest {
 protected:
  SmallBookTest() { book_ = PromotionBook(2); }
  void KeepCancelled(const std::string& id) {
    OrderRecorded order = OrderOf(id);
    Keep(id, {{}, order});
    Keep(id, {{}, SourceSays(1, v1::SOURCE_STATE_CANCELLED)});
    Keep(id, {{}, TargetSays(0, 1, v1::TARGET_STATE_CANCELLED)});
  }
};

TEST_F(SmallBookTest, OldestEndedOnesAreForgottenAndThoseUnderWayAreKept) {
  Keep("p-0", {{}, OrderOf("p-0")});
  for (const char* id : {"p-1", "p-2", "p-3"}) KeepCancelled(id);
  EXPECT_FALSE(book_.HasForgotten());
  book_.Trim();
  EXPECT_TRUE(book_.HasForgotten());
  EXPECT_THAT(Listed("", {}), ElementsAre("p-3", "p-2", "p-0"));
  EXPECT_EQ(book_.Latest("p-1"), nullptr);
  EXPECT_EQ(book_.SequenceOfOrder("sha of p-1"), 0u);
  EXPECT_EQ(book_.UnderWay(), 1u);
  const PromotionListing listing = book_.List("", {}, 2);
  EXPECT_EQ(listing.not_shown, 1u);
  EXPECT_EQ(listing.not_searched, 1u);
}

TEST_F(SmallBookTest, OneThatIsBeingWrittenToIsNotForgotten) {
  for (const char* id : {"p-1", "p-2", "p-3"}) KeepCancelled(id);
  Stage("p-1", {{}, TargetSays(0, 2, v1::TARGET_STATE_CANCELLED)});
  book_.Trim();
  EXPECT_THAT(Listed("", {}), ElementsAre("p-3", "p-1"));
}

TEST_F(SmallBookTest, AdoptedOneIsKnownAsBefore) {
  PromotionBook other;
  const auto recorded = other.Stage("p-1", {{}, OrderOf("p-1")});
  ASSERT_THAT(recorded, IsOk());
  other.Commit(*recorded, 1);
  sequence_ = 1;
  KeepCancelled("p-2");
  book_.Adopt(std::move(other));
  EXPECT_EQ(*book_.Latest("p-1"), *recorded);
  EXPECT_EQ(book_.SequenceOfOrder("sha of p-1"), 1u);
  EXPECT_THAT(book_.open(), ElementsAre("p-1"));
  EXPECT_THAT(Listed("", {}), ElementsAre("p-2", "p-1"));
}

}  // namespace
}  // namespace sluice::coordinator

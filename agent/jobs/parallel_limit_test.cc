#include "agent/jobs/parallel_limit.h"

#include <memory>
#include <optional>

#include "common/base/mailbox.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "gtest/gtest.h"

namespace sluice::agent {
namespace {

constexpr uint64_t kSmall = ParallelLimit::kSmallBytes;
constexpr uint64_t kLarge = kSmall + 1;

TEST(ParallelLimitTest, AsManyAsThereArePlacesHaveOneAndTheOthersInTheOrderTheyCame) {
  ParallelLimit limit(2);
  std::optional<ParallelLimit::Place> first(std::in_place, limit, kLarge);
  ParallelLimit::Place second(limit, kLarge);
  std::optional<ParallelLimit::Place> third(std::in_place, limit, kLarge);
  ParallelLimit::Place fourth(limit, kLarge);
  EXPECT_TRUE(first->Take());
  EXPECT_TRUE(second.Take());
  EXPECT_FALSE(third->Take());
  EXPECT_FALSE(fourth.Take());
  EXPECT_TRUE(first->Take()) << "it has it already";
  second.Leave();
  EXPECT_FALSE(fourth.Take()) << "the third came before it";
  EXPECT_TRUE(third->Take());
  EXPECT_FALSE(second.Take()) << "it is the last now";
  first.reset();
  EXPECT_TRUE(fourth.Take());
  third.reset();
  EXPECT_TRUE(second.Take());
}

TEST(ParallelLimitTest, WhoWaitsNoMoreHoldsUpNobody) {
  ParallelLimit limit(1);
  std::optional<ParallelLimit::Place> first(std::in_place, limit, kLarge);
  std::optional<ParallelLimit::Place> second(std::in_place, limit, kLarge);
  ParallelLimit::Place third(limit, kLarge);
  ASSERT_TRUE(first->Take());
  ASSERT_FALSE(second->Take());
  ASSERT_FALSE(third.Take());
  second.reset();
  first.reset();
  EXPECT_TRUE(third.Take());
}

TEST(ParallelLimitTest, SmallDropletsDoNotWaitForLargeOnesNorLargeForSmall) {
  ParallelLimit limit(1);
  ParallelLimit::Place large(limit, kLarge);
  ParallelLimit::Place another_large(limit, kLarge);
  ParallelLimit::Place small(limit, kSmall);
  ParallelLimit::Place another_small(limit, kSmall);
  EXPECT_TRUE(large.Take());
  EXPECT_FALSE(another_large.Take());
  EXPECT_TRUE(small.Take());
  EXPECT_FALSE(another_small.Take());
}

// Awaits a place of `limit` on a thread of its own.
class Awaiting {
 public:
  Awaiting(ParallelLimit& limit, std::stop_token stop)
      : thread_(std::make_unique<Thread>("test", [this, &limit, stop = std::move(stop)] {
          ParallelLimit::Place place(limit, kLarge);
          result_.Put(place.Await(stop));
        })) {}
  Status Get() { return *result_.WaitAndTake(); }

 private:
  Mailbox<Status> result_{1};
  std::unique_ptr<Thread> thread_;
};

TEST(ParallelLimitTest, AWaitEndsWithThePlaceOfAnotherOrWithAStop) {
  ParallelLimit limit(1);
  std::optional<ParallelLimit::Place> first(std::in_place, limit, kLarge);
  ASSERT_TRUE(first->Take());
  std::stop_source stop;
  Awaiting stopped(limit, stop.get_token());
  stop.request_stop();
  EXPECT_THAT(stopped.Get(), HasErrorName("cancelled"));
  Awaiting served(limit, {});
  first.reset();
  EXPECT_THAT(served.Get(), IsOk());
}

}  // namespace
}  // namespace sluice::agent

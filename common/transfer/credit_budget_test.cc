#include "common/transfer/credit_budget.h"

#include "common/base/testing/fake_entropy.h"
#include "common/transfer/stream_machine.h"
#include "gtest/gtest.h"

namespace sluice::transfer {
namespace {

constexpr uint32_t kChunk = 256 * 1024;
constexpr uint64_t kBudget = 64 * uint64_t{kChunk};

class CreditBudgetTest : public testing::Test {
 protected:
  FakeEntropy entropy_;
  const TransferId first_ = TransferId::Generate(entropy_);
  const TransferId second_ = TransferId::Generate(entropy_);
  CreditBudget budget_{kBudget};
};

TEST_F(CreditBudgetTest, OneTransferAloneHasAllOfIt) {
  budget_.Join(first_);
  EXPECT_EQ(budget_.Window(first_, kChunk), 64u);
}

TEST_F(CreditBudgetTest, WhatIsUnderWayForOneIsNotGivenToAnother) {
  budget_.Join(first_);
  budget_.Hold(first_, kBudget - 5 * uint64_t{kChunk});
  budget_.Join(second_);
  EXPECT_EQ(budget_.Window(second_, kChunk), 5u);
  EXPECT_EQ(budget_.Window(first_, kChunk), 32u);
  budget_.Hold(first_, 32 * uint64_t{kChunk});
  EXPECT_EQ(budget_.Window(second_, kChunk), 32u);
}

TEST_F(CreditBudgetTest, TransferAlwaysMovesWhateverOthersHold) {
  budget_.Join(first_);
  budget_.Hold(first_, kBudget);
  budget_.Join(second_);
  EXPECT_EQ(budget_.Window(second_, kChunk), CreditBudget::kChunksMin);
}

TEST_F(CreditBudgetTest, ShareOfATransferThatLeavesIsThereForTheRest) {
  budget_.Join(first_);
  budget_.Join(second_);
  budget_.Hold(second_, 32 * uint64_t{kChunk});
  EXPECT_EQ(budget_.Window(first_, kChunk), 32u);
  budget_.Leave(second_);
  budget_.Leave(second_);
  EXPECT_EQ(budget_.Window(first_, kChunk), 64u);
}

TEST_F(CreditBudgetTest, SmallChunksAreBoundedByWhatAQueueTakes) {
  budget_.Join(first_);
  EXPECT_EQ(budget_.Window(first_, 4096), kCreditChunksMax);
}

}  // namespace
}  // namespace sluice::transfer

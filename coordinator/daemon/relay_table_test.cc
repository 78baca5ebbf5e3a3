// The relay without a network: two agents' messages go in, and what comes out for whom is looked
// at.
#include "coordinator/daemon/relay_table.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::coordinator {
namespace {

constexpr net::ConnectionId kSource = 1;
constexpr net::ConnectionId kTarget = 2;
constexpr uint64_t kChunkBytes = 512 << 10;

class RelayTableTest : public testing::Test {
 protected:
  v1::BulkMessage Message() const {
    v1::BulkMessage message;
    message.set_transfer(transfer_);
    return message;
  }
  v1::BulkMessage JoinMessage(const std::string& to, uint64_t taken_bytes = 0) const {
    v1::BulkMessage message = Message();
    message.mutable_relay_join()->set_to_foundation(to);
    message.mutable_relay_join()->set_taken_bytes(taken_bytes);
    return message;
  }
  // What each action is, "1 joined", and the payload bytes per connection on the way.
  std::vector<std::string> Do(net::ConnectionId from, const std::string& foundation,
                              v1::BulkMessage message, std::string payload = "") {
    return Words(table_.OnMessage(from, foundation, std::move(message), std::move(payload), now_));
  }
  std::vector<std::string> Words(const RelayTable::Actions& actions) {
    std::vector<std::string> words;
    for (const RelayTable::Action& action : actions) {
      if (const auto* hang_up = std::get_if<RelayTable::HangUp>(&action)) {
        words.push_back(absl::StrCat(hang_up->connection, " hung up"));
        continue;
      }
      const auto& out = std::get<RelayTable::Out>(action);
      if (out.to == kTarget) held_bytes_ += out.payload.size();
      granted_ +=
          static_cast<uint64_t>(out.message.fetch().indexes_size()) + out.message.credit().chunks();
      words.push_back(absl::StrCat(out.to, " ", Word(out.message)));
    }
    return words;
  }
  static std::string Word(const v1::BulkMessage& message) {
    if (message.has_relay_joined()) return "joined";
    if (message.has_relay_parted()) return "parted " + message.relay_parted().name();
    if (message.has_fetch()) return absl::StrCat("fetch ", message.fetch().indexes_size());
    if (message.has_credit()) {
      return absl::StrCat("credit ", message.credit().chunks(), " stored ",
                          message.credit().stored_size());
    }
    if (message.has_chunk()) return absl::StrCat("chunk ", message.chunk().index());
    if (message.has_open()) return "open";
    return "other";
  }
  void JoinBoth() {
    Do(kSource, "dev", JoinMessage("prod"));
    Do(kTarget, "prod", JoinMessage("dev"));
  }
  std::vector<std::string> Open() {
    v1::BulkMessage message = Message();
    message.mutable_open();
    auto words = Do(kTarget, "prod", message);
    message.mutable_header();
    Do(kSource, "dev", message, "header");
    held_bytes_ = 0;
    return words;
  }
  std::vector<std::string> Credit(uint32_t chunks, int stored = 0) {
    v1::BulkMessage message = Message();
    message.mutable_credit()->set_chunks(chunks);
    for (int i = 0; i < stored; ++i) message.mutable_credit()->add_stored(static_cast<uint32_t>(i));
    return Do(kTarget, "prod", message);
  }
  std::vector<std::string> Fetch(uint32_t count) {
    v1::BulkMessage message = Message();
    for (uint32_t i = 0; i < count; ++i) message.mutable_fetch()->add_indexes(i);
    return Do(kTarget, "prod", message);
  }
  std::vector<std::string> Chunk(uint32_t index) {
    v1::BulkMessage message = Message();
    message.mutable_chunk()->set_index(index);
    return Do(kSource, "dev", message, std::string(kChunkBytes, 's'));
  }

  const std::string transfer_ = std::string(16, 't');
  RelayTable table_;
  absl::Duration now_ = absl::Seconds(1);
  uint64_t held_bytes_ = 0;  // went to the target
  uint64_t granted_ = 0;     // chunks that the source was told it may send
};

TEST_F(RelayTableTest, BothEndsHearWhenTheSecondHasJoined) {
  EXPECT_THAT(Do(kSource, "dev", JoinMessage("prod")), testing::IsEmpty());
  EXPECT_THAT(Do(kTarget, "prod", JoinMessage("dev")),
              testing::UnorderedElementsAre("1 joined", "2 joined"));
}

TEST_F(RelayTableTest, EndsThatDoNotNameEachOtherAreNotJoined) {
  Do(kSource, "dev", JoinMessage("prod"));
  EXPECT_THAT(Do(kTarget, "prod", JoinMessage("other")), testing::IsEmpty());
  EXPECT_THAT(Do(3, "other", JoinMessage("dev")), testing::IsEmpty());
}

TEST_F(RelayTableTest, MessagesArePassedOnAsTheyCame) {
  JoinBoth();
  EXPECT_THAT(Open(), testing::ElementsAre("1 open"));
}

TEST_F(RelayTableTest, WhoHasNotJoinedIsRefusedByName) {
  v1::BulkMessage message = Message();
  message.mutable_ping();
  EXPECT_THAT(Do(9, "dev", message),
              testing::ElementsAre("9 parted relay-not-joined", "9 hung up"));
  EXPECT_THAT(Do(9, "dev", JoinMessage("dev")),
              testing::ElementsAre("9 parted relay-bad-join", "9 hung up"));
}

TEST_F(RelayTableTest, WhenOneEndGoesTheOtherIsToldAndANewConnectionJoinsAnew) {
  JoinBoth();
  EXPECT_THAT(Words(table_.OnGone(kSource, absl::UnavailableError("gone"))),
              testing::ElementsAre(testing::StartsWith("2 parted")));
  EXPECT_THAT(Do(7, "dev", JoinMessage("prod")),
              testing::UnorderedElementsAre("7 joined", "2 joined"));
}

TEST_F(RelayTableTest, ASecondConnectionOfOneEndReplacesTheFirst) {
  JoinBoth();
  EXPECT_THAT(Do(7, "dev", JoinMessage("prod")),
              testing::ElementsAre("2 parted relay-parted", "1 hung up", "7 joined", "2 joined"));
}

TEST_F(RelayTableTest, ATargetThatTakesNothingIsSentNoMoreThanTheWindow) {
  JoinBoth();
  Open();
  Credit(128);
  // The source uses all that it is given, and the target reads nothing.
  for (uint32_t index = 0, sent = 1; sent > 0;) {
    sent = 0;
    for (; index < granted_; ++index, ++sent) Chunk(index);
  }
  EXPECT_LE(held_bytes_, kRelayWindowMax);
  EXPECT_GT(held_bytes_, kRelayWindowMax - 2 * (kChunkBytes + 64)) << "the window is used";
  // What it takes makes room for as much.
  const uint64_t before = granted_;
  Do(kTarget, "prod", JoinMessage("dev", 4 * kChunkBytes));
  EXPECT_EQ(granted_, before + 4);
}

TEST_F(RelayTableTest, WhatIsStoredIsToldAtOnceHoweverLittleMoreMayCome) {
  JoinBoth();
  Open();
  Credit(128);
  EXPECT_THAT(Credit(4, 3), testing::ElementsAre("1 credit 0 stored 3"));
}

TEST_F(RelayTableTest, CreditByNameIsHeldBackTheSameWay) {
  JoinBoth();
  Open();
  EXPECT_THAT(Fetch(128), testing::ElementsAre("1 fetch 15"));
}

TEST_F(RelayTableTest, MoreThanTheCreditEndsTheLineByName) {
  JoinBoth();
  Open();
  Credit(2);
  Chunk(0);
  Chunk(1);
  EXPECT_THAT(Chunk(2), testing::ElementsAre("1 parted relay-credit-exceeded", "1 hung up",
                                             "2 parted relay-credit-exceeded"));
}

TEST_F(RelayTableTest, ATargetThatAsksForTooMuchEndsTheLineByName) {
  JoinBoth();
  Open();
  EXPECT_THAT(Credit(1000), testing::Contains("2 parted relay-credit-exceeded"));
}

TEST_F(RelayTableTest, ChunksThatWereUnderWayAtAnOpenAreNoExcess) {
  JoinBoth();
  Open();
  Credit(2);
  v1::BulkMessage open = Message();
  open.mutable_open();
  Do(kTarget, "prod", open);
  EXPECT_THAT(Chunk(0), testing::ElementsAre("2 chunk 0"));
  EXPECT_THAT(Chunk(1), testing::ElementsAre("2 chunk 1"));
  v1::BulkMessage header = Message();
  header.mutable_header();
  Do(kSource, "dev", header, "header");
  EXPECT_THAT(Chunk(2), testing::Contains("1 parted relay-credit-exceeded"));
}

TEST_F(RelayTableTest, ASourceThatComesAgainDoesNotEmptyTheWindowOfATargetThatTakesNothing) {
  JoinBoth();
  Open();
  Credit(128);
  for (uint32_t i = 0; i < granted_; ++i) Chunk(i);
  const uint64_t held = held_bytes_;
  Do(7, "dev", JoinMessage("prod"));
  v1::BulkMessage open = Message();
  open.mutable_open();
  Do(kTarget, "prod", open);
  const uint64_t before = granted_;
  Credit(128);
  EXPECT_LE(held + (granted_ - before) * kChunkBytes, kRelayWindowMax);
}

TEST_F(RelayTableTest, AConnectionThatFallsSilentIsForgotten) {
  JoinBoth();
  now_ += kRelaySilenceMax / 2;
  Do(kSource, "dev", JoinMessage("prod"));
  now_ += kRelaySilenceMax / 2;
  EXPECT_THAT(Words(table_.OnTime(now_)),
              testing::ElementsAre("1 parted relay-parted", "2 hung up"));
  now_ += kRelaySilenceMax;
  EXPECT_THAT(Words(table_.OnTime(now_)), testing::ElementsAre("1 hung up"));
  EXPECT_EQ(table_.figures().lines, 0u);
}

TEST_F(RelayTableTest, NoMoreLinesThanTheLimit) {
  for (size_t i = 0; i < kRelayLinesMax; ++i) {
    EXPECT_THAT(Do(100 + i, "dev", JoinMessage(absl::StrCat("prod-", i))), testing::IsEmpty());
  }
  EXPECT_THAT(Do(99, "dev", JoinMessage("prod")),
              testing::ElementsAre("99 parted relay-full", "99 hung up"));
}

TEST_F(RelayTableTest, ManyLinesShareWhatTheRelayMayHold) {
  JoinBoth();
  for (net::ConnectionId i = 0; i < 7; ++i) {
    Do(100 + i, "dev", JoinMessage(absl::StrCat("prod-", i)));
  }
  Open();
  Credit(128);
  for (uint32_t i = 0; i < granted_; ++i) Chunk(i);
  EXPECT_LE(held_bytes_, kRelayBytesShared / 8);
}

// Whatever an honest source and a target do in whatever order, the relay holds no more than its
// window and cuts nobody.
TEST_F(RelayTableTest, TheWindowHoldsInEveryHistory) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SeededRandom random(seed);
    table_ = RelayTable();
    granted_ = held_bytes_ = 0;
    JoinBoth();
    Open();
    granted_ = 0;
    uint64_t taken = 6;  // the header
    uint64_t asked = 0;
    uint64_t sent = 0;
    for (int step = 0; step < 400; ++step) {
      const uint64_t choice = random.Below(4);
      std::vector<std::string> words;
      if (choice == 0 && asked - sent < 64) {
        const auto more = static_cast<uint32_t>(1 + random.Below(64));
        asked += more;
        words = random.Below(2) == 0 ? Credit(more) : Fetch(more);
      } else if (choice == 1 && held_bytes_ > 0) {
        const uint64_t portion = kChunkBytes * (1 + random.Below(held_bytes_ / kChunkBytes));
        held_bytes_ -= portion;
        taken += portion;
        words = Do(kTarget, "prod", JoinMessage("dev", taken));
      } else if (sent < granted_) {
        words = Chunk(static_cast<uint32_t>(sent++));
      }
      for (const std::string& word : words) {
        ASSERT_EQ(word.find("parted"), std::string::npos) << "seed " << seed << ": " << word;
      }
      ASSERT_LE(held_bytes_, kRelayWindowMax) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace sluice::coordinator

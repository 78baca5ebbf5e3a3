// Goal: jobs read back from the journal are the jobs that were written. Method: every field set,
// written, read and written again.
#include "agent/jobs/source_record.h"
#include "agent/jobs/target_facts.h"
#include "agent/jobs/target_record.h"
#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

TEST(Records, TargetFactsReadBackAsTheyWereWritten) {
  TargetFacts facts;
  facts.app_guid = AppGuid("app");
  facts.app_created = true;
  facts.app_was_started = true;
  facts.previous_droplet_guid = DropletGuid("before");
  facts.droplet_guid = DropletGuid("promoted");
  facts.droplet_made = true;
  facts.droplet_asked = true;
  facts.droplets_before = {DropletGuid("before"), DropletGuid("older")};
  facts.droplet_staged = true;
  facts.reported_sha256 = std::string(64, 'a');
  facts.path = kDirectPath;
  facts.activation_begun = true;
  facts.deployment_guid = DeploymentGuid("deployment");
  facts.bytes_transferred = 1;
  facts.bytes_received = 2;
  facts.bytes_again = 3;
  facts.transfer_milliseconds = 4;
  facts.uploads_begun = 7;
  facts.waiting_for = kWaitingForRoom;
  facts.started_at = absl::FromUnixSeconds(5);
  facts.finished_at = absl::FromUnixSeconds(6);
  facts.ways = {{.peer = 1,
                 .kind = transfer::WayKind::kRelay,
                 .endpoint = "tcp://a:1",
                 .carrying = true,
                 .state = transfer::LineWays::State::kReady,
                 .tries = 2,
                 .times_ready = 3,
                 .bytes = 4,
                 .why = NamedError(StatusCode::kUnavailable, "cut", "it broke")}};
  facts.warnings = {"no route"};
  const auto read = ParseTargetFacts(FormatTargetFacts(facts));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(FormatTargetFacts(*read), FormatTargetFacts(facts));
  EXPECT_EQ(read->deployment_guid.value(), "deployment");
  EXPECT_EQ(read->finished_at, absl::FromUnixSeconds(6));
}

TEST(Records, OfManyWaysThoseToTheSourceAndTheMostUsedAreKept) {
  std::vector<transfer::WayFigures> ways;
  for (size_t peer = 2 * kWaysMax; peer > 0; --peer) {
    ways.push_back({.peer = peer, .endpoint = "fellow", .bytes = 1000 - peer, .why = {}});
  }
  ways.push_back({.peer = 0, .endpoint = "source", .bytes = 0, .why = {}});
  const std::vector<transfer::WayFigures> kept = MostUsed(ways);
  ASSERT_EQ(kept.size(), kWaysMax);
  EXPECT_EQ(kept[0].endpoint, "source");
  for (size_t i = 1; i < kWaysMax; ++i) EXPECT_EQ(kept[i].peer, i) << "the one with most bytes";
}

TEST(Records, TargetRecordReadsBackWithItsErrorsAndRollback) {
  TargetRecord record;
  record.state = {.phase = TargetPhase::kUndoing,
                  .running = TargetStep::kUndo,
                  .undo = UndoKind::kRollback,
                  .cause = NamedError(StatusCode::kDataLoss, "digest-mismatch", "bytes differ"),
                  .undo_error = NamedError(StatusCode::kUnavailable, "needs-hands", "look")};
  record.seal_offer = "{offer}";
  record.statement = "{statement}";
  record.receipt = "{receipt}";
  record.rollback = {.order_sha256 = "sha256",
                     .restore_droplet_guid = DropletGuid("before"),
                     .expected_current_droplet_guid = DropletGuid("promoted"),
                     .expires_at = absl::FromUnixSeconds(7)};
  const auto read = ParseTargetRecord(FormatTargetRecord(record));
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(read->state.phase, TargetPhase::kUndoing);
  EXPECT_EQ(read->state.running, TargetStep::kUndo);
  EXPECT_EQ(read->state.undo, UndoKind::kRollback);
  EXPECT_THAT(read->state.cause, HasErrorName("digest-mismatch"));
  EXPECT_THAT(read->state.undo_error, StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(read->rollback, record.rollback);
  EXPECT_EQ(FormatTargetRecord(*read), FormatTargetRecord(record));
}

TEST(Records, SourceRecordReadsBack) {
  SourceRecord record;
  record.state = {.phase = SourcePhase::kSending,
                  .cancelling = true,
                  .running = true,
                  .cause = NamedError(StatusCode::kCancelled, "cancelled", "by maria")};
  record.statement = "{statement}";
  record.header = std::string("\0\xff", 2);
  record.bytes_sent = 1;
  record.bytes_again = 2;
  record.transfer_milliseconds = 3;
  const auto read = ParseSourceRecord(FormatSourceRecord(record));
  ASSERT_THAT(read, IsOk());
  EXPECT_TRUE(read->state.cancelling);
  EXPECT_FALSE(read->state.running) << "in another process";
  EXPECT_EQ(read->header, record.header);
  EXPECT_THAT(read->state.cause, HasErrorName("cancelled"));
  EXPECT_EQ(FormatSourceRecord(*read), FormatSourceRecord(record));
}

TEST(Records, WhatIsNotARecordIsUnreadableByName) {
  for (const char* text : {"", "{", "[]", "{}", "{\"phase\":1}", "{\"phase\":\"asleep\"}"}) {
    EXPECT_THAT(ParseTargetRecord(text), HasErrorName("journal-unreadable")) << text;
    EXPECT_THAT(ParseTargetFacts(text), HasErrorName("journal-unreadable")) << text;
    EXPECT_THAT(ParseSourceRecord(text), HasErrorName("journal-unreadable")) << text;
  }
}

}  // namespace
}  // namespace sluice::agent

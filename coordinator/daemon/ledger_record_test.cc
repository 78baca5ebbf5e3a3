// Every event as the ledger keeps it, byte for byte, and back: files of today must be readable by
// every program to come.
#include "coordinator/daemon/ledger_record.h"

#include <utility>

#include "common/base/testing/status_matchers.h"
#include "common/trust/testing/test_trust.h"
#include "coordinator/daemon/ledger_chain.h"
#include "coordinator/daemon/testing/promotion_events.h"
#include "gmock/gmock.h"

namespace sluice::coordinator {
namespace {

const absl::Time kAt = absl::FromUnixMillis(1767225600123);

std::string NobodysName(std::string_view) { return "alice"; }

StatusOr<RecordedEvent> Again(const LedgerDraft& draft) {
  return EventOf(ChainEntry({}, absl::ToUnixMillis(draft.at), draft.kind, draft.body), NobodysName);
}

// Events have no equality of their own: two are the same when their records are.
void ExpectComesBack(const Event& event, const std::string& kind, const std::string& body) {
  const LedgerDraft draft = RecordOf(event, "p-1");
  EXPECT_EQ(draft.kind, kind);
  EXPECT_EQ(draft.body, body);
  const StatusOr<RecordedEvent> recorded = Again(draft);
  ASSERT_THAT(recorded, IsOk());
  EXPECT_EQ(recorded->promotion, "p-1");
  EXPECT_EQ(recorded->event.at, event.at);
  const LedgerDraft twice = RecordOf(recorded->event, recorded->promotion);
  EXPECT_EQ(twice.kind, draft.kind);
  EXPECT_EQ(twice.body, draft.body);
}

TEST(LedgerRecordTest, SourceReportHasItsGoldenBytes) {
  SourceReported report = SourceSays(3, v1::SOURCE_STATE_FAILED,
                                     NamedError(StatusCode::kDataLoss, "bad-bytes", "they differ"));
  report.statement = "{s}";
  report.warnings = {"w"};
  report.progress = {
      .bytes_done = 1,
      .bytes_total = 2,
      .bytes_sent = 3,
      .bytes_again = 4,
      .milliseconds = 5,
      .phase = "transfer",
      .bytes_direct = 6,
      .bytes_relay = 7,
      .bytes_peer = 8,
      .bytes_not_sent = 9,
      .stages = {.download = 10, .transfer = 11, .upload = 12, .job = 13, .activation = 14},
      .ways = {}};
  ExpectComesBack({kAt, report}, "source-report",
                  R"({"error":{"code":15,"message":"they differ","name":"bad-bytes"},)"
                  R"("progress":{"bytes_again":4,"bytes_direct":6,"bytes_done":1,)"
                  R"("bytes_not_sent":9,"bytes_peer":8,"bytes_relay":7,"bytes_sent":3,)"
                  R"("bytes_total":2,"milliseconds":5,"phase":"transfer","stages":)"
                  R"({"activation":14,"download":10,"job":13,"transfer":11,"upload":12}},)"
                  R"("promotion":"p-1","revision":3,)"
                  R"("state":"SOURCE_STATE_FAILED","statement":"e3N9","warnings":["w"]})");
}

TEST(LedgerRecordTest, WaysHaveTheirGoldenBytes) {
  TargetReported report = TargetSays(1, 7, v1::TARGET_STATE_VERIFIED);
  report.reported_sha256 = "aa";
  report.progress.ways = {{.path = v1::PATH_KIND_RELAY,
                           .endpoint = "tcp://a:1",
                           .tries = 2,
                           .times_ready = 3,
                           .bytes = 4,
                           .carries = true,
                           .given_up = false,
                           .lost_by = NamedError(StatusCode::kUnavailable, "cut", "it broke")}};
  ExpectComesBack(
      {kAt, report}, "target-report",
      R"({"droplet_guid":"","error":{"code":0,"message":"","name":""},"path":"",)"
      R"("previous_droplet_guid":"","progress":{"bytes_again":0,"bytes_direct":0,"bytes_done":0,)"
      R"("bytes_not_sent":0,"bytes_peer":0,"bytes_relay":0,"bytes_sent":0,"bytes_total":0,)"
      R"("milliseconds":0,"phase":"","stages":{"activation":0,"download":0,"job":0,"transfer":0,)"
      R"("upload":0},"ways":[{"bytes":4,"carries":true,"endpoint":"tcp://a:1","given_up":false,)"
      R"("lost_by":{"code":14,"message":"it broke","name":"cut"},"path":"PATH_KIND_RELAY",)"
      R"("times_ready":3,"tries":2}]},"promotion":"p-1","receipt":"","reported_sha256":"aa",)"
      R"("revision":7,"seal_offer":"","state":"TARGET_STATE_VERIFIED","target_index":1,)"
      R"("waiting_for":"WAITING_FOR_UNSPECIFIED","warnings":[]})");
}

TEST(LedgerRecordTest, TargetReportHasItsGoldenBytes) {
  TargetReported report = TargetSays(1, 7, v1::TARGET_STATE_VERIFIED);
  report.waiting_for = v1::WAITING_FOR_ROOM;
  report.seal_offer = "{o}";
  report.receipt = "{r}";
  report.droplet_guid = "g";
  report.reported_sha256 = "aa";
  report.previous_droplet_guid = "h";
  report.path = "direct";
  ExpectComesBack(
      {kAt, report}, "target-report",
      R"({"droplet_guid":"g","error":{"code":0,"message":"","name":""},"path":"direct",)"
      R"("previous_droplet_guid":"h","progress":{"bytes_again":0,"bytes_direct":0,)"
      R"("bytes_done":0,"bytes_not_sent":0,"bytes_peer":0,"bytes_relay":0,"bytes_sent":0,)"
      R"("bytes_total":0,"milliseconds":0,"phase":"","stages":)"
      R"({"activation":0,"download":0,"job":0,"transfer":0,"upload":0}},)"
      R"("promotion":"p-1","receipt":"e3J9",)"
      R"("reported_sha256":"aa","revision":7,"seal_offer":"e299","state":"TARGET_STATE_VERIFIED",)"
      R"("target_index":1,"waiting_for":"WAITING_FOR_ROOM","warnings":[]})");
}

TEST(LedgerRecordTest, ReportsOfBeforeCostsWereToldAreReadStill) {
  const std::string body =
      R"({"error":{"code":0,"message":"","name":""},)"
      R"("progress":{"bytes_again":4,"bytes_done":1,"bytes_sent":3,"bytes_total":2,)"
      R"("milliseconds":5,"phase":"transfer"},"promotion":"p-1","revision":3,)"
      R"("state":"SOURCE_STATE_SENT","statement":"","warnings":[]})";
  const auto read =
      EventOf(ChainEntry({}, absl::ToUnixMillis(kAt), "source-report", body), NobodysName);
  ASSERT_THAT(read, IsOk());
  const TransferProgress progress = std::get<SourceReported>(read->event.what).progress;
  EXPECT_EQ(progress.bytes_sent, 3u);
  EXPECT_EQ(progress.bytes_direct, 0u);
  EXPECT_EQ(progress.stages, StageTimes());
}

TEST(LedgerRecordTest, RoutesHaveTheirGoldenBytes) {
  const RoutesChosen chosen{{{.target_index = 0, .source_dials = false, .endpoint = "tcp://a:1"},
                             {.target_index = 1, .source_dials = true, .endpoint = "tcp://b:2"},
                             {.target_index = 1,
                              .path = ChosenRoute::Path::kRelay,
                              .source_dials = false,
                              .endpoint = "tcp://*:3"},
                             {.target_index = 0,
                              .path = ChosenRoute::Path::kPeer,
                              .source_dials = false,
                              .endpoint = "tcp://c:4"}}};
  ExpectComesBack({kAt, chosen}, "routes",
                  R"({"promotion":"p-1","routes":[)"
                  R"({"dials":"target","endpoint":"tcp://a:1","path":"direct","target_index":0},)"
                  R"({"dials":"source","endpoint":"tcp://b:2","path":"direct","target_index":1},)"
                  R"({"dials":"both","endpoint":"tcp://*:3","path":"relay","target_index":1},)"
                  R"({"dials":"targets","endpoint":"tcp://c:4","path":"peer","target_index":0}]})");
}

TEST(LedgerRecordTest, NoPathHasItsGoldenBytes) {
  ExpectComesBack(
      {kAt, NoPathFound{NamedError(StatusCode::kFailedPrecondition, "no-path", "neither")}},
      "no-path", R"({"error":{"code":9,"message":"neither","name":"no-path"},"promotion":"p-1"})");
}

TEST(LedgerRecordTest, OrderIsKeptAsTheBytesThatWereSigned) {
  const trust::TestTrust trust;
  const trust::Order order = trust.PromoteOrder();
  const std::string envelope = trust.Signed(order);
  const LedgerDraft draft =
      RecordOf({kAt, RecordedOrder(order, envelope, "alice")}, order.promotion.value());
  EXPECT_EQ(draft.kind, "order");
  EXPECT_EQ(draft.body, envelope);
  const auto recorded = Again(draft);
  ASSERT_THAT(recorded, IsOk());
  EXPECT_EQ(recorded->promotion, "promotion-1");
  const auto& event = std::get<OrderRecorded>(recorded->event.what);
  EXPECT_EQ(event.order_sha256, trust::OrderSha256(envelope));
  EXPECT_EQ(event.operator_name, "alice");
  EXPECT_EQ(event.terms.source, "dev:acme/payments/checkout");
  EXPECT_EQ(event.terms.targets[0].reference, "prod:acme/payments/checkout");
  EXPECT_EQ(event.terms.sha256, order.artifact.sha256);
  EXPECT_EQ(event.terms.size_bytes, 187654321u);
  EXPECT_EQ(event.terms.strategy, "rolling");
  EXPECT_TRUE(event.terms.activate);
}

TEST(LedgerRecordTest, EveryStepOrderComesBackAsItsAction) {
  const trust::TestTrust trust;
  const std::pair<trust::Action, StepAction> actions[] = {
      {trust::Action::kActivate, StepAction::kActivate},
      {trust::Action::kCancel, StepAction::kCancel},
      {trust::Action::kRollback, StepAction::kRollback}};
  for (const auto& [action, step] : actions) {
    trust::Order order = trust.PromoteOrder();
    order.action = action;
    order.original_order_sha256 = std::string(64, '1');
    const bool uses_counter = action == trust::Action::kRollback;
    order.targets[0].counter = uses_counter ? 2 : 0;
    if (uses_counter) order.targets[0].droplet_guid = DropletGuid("old");
    const std::string envelope = trust.Signed(order);
    const LedgerDraft draft =
        RecordOf({kAt, RecordedStep(order, envelope, "alice")}, order.promotion.value());
    EXPECT_EQ(draft.kind, "step-order");
    const auto recorded = Again(draft);
    ASSERT_THAT(recorded, IsOk());
    EXPECT_EQ(std::get<StepOrdered>(recorded->event.what).action, step);
    EXPECT_EQ(std::get<StepOrdered>(recorded->event.what).envelope, envelope);
  }
}

TEST(LedgerRecordTest, WhatThisProgramDoesNotKnowIsUnreadable) {
  const auto unreadable = [](const std::string& kind, const std::string& body) {
    return EventOf(ChainEntry({}, 0, kind, body), NobodysName).status();
  };
  EXPECT_THAT(unreadable("wave", "{}"), HasErrorName("ledger-unreadable"));
  EXPECT_THAT(unreadable("order", "not an envelope"), HasErrorName("ledger-unreadable"));
  EXPECT_THAT(unreadable("routes", "{"), HasErrorName("ledger-unreadable"));
  EXPECT_THAT(unreadable("routes", R"({"promotion":"p-1"})"), HasErrorName("ledger-unreadable"));
  EXPECT_THAT(unreadable("routes", R"({"promotion":7,"routes":[]})"),
              HasErrorName("ledger-unreadable"));
  LedgerDraft draft = RecordOf({kAt, SourceSays(1, v1::SOURCE_STATE_SENT)}, "p-1");
  draft.body.replace(draft.body.find("SOURCE_STATE_SENT"), 17, "SOURCE_STATE_ELSE");
  EXPECT_THAT(Again(draft), HasErrorName("ledger-unreadable"));
}

}  // namespace
}  // namespace sluice::coordinator

// Goal: `sluice promote` from its words to its exit code. Method: the whole program over a fake
// federation whose agents check what is signed by the code that real agents use.
#include "coordinator/cli/promoting.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class PromotingTest : public CliTest {
 protected:
  // Promotes with these words more.
  int Promote(const std::vector<std::string>& more) {
    std::vector<std::string> words = {"promote", "dev:acme/payments/checkout",
                                      "prod:acme/payments"};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }

  // Changes fields of an agent's plan.
  void EditAnswer(const std::string& foundation, const std::string& action, const json& changes) {
    json answer = json::parse(federation_.AnswerOf(foundation, action));
    answer.update(changes);
    federation_.Answer(foundation, action, answer.dump());
  }
};

TEST_F(PromotingTest, WithoutTerminalAndWithoutYesNothingIsOrdered) {
  EXPECT_EQ(Promote({}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("give --yes"));
  EXPECT_THAT(terminal_.notes, HasSubstr(std::string(64, 'a')));  // the plan was shown before
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, ThePlanIsShownAndConfirmedBeforeTheOrderIsSigned) {
  terminal_.can_ask = true;
  terminal_.answers = {"y"};
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Promote({"--id", "CHG-7", "--reason", "release 12"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.questions,
              ::testing::ElementsAre("Promote to prod:acme/payments/checkout? [y/N] "));
  ASSERT_THAT(federation_.orders, SizeIs(1));
  const trust::Order& order = federation_.orders[0];
  EXPECT_EQ(order.promotion.value(), "CHG-7");
  EXPECT_EQ(order.reason, "release 12");
  EXPECT_EQ(order.artifact.sha256, std::string(64, 'a'));
  EXPECT_EQ(order.source.droplet_guid.value(), "11111111-0000-4000-8000-000000000002");
  EXPECT_EQ(order.targets[0].counter, 1);
  EXPECT_EQ(order.targets[0].expected_current_droplet_guid.value(),
            "22222222-0000-4000-8000-000000000004");
  EXPECT_TRUE(order.activate);
  EXPECT_EQ(order.expires_at - order.issued_at, absl::Hours(1));
  // Data on standard output, everything else beside it.
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("CHG-7"), HasSubstr("verified"),
                                   HasSubstr("179.0 MiB in 4.0s (44.7 MiB/s), 0.5% overhead")));
  EXPECT_THAT(terminal_.notes, HasSubstr("cut-through (no rate is known yet)"));
}

TEST_F(PromotingTest, TheOrderSaysUntilWhenAgentsMayActivate) {
  using Case = std::pair<std::vector<std::string>, std::optional<absl::Duration>>;
  const std::vector<Case> cases = {
      {{}, absl::Hours(24)},
      {{"--deadline", "90m"}, absl::Minutes(90)},
      {{"--no-activate"}, std::nullopt},  // who activates orders it in a day or in a week
      {{"--no-activate", "--deadline", "72h"}, absl::Hours(72)},
  };
  for (const auto& [flags, expected] : cases) {
    std::vector<std::string> words = {"--yes", "--detach"};
    words.insert(words.end(), flags.begin(), flags.end());
    ASSERT_EQ(Promote(words), 0) << terminal_.notes;
    const trust::Order& order = federation_.orders.back();
    std::optional<absl::Duration> life;
    if (order.activate_before) life = *order.activate_before - order.issued_at;
    EXPECT_EQ(life, expected) << ::testing::PrintToString(flags);
  }
}

TEST_F(PromotingTest, AnAnswerThatIsNotYesOrdersNothing) {
  terminal_.can_ask = true;
  for (const std::string& answer : {std::string("n"), std::string(), std::string("yellow")}) {
    terminal_.answers = {answer};
    EXPECT_EQ(Promote({}), 1);
    EXPECT_THAT(terminal_.notes, HasSubstr("nothing was ordered"));
  }
  EXPECT_EQ(Promote({}), 130);  // interrupted at the question
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, SeveralTargetsArePlannedSideBySideAndOrderedByOneOrder) {
  federation_.moments = federation_.GoodEnd();
  terminal_.can_ask = true;
  terminal_.answers = {"y"};
  EXPECT_EQ(Promote({"west:acme/payments", "prod:acme/payments/other", "--id", "CHG-7"}), 0)
      << terminal_.notes;
  EXPECT_THAT(
      terminal_.questions,
      ::testing::ElementsAre("Promote to these 3 targets: prod:acme/payments/checkout, "
                             "west:acme/payments/checkout, prod:acme/payments/other? [y/N] "));
  ASSERT_THAT(federation_.orders, SizeIs(1));
  const trust::Order& order = federation_.orders[0];
  ASSERT_THAT(order.targets, SizeIs(3));
  const std::vector<std::pair<std::string, int64_t>> expected = {{"prod:acme/payments/checkout", 1},
                                                                 {"west:acme/payments/checkout", 7},
                                                                 {"prod:acme/payments/other", 1}};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(order.targets[i].reference.text(), expected[i].first);
    EXPECT_EQ(order.targets[i].counter, expected[i].second);
    // Its plan is shown before, its result after.
    EXPECT_THAT(terminal_.notes, HasSubstr("target      " + expected[i].first));
    EXPECT_THAT(terminal_.out, HasSubstr(expected[i].first));
  }
  EXPECT_THAT(terminal_.notes, HasSubstr("copied there, as soon as prod:acme/payments/checkout"));
}

TEST_F(PromotingTest, OneTargetThatCannotBePlannedStopsAllAndTheOthersThatCannotAreNamed) {
  federation_.disconnected = {"west"};
  EXPECT_EQ(Promote({"west:acme/payments", "--yes"}), 5);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("west"), HasSubstr("[agent-not-connected]"),
                                     Not(HasSubstr("refused also by"))));
  federation_.Answer("prod", "plan-target",
                     NamedError(StatusCode::kNotFound, "no-space", "there is no space payments"));
  EXPECT_EQ(Promote({"west:acme/payments", "--yes"}), 4);
  EXPECT_THAT(terminal_.notes,
              HasSubstr("prod: there is no space payments; refused also by "
                        "west:acme/payments/checkout [agent-not-connected] [no-space]\n"));
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, ATargetTwiceTheSourceAmongThemAndTooManyNeedNoCoordinator) {
  EXPECT_EQ(Promote({"prod:acme/payments/checkout", "--yes"}), 2);
  EXPECT_THAT(terminal_.notes,
              HasSubstr("prod:acme/payments/checkout is given as a target twice [target-twice]"));
  EXPECT_EQ(Promote({"dev:acme/payments", "--yes"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("[same-app]"));
  std::vector<std::string> many = {"--yes"};
  for (int i = 1; i <= 64; ++i) many.push_back(absl::StrCat("prod:acme/payments/app-", i));
  EXPECT_EQ(Promote(many), 2);  // and one more that is always there
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("at most 64"), HasSubstr("these are 65"),
                                     HasSubstr("[too-many-targets]")));
  EXPECT_EQ(connections_, 0);
  many.pop_back();
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Promote(many), 0) << terminal_.notes;
  EXPECT_THAT(federation_.orders.at(0).targets, SizeIs(64));
}

TEST_F(PromotingTest, TheSameIdWithTheSameTargetsInAnotherOrderIsTheSamePromotion) {
  ASSERT_EQ(Promote({"west:acme/payments", "--yes", "--detach", "--id", "CHG-7"}), 0);
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Run({"promote", "dev:acme/payments/checkout", "west:acme/payments",
                 "prod:acme/payments", "--yes", "--id", "CHG-7"}),
            0)
      << terminal_.notes;
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("its target differs"));
  EXPECT_THAT(federation_.orders, SizeIs(1));
}

TEST_F(PromotingTest, EachTargetIsToldByItselfInLinesAndInJson) {
  std::deque<FakeFederation::Moment> moments = federation_.GoodEnd();
  moments.insert(moments.begin() + 2, {.change = [](v1::PromotionDetail& detail) {
                   detail.mutable_targets(1)->set_state(v1::TARGET_STATE_UPLOADED);
                 }});
  federation_.moments = moments;
  EXPECT_EQ(Promote({"west:acme/payments", "--yes", "--output", "json"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("prod:acme/payments/checkout  transferring"),
                                     HasSubstr("west:acme/payments/checkout  uploaded"),
                                     HasSubstr("west:acme/payments/checkout  verified")));
  ASSERT_THAT(Out().at("targets"), SizeIs(2));
  EXPECT_EQ(Out().at("targets")[1].at("target"), "west:acme/payments/checkout");
  EXPECT_EQ(Out().at("targets")[1].at("state"), "verified");
}

TEST_F(PromotingTest, AtTheEndItIsToldWhatTheTransferCostAndWhichStageWasTheSlowest) {
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Promote({"--yes"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out,
              AllOf(HasSubstr("179.0 MiB in 4.0s"), HasSubstr("0.5% overhead, 0 B again"),
                    HasSubstr("171.7 MiB direct + 8.3 MiB peer"),
                    ::testing::ContainsRegex("TIMES +DOWNLOAD +TRANSFER +UPLOAD +JOB +ACTIVATION +"
                                             "SLOWEST\nprod:acme/payments/checkout +0.9s +4.0s "
                                             "+1.5s +0.2s +2.5s +transfer\n")));
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Promote({"--yes", "--output", "json"}), 0) << terminal_.notes;
  EXPECT_EQ(Out().at("targets")[0].at("transfer"), json::parse(R"({
    "bytes_done": 187654321, "bytes_total": 187654321, "bytes_sent": 188654321,
    "bytes_by_path": {"direct": 180000000, "relay": 0, "peer": 8654321}, "bytes_again": 0,
    "bytes_not_sent": 0, "bytes_overhead": 1000000, "milliseconds": 4000,
    "stages": {"download": 900, "transfer": 4000, "upload": 1500, "job": 200, "activation": 2500},
    "slowest": "transfer"})"));
}

TEST_F(PromotingTest, ATransferAsLongAsTheDownloadWasHeldUpByTheDownload) {
  std::deque<FakeFederation::Moment> moments = federation_.GoodEnd();
  const auto good = moments.back().change;
  moments.back().change = [good](v1::PromotionDetail& detail) {
    good(detail);
    detail.mutable_source_progress()->mutable_stages()->set_download_milliseconds(3900);
  };
  federation_.moments = moments;
  EXPECT_EQ(Promote({"--yes"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, ::testing::ContainsRegex("3.9s +4.0s +1.5s +0.2s +2.5s +download\n"));
}

TEST_F(PromotingTest, OneReceiptThatIsMissingAmongSeveralIsNoSuccess) {
  std::deque<FakeFederation::Moment> moments = federation_.GoodEnd();
  const auto good = moments.back().change;
  moments.back().change = [good](v1::PromotionDetail& detail) {
    good(detail);
    detail.mutable_targets(1)->set_receipt(detail.targets(0).receipt());
  };
  federation_.moments = moments;
  EXPECT_EQ(Promote({"west:acme/payments", "--yes"}), 3);  // it is signed by another agent
  EXPECT_THAT(terminal_.notes, HasSubstr("the receipt for west:acme/payments/checkout"));
}

TEST_F(PromotingTest, ADryRunSendsNoOrderAndPrintsThePlanAsData) {
  EXPECT_EQ(Promote({"--dry-run"}), 0);
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("sha256:" + std::string(64, 'a')),
                                   HasSubstr("STARTED, 2 instances")));
  EXPECT_EQ(Promote({"--dry-run", "--output", "json"}), 0);
  EXPECT_EQ(Out(), json::parse(R"({"plan": {
    "activate": true, "bytes_per_second_max": null, "strategy": "rolling",
    "source": {"app": "dev:acme/payments/checkout",
               "app_guid": "11111111-0000-4000-8000-000000000001",
               "droplet_guid": "11111111-0000-4000-8000-000000000002",
               "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
               "size_bytes": 187654321, "stack": "cflinuxfs4", "lifecycle": "buildpack",
               "buildpacks": [{"name": "java", "version": "4.63"}],
               "process_types": {"web": "java -jar app.jar", "worker": "java -jar worker.jar"},
               "created_at": "2025-12-31T23:00:00Z", "origin": null, "warnings": []},
    "targets": [{"app": "prod:acme/payments/checkout",
                 "app_guid": "22222222-0000-4000-8000-000000000003",
                 "exists": true, "state": "STARTED", "instances": 2,
                 "current_droplet_guid": "22222222-0000-4000-8000-000000000004",
                 "current_sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
                 "already": "none", "upload": "cut-through",
                 "upload_why": "no rate is known yet", "changes": ["droplet"],
                 "warnings": [], "undo": "puts back the droplet that runs now",
                 "estimated_seconds": null}]}})"));
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, TheTargetsPlanWithTheLimitOfTheRate) {
  const auto told = [this] {
    EXPECT_EQ(federation_.questions.back().action, "plan-target");
    return json::parse(federation_.questions.back().arguments).value("bytes_per_second_max", 0);
  };
  EXPECT_EQ(Promote({"--dry-run", "--limit-rate", "10M"}), 0);
  EXPECT_EQ(told(), 10 << 20);
  EXPECT_EQ(Promote({"--dry-run"}), 0);
  EXPECT_EQ(told(), 0);
}

TEST_F(PromotingTest, DetachEndsAsSoonAsTheOrderIsRecorded) {
  EXPECT_EQ(Promote({"--yes", "--detach", "--id", "CHG-7"}), 0);
  EXPECT_EQ(terminal_.out, "CHG-7\n");
  EXPECT_THAT(terminal_.notes, HasSubstr("sluice watch CHG-7"));
  EXPECT_EQ(federation_.watched, 0);
  EXPECT_EQ(Promote({"--yes", "--detach", "--id", "CHG-8", "--output", "json"}), 0);
  EXPECT_EQ(Out(), json({{"id", "CHG-8"}, {"state", "recorded"}}));
}

TEST_F(PromotingTest, TheSameIdAgainWatchesTheSamePromotion) {
  ASSERT_EQ(Promote({"--yes", "--detach", "--id", "CHG-7"}), 0);
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.notes, HasSubstr("recorded already"));
  EXPECT_THAT(federation_.orders, SizeIs(1));
}

TEST_F(PromotingTest, TheSameIdWithAnotherContentIsRefused) {
  ASSERT_EQ(Promote({"--yes", "--detach", "--id", "CHG-7"}), 0);
  const std::vector<std::vector<std::string>> others = {
      {"--strategy", "restart"},
      {"--no-activate"},
      {"--reason", "another"},
      {"--startup-timeout", "1m"},
      {"--limit-rate", "10M"},
      {"--deadline", "2h"},
      {"--droplet", "sha256:" + std::string(64, 'c')},
      {"--droplet", "33333333-0000-4000-8000-000000000002"}};
  for (std::vector<std::string> other : others) {
    other.insert(other.end(), {"--yes", "--id", "CHG-7"});
    EXPECT_EQ(Promote(other), 2) << other[0];
    EXPECT_THAT(terminal_.notes, HasSubstr("[promotion-id-used]")) << other[0];
  }
  EXPECT_EQ(
      Run({"promote", "dev:acme/payments/checkout", "prod:acme/other", "--yes", "--id", "CHG-7"}),
      2);
  EXPECT_THAT(terminal_.notes, HasSubstr("its target differs"));
  EXPECT_THAT(federation_.orders, SizeIs(1));
}

TEST_F(PromotingTest, AnIdThatIsOnlyTheBeginningOfAnotherIsAnotherPromotion) {
  ASSERT_EQ(Promote({"--yes", "--detach", "--id", "CHG-77"}), 0);
  EXPECT_EQ(Promote({"--yes", "--detach", "--id", "CHG-7"}), 0) << terminal_.notes;
  EXPECT_THAT(federation_.orders, SizeIs(2));
}

TEST_F(PromotingTest, WhoIsSlowerWithAnIdWatchesTheFastersPromotion) {
  // It is not there when it is looked for, and there when the order comes.
  federation_.failures = {NamedError(StatusCode::kNotFound, "no-promotion", "none")};
  trust::Order order = trust_.PromoteOrder();
  order.promotion = PromotionId("CHG-7");
  order.startup_timeout_seconds = 300;
  order.activate_before = order.issued_at + absl::Hours(24);
  order.reason = "";
  federation_.Record(order);
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7"}), 0) << terminal_.notes;
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, TheTimeoutSaysWhatWasBeingWaitedFor) {
  federation_.moments = {{.change = [](v1::PromotionDetail& detail) {
    detail.mutable_summary()->set_reason("waiting for the upload at prod");
  }}};
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7", "--timeout", "90s"}), 6);
  EXPECT_THAT(terminal_.notes,
              HasSubstr("--timeout has passed (waiting for the upload at prod); the promotion "));
}

TEST_F(PromotingTest, TheTimeoutEndsTheWaitAndNotThePromotion) {
  federation_.moments = federation_.GoodEnd();
  federation_.moments.resize(3);
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7", "--timeout", "90s"}), 6);
  EXPECT_THAT(terminal_.notes, HasSubstr("--timeout has passed; the promotion goes on, watch it "
                                         "with: sluice watch CHG-7"));
  EXPECT_EQ(federation_.promotion("CHG-7").summary().state(), v1::PROMOTION_STATE_TRANSFERRING);
  EXPECT_EQ(clock_.Monotonic(), absl::Seconds(90));
}

TEST_F(PromotingTest, InterruptingSaysHowToWatchAgain) {
  federation_.moments = federation_.GoodEnd();
  federation_.moments.resize(2);
  federation_.moments.push_back({.heard = Heard::kInterrupted});
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7"}), 130);
  EXPECT_THAT(terminal_.notes, HasSubstr("sluice watch CHG-7"));
  EXPECT_THAT(federation_.orders, SizeIs(1));  // no cancel order follows
}

TEST_F(PromotingTest, AnOrderThatMayHaveBeenRecordedIsToldWithItsId) {
  for (const Status& cut :
       {NamedError(StatusCode::kCancelled, "interrupted", "interrupted"),
        NamedError(StatusCode::kUnavailable, "no-answer", "the coordinator does not answer")}) {
    federation_.failures = {std::nullopt, std::nullopt, std::nullopt, cut};
    EXPECT_EQ(Promote({"--yes", "--id", "CHG-7"}), absl::IsCancelled(cut) ? 130 : 5);
    EXPECT_THAT(terminal_.notes, HasSubstr("may be recorded; look with: sluice promotion CHG-7"));
  }
}

struct Ending {
  StatusCode code;
  v1::TargetState state;
  v1::PromotionState promotion;
  int exit;
};

TEST_F(PromotingTest, EveryEndHasItsExitCode) {
  const std::vector<Ending> endings = {
      {StatusCode::kFailedPrecondition, v1::TARGET_STATE_FAILED, v1::PROMOTION_STATE_FAILED, 1},
      {StatusCode::kDataLoss, v1::TARGET_STATE_FAILED, v1::PROMOTION_STATE_FAILED, 1},
      {StatusCode::kUnavailable, v1::TARGET_STATE_FAILED, v1::PROMOTION_STATE_FAILED, 1},
      {StatusCode::kPermissionDenied, v1::TARGET_STATE_FAILED, v1::PROMOTION_STATE_FAILED, 1},
      {StatusCode::kPermissionDenied, v1::TARGET_STATE_REFUSED, v1::PROMOTION_STATE_FAILED, 3},
      {StatusCode::kFailedPrecondition, v1::TARGET_STATE_REFUSED, v1::PROMOTION_STATE_FAILED, 1},
      {StatusCode::kCancelled, v1::TARGET_STATE_CANCELLED, v1::PROMOTION_STATE_CANCELLED, 1},
      {StatusCode::kFailedPrecondition, v1::TARGET_STATE_STUCK, v1::PROMOTION_STATE_STUCK, 7}};
  int number = 0;
  for (const Ending& ending : endings) {
    SCOPED_TRACE(++number);
    federation_.moments = {{.change = [ending](v1::PromotionDetail& detail) {
      detail.mutable_summary()->set_state(ending.promotion);
      v1::TargetDetail& target = *detail.mutable_targets(0);
      target.set_state(ending.state);
      target.mutable_error()->set_code(static_cast<int>(ending.code));
      target.mutable_error()->set_name("app-crashed");
      target.mutable_error()->set_message("instance 0 exits with status 1: out of memory");
    }}};
    EXPECT_EQ(Promote({"--yes", "--id", absl::StrCat("CHG-", number)}), ending.exit);
    // What happened, where, and why.
    EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("prod:acme/payments/checkout: instance 0 exits"),
                                       HasSubstr(absl::StrCat("CHG-", number))));
  }
}

TEST_F(PromotingTest, AFailureOfTheSourceIsToldAndNotItsEchoAtTheTarget) {
  const Status undone = NamedError(StatusCode::kCancelled, "failed-elsewhere",
                                   "undone because the promotion failed elsewhere");
  const Status told =
      NamedError(StatusCode::kUnknown, "digest-mismatch", "the blobstore gave other bytes");
  for (const Status& echo : {undone, told}) {
    federation_.moments = {{.change = [&echo](v1::PromotionDetail& detail) {
      detail.mutable_summary()->set_state(v1::PROMOTION_STATE_FAILED);
      detail.mutable_summary()->set_reason("dev: the blobstore gave other bytes [digest-mismatch]");
      v1::TargetDetail& target = *detail.mutable_targets(0);
      target.set_state(v1::TARGET_STATE_FAILED);
      target.mutable_error()->set_code(static_cast<int>(echo.code()));
      target.mutable_error()->set_name(ErrorName(echo));
      target.mutable_error()->set_message(std::string(echo.message()));
    }}};
    const std::string id = absl::StrCat("CHG-", ErrorName(echo));
    EXPECT_EQ(Promote({"--yes", "--id", id}), 1);
    EXPECT_THAT(terminal_.notes,
                HasSubstr(absl::StrCat("sluice: promotion ", id,
                                       " failed: dev: the blobstore gave other bytes "
                                       "[digest-mismatch]\n")));
    EXPECT_THAT(terminal_.out, HasSubstr("failed: dev: the blobstore gave other bytes"));
  }
}

TEST_F(PromotingTest, ARefusalByTheSourceForWantOfAGrantIsAQuestionOfRights) {
  federation_.moments = {{.change = [](v1::PromotionDetail& detail) {
    detail.mutable_summary()->set_state(v1::PROMOTION_STATE_FAILED);
    detail.mutable_summary()->set_reason("dev: maria has no grant to read [not-granted]");
    detail.set_source_state(v1::SOURCE_STATE_REFUSED);
    v1::TargetDetail& target = *detail.mutable_targets(0);
    target.set_state(v1::TARGET_STATE_CANCELLED);
    target.mutable_error()->set_code(static_cast<int>(StatusCode::kCancelled));
  }}};
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7"}), 3);
  EXPECT_THAT(terminal_.notes, HasSubstr("failed: dev: maria has no grant to read [not-granted]"));
}

TEST_F(PromotingTest, ThePlaceOfAFailureIsSaidOnce) {
  federation_.moments = {{.change = [](v1::PromotionDetail& detail) {
    detail.mutable_summary()->set_state(v1::PROMOTION_STATE_FAILED);
    detail.mutable_summary()->set_reason("prod:acme/payments/checkout: it crashed");
    detail.mutable_targets(0)->set_state(v1::TARGET_STATE_FAILED);
    detail.mutable_targets(0)->mutable_error()->set_code(
        static_cast<int>(StatusCode::kFailedPrecondition));
    detail.mutable_targets(0)->mutable_error()->set_message(
        "prod:acme/payments/checkout: it crashed");
  }}};
  EXPECT_EQ(Promote({"--yes", "--id", "CHG-7"}), 1);
  EXPECT_THAT(
      terminal_.notes,
      HasSubstr("sluice: promotion CHG-7 failed at prod:acme/payments/checkout: it crashed"));
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("\nprod:acme/payments/checkout: it crashed\n"),
                                   HasSubstr("state     failed\n")));
}

TEST_F(PromotingTest, WithoutActivationItEndsWaitingAndSaysHowToGoOn) {
  federation_.moments = {{.change = [](v1::PromotionDetail& detail) {
    detail.mutable_summary()->set_state(v1::PROMOTION_STATE_WAITING);
    detail.mutable_targets(0)->set_state(v1::TARGET_STATE_UPLOADED);
    detail.mutable_targets(0)->set_waiting_for(v1::WAITING_FOR_ACTIVATE);
  }}};
  EXPECT_EQ(Promote({"--yes", "--no-activate", "--id", "CHG-7"}), 8);
  EXPECT_THAT(terminal_.notes, HasSubstr("sluice activate CHG-7"));
  EXPECT_FALSE(federation_.orders.at(0).activate);
}

TEST_F(PromotingTest, RefusalsBeforeTheOrderHaveTheirExitCodes) {
  const std::vector<std::pair<Status, int>> refusals = {
      {NamedError(StatusCode::kNotFound, "no-app", "there is no app prod:acme/payments/x"), 4},
      {NamedError(StatusCode::kNotFound, "no-org", "there is no organization acme"), 4},
      {NamedError(StatusCode::kInvalidArgument, "ambiguous-name", "two orgs acme"), 2},
      {NamedError(StatusCode::kPermissionDenied, "not-granted", "no grant"), 3},
      {NamedError(StatusCode::kFailedPrecondition, "lifecycle-not-supported", "a docker app"), 1},
      {NamedError(StatusCode::kFailedPrecondition, "no-sha256", "restage the app"), 1},
      {NamedError(StatusCode::kUnavailable, "cc-unavailable", "502 by the Cloud Controller"), 5},
      {NamedError(StatusCode::kDeadlineExceeded, "cc-slow", "no answer within 30s"), 5}};
  for (const auto& [refusal, exit] : refusals) {
    SCOPED_TRACE(Describe(refusal));
    federation_.Answer("prod", "plan-target", refusal);
    EXPECT_EQ(Promote({"--yes"}), exit);
    EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("prod"), HasSubstr(ErrorName(refusal))));
  }
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, AFoundationWhoseAgentIsNotThereIsUnreachable) {
  federation_.disconnected = {"prod"};
  EXPECT_EQ(Promote({"--yes"}), 5);
  EXPECT_THAT(terminal_.notes, HasSubstr("agent-not-connected"));
}

TEST_F(PromotingTest, ACoordinatorThatIsNotThereOrDoesNotAdmitIsToldByItsExitCode) {
  const auto fails = [this](StatusCode code, const char* name) {
    federation_.failures = {NamedError(code, name, "the coordinator at tcp://127.0.0.1:7710 ...")};
    return Promote({"--yes"});
  };
  EXPECT_EQ(fails(StatusCode::kUnavailable, "coordinator-unreachable"), 5);
  EXPECT_THAT(terminal_.notes, HasSubstr("[coordinator-unreachable]"));
  EXPECT_EQ(fails(StatusCode::kUnavailable, "no-answer"), 5);
  EXPECT_EQ(fails(StatusCode::kUnauthenticated, "not-admitted"), 3);
  EXPECT_EQ(fails(StatusCode::kUnauthenticated, "wrong-coordinator-key"), 3);
  EXPECT_EQ(fails(StatusCode::kCancelled, "interrupted"), 130);
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, AMalformedReferenceOrTheSameAppTwiceNeedsNoCoordinator) {
  EXPECT_EQ(Run({"promote", "dev:acme/checkout", "prod:acme/payments", "--yes"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("FOUNDATION:ORG/SPACE/APP"));
  EXPECT_EQ(Run({"promote", "dev:acme/payments/checkout", "prod", "--yes"}), 2);
  EXPECT_EQ(Run({"promote", "dev:acme/payments/checkout", "dev:acme/payments", "--yes"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("[same-app]"));
  EXPECT_EQ(connections_, 0);
}

TEST_F(PromotingTest, AFoundationThatTheTrustDocumentDoesNotKnowIsNotFound) {
  EXPECT_EQ(Run({"promote", "qa:acme/payments/checkout", "prod:acme/payments", "--yes"}), 4);
  EXPECT_THAT(terminal_.notes, HasSubstr("[no-foundation]"));
}

TEST_F(PromotingTest, ANewAppNeedsCreateAndTheOrderSaysSo) {
  EditAnswer("prod", "plan-target",
             {{"app_guid", ""}, {"exists", false}, {"current_droplet_guid", ""}, {"instances", 0}});
  EXPECT_EQ(Promote({"--yes"}), 4);
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("--create"), HasSubstr("[no-app]")));
  EXPECT_THAT(federation_.orders, IsEmpty());
  federation_.moments = federation_.GoodEnd();
  EXPECT_EQ(Promote({"--yes", "--create"}), 0) << terminal_.notes;
  EXPECT_TRUE(federation_.orders.at(0).targets[0].create);
}

TEST_F(PromotingTest, AnAgentThatOffersAnotherDropletThanAskedForIsNotFollowed) {
  EXPECT_EQ(Promote({"--yes", "--droplet", "sha256:" + std::string(64, 'c')}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[digest-mismatch]"));
  EXPECT_EQ(Promote({"--yes", "--droplet", "33333333-0000-4000-8000-000000000002"}), 1);
  EXPECT_THAT(terminal_.notes, HasSubstr("[other-droplet]"));
  EXPECT_THAT(federation_.orders, IsEmpty());
}

TEST_F(PromotingTest, AnAnswerThatIsNotWhatWasAgreedIsOurBugToReport) {
  EditAnswer("dev", "plan-source", {{"sha256", "abc"}, {"size_bytes", 0}});
  EXPECT_EQ(Promote({"--yes"}), 1);
  EXPECT_THAT(terminal_.notes,
              AllOf(HasSubstr("sha256"), HasSubstr("size_bytes"), HasSubstr("[bad-answer]")));
}

TEST_F(PromotingTest, ErrorsAreJsonWhenJsonIsAskedFor) {
  federation_.Answer("prod", "plan-target",
                     NamedError(StatusCode::kNotFound, "no-space", "there is no space payments"));
  EXPECT_EQ(Promote({"--yes", "--output", "json"}), 4);
  EXPECT_EQ(Notes(), json::parse(R"({"error": {"code": "NOT_FOUND", "name": "no-space", "exit": 4,
                                  "message": "prod: there is no space payments"}})"));
  EXPECT_THAT(terminal_.out, IsEmpty());
}

TEST_F(PromotingTest, WhatOthersSayCannotCommandTheTerminal) {
  EditAnswer("prod", "plan-target", {{"warnings", {"\x1b[2Jgone\nprod: all is well"}}});
  EXPECT_EQ(Promote({"--dry-run"}), 0);
  EXPECT_THAT(terminal_.out, AllOf(HasSubstr("?[2Jgone?prod"), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace sluice::cli

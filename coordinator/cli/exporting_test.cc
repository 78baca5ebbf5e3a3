// Goal: `sluice export` from its words to the file, or to no file. Method: the whole program over a
// fake federation; what the transfer engine brings is told by the test.
#include "coordinator/cli/exporting.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/crypto/digest.h"
#include "common/image/testing/run_image_bytes.h"
#include "common/image/testing/sample_image.h"
#include "coordinator/cli/testing/cli_fixture.h"
#include "gmock/gmock.h"

namespace sluice::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

const std::string kDroplet = "\x1f\x8b\x08 and the rest of the droplet";

// Brings the bytes, and then says how its digest was found.
class BroughtDroplet final : public transfer::IncomingTransfer {
 public:
  BroughtDroplet(std::string bytes, Status verified, std::vector<Status>& cancelled)
      : bytes_(std::move(bytes)), verified_(std::move(verified)), cancelled_(cancelled) {}

  std::unique_ptr<transfer::ArrivingDroplet> Open() override {
    return std::make_unique<Reader>(bytes_);
  }
  Status AwaitVerified() override { return verified_; }
  void Cancel(const Status& why) override { cancelled_.push_back(why); }
  void Waive() override {}
  void Leave() override {}
  transfer::TransferFigures figures() const override { return {}; }

 private:
  class Reader final : public transfer::ArrivingDroplet {
   public:
    explicit Reader(const std::string& bytes) : bytes_(bytes) {}
    StatusOr<size_t> Read(std::span<char> plain) override {
      const size_t bytes = bytes_.copy(plain.data(), plain.size(), offset_);
      offset_ += bytes;
      return bytes;
    }
    StatusOr<bool> AwaitBytes(absl::Duration) override { return true; }

   private:
    const std::string& bytes_;
    size_t offset_ = 0;
  };

  const std::string bytes_;
  const Status verified_;
  std::vector<Status>& cancelled_;
};

class ExportingTest : public CliTest {
 protected:
  ExportingTest() {
    receive_ = [this](TransferOptions options) {
      received_.push_back(std::move(options));
      return std::make_unique<BroughtDroplet>(droplet_, verified_, cancelled_);
    };
    std::filesystem::create_directory(Path("out"));
  }

  int Export(const std::vector<std::string>& more = {"--yes"}) {
    std::vector<std::string> words = {"export", "dev:acme/payments/checkout",
                                      "droplet:" + Path("out/checkout.tgz")};
    words.insert(words.end(), more.begin(), more.end());
    return Run(words);
  }
  // The source accepts, and the two ends may meet.
  FakeFederation::Moment Accepted() {
    return {.change = [this](v1::PromotionDetail& detail) {
      detail.mutable_summary()->set_state(v1::PROMOTION_STATE_TRANSFERRING);
      detail.set_source_state(v1::SOURCE_STATE_ACCEPTED);
      detail.set_statement(federation_.StatementFor(detail));
      v1::Route& route = *detail.add_recipient_routes();
      route.set_path(v1::PATH_KIND_RELAY);
      route.set_dial(true);
      route.set_endpoint("tcp://*:7711");
      route.set_foundation("dev");
    }};
  }
  FakeFederation::Moment Ends(v1::PromotionState state, v1::SourceState source) {
    return {.change = [state, source](v1::PromotionDetail& detail) {
      detail.mutable_summary()->set_state(state);
      detail.set_source_state(source);
    }};
  }
  void GoesWell() {
    federation_.moments = {Accepted(), Ends(v1::PROMOTION_STATE_DONE, v1::SOURCE_STATE_SENT)};
  }
  std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Path("out"))) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::string droplet_ = kDroplet;
  Status verified_;
  std::vector<Status> cancelled_;
  std::vector<TransferOptions> received_;
};

// Exports of an app whose droplet is image::SampleDroplet(), onto a base that lies beside.
class ImageExportingTest : public ExportingTest {
 protected:
  ImageExportingTest() {
    droplet_ = image::SampleDroplet();
    nlohmann::json plan = nlohmann::json::parse(federation_.AnswerOf("dev", "plan-source"));
    plan["sha256"] = crypto::Sha256Of(droplet_).hex();
    plan["size_bytes"] = droplet_.size();
    federation_.Answer("dev", "plan-source", plan.dump());
    WriteFile("base.tar", image::RunImageBytes().OciArchive());
  }
  int ExportImage(const std::string& destination, const std::vector<std::string>& more = {}) {
    std::vector<std::string> words = {"export",      "dev:acme/payments/checkout",
                                      destination,   "--yes",
                                      "--output",    "json",
                                      "--run-image", Path("base.tar")};
    words.insert(words.end(), more.begin(), more.end());
    GoesWell();
    return Run(words);
  }
  std::string OciFile(const std::string& name) const {
    return "oci-archive:" + Path("out/" + name);
  }
};

TEST_F(ExportingTest, TheVerifiedDropletIsWrittenWithTheAgentsStatementBesideIt) {
  GoesWell();
  EXPECT_EQ(Export({"--yes", "--id", "audit-7", "--reason", "audit"}), 0) << terminal_.notes;
  EXPECT_THAT(Files(), UnorderedElementsAre("checkout.tgz", "checkout.tgz.statement.json"));
  EXPECT_EQ(ReadFile("out/checkout.tgz"), kDroplet);
  EXPECT_EQ(ReadFile("out/checkout.tgz.statement.json"),
            federation_.promotion("audit-7").statement());
  EXPECT_THAT(cancelled_, IsEmpty());
  EXPECT_THAT(terminal_.out, HasSubstr("checkout.tgz"));
}

TEST_F(ExportingTest, TheOrderNamesTheOperatorsOwnKeysAndWhatComesIsOpenedByThem) {
  GoesWell();
  ASSERT_EQ(Export(), 0) << terminal_.notes;
  ASSERT_THAT(federation_.orders, SizeIs(1));
  const trust::Order& order = federation_.orders[0];
  EXPECT_EQ(order.action, trust::Action::kExport);
  EXPECT_THAT(order.targets, IsEmpty());
  EXPECT_FALSE(order.activate);
  ASSERT_TRUE(order.recipient);
  EXPECT_EQ(order.recipient->curve_key, maria_.curve.public_key().bytes());
  ASSERT_THAT(received_, SizeIs(1));
  const transfer::IncomingOptions& incoming = received_[0].incoming;
  EXPECT_EQ(incoming.recipient.public_key, order.recipient->public_key);
  EXPECT_EQ(incoming.droplet_sha256.hex(), order.artifact.sha256);
  EXPECT_EQ(incoming.layout.droplet_bytes, static_cast<uint64_t>(order.artifact.size_bytes));
  EXPECT_EQ(incoming.meeting.peer.curve_key, trust_.agent("dev").curve.public_key().bytes());
  // Nobody is dialled but the coordinator, at its host and by its key.
  ASSERT_THAT(incoming.meeting.ways, SizeIs(1));
  EXPECT_EQ(incoming.meeting.ways[0].kind, transfer::WayKind::kRelay);
  EXPECT_THAT(incoming.meeting.ways[0].endpoint,
              AllOf(::testing::EndsWith(":7711"), ::testing::Not(HasSubstr("*"))));
  EXPECT_EQ(incoming.meeting.ways[0].host.curve_key,
            trust_.coordinator().curve.public_key().bytes());
}

TEST_F(ExportingTest, ADigestThatDoesNotHoldLeavesNoFile) {
  verified_ = NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bits");
  federation_.moments = {Accepted(), Ends(v1::PROMOTION_STATE_FAILED, v1::SOURCE_STATE_FAILED)};
  EXPECT_EQ(Export(), 1);
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_THAT(cancelled_, ::testing::Not(IsEmpty()));
}

TEST_F(ExportingTest, ACoordinatorThatSaysDoneTooEarlyGetsNoFileWritten) {
  verified_ = NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bits");
  GoesWell();
  EXPECT_EQ(Export(), 1);
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_THAT(terminal_.notes, HasSubstr("digest-mismatch"));
}

TEST_F(ExportingTest, AStatementOfAnotherDropletOpensNothing) {
  auto accepted = Accepted();
  accepted.change = [this, well = accepted.change](v1::PromotionDetail& detail) {
    federation_.Record(trust_.PromoteOrder());
    well(detail);
    detail.set_statement(federation_.StatementFor(federation_.promotion("promotion-1")));
  };
  federation_.moments = {accepted};
  EXPECT_NE(Export(), 0);
  EXPECT_THAT(received_, IsEmpty());
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(ExportingTest, WhoInterruptsEndsItAtTheSourceToo) {
  federation_.moments = {Accepted(), {.heard = Heard::kInterrupted}};
  EXPECT_EQ(Export({"--yes", "--id", "audit-7"}), 130);
  EXPECT_THAT(Files(), IsEmpty());
  EXPECT_EQ(federation_.interrupts_forgotten, 1);
  ASSERT_THAT(federation_.orders, SizeIs(2));
  EXPECT_EQ(federation_.orders[1].action, trust::Action::kCancel);
  EXPECT_EQ(federation_.orders[1].promotion.value(), "audit-7");
  EXPECT_THAT(terminal_.notes, AllOf(HasSubstr("given up"), HasSubstr("no file is left")));
}

TEST_F(ExportingTest, AnIdIsUsedOnce) {
  GoesWell();
  ASSERT_EQ(Export({"--yes", "--id", "audit-7"}), 0) << terminal_.notes;
  EXPECT_EQ(Export({"--yes", "--id", "audit-7", "--force"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("export-id-used"));
}

TEST_F(ExportingTest, AFileThatIsThereIsReplacedByForceAloneAndOnlyAtTheEnd) {
  WriteFile("out/checkout.tgz", "mine");
  EXPECT_EQ(Export(), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("file-exists"));
  EXPECT_THAT(federation_.questions, IsEmpty());
  federation_.moments = {Accepted(), Ends(v1::PROMOTION_STATE_FAILED, v1::SOURCE_STATE_FAILED)};
  EXPECT_EQ(Export({"--yes", "--force"}), 1);
  EXPECT_EQ(ReadFile("out/checkout.tgz"), "mine");
  GoesWell();
  EXPECT_EQ(Export({"--yes", "--force"}), 0) << terminal_.notes;
  EXPECT_EQ(ReadFile("out/checkout.tgz"), kDroplet);
}

TEST_F(ExportingTest, ADestinationThatIsNoneIsRefusedBeforeAnybodyIsAsked) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"checkout.tgz", "unknown-destination"},
      {"oci:" + Path("out/x"), "unknown-destination"},
      {"droplet:", "bad-destination"},
      {"droplet:" + Path("out/"), "bad-destination"},
      {"droplet:" + Path("out"), "bad-destination"},
      {"droplet:" + Path("nowhere/x.tgz"), "bad-destination"},
      {"droplet:/proc/x.tgz", "destination-not-writable"}};
  for (const auto& [destination, name] : cases) {
    EXPECT_EQ(Run({"export", "dev:acme/payments/checkout", destination, "--yes"}), 2);
    EXPECT_THAT(terminal_.notes, HasSubstr(name)) << destination;
  }
  EXPECT_EQ(connections_, 0);
}

TEST_F(ExportingTest, ADryRunShowsThePlanAndOrdersNothing) {
  EXPECT_EQ(Export({"--dry-run"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, HasSubstr(std::string(64, 'a')));
  EXPECT_THAT(federation_.orders, IsEmpty());
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(ExportingTest, AnExportIsShownWithItsRecipientAndIsNeitherActivatedNorRolledBack) {
  GoesWell();
  ASSERT_EQ(Export({"--yes", "--id", "audit-7"}), 0) << terminal_.notes;
  EXPECT_EQ(Run({"promotion", "audit-7"}), 0) << terminal_.notes;
  EXPECT_THAT(terminal_.out, HasSubstr("maria"));
  EXPECT_EQ(Run({"promotions"}), 0);
  EXPECT_THAT(terminal_.out, HasSubstr("export to maria"));
  EXPECT_EQ(Run({"rollback", "audit-7", "--yes"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("is-an-export"));
  EXPECT_EQ(Run({"activate", "audit-7", "--yes"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("is-an-export"));
}

TEST_F(ImageExportingTest, TheArchiveIsTheFileThatCommonImageMakesAndNothingElseIsLeft) {
  ASSERT_EQ(ExportImage(OciFile("a.tar") + ":1.2"), 0) << terminal_.notes;
  const std::string digest = Out().at("image_digest");
  EXPECT_THAT(Files(), UnorderedElementsAre("a.tar", "a.tar.statement.json"));
  const std::string archive = ReadFile("out/a.tar");
  EXPECT_THAT(archive, HasSubstr("\"org.opencontainers.image.ref.name\":\"1.2\""));
  EXPECT_THAT(archive, HasSubstr(digest));
  EXPECT_THAT(archive, HasSubstr("\"dev.sluice.droplet-digest\":\"sha256:" +
                                 crypto::Sha256Of(droplet_).hex()));
  EXPECT_THAT(archive, HasSubstr("\"dev.sluice.foundation\":\"dev\""));
  // Each export has an id of its own, and the image does not differ by it.
  ASSERT_EQ(ExportImage(OciFile("b.tar") + ":1.2"), 0) << terminal_.notes;
  EXPECT_EQ(Out().at("image_digest"), digest);
  EXPECT_TRUE(ReadFile("out/b.tar") == archive);
  ASSERT_EQ(ExportImage(OciFile("c.tar"), {"--process", "worker"}), 0) << terminal_.notes;
  EXPECT_NE(Out().at("image_digest"), digest);
}

TEST_F(ImageExportingTest, DockersArchiveHoldsTheNameAndTheFormatThatWereAskedFor) {
  ASSERT_EQ(
      ExportImage("docker-archive:" + Path("out/d.tar") + ":shop/cart:1.2", {"--format", "docker"}),
      0)
      << terminal_.notes;
  const std::string archive = ReadFile("out/d.tar");
  EXPECT_THAT(archive, HasSubstr("shop/cart:1.2"));
  EXPECT_THAT(archive, ::testing::Not(HasSubstr("oci-layout")));
}

TEST_F(ImageExportingTest, WhatCannotBecomeAnImageIsRefusedBeforeAnythingIsOrdered) {
  image::RunImageBytes other;
  other.name = "docker.io/cloudfoundry/cflinuxfs3:1.0";
  WriteFile("other.tar", other.OciArchive());
  WriteFile("out/half.tar.partial", "");
  const auto base = [this](const std::string& name) {
    return std::vector<std::string>{"--run-image", Path(name)};
  };
  struct Case {
    std::string destination;
    std::vector<std::string> flags;
    std::string name;
  };
  for (const Case& each : std::vector<Case>{
           {OciFile("x.tar"), {}, "no-run-image"},
           {OciFile("x.tar"), base("other.tar"), "base-for-another-stack"},
           {OciFile("x.tar"), base("nowhere.tar"), "no-file"},
           {OciFile("x.tar"), base("alice.key"), "no-file"},
           {OciFile("x.tar"), {"--run-image", "docker://registry/x:1"}, "bad-run-image"},
           {OciFile("x.tar") + ":no tag", base("base.tar"), "bad-tag"},
           {"docker-archive:" + Path("out/x.tar") + ":1.2", base("base.tar"), "bad-destination"},
           {OciFile("half.tar"), base("base.tar"), "file-exists"},
           {"droplet:" + Path("out/x.tgz"), {"--process", "web"}, "bad-arguments"}}) {
    std::vector<std::string> words = {"export", "dev:acme/payments/checkout", each.destination,
                                      "--yes"};
    words.insert(words.end(), each.flags.begin(), each.flags.end());
    EXPECT_NE(Run(words), 0);
    EXPECT_THAT(terminal_.notes, HasSubstr(each.name)) << each.destination;
  }
  EXPECT_EQ(ExportImage(OciFile("x.tar"), {"--process", "cron"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("no-such-process-type"));
  EXPECT_EQ(ExportImage(OciFile("x.tar"), {"--format", "docker"}), 2);
  EXPECT_THAT(terminal_.notes, HasSubstr("image-not-oci"));
  EXPECT_THAT(federation_.orders, IsEmpty());
  EXPECT_THAT(Files(), UnorderedElementsAre("half.tar.partial"));
}

TEST_F(ImageExportingTest, ADropletThatIsNoneLeavesNoFile) {
  droplet_ = kDroplet;
  EXPECT_NE(ExportImage(OciFile("x.tar")), 0);
  EXPECT_THAT(Files(), IsEmpty());
}

}  // namespace
}  // namespace sluice::cli

// The steps of a source against a foundation that answers as a test says: what is stated of a
// droplet, when nothing is, and what is sent to whom.
#include "agent/jobs/source_steps.h"

#include <stdlib.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "agent/jobs/annotations.h"
#include "agent/jobs/source_droplet.h"
#include "common/base/files.h"
#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/crypto/digest.h"
#include "common/transfer/content_key.h"
#include "common/transfer/stream_header.h"
#include "common/trust/seal_offer.h"
#include "common/trust/statement.h"
#include "common/trust/testing/test_trust.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using foundation::AppJson;
using foundation::DropletJson;
using foundation::ErrorReply;
using foundation::JsonReply;
using foundation::OrganizationJson;
using foundation::PageReply;
using foundation::SpaceJson;
using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kBlob = "https://blobstore.test/droplet";
const std::string kApp = "11111111-0000-4000-8000-000000000001";
const std::string kDroplet = "11111111-0000-4000-8000-000000000002";
const std::string kAppPath = "/v3/apps/" + kApp;
const std::string kDropletPath = "/v3/droplets/" + kDroplet;
const json kRedacted = {{"redacted_message", "[PRIVATE DATA HIDDEN IN LISTS]"}};

const transfer::Way kDialled = {
    .kind = transfer::WayKind::kDialled, .endpoint = "tcp://prod.example:7720", .host = {}};

// As a gzipped tar begins.
const std::string kBits = "\x1f\x8b\x08 and the rest of the droplet";

// Keeps what it was asked to send, and reads the whole droplet as one receiver would.
class RecordingExchange final : public transfer::BulkExchange {
 public:
  class Outgoing final : public transfer::OutgoingTransfer {
   public:
    explicit Outgoing(RecordingExchange& exchange) : exchange_(exchange) {}
    Status Run(transfer::DropletSource& source, absl::Duration) override {
      SLUICE_RETURN_IF_ERROR(source.Read(0, [this](std::string_view bytes) {
        exchange_.read.append(bytes);
        return absl::OkStatus();
      }));
      if (exchange_.while_running) exchange_.while_running();
      return exchange_.result;
    }
    void Cancel(const Status& why) override { exchange_.result = why; }
    void Leave() override { exchange_.left = true; }
    transfer::TransferFigures figures() const override { return {}; }

   private:
    RecordingExchange& exchange_;
  };

  std::string endpoint() const override { return ""; }
  StatusOr<std::unique_ptr<transfer::OutgoingTransfer>> Send(
      transfer::OutgoingOptions asked) override {
    options.push_back(std::move(asked));
    return std::make_unique<Outgoing>(*this);
  }
  StatusOr<std::unique_ptr<transfer::IncomingTransfer>> Receive(
      transfer::IncomingOptions) override {
    return absl::UnimplementedError("a source receives nothing");
  }
  void StopServing(const transfer::TransferId&) override {}

  std::vector<transfer::OutgoingOptions> options;
  std::string read;
  Status result;  // of Run()
  bool left = false;
  std::function<void()> while_running;
};

class SourceStepsTest : public testing::Test {
 protected:
  SourceStepsTest() {
    std::string pattern = testing::TempDir() + "source-stepsXXXXXX";
    folder_ = mkdtemp(pattern.data());
    order_.artifact.sha256 = crypto::Sha256Of(kBits).hex();
    order_.artifact.size_bytes = static_cast<int64_t>(kBits.size());
    droplet_ = DropletJson(kDroplet, "STAGED", order_.artifact.sha256);
    droplet_["relationships"]["app"]["data"]["guid"] = kApp;
    app_ = AppJson(kApp, "checkout", "space");
    spool_ = *transfer::Spool::Open(files_, folder_ + "-spool", uint64_t{1} << 20);
    steps_ = std::make_unique<SourceSteps>(
        SourceSteps::Options{.outgoing_folder = folder_, .leaving = leaving_.get_token()},
        dev_.client(), exchange_, *spool_, trust_.agent("dev").identity, dev_.clock(), entropy_,
        files_);
  }
  ~SourceStepsTest() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::remove_all(folder_ + "-spool");
  }

  // The foundation has the app and the droplet as they are now.
  void ExpectApp() {
    dev_.On("GET", "/v3/organizations", PageReply({OrganizationJson("org", "acme")}));
    dev_.On("GET", "/v3/spaces", PageReply({SpaceJson("space", "payments", "org")}));
    dev_.On("GET", "/v3/apps", PageReply({app_}));
    dev_.On("GET", kDropletPath, JsonReply(200, droplet_));
    ExpectBits();
  }
  void ExpectBits() {
    dev_.On("GET", kDropletPath + "/download",
            {.status = 302,
             .headers = {{"Location", absl::StrCat(ToAbsl(kBlob), "?signed")}},
             .body = "",
             .then_fail = {}});
  }
  void ExpectSize(size_t bytes) {
    dev_.On(
        "GET", kBlob,
        {.status = 206,
         .headers = {{"Content-Range", absl::StrCat("bytes 0-0/", bytes)}, {"Content-Length", "1"}},
         .body = kBits.substr(0, 1),
         .then_fail = {}});
  }
  void ExpectWhole() {
    dev_.On("GET", kBlob,
            {.status = 200,
             .headers = {{"Content-Length", absl::StrCat(kBits.size())}},
             .body = kBits,
             .then_fail = {}});
  }

  StatusOr<std::string> State() {
    return steps_->State(order_, trust::OrderSha256(trust_.Signed(order_)), trust_.document(), {});
  }

  std::string Offer(absl::Duration life = absl::Hours(1)) const {
    const std::string order_sha256 = trust::OrderSha256(trust_.Signed(order_));
    const auto envelope = trust::SignSealOffer({.order_id = order_.order_id,
                                                .order_sha256 = order_sha256,
                                                .promotion = order_.promotion,
                                                .transfer_id = TransferIdOf(order_sha256)->hex(),
                                                .foundation = FoundationName("prod"),
                                                .suite = offered_.suite,
                                                .public_key = offered_.public_key,
                                                .not_after = trust::kTestNow + life},
                                               trust_.agent("prod").identity);
    EXPECT_THAT(envelope, IsOk());
    return *envelope;
  }
  Sending ToSend() const {
    return {.order = order_,
            .order_sha256 = trust::OrderSha256(trust_.Signed(order_)),
            .statement = "{statement}",
            .seal_offers = {Offer()},
            .paths = {{.target_index = 0, .ways = {kDialled, {}}}},
            .seed = std::nullopt};
  }
  Status Send(const Sending& sending, std::stop_token stop = {}) {
    return steps_->Send(sending, trust_.document(), meter_, std::move(stop));
  }
  // The header is the source's, and the offered key finds the content key in it.
  void ExpectOpensWithOffered(const transfer::TransferSeed& seed) const {
    const auto header = transfer::ParseHeader(
        seed.header, [this](std::string_view signature, std::string_view message) {
          return trust_.agent("dev").identity.Public().Verify(signature, message);
        });
    ASSERT_THAT(header, IsOk());
    const auto key = transfer::UnwrapFrom(*header, offered_);
    ASSERT_THAT(key, IsOk());
    EXPECT_EQ(key->Reveal(), seed.content_key.Reveal());
  }
  Sending Seeded() {
    Sending sending = ToSend();
    const auto seed = steps_->MakeSeed(sending, trust_.document());
    EXPECT_THAT(seed, IsOk());
    sending.seed = *seed;
    return sending;
  }

  trust::TestTrust trust_;
  trust::Order order_ = trust_.PromoteOrder();
  FakeEntropy entropy_;
  crypto::SealKeyPair offered_ =
      crypto::GenerateSealKey(crypto::SealSuite::kP256HkdfSha256Aes256Gcm, entropy_);
  SystemFiles files_;
  std::string folder_;
  std::unique_ptr<transfer::Spool> spool_;
  foundation::ScriptedFoundation dev_;
  RecordingExchange exchange_;
  std::stop_source leaving_;
  TransferMeter meter_;
  json app_;
  json droplet_;
  std::unique_ptr<SourceSteps> steps_;
};

// --- State

TEST_F(SourceStepsTest, StatementSaysWhatCloudControllerPublishes) {
  ExpectApp();
  ExpectSize(kBits.size());
  const auto envelope = State();
  ASSERT_THAT(envelope, IsOk());
  const auto statement =
      trust::VerifyStatement(*envelope, FoundationName("dev"), trust_.document());
  ASSERT_THAT(statement, IsOk());
  EXPECT_EQ(statement->sha256, order_.artifact.sha256);
  EXPECT_EQ(statement->size_bytes, order_.artifact.size_bytes);
  EXPECT_EQ(statement->stack, "cflinuxfs4") << "the app's, as the droplet has none";
  EXPECT_EQ(statement->process_types.at("web"), "run");
  EXPECT_EQ(statement->origin.droplet_guid.value(), kDroplet);
  EXPECT_EQ(statement->order_sha256, trust::OrderSha256(trust_.Signed(order_)));
}

TEST_F(SourceStepsTest, ProcessTypesThatAreHiddenAreThoseOfTheCurrentDroplet) {
  json current = droplet_;
  droplet_["process_types"] = kRedacted;
  current["process_types"] = {{"web", "run"}, {"worker", "work"}};
  ExpectApp();
  ExpectSize(kBits.size());
  dev_.On("GET", kAppPath + "/droplets/current", JsonReply(200, current));
  const auto envelope = State();
  ASSERT_THAT(envelope, IsOk());
  const auto statement =
      trust::VerifyStatement(*envelope, FoundationName("dev"), trust_.document());
  EXPECT_EQ(statement->process_types.at("worker"), "work");
}

TEST_F(SourceStepsTest, HiddenProcessTypesOfAnotherThanTheCurrentDropletAreSaidToBeHidden) {
  droplet_["process_types"] = kRedacted;
  ExpectApp();
  json current = droplet_;
  current["guid"] = "another";
  dev_.On("GET", kAppPath + "/droplets/current", JsonReply(200, current));
  EXPECT_THAT(State(), HasErrorName("process-types-hidden"));
}

TEST_F(SourceStepsTest, WhatIsNotTheOrdersIsChangedSincePlan) {
  app_["guid"] = "another-app";
  ExpectApp();
  EXPECT_THAT(State(), HasErrorName("changed-since-plan"));
}

TEST_F(SourceStepsTest, OtherSizeOrStackIsChangedSincePlan) {
  ExpectApp();
  ExpectSize(kBits.size() + 1);
  EXPECT_THAT(State(), HasErrorName("changed-since-plan"));
  droplet_["stack"] = "windows";
  dev_.On("GET", kDropletPath, JsonReply(200, droplet_));
  ExpectSize(kBits.size());
  const auto other_stack = State();
  EXPECT_THAT(other_stack, HasErrorName("changed-since-plan"));
  EXPECT_THAT(std::string(other_stack.status().message()), HasSubstr("windows"));
}

TEST_F(SourceStepsTest, OtherDigestIsAMismatch) {
  droplet_["checksum"]["value"] = std::string(64, 'b');
  ExpectApp();
  EXPECT_THAT(State(), HasErrorName("digest-mismatch"));
}

TEST_F(SourceStepsTest, DropletThatCannotBePromotedIsRefusedByItsReason) {
  ExpectApp();
  const auto state_of = [this](json droplet) {
    dev_.On("GET", kDropletPath, JsonReply(200, droplet));
    return State();
  };
  EXPECT_THAT(State(), Not(IsOk()));  // gives out the first answer
  json droplet = droplet_;
  droplet["state"] = "EXPIRED";
  EXPECT_THAT(state_of(droplet), HasErrorName("droplet-expired"));
  droplet["state"] = "COPYING";
  EXPECT_THAT(state_of(droplet), HasErrorName("droplet-not-staged"));
  droplet = droplet_;
  droplet["checksum"]["type"] = "sha1";
  EXPECT_THAT(state_of(droplet), HasErrorName("no-sha256"));
  droplet = droplet_;
  droplet["lifecycle"]["type"] = "docker";
  EXPECT_THAT(state_of(droplet), HasErrorName("lifecycle-not-supported"));
}

TEST_F(SourceStepsTest, UnknownDropletAndThatOfAnotherAppAreNamedWithWhatToDo) {
  droplet_["relationships"]["app"]["data"]["guid"] = "another-app";
  ExpectApp();
  for (int i = 0; i < 2; ++i) {
    const auto refused = State();
    EXPECT_THAT(refused, HasErrorName("no-droplet"));
    EXPECT_THAT(
        std::string(refused.status().message()),
        AllOf(HasSubstr(kDroplet), HasSubstr("sluice droplets dev:acme/payments/checkout")));
    dev_.On("GET", kDropletPath,
            ErrorReply(404, 10010, "CF-ResourceNotFound", "Droplet not found"));
  }
}

TEST_F(SourceStepsTest, AnAppWithoutACurrentDropletIsNamedWithWhatToDo) {
  dev_.On("GET", kAppPath + "/droplets/current",
          ErrorReply(404, 10010, "CF-ResourceNotFound", "Droplet not found"));
  foundation::App app;
  app.guid = AppGuid(kApp);
  app.lifecycle_type = "buildpack";
  const auto refused = FindSourceDroplet(dev_.client(), trust_.PromoteOrder().source.reference, app,
                                         "", trust_.document(), {});
  EXPECT_THAT(refused, HasErrorName("no-droplet"));
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("dev:acme/payments/checkout has no current droplet"),
                    HasSubstr("cf push"), Not(HasSubstr("/v3/"))));
}

// --- MakeSeed and Send

TEST_F(SourceStepsTest, DropletIsDownloadedAndSentToTheAgentThatOffered) {
  ExpectBits();
  ExpectWhole();
  const Sending sending = Seeded();
  ASSERT_THAT(Send(sending), IsOk());
  EXPECT_EQ(exchange_.read, kBits);
  ASSERT_EQ(exchange_.options.size(), 1U);
  const transfer::OutgoingOptions& options = exchange_.options[0];
  EXPECT_EQ(options.droplet_sha256.hex(), order_.artifact.sha256);
  ASSERT_EQ(options.meetings.size(), 1U);
  ASSERT_EQ(options.meetings[0].ways.size(), 2U) << "all that the coordinator offers";
  EXPECT_EQ(options.meetings[0].ways[0].endpoint, kDialled.endpoint);
  EXPECT_EQ(options.meetings[0].peer.name, "prod");
  EXPECT_EQ(options.meetings[0].peer.curve_key, trust_.agent("prod").curve.public_key().bytes());
  // The seed's header opens with the key that was offered, of whichever suite.
  ExpectOpensWithOffered(options.seed);
}

TEST_F(SourceStepsTest, ExportIsSealedToTheKeyInTheOrderAndSentToTheOperatorAlone) {
  ExpectBits();
  ExpectWhole();
  const trust::Artifact artifact = order_.artifact;
  order_ = trust_.ExportOrder();
  order_.artifact = artifact;
  order_.recipient->suite = offered_.suite;
  order_.recipient->public_key = offered_.public_key;
  Sending sending = {.order = order_,
                     .order_sha256 = trust::OrderSha256(trust_.Signed(order_)),
                     .statement = "{statement}",
                     .seal_offers = {},
                     .paths = {{.target_index = 0, .ways = {kDialled}}},
                     .seed = std::nullopt};
  const auto seed = steps_->MakeSeed(sending, trust_.document());
  ASSERT_THAT(seed, IsOk());
  sending.seed = *seed;
  ASSERT_THAT(Send(sending), IsOk());
  EXPECT_EQ(exchange_.read, kBits);
  ASSERT_EQ(exchange_.options.size(), 1U);
  const transfer::OutgoingOptions& options = exchange_.options[0];
  ASSERT_EQ(options.meetings.size(), 1U);
  EXPECT_EQ(options.meetings[0].peer.role, net::PeerRole::kOperator);
  EXPECT_EQ(options.meetings[0].peer.name, "alice");
  EXPECT_EQ(options.meetings[0].peer.curve_key, trust_.alice().curve.public_key().bytes());
  ExpectOpensWithOffered(options.seed);
}

TEST_F(SourceStepsTest, ExportToWhoIsNoOperatorAnyMoreOrByMorePathsThanOneIsRefused) {
  order_ = trust_.ExportOrder();
  Sending sending = {.order = order_,
                     .order_sha256 = trust::OrderSha256(trust_.Signed(order_)),
                     .statement = "{statement}",
                     .seal_offers = {},
                     .paths = {},
                     .seed = std::nullopt};
  EXPECT_THAT(steps_->MakeSeed(sending, trust_.document()),
              HasErrorName("paths-without-recipient"));
  sending.paths = {{.target_index = 0, .ways = {kDialled}}};
  sending.order.recipient->curve_key = trust_.agent("prod").curve.public_key().bytes();
  EXPECT_THAT(steps_->MakeSeed(sending, trust_.document()), HasErrorName("recipient-not-admitted"));
}

TEST_F(SourceStepsTest, NothingIsSentWithoutAJournalledSeed) {
  EXPECT_THAT(Send(ToSend()), HasErrorName("seed-missing"));
  EXPECT_TRUE(exchange_.options.empty());
}

TEST_F(SourceStepsTest, OffersThatAreNotForThisTransferAreRefused) {
  const auto seed_of = [this](const Sending& sending) {
    return steps_->MakeSeed(sending, trust_.document()).status();
  };
  Sending sending = ToSend();
  sending.seal_offers.clear();
  EXPECT_THAT(seed_of(sending), HasErrorName("paths-without-offers"));
  sending = ToSend();
  sending.paths[0].target_index = 1;
  EXPECT_THAT(seed_of(sending), HasErrorName("no-such-target"));
  sending = ToSend();
  sending.paths.push_back(sending.paths[0]);
  sending.seal_offers.push_back(sending.seal_offers[0]);
  EXPECT_THAT(seed_of(sending), HasErrorName("paths-out-of-order"));
  sending = ToSend();
  sending.order.targets[0].reference.foundation = sending.order.source.reference.foundation;
  EXPECT_THAT(seed_of(sending), HasErrorName("paths-out-of-order")) << "a path to itself";
  sending = ToSend();
  sending.order_sha256 = std::string(64, 'f');
  EXPECT_THAT(seed_of(sending), HasErrorName("offer-for-another-order"));
  sending = ToSend();
  sending.seal_offers = {Offer(-absl::Hours(1))};
  EXPECT_THAT(seed_of(sending), HasErrorName("offer-expired"));
}

TEST_F(SourceStepsTest, SendingEndsAsTheTransferDoes) {
  ExpectBits();
  ExpectWhole();
  exchange_.result = NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bytes");
  EXPECT_THAT(Send(Seeded()), HasErrorName("digest-mismatch"));
}

TEST_F(SourceStepsTest, DownloadThatFailsEndsTheSending) {
  ExpectBits();
  dev_.On("GET", kBlob,
          {.status = 200, .headers = {{"Content-Length", "3"}}, .body = "<ht", .then_fail = {}});
  EXPECT_THAT(Send(Seeded()), Not(IsOk()));
}

TEST_F(SourceStepsTest, StopCancelsTheTransferAndALeavingProcessOnlyLeavesIt) {
  ExpectBits();
  ExpectWhole();
  const Sending sending = Seeded();
  std::stop_source stop;
  exchange_.while_running = [&stop] { stop.request_stop(); };
  EXPECT_THAT(Send(sending, stop.get_token()), HasErrorName("cancelled"));
  EXPECT_FALSE(exchange_.left);
  std::stop_source at_the_end;
  exchange_.result = absl::OkStatus();
  exchange_.while_running = [&] {
    leaving_.request_stop();
    at_the_end.request_stop();
  };
  EXPECT_THAT(Send(sending, at_the_end.get_token()), IsOk());
  EXPECT_TRUE(exchange_.left);
}

TEST_F(SourceStepsTest, DigestLogsOfTransfersThatAreOverGo) {
  const std::string first = std::string(64, '1');
  const std::string second = std::string(64, '2');
  const auto log_of = [this](const std::string& order_sha256) {
    return absl::StrCat(folder_, "/", TransferIdOf(order_sha256)->hex(), ".digests");
  };
  for (const std::string& path : {log_of(first), log_of(second), folder_ + "/note"}) {
    ASSERT_THAT(files_.Create(path, "x", FileAccess::kOwnerOnly), IsOk());
  }
  steps_->ForgetOthers({first});
  EXPECT_THAT(*files_.List(folder_), testing::SizeIs(2));
  steps_->Forget(first);
  steps_->Forget(first);
  EXPECT_THAT(*files_.List(folder_), ElementsAre("note"));
}

}  // namespace
}  // namespace sluice::agent

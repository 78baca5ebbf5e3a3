// Goal: what is signed never changes its bytes unnoticed, comes back as it was, and holds nothing
// that a reader does not know. Method: one value of each format, with the fixed keys of TestTrust;
// its payload and its envelope are the two lines of testdata/NAME.golden.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/testing/golden_file.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/envelope.h"
#include "common/trust/order.h"
#include "common/trust/read_request.h"
#include "common/trust/receipt.h"
#include "common/trust/seal_offer.h"
#include "common/trust/statement.h"
#include "common/trust/testing/test_trust.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

using nlohmann::json;

const FoundationName kDev("dev");
const FoundationName kProd("prod");

void ExpectGoldenFormat(const std::string& name, const std::string& envelope) {
  const auto parsed = ParseEnvelope(envelope, kReadReplyBytesMax);
  ASSERT_THAT(parsed, IsOk());
  ExpectGolden(absl::StrCat("common/trust/testdata/", name, ".golden"),
               absl::StrCat(parsed->payload, "\n", envelope, "\n"));
}

// Every field is needed, has one type, and none may be added: by that name each change is refused.
struct FieldRules {
  std::function<Status(const std::string&)> parse;
  std::string payload;
  std::string unknown;  // name of the refusal of an unknown field; "" if it is ignored
  std::vector<std::string> optional;  // fields that may be missing
  std::string within;                 // the object to look at; "" for the whole
};

void ExpectFieldRules(const FieldRules& rules) {
  ASSERT_THAT(rules.parse(rules.payload), IsOk());
  const json whole = json::parse(rules.payload);
  const json& fields = rules.within.empty() ? whole : whole.at(rules.within);
  const auto parse = [&](const json& changed) {
    json value = whole;
    (rules.within.empty() ? value : value[rules.within]) = changed;
    return rules.parse(value.dump());
  };
  for (const auto& [field, value] : fields.items()) {
    SCOPED_TRACE(field);
    json without = fields;
    without.erase(field);
    const bool optional = std::count(rules.optional.begin(), rules.optional.end(), field) > 0;
    if (optional) {
      EXPECT_THAT(parse(without), IsOk());
    } else {
      EXPECT_THAT(parse(without), HasErrorName("json-field"));
    }
    json retyped = fields;
    retyped[field] = value.is_number() ? json("7") : json(7);
    EXPECT_THAT(parse(retyped), HasErrorName("json-field"));
    retyped[field] = nullptr;
    EXPECT_THAT(parse(retyped), HasErrorName("json-field"));
  }
  json more = fields;
  more["zz_unknown"] = 1;
  if (rules.unknown.empty()) {
    EXPECT_THAT(parse(more), IsOk());
  } else {
    EXPECT_THAT(parse(more), HasErrorName(rules.unknown));
  }
}

class SignedFormatsTest : public ::testing::Test {
 protected:
  Statement SampleStatement() const {
    const Order order = trust_.PromoteOrder();
    return {.sha256 = order.artifact.sha256,
            .size_bytes = order.artifact.size_bytes,
            .promotion = order.promotion,
            .order_sha256 = OrderSha256(trust_.Signed(order)),
            .source = order.source.reference,
            .app_guid = order.source.app_guid,
            .droplet_guid = order.source.droplet_guid,
            .stack = "cflinuxfs4",
            .buildpacks = {{"java_buildpack", "java", "4.63", "java"}},
            .process_types = {{"web", "java -jar app.jar"}, {"worker", "bin/work --all"}},
            .lifecycle = "buildpack",
            .droplet_created_at = kTestNow - absl::Hours(1),
            .signed_at = kTestNow + absl::Seconds(2),
            .origin = {{FoundationName("qa"), "acme", "payments", "check out"},
                       AppGuid("33333333-0000-4000-8000-000000000001"),
                       DropletGuid("33333333-0000-4000-8000-000000000002")}};
  }
  Receipt SampleReceipt() const {
    const Order order = trust_.PromoteOrder();
    const OrderTarget& target = order.targets[0];
    Receipt receipt;
    receipt.sha256 = order.artifact.sha256;
    receipt.promotion = order.promotion;
    receipt.order_sha256 = OrderSha256(trust_.Signed(order));
    receipt.target = target.reference;
    receipt.organization_guid = target.organization_guid;
    receipt.space_guid = target.space_guid;
    receipt.app_guid = target.app_guid;
    receipt.droplet_guid = DropletGuid("22222222-0000-4000-8000-000000000009");
    receipt.reported_sha256 = order.artifact.sha256;
    receipt.previous_droplet_guid = target.expected_current_droplet_guid;
    receipt.outcome = Outcome::kVerified;
    receipt.bytes_transferred = order.artifact.size_bytes;
    receipt.cost = {.droplet_bytes = order.artifact.size_bytes,
                    .bytes_direct = 150'000'000,
                    .bytes_relay = 30'000'000,
                    .bytes_peer = 9'000'000,
                    .bytes_again = 1'000'000,
                    .bytes_not_sent = 2'000'000,
                    .transfer_milliseconds = 15'000,
                    .upload_milliseconds = 12'000,
                    .job_milliseconds = 2'000,
                    .activation_milliseconds = 31'000};
    receipt.started_at = kTestNow;
    receipt.finished_at = kTestNow + absl::Seconds(61);
    return receipt;
  }
  SealOffer SampleOffer() const {
    const Order order = trust_.PromoteOrder();
    SealOffer offer;
    offer.order_id = order.order_id;
    offer.order_sha256 = OrderSha256(trust_.Signed(order));
    offer.promotion = order.promotion;
    offer.transfer_id = "aa0102030405060708090a0b0c0d0e0f";
    offer.foundation = kProd;
    offer.public_key = std::string(32, '\x42');
    offer.not_after = kTestNow + absl::Hours(1);
    return offer;
  }
  ReadReply SampleReply() const {
    ReadReply reply;
    reply.foundation = kProd;
    reply.at = kTestNow + absl::Seconds(1);
    reply.result = R"({"apps":[]})";
    return reply;
  }

  TestTrust trust_;
};

TEST_F(SignedFormatsTest, OrdersKeepTheirBytesAndComeBackAsTheyWere) {
  Order order = trust_.PromoteOrder();
  ExpectGoldenFormat("order", trust_.Signed(order));
  EXPECT_EQ(ParseOrder(FormatOrder(order).value()).value(), order);
  order.activate_before = kTestNow + absl::Hours(5);
  order.manifest_sha256 = std::string(64, 'c');
  order.bytes_per_second_max = 10 << 20;
  order.targets[0].create = true;
  order.targets[0].app_guid = AppGuid();
  order.targets[0].reference.app = "check out/ü";
  order.strategy = Strategy::kRestart;
  order.activate = false;
  EXPECT_EQ(ParseOrder(FormatOrder(order).value()).value(), order);
  order = trust_.PromoteOrder();
  order.action = Action::kRollback;
  order.original_order_sha256 = OrderSha256(trust_.Signed(trust_.PromoteOrder()));
  order.targets[0].droplet_guid = DropletGuid("22222222-0000-4000-8000-000000000004");
  ExpectGoldenFormat("rollback_order", trust_.Signed(order));
  EXPECT_EQ(ParseOrder(FormatOrder(order).value()).value(), order);
}

TEST_F(SignedFormatsTest, OrdersHoldWhatTheyMustAndNothingElse) {
  const auto parse = [](const std::string& payload) { return ParseOrder(payload).status(); };
  const std::string payload = FormatOrder(trust_.PromoteOrder()).value();
  ExpectFieldRules({parse,
                    payload,
                    "json-unknown-field",
                    {"activate_before", "manifest_sha256", "original_order_sha256", "reason"},
                    ""});
  ExpectFieldRules({parse, payload, "json-unknown-field", {}, "source"});
  ExpectFieldRules({parse, payload, "json-unknown-field", {}, "artifact"});
}

TEST_F(SignedFormatsTest, AnOrderThatContradictsItselfCannotBeSignedOrRead) {
  const std::vector<std::function<void(Order&)>> edits = {
      [](Order& o) { o.order_id = "0001"; },
      [](Order& o) { o.order_id = std::string(32, 'A'); },
      [](Order& o) { o.federation = "Test"; },
      [](Order& o) { o.promotion = PromotionId("a b"); },
      [](Order& o) { o.promotion = PromotionId(""); },
      [](Order& o) { o.expires_at = o.issued_at; },
      [](Order& o) { o.artifact.sha256 = std::string(63, 'a'); },
      [](Order& o) { o.artifact.size_bytes = 0; },
      [](Order& o) { o.source.droplet_guid = DropletGuid("../v3/apps"); },
      [](Order& o) { o.source.app_guid = AppGuid(""); },
      [](Order& o) { o.targets.clear(); },
      [](Order& o) { o.targets.push_back(o.targets[0]); },
      [](Order& o) { o.targets[0].reference = o.source.reference; },
      [](Order& o) { o.targets[0].counter = 0; },
      [](Order& o) { o.targets[0].create = true; },
      [](Order& o) { o.targets[0].app_guid = AppGuid(); },
      [](Order& o) { o.targets[0].droplet_guid = DropletGuid("d"); },
      [](Order& o) { o.original_order_sha256 = std::string(64, 'a'); },
      [](Order& o) { o.action = Action::kCancel; },
      [](Order& o) { o.startup_timeout_seconds = 0; },
      [](Order& o) { o.bytes_per_second_max = kBytesPerSecondMin - 1; },
      [](Order& o) {
        o.action = Action::kActivate;
        o.original_order_sha256 = std::string(64, 'a');
        o.targets[0].counter = 0;
        o.bytes_per_second_max = 10 << 20;
      },
      [](Order& o) { o.reason = "one\ntwo"; },
      [](Order& o) { o.reason = std::string(kReasonBytesMax + 1, 'x'); },
      [](Order& o) { o.trust_version = 0; }};
  for (size_t i = 0; i < edits.size(); ++i) {
    Order order = trust_.PromoteOrder();
    edits[i](order);
    EXPECT_THAT(FormatOrder(order), HasErrorName("json-field")) << "edit " << i;
    EXPECT_FALSE(SignOrder(order, trust_.alice().signing).ok()) << "edit " << i;
  }
}

TEST_F(SignedFormatsTest, ExportOrdersKeepTheirBytesAndNameTheirRecipientAndNoTarget) {
  Order order = trust_.ExportOrder();
  ExpectGoldenFormat("export_order", trust_.Signed(order));
  EXPECT_EQ(ParseOrder(FormatOrder(order).value()).value(), order);
  order.bytes_per_second_max = 10 << 20;
  EXPECT_EQ(ParseOrder(FormatOrder(order).value()).value(), order);
  order.bytes_per_second_max.reset();
  order.action = Action::kCancel;
  order.original_order_sha256 = OrderSha256(trust_.Signed(trust_.ExportOrder()));
  EXPECT_EQ(ParseOrder(FormatOrder(order).value()).value(), order);

  const std::string payload = FormatOrder(trust_.ExportOrder()).value();
  ExpectFieldRules({[](const std::string& text) { return ParseOrder(text).status(); },
                    payload,
                    "json-unknown-field",
                    {},
                    "recipient"});
}

TEST_F(SignedFormatsTest, ARecipientThatFitsNoOrderIsRefused) {
  const auto refused = [this](const std::function<void(Order&)>& edit) {
    Order order = trust_.ExportOrder();
    edit(order);
    return FormatOrder(order).status();
  };
  const Order promote = trust_.PromoteOrder();
  for (const auto& edit : std::vector<std::function<void(Order&)>>{
           [](Order& order) { order.recipient.reset(); },
           [&promote](Order& order) { order.targets = promote.targets; },
           [](Order& order) { order.action = Action::kPromote; },
           [](Order& order) { order.action = Action::kActivate; },
           [](Order& order) { order.action = Action::kRollback; },
           [](Order& order) { order.original_order_sha256 = std::string(64, 'a'); },
           [](Order& order) { order.recipient->public_key.pop_back(); },
           [](Order& order) { order.recipient->curve_key.pop_back(); },
           [](Order& order) {
             order.recipient->suite = crypto::SealSuite::kP256HkdfSha256Aes256Gcm;
           }}) {
    EXPECT_FALSE(refused(edit).ok());
  }
}

TEST_F(SignedFormatsTest, StatementsKeepTheirBytesAndAreOfTheirFoundationsAgent) {
  const Statement statement = SampleStatement();
  const std::string envelope = SignStatement(statement, trust_.agent("dev").identity).value();
  ExpectGoldenFormat("statement", envelope);
  EXPECT_EQ(VerifyStatement(envelope, kDev, trust_.document()).value(), statement);
  EXPECT_THAT(VerifyStatement(envelope, kProd, trust_.document()), HasErrorName("unknown-agent"));
  EXPECT_THAT(VerifyStatement(SignStatement(statement, trust_.agent("prod").identity).value(),
                              kProd, trust_.document()),
              HasErrorName("wrong-foundation"));
  EXPECT_THAT(VerifyStatement(SignReceipt(SampleReceipt(), trust_.agent("dev").identity).value(),
                              kDev, trust_.document()),
              HasErrorName("wrong-predicate-type"));
}

TEST_F(SignedFormatsTest, InTotoReadersIgnoreWhatTheyDoNotKnowAndNeedWhatTheyDo) {
  const std::string statement = FormatStatement(SampleStatement()).value();
  const auto parse = [](const std::string& payload) { return ParseStatement(payload).status(); };
  ExpectFieldRules({parse, statement, "", {}, ""});
  ExpectFieldRules({parse, statement, "", {"stack"}, "predicate"});
  const std::string receipt = FormatReceipt(SampleReceipt()).value();
  ExpectFieldRules({[](const std::string& payload) { return ParseReceipt(payload).status(); },
                    receipt,
                    "",
                    {"cost", "error", "error_name"},
                    "predicate"});
}

TEST_F(SignedFormatsTest, ReceiptsKeepTheirBytesAndNeverClaimAnotherDigest) {
  Receipt receipt = SampleReceipt();
  const std::string envelope = SignReceipt(receipt, trust_.agent("prod").identity).value();
  ExpectGoldenFormat("receipt", envelope);
  EXPECT_EQ(VerifyReceipt(envelope, kProd, trust_.document()).value(), receipt);
  EXPECT_THAT(VerifyReceipt(envelope, kDev, trust_.document()), HasErrorName("unknown-agent"));
  EXPECT_THAT(VerifyReceipt(SignReceipt(receipt, trust_.agent("dev").identity).value(), kDev,
                            trust_.document()),
              HasErrorName("wrong-foundation"));
  for (const Outcome outcome : {Outcome::kUploaded, Outcome::kActive, Outcome::kVerified}) {
    receipt.outcome = outcome;
    receipt.reported_sha256 = std::string(64, 'b');
    EXPECT_THAT(FormatReceipt(receipt), HasErrorName("json-field"));
  }
  receipt.outcome = Outcome::kFailed;
  receipt.error_name = "digest-mismatch";
  receipt.error = "the Cloud Controller computed another digest";
  EXPECT_EQ(ParseReceipt(FormatReceipt(receipt).value()).value(), receipt);
}

TEST_F(SignedFormatsTest, SealOffersKeepTheirBytesAndAreForOneOrderAndTransfer) {
  const SealOffer offer = SampleOffer();
  const std::string envelope = SignSealOffer(offer, trust_.agent("prod").identity).value();
  ExpectGoldenFormat("seal_offer", envelope);
  const auto verify = [&](const std::string& text, const ExpectedOffer& expected,
                          absl::Time now = kTestNow) {
    return VerifySealOffer(text, expected, trust_.document(), now);
  };
  const ExpectedOffer expected{kProd, offer.order_sha256, offer.transfer_id};
  EXPECT_EQ(verify(envelope, expected).value(), offer);
  EXPECT_EQ(verify(envelope, {kProd, offer.order_sha256, ""}).value(), offer);
  EXPECT_THAT(verify(envelope, {kDev, offer.order_sha256, ""}), HasErrorName("unknown-agent"));
  EXPECT_THAT(verify(SignSealOffer(offer, trust_.agent("dev").identity).value(),
                     {kDev, offer.order_sha256, ""}),
              HasErrorName("wrong-foundation"));
  EXPECT_THAT(verify(envelope, {kProd, std::string(64, 'f'), ""}),
              HasErrorName("offer-for-another-order"));
  EXPECT_THAT(verify(envelope, {kProd, offer.order_sha256, std::string(32, 'f')}),
              HasErrorName("offer-for-another-transfer"));
  EXPECT_THAT(verify(envelope, expected, offer.not_after), HasErrorName("offer-expired"));
  ExpectFieldRules({[](const std::string& payload) { return ParseSealOffer(payload).status(); },
                    FormatSealOffer(offer).value(),
                    "json-unknown-field",
                    {},
                    ""});
  EXPECT_EQ(PeekSealOffer(envelope).value(), offer);
  std::string unknown = FormatSealOffer(offer).value();
  unknown.replace(unknown.find("x25519-"), 6, "rot-13");
  EXPECT_THAT(ParseSealOffer(unknown), HasErrorName("suite-not-supported"));
  SealOffer other = offer;
  other.public_key.pop_back();
  EXPECT_THAT(FormatSealOffer(other), HasErrorName("json-field"));
}

TEST_F(SignedFormatsTest, SealOffersOfP256HaveKeysOfItsLength) {
  SealOffer offer = SampleOffer();
  offer.suite = crypto::SealSuite::kP256HkdfSha256Aes256Gcm;
  EXPECT_THAT(FormatSealOffer(offer), HasErrorName("json-field"));
  offer.public_key = std::string(65, '\x42');
  EXPECT_EQ(ParseSealOffer(FormatSealOffer(offer).value()).value(), offer);
}

TEST_F(SignedFormatsTest, QuestionsKeepTheirBytes) {
  const ReadRequest request = trust_.Request("prod");
  ExpectGoldenFormat("read_request", SignReadRequest(request, trust_.alice().signing).value());
  EXPECT_EQ(ParseReadRequest(FormatReadRequest(request).value()).value(), request);
  ExpectFieldRules({[](const std::string& payload) { return ParseReadRequest(payload).status(); },
                    FormatReadRequest(request).value(),
                    "json-unknown-field",
                    {},
                    ""});
  for (const char* arguments : {"", "[]", "{", R"({"a":1,"a":2})", R"({"a":1.5})"}) {
    ReadRequest other = request;
    other.arguments = arguments;
    EXPECT_THAT(FormatReadRequest(other), HasErrorName("json-field")) << arguments;
  }
}

TEST_F(SignedFormatsTest, AnswersKeepTheirBytesAndBelongToOneQuestion) {
  const std::string question =
      SignReadRequest(trust_.Request("prod"), trust_.alice().signing).value();
  const auto& identity = trust_.agent("prod").identity;
  const std::string envelope = SignReadReply(SampleReply(), question, identity).value();
  ExpectGoldenFormat("read_reply", envelope);
  EXPECT_EQ(VerifyReadReply(envelope, question, trust_.document())->result, SampleReply().result);
  ReadReply refusal = SampleReply();
  refusal.status = NamedError(StatusCode::kNotFound, "no-space", "there is no space payments");
  const std::string refused = SignReadReply(refusal, question, identity).value();
  ExpectGoldenFormat("read_reply_error", refused);
  EXPECT_THAT(VerifyReadReply(refused, question, trust_.document())->status,
              HasErrorName("no-space"));
  // To another question, and by another agent.
  ReadRequest other = trust_.Request("prod");
  other.request_id = std::string(32, 'e');
  EXPECT_THAT(VerifyReadReply(envelope, SignReadRequest(other, trust_.alice().signing).value(),
                              trust_.document()),
              HasErrorName("reply-to-another-request"));
  EXPECT_THAT(
      VerifyReadReply(SignReadReply(SampleReply(), question, trust_.agent("dev").identity).value(),
                      question, trust_.document()),
      HasErrorName("unknown-agent"));
}

TEST_F(SignedFormatsTest, ARevokedAgentSignsNothingThatCounts) {
  const std::string envelope = SignReceipt(SampleReceipt(), trust_.agent("prod").identity).value();
  TrustContent content = trust_.content();
  content.revoked_keys.insert(trust_.agent("prod").identity.Public().text());
  ++content.version;
  trust_.Use(content);
  EXPECT_THAT(VerifyReceipt(envelope, kProd, trust_.document()), HasErrorName("key-revoked"));
}

}  // namespace
}  // namespace sluice::trust

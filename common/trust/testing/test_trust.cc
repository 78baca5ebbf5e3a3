#include "common/trust/testing/test_trust.h"

#include <utility>

#include "common/base/check.h"
#include "common/base/testing/fake_entropy.h"

namespace sluice::trust {
namespace {

// Keys of one holder follow from its own seed, so that another foundation changes nobody's keys.
constexpr uint64_t kRootSeed = 1;
constexpr uint64_t kAliceSeed = 2;
constexpr uint64_t kCoordinatorSeed = 3;

uint64_t SeedOf(const std::string& name) {
  uint64_t seed = 1000;
  for (const char letter : name) seed = seed * 31 + static_cast<uint8_t>(letter);
  return seed;
}

OperatorKey MakeOperator(const std::string& name, uint64_t seed) {
  FakeEntropy entropy(seed);
  crypto::SigningKey signing = crypto::SigningKey::Generate(crypto::KeyKind::kOperator, entropy);
  return {name, std::move(signing), crypto::CurveKeyPair::Generate(entropy)};
}

AgentKey MakeAgent(const std::string& foundation) {
  FakeEntropy entropy(SeedOf("agent of " + foundation));
  crypto::SigningKey identity = crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy);
  return {FoundationName(foundation), std::move(identity), crypto::CurveKeyPair::Generate(entropy)};
}

RootKey MakeRoot() {
  FakeEntropy entropy(kRootSeed);
  return {crypto::SigningKey::Generate(crypto::KeyKind::kRoot, entropy)};
}

CoordinatorKey MakeCoordinator() {
  FakeEntropy entropy(kCoordinatorSeed);
  return {crypto::CurveKeyPair::Generate(entropy)};
}

template <typename T>
T Must(StatusOr<T> value) {
  SLUICE_CHECK(value.ok());
  return *std::move(value);
}

OperatorCard CardOf(const OperatorKey& key) {
  return {key.name, key.signing.Public(), key.curve.public_key()};
}

}  // namespace

Grant AllActions(const std::vector<std::string>& patterns) {
  Grant grant{{Action::kRead, Action::kPromote, Action::kActivate, Action::kCancel,
               Action::kRollback, Action::kExport},
              {}};
  for (const std::string& pattern : patterns) {
    grant.targets.push_back(Must(SpacePattern::Parse(pattern)));
  }
  return grant;
}

TestTrust::TestTrust(const std::vector<std::string>& foundations)
    : root_(MakeRoot()),
      alice_(MakeOperator("alice", kAliceSeed)),
      coordinator_(MakeCoordinator()) {
  TrustContent content =
      TrustContent::Init("test", root_.signing.Public(), {coordinator_.curve.public_key()},
                         kTestNow + absl::Hours(24 * 365));
  content = Must(content.AddOperator(CardOf(alice_), {AllActions({"*:*/*"})}));
  for (const std::string& foundation : foundations) {
    const AgentKey& agent = agents_.emplace(foundation, MakeAgent(foundation)).first->second;
    content = Must(content.AddFoundation(
        {agent.foundation, agent.identity.Public(), agent.curve.public_key()}, "dev"));
  }
  Use(content);
}

void TestTrust::Use(const TrustContent& content) {
  const std::string envelope = Must(SignTrustContent(content, root_.signing));
  const std::vector<crypto::VerifyingKey> roots = {root_.signing.Public()};
  document_ = std::make_shared<const TrustDocument>(Must(TrustDocument::Open(envelope, roots)));
}

OperatorKey TestTrust::AddOperator(const std::string& name, std::vector<Grant> grants) {
  OperatorKey key = MakeOperator(name, SeedOf("operator " + name));
  Use(Must(content().AddOperator(CardOf(key), std::move(grants))));
  return key;
}

Order TestTrust::PromoteOrder() const {
  Order order;
  order.order_id = "000102030405060708090a0b0c0d0e0f";
  order.federation = document_->federation();
  order.promotion = PromotionId("promotion-1");
  order.trust_version = document_->version();
  order.issued_at = kTestNow;
  order.expires_at = kTestNow + absl::Hours(1);
  order.source = {.reference = {FoundationName("dev"), "acme", "payments", "checkout"},
                  .app_guid = AppGuid("11111111-0000-4000-8000-000000000001"),
                  .droplet_guid = DropletGuid("11111111-0000-4000-8000-000000000002")};
  order.artifact = {.sha256 = std::string(64, 'a'),
                    .size_bytes = 187654321,
                    .stack = "cflinuxfs4",
                    .lifecycle = "buildpack"};
  OrderTarget target;
  target.reference = {FoundationName("prod"), "acme", "payments", "checkout"};
  target.organization_guid = OrganizationGuid("22222222-0000-4000-8000-000000000001");
  target.space_guid = SpaceGuid("22222222-0000-4000-8000-000000000002");
  target.app_guid = AppGuid("22222222-0000-4000-8000-000000000003");
  target.counter = 1;
  target.expected_current_droplet_guid = DropletGuid("22222222-0000-4000-8000-000000000004");
  order.targets = {target};
  order.reason = "CHG-1234";
  return order;
}

Order TestTrust::ExportOrder() const {
  Order order = PromoteOrder();
  order.order_id = "e00102030405060708090a0b0c0d0e0f";
  order.action = Action::kExport;
  order.promotion = PromotionId("export-1");
  order.targets.clear();
  order.recipient = OrderRecipient{.curve_key = alice_.curve.public_key().bytes(),
                                   .public_key = std::string(32, '\x42')};
  order.activate = false;
  return order;
}

std::string TestTrust::Signed(const Order& order) const {
  return Must(SignOrder(order, alice_.signing));
}

ReadRequest TestTrust::Request(const std::string& foundation) const {
  return {.request_id = "0f0e0d0c0b0a09080706050403020100",
          .federation = document_->federation(),
          .foundation = FoundationName(foundation),
          .action = "list-apps",
          .issued_at = kTestNow,
          .expires_at = kTestNow + kReadRequestLifeMax,
          .arguments = R"({"organization":"acme"})"};
}

}  // namespace sluice::trust

// Goal: an agent obeys nothing but what the header says. Method: one order and one question that
// are accepted, and each refusal that acceptance.h names brought about by the least change of them.
#include "common/trust/acceptance.h"

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "common/base/testing/fake_entropy.h"
#include "common/base/testing/status_matchers.h"
#include "common/trust/envelope.h"
#include "common/trust/testing/test_trust.h"
#include "gtest/gtest.h"

namespace sluice::trust {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// An agent's world: what it knows when an order comes.
struct World {
  TestTrust trust;
  Policy policy;
  absl::Time now = kTestNow + absl::Seconds(10);
  absl::Time time_floor = absl::InfinitePast();
  std::set<std::string> seen;
  std::set<std::string> accepted;
  int64_t last_counter = 0;

  AcceptanceContext Context(const std::string& foundation) {
    AcceptanceContext context;
    context.foundation = FoundationName(foundation);
    context.trust = &trust.document();
    context.policy = &policy;
    context.now = now;
    context.time_floor = time_floor;
    context.order_seen = [this](const std::string& id) { return seen.contains(id); };
    context.last_counter = [this](const OrderTarget&) { return last_counter; };
    context.order_accepted = [this](const std::string& sha256) {
      return accepted.contains(sha256);
    };
    return context;
  }
  StatusOr<AcceptedOrder> AcceptText(std::string_view envelope,
                                     const std::string& foundation = "prod") {
    return AcceptOrder(envelope, Context(foundation));
  }
  StatusOr<AcceptedOrder> Accept(const Order& order, const std::string& foundation = "prod") {
    return AcceptText(trust.Signed(order), foundation);
  }
  StatusOr<AcceptedOrder> AcceptEdited(const std::function<void(Order&)>& edit) {
    Order order = trust.PromoteOrder();
    edit(order);
    return Accept(order);
  }
  StatusOr<AcceptedRead> Ask(const ReadRequest& request, const std::string& foundation = "prod") {
    return AcceptRead(SignReadRequest(request, trust.alice().signing).value(), Context(foundation));
  }
  StatusOr<AcceptedRead> AskEdited(const std::function<void(ReadRequest&)>& edit) {
    ReadRequest request = trust.Request("prod");
    edit(request);
    return Ask(request);
  }
  void EditTrust(const std::function<void(TrustContent&)>& edit) {
    TrustContent content = trust.content();
    edit(content);
    ++content.version;
    trust.Use(content);
  }
  // Alice may do only this from now on.
  void Grant(std::set<Action> actions, const std::vector<std::string>& patterns) {
    trust::Grant grant = AllActions(patterns);
    grant.actions = std::move(actions);
    EditTrust([&grant](TrustContent& content) { content.operators.at("alice").grants = {grant}; });
  }
  // To activate what PromoteOrder() uploaded.
  Order ActivateOrder() const {
    Order order = trust.PromoteOrder();
    order.order_id = "ff0102030405060708090a0b0c0d0e0f";
    order.action = Action::kActivate;
    order.original_order_sha256 = OrderSha256(trust.Signed(trust.PromoteOrder()));
    order.targets[0].counter = 0;
    return order;
  }
};

// Something that must be refused, by name and code, in a world that is whole otherwise.
struct Refusal {
  std::string name;
  StatusCode code;
  std::function<Status(World&)> happens;
};

void ExpectAll(const std::vector<Refusal>& refusals) {
  for (size_t i = 0; i < refusals.size(); ++i) {
    SCOPED_TRACE(refusals[i].name + ", case " + std::to_string(i));
    World world;
    const Status status = refusals[i].happens(world);
    EXPECT_THAT(status, HasErrorName(refusals[i].name));
    EXPECT_THAT(status, StatusIs(refusals[i].code));
  }
}

constexpr StatusCode kDenied = StatusCode::kPermissionDenied;
constexpr StatusCode kInvalid = StatusCode::kInvalidArgument;
constexpr StatusCode kPrecondition = StatusCode::kFailedPrecondition;

TEST(AcceptOrderTest, AnOrderAsItShouldBeIsAcceptedBySourceAndTarget) {
  World world;
  const Order order = world.trust.PromoteOrder();
  const auto target = world.Accept(order, "prod");
  ASSERT_THAT(target, IsOk());
  EXPECT_EQ(target->order, order);
  EXPECT_EQ(target->operator_name, "alice");
  EXPECT_EQ(target->order_sha256, OrderSha256(world.trust.Signed(order)));
  EXPECT_FALSE(target->is_source);
  EXPECT_THAT(target->target_indexes, ElementsAre(0u));
  const auto source = world.Accept(order, "dev");
  ASSERT_THAT(source, IsOk());
  EXPECT_TRUE(source->is_source);
  EXPECT_TRUE(source->target_indexes.empty());
}

TEST(AcceptOrderTest, AnActivationOfWhatWasAcceptedNeedsNoCounter) {
  World world;
  world.accepted = {world.ActivateOrder().original_order_sha256};
  world.last_counter = 1;
  EXPECT_THAT(world.Accept(world.ActivateOrder()), IsOk());
}

TEST(AcceptOrderTest, OnlyATrustedOperatorsUnalteredEnvelopeIsOpened) {
  ExpectAll({
      {"unknown-operator", kDenied,
       [](World& w) {
         FakeEntropy entropy(77);
         const auto key = crypto::SigningKey::Generate(crypto::KeyKind::kOperator, entropy);
         return w.AcceptText(SignOrder(w.trust.PromoteOrder(), key).value()).status();
       }},
      {"unknown-operator", kDenied,  // an agent is no operator
       [](World& w) {
         return w
             .AcceptText(SignOrder(w.trust.PromoteOrder(), w.trust.agent("dev").identity).value())
             .status();
       }},
      {"unknown-operator", kDenied,  // nor is the root
       [](World& w) {
         return w.AcceptText(SignOrder(w.trust.PromoteOrder(), w.trust.root().signing).value())
             .status();
       }},
      {"key-revoked", kDenied,
       [](World& w) {
         w.EditTrust([&w](TrustContent& content) {
           content.revoked_keys.insert(w.trust.alice().signing.Public().text());
         });
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"key-revoked", kDenied,  // and taken out of the document
       [](World& w) {
         w.EditTrust([&w](TrustContent& content) {
           content.revoked_keys.insert(w.trust.alice().signing.Public().text());
           content.operators.erase("alice");
         });
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"bad-signature", kDenied,  // another digest under the old signature
       [](World& w) {
         Envelope envelope = ParseEnvelope(w.trust.Signed(w.trust.PromoteOrder())).value();
         Order order = w.trust.PromoteOrder();
         order.artifact.sha256 = std::string(64, 'b');
         envelope.payload = FormatOrder(order).value();
         return w.AcceptText(FormatEnvelope(envelope)).status();
       }},
      {"envelope-not-canonical", kInvalid,
       [](World& w) {
         return w.AcceptText(w.trust.Signed(w.trust.PromoteOrder()) + "\n").status();
       }},
      {"wrong-payload-type", kInvalid,
       [](World& w) {
         const std::string payload = FormatOrder(w.trust.PromoteOrder()).value();
         return w.AcceptText(SealEnvelope(kReadRequestType, payload, w.trust.alice().signing))
             .status();
       }},
      {"json-unknown-field", kInvalid,
       [](World& w) {
         std::string payload = FormatOrder(w.trust.PromoteOrder()).value();
         payload.insert(1, "\"aaa\":1,");
         return w.AcceptText(SealEnvelope(kOrderType, payload, w.trust.alice().signing)).status();
       }},
      {"json-malformed", kInvalid, [](World& w) { return w.AcceptText("order").status(); }},
  });
}

TEST(AcceptOrderTest, EverythingThatAnOrderMayLackHasItsName) {
  ExpectAll({
      {"wrong-federation", kDenied,
       [](World& w) {
         return w.AcceptEdited([](Order& order) { order.federation = "other"; }).status();
       }},
      {"wrong-audience", kDenied,
       [](World& w) { return w.Accept(w.trust.PromoteOrder(), "qa").status(); }},
      {"trust-too-old", StatusCode::kUnavailable,
       [](World& w) {
         return w.AcceptEdited([](Order& order) { order.trust_version += 1; }).status();
       }},
      {"trust-expired", kDenied,
       [](World& w) {
         w.EditTrust([](TrustContent& content) { content.expires = kTestNow + absl::Seconds(5); });
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"clock-behind", kPrecondition,  // a clock set back brings nothing to life
       [](World& w) {
         w.time_floor = w.now + kClockSkewMax + absl::Seconds(1);
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"order-from-the-future", kPrecondition,
       [](World& w) {
         w.now = kTestNow - kClockSkewMax - absl::Seconds(1);
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"order-expired", kPrecondition,
       [](World& w) {
         w.now = kTestNow + absl::Hours(1);
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"order-life-too-long", kPrecondition,
       [](World& w) {
         return w
             .AcceptEdited([](Order& order) {
               order.expires_at = order.issued_at + kOrderLifeMax + absl::Seconds(1);
             })
             .status();
       }},
      {"order-replayed", kDenied,
       [](World& w) {
         w.seen = {w.trust.PromoteOrder().order_id};
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"unknown-original-order", kDenied,
       [](World& w) { return w.Accept(w.ActivateOrder()).status(); }},
      {"counter-used", kPrecondition,
       [](World& w) {
         w.last_counter = 1;
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"counter-jump", kDenied,
       [](World& w) {
         return w.AcceptEdited([](Order& order) { order.targets[0].counter = kCounterJumpMax + 1; })
             .status();
       }},
      {"droplet-denied", kDenied,
       [](World& w) {
         w.EditTrust([](TrustContent& c) { c.denied_droplets.insert(std::string(64, 'a')); });
         return w.Accept(w.trust.PromoteOrder()).status();
       }},
      {"droplet-denied", kDenied,  // also when it was uploaded before it was denied
       [](World& w) {
         w.EditTrust([](TrustContent& c) { c.denied_droplets.insert(std::string(64, 'a')); });
         w.accepted = {w.ActivateOrder().original_order_sha256};
         return w.Accept(w.ActivateOrder()).status();
       }},
  });
}

TEST(AcceptOrderTest, GrantsAreOfActionAndSpaceAndCountForTheWholeOrder) {
  const auto granted = [](std::set<Action> actions, const std::vector<std::string>& patterns,
                          const std::string& foundation = "prod") {
    World world;
    world.Grant(std::move(actions), patterns);
    return world.Accept(world.trust.PromoteOrder(), foundation).status();
  };
  EXPECT_THAT(granted({Action::kPromote}, {"dev:acme/payments", "prod:acme/payments"}), IsOk());
  EXPECT_THAT(granted({Action::kPromote}, {"*:acme/*"}), IsOk());
  // Another action, space, organization, foundation.
  EXPECT_THAT(granted({Action::kRead}, {"*:*/*"}), HasErrorName("not-granted"));
  EXPECT_THAT(granted({Action::kActivate, Action::kRollback}, {"*:*/*"}),
              HasErrorName("not-granted"));
  EXPECT_THAT(granted({Action::kPromote}, {"dev:*/*", "prod:acme/payments-x"}),
              HasErrorName("not-granted"));
  EXPECT_THAT(granted({Action::kPromote}, {"dev:*/*", "prod:acm/payments"}),
              HasErrorName("not-granted"));
  EXPECT_THAT(granted({Action::kPromote}, {"prod:*/*"}), HasErrorName("not-granted"));
  // The source helps with nothing that the target must refuse.
  EXPECT_THAT(granted({Action::kPromote}, {"dev:*/*"}, "dev"), HasErrorName("not-granted"));
}

TEST(AcceptOrderTest, AnExportIsARightOfItsOwnAtTheSourceAndOfNobodyElse) {
  const auto granted = [](std::set<Action> actions, const std::vector<std::string>& patterns) {
    World world;
    world.Grant(std::move(actions), patterns);
    return world.Accept(world.trust.ExportOrder(), "dev");
  };
  const auto accepted = granted({Action::kExport}, {"dev:acme/payments"});
  ASSERT_THAT(accepted, IsOk());
  EXPECT_TRUE(accepted->is_source);
  EXPECT_TRUE(accepted->target_indexes.empty());
  EXPECT_THAT(granted({Action::kRead, Action::kPromote, Action::kRollback}, {"*:*/*"}),
              HasErrorName("not-granted"));
  EXPECT_THAT(granted({Action::kExport}, {"dev:acme/other"}), HasErrorName("not-granted"));
  EXPECT_THAT(granted({Action::kExport}, {"prod:*/*"}), HasErrorName("not-granted"));
  World world;
  EXPECT_THAT(world.Accept(world.trust.ExportOrder(), "prod"), HasErrorName("wrong-audience"));
}

TEST(AcceptOrderTest, ADropletIsExportedToNobodyButWhoSignedTheOrder) {
  World world;
  const OperatorKey bob = world.trust.AddOperator("bob", {AllActions({"*:*/*"})});
  Order order = world.trust.ExportOrder();
  order.trust_version = world.trust.document().version();
  EXPECT_THAT(world.Accept(order, "dev"), IsOk());
  order.recipient->curve_key = bob.curve.public_key().bytes();
  EXPECT_THAT(world.Accept(order, "dev"), HasErrorName("recipient-not-the-operator"));
  order.recipient->curve_key = world.trust.agent("prod").curve.public_key().bytes();
  EXPECT_THAT(world.Accept(order, "dev"), HasErrorName("recipient-not-the-operator"));
  order.recipient->curve_key = std::string(32, '\x07');  // known to nobody
  EXPECT_THAT(world.Accept(order, "dev"), HasErrorName("recipient-not-the-operator"));
}

TEST(AcceptOrderTest, WhoMayExportOrCancelThereMayEndAnyonesExport) {
  World world;
  const OperatorKey bob = world.trust.AddOperator("bob", {AllActions({"dev:acme/payments"})});
  const auto cancelled_by = [&world, &bob](std::set<Action> actions) {
    trust::Grant grant = AllActions({"dev:acme/payments"});
    grant.actions = std::move(actions);
    world.EditTrust([&grant](TrustContent& c) { c.operators.at("bob").grants = {grant}; });
    Order order = world.trust.ExportOrder();  // alice's, and to her
    order.action = Action::kCancel;
    order.original_order_sha256 = std::string(64, 'c');
    order.trust_version = world.trust.document().version();
    world.accepted = {order.original_order_sha256};
    return world.AcceptText(SignOrder(order, bob.signing).value(), "dev").status();
  };
  EXPECT_THAT(cancelled_by({Action::kExport}), IsOk());
  EXPECT_THAT(cancelled_by({Action::kCancel}), IsOk());
  EXPECT_THAT(cancelled_by({Action::kRead, Action::kPromote}), HasErrorName("not-granted"));
}

TEST(AcceptOrderTest, ADeniedDropletIsNotExportedEitherNorOneThatThePolicyKeeps) {
  World world;
  world.policy = Policy::Parse("actions: [read, promote]", "policy.yaml").value();
  EXPECT_THAT(world.Accept(world.trust.ExportOrder(), "dev"), HasErrorName("policy-action"));
  world.policy = Policy::Parse("actions: [export]", "policy.yaml").value();
  EXPECT_THAT(world.Accept(world.trust.ExportOrder(), "dev"), IsOk());
  world.EditTrust([](TrustContent& c) { c.denied_droplets.insert(std::string(64, 'a')); });
  EXPECT_THAT(world.Accept(world.trust.ExportOrder(), "dev"), HasErrorName("droplet-denied"));
}

TEST(AcceptOrderTest, TheAgentsOwnPolicyHasTheLastWord) {
  const auto refused = [](const std::string& yaml, const std::string& foundation = "prod") {
    World world;
    world.policy = Policy::Parse(yaml, "policy.yaml").value();
    return world.Accept(world.trust.PromoteOrder(), foundation).status();
  };
  EXPECT_THAT(refused("operators: [alice]\nactions: [promote]\nsources: ['dev:acme/*']\n"
                      "targets: ['prod:acme/payments']\nstacks: [cflinuxfs4]\n"
                      "droplet_bytes_max: 187654321\n"),
              IsOk());
  EXPECT_THAT(refused("operators: [bob]"), HasErrorName("policy-operator"));
  EXPECT_THAT(refused("operators: []"), HasErrorName("policy-operator"));
  EXPECT_THAT(refused("actions: [read, rollback]"), HasErrorName("policy-action"));
  EXPECT_THAT(refused("sources: ['qa:*/*']"), HasErrorName("policy-source"));
  EXPECT_THAT(refused("targets: ['prod:acme/other']"), HasErrorName("policy-target"));
  EXPECT_THAT(refused("targets: ['dev:acme/other']", "dev"), IsOk());  // of its own foundation only
  EXPECT_THAT(refused("stacks: [cflinuxfs3]"), HasErrorName("policy-stack"));
  EXPECT_THAT(refused("droplet_bytes_max: 187654320"), HasErrorName("policy-droplet-too-large"));
}

TEST(AcceptOrderTest, TheEdgesOfTimeAndCounterAreWhereTheyAreSaidToBe) {
  World world;
  const Order order = world.trust.PromoteOrder();
  world.now = kTestNow - kClockSkewMax;
  EXPECT_THAT(world.Accept(order), IsOk());
  world.now = kTestNow + absl::Hours(1) - absl::Seconds(1);
  EXPECT_THAT(world.Accept(order), IsOk());
  world.time_floor = world.now + kClockSkewMax;
  EXPECT_THAT(world.Accept(order), IsOk());
  EXPECT_THAT(world.AcceptEdited([](Order& o) { o.targets[0].counter = kCounterJumpMax; }), IsOk());
}

TEST(AcceptReadTest, AQuestionAsItShouldBeIsAccepted) {
  World world;
  const auto accepted = world.Ask(world.trust.Request("prod"));
  ASSERT_THAT(accepted, IsOk());
  EXPECT_EQ(accepted->request, world.trust.Request("prod"));
  EXPECT_EQ(accepted->operator_name, "alice");
  EXPECT_EQ(accepted->request_sha256.size(), 64u);
}

TEST(AcceptReadTest, EverythingThatAQuestionMayLackHasItsName) {
  ExpectAll({
      {"unknown-operator", kDenied,
       [](World& w) {
         return AcceptRead(
                    SignReadRequest(w.trust.Request("prod"), w.trust.agent("dev").identity).value(),
                    w.Context("prod"))
             .status();
       }},
      {"key-revoked", kDenied,
       [](World& w) {
         w.EditTrust([&w](TrustContent& content) {
           content.revoked_keys.insert(w.trust.alice().signing.Public().text());
         });
         return w.Ask(w.trust.Request("prod")).status();
       }},
      {"wrong-payload-type", kInvalid,  // an order is no question
       [](World& w) {
         return AcceptRead(w.trust.Signed(w.trust.PromoteOrder()), w.Context("prod")).status();
       }},
      {"envelope-not-canonical", kInvalid,
       [](World& w) {
         const std::string text =
             SignReadRequest(w.trust.Request("prod"), w.trust.alice().signing).value();
         return AcceptRead(" " + text, w.Context("prod")).status();
       }},
      {"wrong-federation", kDenied,
       [](World& w) {
         return w.AskEdited([](ReadRequest& request) { request.federation = "other"; }).status();
       }},
      {"wrong-audience", kDenied,
       [](World& w) { return w.Ask(w.trust.Request("dev"), "prod").status(); }},
      {"trust-expired", kDenied,
       [](World& w) {
         w.EditTrust([](TrustContent& content) { content.expires = kTestNow + absl::Seconds(5); });
         return w.Ask(w.trust.Request("prod")).status();
       }},
      {"not-granted", kDenied,
       [](World& w) {
         w.Grant({Action::kRead}, {"dev:*/*"});
         return w.Ask(w.trust.Request("prod")).status();
       }},
  });
}

TEST(AcceptReadTest, AgentWhoseClockWasAheadSaysUntilWhenItObeysNobody) {
  World world;
  world.time_floor = world.now + absl::Hours(25);
  EXPECT_THAT(std::string(world.Ask(world.trust.Request("prod")).status().message()),
              AllOf(HasSubstr("the agent of prod shows 2026-01-01T00:0"),
                    HasSubstr("accepted an order at 2026-01-02T01:0"),
                    HasSubstr("if it is right now, it was ahead then")));
}

TEST(AcceptReadTest, QuestionOutOfItsTimeOrAgainstThePolicyHasItsName) {
  ExpectAll({
      {"clock-behind", kPrecondition,
       [](World& w) {
         w.time_floor = w.now + kClockSkewMax + absl::Seconds(1);
         return w.Ask(w.trust.Request("prod")).status();
       }},
      {"request-from-the-future", kPrecondition,
       [](World& w) {
         w.now = kTestNow - kClockSkewMax - absl::Seconds(1);
         return w.Ask(w.trust.Request("prod")).status();
       }},
      {"request-expired", kPrecondition,
       [](World& w) {
         w.now = kTestNow + kReadRequestLifeMax;
         return w.Ask(w.trust.Request("prod")).status();
       }},
      {"request-life-too-long", kPrecondition,
       [](World& w) {
         return w
             .AskEdited([](ReadRequest& request) {
               request.expires_at = request.issued_at + kReadRequestLifeMax + absl::Seconds(1);
             })
             .status();
       }},
      {"policy-operator", kDenied,
       [](World& w) {
         w.policy = Policy::Parse("operators: [bob]", "policy.yaml").value();
         return w.Ask(w.trust.Request("prod")).status();
       }},
      {"policy-action", kDenied,
       [](World& w) {
         w.policy = Policy::Parse("actions: [promote]", "policy.yaml").value();
         return w.Ask(w.trust.Request("prod")).status();
       }},
  });
}

TEST(AcceptReadTest, WhoeverMayDoAnythingInAFoundationMayAskThere) {
  World world;
  world.Grant({Action::kRollback}, {"prod:acme/payments"});
  EXPECT_THAT(world.Ask(world.trust.Request("prod")), IsOk());
  EXPECT_THAT(world.Ask(world.trust.Request("dev"), "dev"), HasErrorName("not-granted"));
}

}  // namespace
}  // namespace sluice::trust

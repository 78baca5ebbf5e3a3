// A small federation for tests of every room: root, operators, coordinator, agents, and the signed
// trust document that names them. The keys follow from fixed seeds, so every run has the same ones.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/trust/key_file.h"
#include "common/trust/order.h"
#include "common/trust/read_request.h"
#include "common/trust/trust_document.h"

namespace sluice::trust {

// When everything in it happens, and where FakeClock starts: 2026-01-01T00:00:00Z.
inline const absl::Time kTestNow = absl::FromUnixSeconds(1767225600);

class TestTrust {
 public:
  // Agents for these foundations; operator "alice" may do everything everywhere.
  explicit TestTrust(const std::vector<std::string>& foundations = {"dev", "prod"});

  const RootKey& root() const { return root_; }
  const OperatorKey& alice() const { return alice_; }
  const CoordinatorKey& coordinator() const { return coordinator_; }
  const AgentKey& agent(const std::string& foundation) const { return agents_.at(foundation); }

  const TrustDocument& document() const { return *document_; }
  std::shared_ptr<const TrustDocument> shared_document() const { return document_; }
  // What the document says, to edit; then Use() it.
  const TrustContent& content() const { return document_->content(); }
  // Signs the content by the root and makes it the document.
  void Use(const TrustContent& content);

  // An operator with these grants, added to the document.
  OperatorKey AddOperator(const std::string& name, std::vector<Grant> grants);

  // A valid promote order dev:acme/payments/checkout -> prod:acme/payments, counter 1, issued at
  // kTestNow for an hour.
  Order PromoteOrder() const;
  // A valid export order of the same droplet to alice.
  Order ExportOrder() const;
  std::string Signed(const Order& order) const;  // by alice
  // A valid request to that foundation, issued at kTestNow for five minutes.
  ReadRequest Request(const std::string& foundation) const;

 private:
  RootKey root_;
  OperatorKey alice_;
  CoordinatorKey coordinator_;
  std::map<std::string, AgentKey> agents_;
  std::shared_ptr<const TrustDocument> document_;
};

// Grants every action for the patterns.
Grant AllActions(const std::vector<std::string>& patterns);

}  // namespace sluice::trust

// What agents sign in a promotion of TestTrust's order: statement, seal offer, receipt.
#pragma once

#include <string>

#include "common/base/check.h"
#include "common/trust/receipt.h"
#include "common/trust/seal_offer.h"
#include "common/trust/statement.h"
#include "common/trust/testing/test_trust.h"

namespace sluice::coordinator {

inline std::string SignedStatement(const trust::TestTrust& trust, const trust::Order& order,
                                   const std::string& order_envelope) {
  const std::string& foundation = order.source.reference.foundation.value();
  const trust::Statement statement{
      .sha256 = order.artifact.sha256,
      .size_bytes = order.artifact.size_bytes,
      .promotion = order.promotion,
      .order_sha256 = trust::OrderSha256(order_envelope),
      .source = order.source.reference,
      .app_guid = order.source.app_guid,
      .droplet_guid = order.source.droplet_guid,
      .stack = order.artifact.stack,
      .buildpacks = {},
      .process_types = {{"web", "run"}},
      .lifecycle = order.artifact.lifecycle,
      .droplet_created_at = trust::kTestNow,
      .signed_at = trust::kTestNow,
      .origin = {order.source.reference, order.source.app_guid, order.source.droplet_guid}};
  auto envelope = trust::SignStatement(statement, trust.agent(foundation).identity);
  SLUICE_CHECK(envelope.ok());
  return *std::move(envelope);
}

inline std::string SignedOffer(const trust::TestTrust& trust, const trust::Order& order,
                               const std::string& order_envelope, size_t target = 0) {
  const FoundationName& foundation = order.targets[target].reference.foundation;
  const trust::SealOffer offer{.order_id = order.order_id,
                               .order_sha256 = trust::OrderSha256(order_envelope),
                               .promotion = order.promotion,
                               .transfer_id = std::string(32, 'f'),
                               .foundation = foundation,
                               .suite = crypto::SealSuite::kX25519HkdfSha256Aes256Gcm,
                               .public_key = std::string(32, 'k'),
                               .not_after = trust::kTestNow + absl::Hours(1)};
  auto envelope = trust::SignSealOffer(offer, trust.agent(foundation.value()).identity);
  SLUICE_CHECK(envelope.ok());
  return *std::move(envelope);
}

inline std::string SignedReceipt(const trust::TestTrust& trust, const trust::Order& order,
                                 const std::string& order_envelope, size_t target = 0) {
  const trust::OrderTarget& to = order.targets[target];
  const trust::Receipt receipt{.sha256 = order.artifact.sha256,
                               .promotion = order.promotion,
                               .order_sha256 = trust::OrderSha256(order_envelope),
                               .target = to.reference,
                               .organization_guid = to.organization_guid,
                               .space_guid = to.space_guid,
                               .app_guid = to.app_guid,
                               .droplet_guid = DropletGuid("33333333-0000-4000-8000-000000000001"),
                               .reported_sha256 = order.artifact.sha256,
                               .previous_droplet_guid = to.expected_current_droplet_guid,
                               .outcome = trust::Outcome::kVerified,
                               .bytes_transferred = order.artifact.size_bytes,
                               .cost = {},
                               .started_at = trust::kTestNow,
                               .finished_at = trust::kTestNow,
                               .error_name = "",
                               .error = ""};
  auto envelope =
      trust::SignReceipt(receipt, trust.agent(to.reference.foundation.value()).identity);
  SLUICE_CHECK(envelope.ok());
  return *std::move(envelope);
}

}  // namespace sluice::coordinator

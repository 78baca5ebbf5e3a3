// Builds promotions for tests of the machine: terms, reports and orders with just enough in them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "coordinator/daemon/promotion.h"
#include "sluice/v1/control.pb.h"

namespace sluice::coordinator {

inline std::string TestDigest() { return std::string(64, 'a'); }

inline OrderRecorded TestOrder(size_t targets = 1, bool activate = true) {
  OrderRecorded order{.promotion = "p-1",
                      .order_sha256 = std::string(64, '1'),
                      .envelope = "{order}",
                      .operator_name = "alice",
                      .terms = {.source_foundation = "dev",
                                .source = "dev:acme/payments/checkout",
                                .targets = {},
                                .recipient = {},
                                .sha256 = TestDigest(),
                                .size_bytes = 1000,
                                .strategy = "rolling",
                                .activate = activate}};
  for (size_t i = 0; i < targets; ++i) {
    const std::string foundation = "prod-" + std::to_string(i);
    order.terms.targets.push_back({foundation, foundation + ":acme/payments/checkout"});
  }
  return order;
}

// The same droplet, to the operator who orders it.
inline OrderRecorded TestExport() {
  OrderRecorded order = TestOrder(0, false);
  order.terms.recipient = "alice";
  return order;
}

inline SourceReported SourceSays(uint64_t revision, v1::SourceState state, Status error = {}) {
  return {.revision = revision,
          .state = state,
          .error = std::move(error),
          .statement = state == v1::SOURCE_STATE_ACCEPTED ? "{statement}" : "",
          .progress = {},
          .warnings = {}};
}

// With the evidence that the state needs.
inline TargetReported TargetSays(uint32_t index, uint64_t revision, v1::TargetState state,
                                 Status error = {}) {
  TargetReported report;
  report.target_index = index;
  report.revision = revision;
  report.state = state;
  report.error = std::move(error);
  if (state == v1::TARGET_STATE_ACCEPTED)
    report.seal_offer = "{offer " + std::to_string(index) + "}";
  if (state >= v1::TARGET_STATE_UPLOADED && state <= v1::TARGET_STATE_VERIFIED) {
    report.reported_sha256 = TestDigest();
  }
  return report;
}

inline RoutesChosen AllRoutes(size_t targets = 1) {
  RoutesChosen chosen;
  for (uint32_t i = 0; i < targets; ++i) {
    chosen.routes.push_back({.target_index = i, .source_dials = false, .endpoint = "tcp://a:7720"});
  }
  return chosen;
}

inline StepOrdered Ordered(StepAction action, size_t targets = 1) {
  std::vector<std::string> references;
  for (const auto& target : TestOrder(targets).terms.targets) {
    references.push_back(target.reference);
  }
  const std::string name = action == StepAction::kActivate ? "activate"
                           : action == StepAction::kCancel ? "cancel"
                                                           : "rollback";
  return {.action = action,
          .targets = std::move(references),
          .order_sha256 = "sha of " + name,
          .envelope = "{" + name + "}",
          .operator_name = "alice"};
}

}  // namespace sluice::coordinator

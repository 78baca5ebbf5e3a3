// One command's standing with the federation: the operator's key, the trust document, the line to
// the coordinator, and signed questions to agents over it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/trust/key_file.h"
#include "common/trust/trust_document.h"
#include "coordinator/cli/arguments.h"
#include "coordinator/cli/world.h"

namespace sluice::cli {

// A question to one foundation's agent; `arguments` is a JSON object as text.
struct AgentQuestion {
  FoundationName foundation;
  std::string action;
  std::string arguments;
};

class Session {
 public:
  // Reads configuration, trust document and key, and connects. Beyond the names of LoadSettings(),
  // TrustDocument::Load() and LoadOperatorKey(): PermissionDenied "trust-expired",
  // "unknown-operator" (our key is not in the document). Connecting takes no longer than `timeout`.
  static StatusOr<std::unique_ptr<Session>> Open(
      World& world, const GlobalArguments& global,
      std::optional<absl::Duration> timeout = std::nullopt);

  const trust::TrustDocument& trust() const { return trust_; }
  const trust::OperatorKey& key() const { return key_; }
  const Settings& settings() const { return settings_; }
  CoordinatorLink& link() { return *link_; }

  // Signs each question, passes it through the coordinator and checks the answer: it is to this
  // very question, and signed by an agent of that foundation. Results are JSON objects as text.
  // Names as CoordinatorLink::AskAll() and VerifyReadReply(), NotFound "no-foundation", and
  // whatever the agent itself refused with.
  std::vector<StatusOr<std::string>> ReadAll(const std::vector<AgentQuestion>& questions);
  StatusOr<std::string> Read(const AgentQuestion& question);

 private:
  Session(World& world, Settings settings, trust::TrustDocument trust, trust::OperatorKey key,
          std::unique_ptr<CoordinatorLink> link);
  StatusOr<std::string> SignQuestion(const AgentQuestion& question);
  StatusOr<std::string> OpenAnswer(const AgentQuestion& question, std::string_view request_envelope,
                                   std::string_view reply_envelope) const;

  World& world_;
  const Settings settings_;
  const trust::TrustDocument trust_;
  const trust::OperatorKey key_;
  const std::unique_ptr<CoordinatorLink> link_;
};

}  // namespace sluice::cli

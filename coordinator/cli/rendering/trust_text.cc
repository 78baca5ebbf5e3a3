#include "coordinator/cli/rendering/trust_text.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/clock.h"
#include "common/trust/trust_document.h"
#include "coordinator/cli/rendering/table.h"

namespace sluice::cli {
namespace {

std::string GrantText(const trust::Grant& grant) {
  std::vector<std::string> actions;
  for (const trust::Action action : grant.actions) actions.emplace_back(trust::ActionName(action));
  std::vector<std::string> patterns;
  for (const trust::SpacePattern& pattern : grant.targets) patterns.push_back(pattern.text());
  return absl::StrCat(absl::StrJoin(actions, ","), "@", absl::StrJoin(patterns, ","));
}

std::vector<std::string> Grants(const trust::TrustedOperator& from) {
  std::vector<std::string> grants;
  for (const trust::Grant& grant : from.grants) grants.push_back(GrantText(grant));
  return grants;
}

}  // namespace

std::string RenderGrants(const trust::TrustedOperator& of) {
  return absl::StrJoin(Grants(of), " ");
}

std::string RenderTrust(const trust::TrustDocument& document) {
  const trust::TrustContent& content = document.content();
  std::string out = absl::StrCat(
      "federation  ", content.federation, "\nversion     ", content.version, "\nexpires     ",
      sluice::FormatTime(content.expires), "\nsha256      ", document.sha256(), "\n");
  for (const crypto::VerifyingKey& key : content.root_keys) {
    absl::StrAppend(&out, "root        ", key.text(), "\n");
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, foundation] : content.foundations) {
    for (const trust::TrustedAgent& agent : foundation.agents) {
      rows.push_back({name, foundation.foundation_class, agent.identity.id(),
                      document.Revoked(agent.identity.text()) ? "revoked" : "yes"});
    }
  }
  absl::StrAppend(&out, "\n", RenderTable({"FOUNDATION", "CLASS", "AGENT KEY", "TRUSTED"}, rows));
  rows.clear();
  for (const auto& [name, trusted] : content.operators) {
    std::vector<std::string> ids;
    for (const crypto::VerifyingKey& key : trusted.keys) {
      ids.push_back(document.Revoked(key.text()) ? absl::StrCat(key.id(), " (revoked)") : key.id());
    }
    rows.push_back({name, absl::StrJoin(ids, " "), RenderGrants(trusted)});
  }
  absl::StrAppend(&out, "\n", RenderTable({"OPERATOR", "KEY", "GRANTS"}, rows));
  return out;
}

nlohmann::json TrustJson(const trust::TrustDocument& document) {
  const trust::TrustContent& content = document.content();
  nlohmann::json foundations = nlohmann::json::array();
  for (const auto& [name, foundation] : content.foundations) {
    nlohmann::json agents = nlohmann::json::array();
    for (const trust::TrustedAgent& agent : foundation.agents) {
      agents.push_back({{"identity", agent.identity.text()},
                        {"curve", agent.curve.text()},
                        {"key_id", agent.identity.id()}});
    }
    foundations.push_back(
        {{"name", name}, {"class", foundation.foundation_class}, {"agents", agents}});
  }
  nlohmann::json operators = nlohmann::json::array();
  for (const auto& [name, trusted] : content.operators) {
    std::vector<std::string> keys;
    for (const crypto::VerifyingKey& key : trusted.keys) keys.push_back(key.text());
    operators.push_back({{"name", name}, {"keys", keys}, {"grants", Grants(trusted)}});
  }
  std::vector<std::string> roots;
  for (const crypto::VerifyingKey& key : content.root_keys) roots.push_back(key.text());
  return {
      {"federation", content.federation},
      {"version", content.version},
      {"expires", sluice::FormatTime(content.expires)},
      {"sha256", document.sha256()},
      {"roots", roots},
      {"coordinator", content.coordinator_curve ? nlohmann::json(content.coordinator_curve->text())
                                                : nlohmann::json(nullptr)},
      {"foundations", foundations},
      {"operators", operators},
      {"revoked", content.revoked_keys}};
}

}  // namespace sluice::cli

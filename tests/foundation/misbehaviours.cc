#include "tests/foundation/misbehaviours.h"

#include <algorithm>
#include <cstdlib>

namespace sluice::box {

double Misbehaviour::Number(const std::string& parameter, double otherwise) const {
  auto found = parameters.find(parameter);
  return found == parameters.end() ? otherwise : std::strtod(found->second.c_str(), nullptr);
}

std::string Misbehaviour::Text(const std::string& parameter, const std::string& otherwise) const {
  auto found = parameters.find(parameter);
  return found == parameters.end() ? otherwise : found->second;
}

// tests/foundation/README.md says what each does and which parameters it takes.
const std::vector<std::string>& Misbehaviours::Names() {
  static const auto* names = new std::vector<std::string>{"slow-api",
                                                          "rate-limited-429",
                                                          "bad-gateway-502",
                                                          "maintenance-503",
                                                          "api-connection-cut",
                                                          "api-answer-lost",
                                                          "doubled-request-id",
                                                          "uaa-down",
                                                          "short-token",
                                                          "expired-token",
                                                          "invalid-token-once",
                                                          "download-truncated",
                                                          "download-html-200",
                                                          "download-empty",
                                                          "download-wrong-content-length",
                                                          "download-corrupt-byte",
                                                          "download-reset",
                                                          "download-slow",
                                                          "download-direct-200",
                                                          "download-blob-missing-502",
                                                          "blobstore-idle",
                                                          "upload-500",
                                                          "upload-connection-cut",
                                                          "upload-slow",
                                                          "upload-stalled",
                                                          "job-fails",
                                                          "job-never-ends",
                                                          "job-lost",
                                                          "checksum-lies",
                                                          "droplet-failed-after-complete",
                                                          "deployment-never-ends",
                                                          "deployment-create-422-quota",
                                                          "app-create-restricted-stack",
                                                          "org-suspended",
                                                          "stats-unavailable-503"};
  return *names;
}

bool Misbehaviours::Set(Misbehaviour misbehaviour) {
  if (std::find(Names().begin(), Names().end(), misbehaviour.name) == Names().end()) return false;
  std::lock_guard lock(mutex_);
  active_[misbehaviour.name] = std::move(misbehaviour);
  return true;
}

void Misbehaviours::Clear() {
  std::lock_guard lock(mutex_);
  active_.clear();
}

bool Misbehaviours::Clear(const std::string& name) {
  std::lock_guard lock(mutex_);
  return active_.erase(name) > 0;
}

std::vector<Misbehaviour> Misbehaviours::All() const {
  std::lock_guard lock(mutex_);
  std::vector<Misbehaviour> all;
  for (const auto& [name, misbehaviour] : active_) all.push_back(misbehaviour);
  return all;
}

std::optional<Misbehaviour> Misbehaviours::Take(const std::string& name,
                                                std::string_view occasion) {
  std::lock_guard lock(mutex_);
  auto found = active_.find(name);
  if (found == active_.end()) return std::nullopt;
  Misbehaviour& misbehaviour = found->second;
  if (occasion.find(misbehaviour.Text("path", "")) == std::string_view::npos) return std::nullopt;
  if (misbehaviour.skip > 0) {
    --misbehaviour.skip;
    return std::nullopt;
  }
  // A used-up one stays listed, so that a test can ask how often it occurred.
  if (misbehaviour.count && *misbehaviour.count <= 0) return std::nullopt;
  if (misbehaviour.count) --*misbehaviour.count;
  ++misbehaviour.occurred;
  return misbehaviour;
}

}  // namespace sluice::box

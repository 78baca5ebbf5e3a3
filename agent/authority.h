// Whom this agent obeys: its keys, the trust document and its own policy, and what it has obeyed
// before. All of trust's rules are in common/trust; here they meet this agent's files and journal.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/journal.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/net/network.h"
#include "common/trust/acceptance.h"
#include "common/trust/key_file.h"
#include "common/trust/policy.h"
#include "common/trust/trust_document.h"
#include "common/trust/trust_floor.h"

namespace sluice::agent {

// The key in that file. Names of trust::LoadAgentKey(); InvalidArgument "wrong-key-file" when it is
// another foundation's.
StatusOr<trust::AgentKey> LoadOwnKey(const Files& files, const std::string& key_file,
                                     const FoundationName& foundation);

// Whether an agent with that key can work by that document. PermissionDenied
// "not-in-trust-document" when it does not name this agent's keys, FailedPrecondition
// "no-coordinator" when it names no coordinator.
Status CheckNamesUs(const trust::TrustDocument& trust, const trust::AgentKey& key);

// Thread-safe. A question is judged by the trust document and policy in force when it is asked.
class Authority {
 public:
  struct Sources {
    std::string trust_document;
    std::vector<crypto::VerifyingKey> trust_roots;
    std::string policy_file;  // empty: the trust document's grants alone decide
  };
  // Reads the documents. Names of TrustDocument::Load(), Policy::Load(), CheckNamesUs()
  // and CheckFollows(). All borrowed but sources and key.
  static StatusOr<std::unique_ptr<Authority>> Open(const Files& files, Sources sources,
                                                   trust::AgentKey key, Journal& journal,
                                                   const Clock& clock);

  // What Open() and the first order would find of the trust document, while an agent with that
  // journal runs or not: names of TrustDocument::Load() and CheckFollows(), PermissionDenied
  // "trust-expired". Otherwise what is good now and will not be soon, a sentence each.
  static StatusOr<std::vector<std::string>> CheckTrust(Files& files, const Sources& sources,
                                                       const std::string& journal_path,
                                                       const Clock& clock);

  // Reads both files again. On a failure what was in force stays so.
  Status Reload();

  const trust::AgentKey& key() const { return key_; }
  const FoundationName& foundation() const { return key_.foundation; }
  std::shared_ptr<const trust::TrustDocument> trust() const;
  // 32 raw bytes: whom to expect where the coordinator is dialled.
  std::string coordinator_curve() const;
  // For ZAP: agents of other foundations and the coordinator, by CURVE key.
  std::optional<net::Peer> FindPeer(std::string_view curve_key) const;

  // Names of trust::AcceptOrder(); the journal's, when it cannot be read. An order that was
  // accepted here before is judged anew, for another of its parts: it is then no replay of itself,
  // and the counters that it has used are still its own unless a later order has used higher ones.
  StatusOr<trust::AcceptedOrder> AcceptOrder(std::string_view envelope) const;
  StatusOr<trust::AcceptedRead> AcceptRead(std::string_view envelope) const;

 private:
  struct Documents {
    std::shared_ptr<const trust::TrustDocument> trust;
    std::shared_ptr<const trust::Policy> policy;
  };
  Authority(const Files& files, Sources sources, trust::AgentKey key, Journal& journal,
            const Clock& clock);
  StatusOr<Documents> Load() const;
  Documents InForce() const;
  // Runs `judge` with everything it depends on; a failure of the journal is the answer then.
  Status Judge(const std::function<Status(trust::AcceptanceContext&)>& judge) const;

  const Files& files_;
  const Sources sources_;
  const trust::AgentKey key_;
  Journal& journal_;
  const Clock& clock_;
  mutable Mutex mutex_;
  Documents documents_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::agent

// Secret keys on disk: strict JSON in files of mode 0600, written once and never replaced.
//
// Beside an operator's, agent's or coordinator's key file `PATH` its public card is written as
// CardPath(PATH).
#pragma once

#include <string>
#include <string_view>

#include "common/base/entropy.h"
#include "common/base/files.h"
#include "common/base/status.h"
#include "common/base/strong.h"
#include "common/crypto/curve_key.h"
#include "common/crypto/signing_key.h"

namespace sluice::trust {

struct RootKey {
  crypto::SigningKey signing;
};
struct OperatorKey {
  std::string name;
  crypto::SigningKey signing;
  crypto::CurveKeyPair curve;
};
struct AgentKey {
  FoundationName foundation;
  crypto::SigningKey identity;
  crypto::CurveKeyPair curve;
};
struct CoordinatorKey {
  crypto::CurveKeyPair curve;
};

// "PATH.card", or with ".key" at the end replaced: "prod.key" has "prod.card".
std::string CardPath(std::string_view key_path);

// Each makes fresh keys and writes key file and card. AlreadyExists "file-exists" if either is
// there: keys are never overwritten. Operator names are [A-Za-z0-9._-]{1,64} (InvalidArgument
// "bad-name").
StatusOr<RootKey> GenerateRootKey(Files& files, Entropy& entropy, const std::string& path);
StatusOr<OperatorKey> GenerateOperatorKey(Files& files, Entropy& entropy, const std::string& path,
                                          std::string_view name);
StatusOr<AgentKey> GenerateAgentKey(Files& files, Entropy& entropy, const std::string& path,
                                    const FoundationName& foundation);
StatusOr<CoordinatorKey> GenerateCoordinatorKey(Files& files, Entropy& entropy,
                                                const std::string& path);

// Names as Files::ReadPrivate() (file-too-open), JsonDocument and ParseSecretKey(), and
// "key-file-wrong-kind" for another kind of key file. Messages name the path, never the content.
StatusOr<RootKey> LoadRootKey(const Files& files, const std::string& path);
StatusOr<OperatorKey> LoadOperatorKey(const Files& files, const std::string& path);
StatusOr<AgentKey> LoadAgentKey(const Files& files, const std::string& path);
StatusOr<CoordinatorKey> LoadCoordinatorKey(const Files& files, const std::string& path);

}  // namespace sluice::trust

#include "common/trust/key_file.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/trust/card.h"
#include "common/trust/json_fields.h"
#include "common/trust/strict_json.h"
#include "nlohmann/json.hpp"

namespace sluice::trust {
namespace {

constexpr size_t kKeyFileBytesMax = 4 * 1024;
constexpr std::string_view kKeySuffix = ".key";

// Either both files are there afterwards or none that was not there before.
Status WriteKeyAndCard(Files& files, const std::string& path, const nlohmann::json& key,
                       const std::string& card) {
  SLUICE_RETURN_IF_ERROR(files.Create(path, FormatJson(key) + "\n", FileAccess::kOwnerOnly));
  const Status written = files.Create(CardPath(path), card + "\n", FileAccess::kEveryone);
  if (written.ok()) return written;
  const Status removed = files.Remove(path);
  return removed.ok() ? written : WithContext(removed, "after a card that could not be written");
}

StatusOr<JsonDocument> ReadKeyFile(const Files& files, const std::string& path,
                                   std::string_view kind) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, files.ReadPrivate(path, kKeyFileBytesMax));
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document,
                          JsonDocument::Parse(text, absl::StrCat("key file ", path)));
  JsonReader root = document.Root();
  if (root.String("kind") != kind) {
    return NamedError(StatusCode::kInvalidArgument, "key-file-wrong-kind",
                      absl::StrCat(path, " is no key file of the kind ", ToAbsl(kind)));
  }
  return document;
}

std::optional<crypto::SigningKey> ReadSigningKey(JsonReader& root, crypto::KeyKind kind) {
  const Secret text(root.String("signing"));
  return root.Checked("signing", crypto::SigningKey::Parse(kind, text.Reveal()));
}

std::optional<crypto::CurveKeyPair> ReadCurveKey(JsonReader& root) {
  const Secret text(root.String("curve"));
  return root.Checked("curve", crypto::CurveKeyPair::Parse(text.Reveal()));
}

bool IsOperatorName(std::string_view name) { return IsToken(name, 64, "._-"); }

std::string Revealed(const Secret& secret) { return std::string(secret.Reveal()); }

}  // namespace

std::string CardPath(std::string_view key_path) {
  if (key_path.ends_with(kKeySuffix)) key_path.remove_suffix(kKeySuffix.size());
  return absl::StrCat(ToAbsl(key_path), ".card");
}

StatusOr<RootKey> GenerateRootKey(Files& files, Entropy& entropy, const std::string& path) {
  RootKey key{crypto::SigningKey::Generate(crypto::KeyKind::kRoot, entropy)};
  const nlohmann::json content = {{"kind", "root"}, {"signing", Revealed(key.signing.text())}};
  SLUICE_RETURN_IF_ERROR(files.Create(path, FormatJson(content) + "\n", FileAccess::kOwnerOnly));
  return key;
}

StatusOr<OperatorKey> GenerateOperatorKey(Files& files, Entropy& entropy, const std::string& path,
                                          std::string_view name) {
  if (!IsOperatorName(name)) {
    return NamedError(StatusCode::kInvalidArgument, "bad-name",
                      "an operator's name is 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  OperatorKey key{std::string(name),
                  crypto::SigningKey::Generate(crypto::KeyKind::kOperator, entropy),
                  crypto::CurveKeyPair::Generate(entropy)};
  SLUICE_RETURN_IF_ERROR(
      WriteKeyAndCard(files, path,
                      {{"kind", "operator"},
                       {"name", key.name},
                       {"signing", Revealed(key.signing.text())},
                       {"curve", Revealed(key.curve.secret_text())}},
                      FormatOperatorCard(name, key.signing, key.curve.public_key())));
  return key;
}

StatusOr<AgentKey> GenerateAgentKey(Files& files, Entropy& entropy, const std::string& path,
                                    const FoundationName& foundation) {
  SLUICE_RETURN_IF_ERROR(ParseFoundationName(foundation.value()).status());
  AgentKey key{foundation, crypto::SigningKey::Generate(crypto::KeyKind::kAgent, entropy),
               crypto::CurveKeyPair::Generate(entropy)};
  SLUICE_RETURN_IF_ERROR(
      WriteKeyAndCard(files, path,
                      {{"kind", "agent"},
                       {"foundation", foundation.value()},
                       {"signing", Revealed(key.identity.text())},
                       {"curve", Revealed(key.curve.secret_text())}},
                      FormatAgentCard(foundation, key.identity, key.curve.public_key())));
  return key;
}

StatusOr<CoordinatorKey> GenerateCoordinatorKey(Files& files, Entropy& entropy,
                                                const std::string& path) {
  CoordinatorKey key{crypto::CurveKeyPair::Generate(entropy)};
  SLUICE_RETURN_IF_ERROR(WriteKeyAndCard(
      files, path, {{"kind", "coordinator"}, {"curve", Revealed(key.curve.secret_text())}},
      FormatCoordinatorCard(key.curve.public_key())));
  return key;
}

StatusOr<RootKey> LoadRootKey(const Files& files, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, ReadKeyFile(files, path, "root"));
  JsonReader root = document.Root();
  root.String("kind");
  auto signing = ReadSigningKey(root, crypto::KeyKind::kRoot);
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return RootKey{*std::move(signing)};
}

StatusOr<OperatorKey> LoadOperatorKey(const Files& files, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, ReadKeyFile(files, path, "operator"));
  JsonReader root = document.Root();
  root.String("kind");
  std::string name = root.String("name");
  if (!IsOperatorName(name)) root.Mistake("name", "must be 1 to 64 of A-Z a-z 0-9 . _ -");
  auto signing = ReadSigningKey(root, crypto::KeyKind::kOperator);
  auto curve = ReadCurveKey(root);
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return OperatorKey{std::move(name), *std::move(signing), *std::move(curve)};
}

StatusOr<AgentKey> LoadAgentKey(const Files& files, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, ReadKeyFile(files, path, "agent"));
  JsonReader root = document.Root();
  root.String("kind");
  FoundationName foundation = ReadFoundation(root, "foundation");
  auto identity = ReadSigningKey(root, crypto::KeyKind::kAgent);
  auto curve = ReadCurveKey(root);
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return AgentKey{std::move(foundation), *std::move(identity), *std::move(curve)};
}

StatusOr<CoordinatorKey> LoadCoordinatorKey(const Files& files, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(JsonDocument document, ReadKeyFile(files, path, "coordinator"));
  JsonReader root = document.Root();
  root.String("kind");
  auto curve = ReadCurveKey(root);
  SLUICE_RETURN_IF_ERROR(document.Finish());
  return CoordinatorKey{*std::move(curve)};
}

}  // namespace sluice::trust

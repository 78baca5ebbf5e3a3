#include "coordinator/cli/trust_keeping.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/trust/card.h"
#include "common/trust/key_file.h"
#include "common/trust/reference.h"
#include "common/trust/trust_document.h"
#include "coordinator/cli/rendering/promotion_json.h"
#include "coordinator/cli/rendering/trust_text.h"

namespace sluice::cli {
namespace {

constexpr size_t kCardBytesMax = 64 * 1024;
// Thresholds by class come later; until then every foundation is of the same one.
constexpr char kFoundationClass[] = "default";
constexpr std::string_view kKeysAreKept = "keys are never overwritten: choose another --file";

absl::Time WholeSeconds(absl::Time time) {
  return absl::FromUnixSeconds(absl::ToUnixSeconds(time));
}

Status BadGrant(std::string_view grant, std::string_view why) {
  return NamedError(StatusCode::kInvalidArgument, "bad-grant",
                    absl::StrCat("--grant '", ToAbsl(grant), "': ", ToAbsl(why),
                                 "; write it as in 'promote,activate@prod:acme/payments'"));
}

// ACTIONS@PATTERN.
StatusOr<trust::Grant> ParseGrant(const std::string& text) {
  const size_t at = text.find('@');
  if (at == std::string::npos) return BadGrant(text, "there is no @ in it");
  trust::Grant grant;
  for (const absl::string_view name : absl::StrSplit(text.substr(0, at), ',')) {
    StatusOr<trust::Action> action = trust::ParseAction(FromAbsl(name));
    if (!action.ok()) return BadGrant(text, FromAbsl(action.status().message()));
    grant.actions.insert(*action);
  }
  StatusOr<trust::SpacePattern> pattern = trust::SpacePattern::Parse(text.substr(at + 1));
  if (!pattern.ok()) return BadGrant(text, FromAbsl(pattern.status().message()));
  grant.targets.push_back(*std::move(pattern));
  return grant;
}

// A card, by one of trust::Parse…Card().
template <typename Card>
StatusOr<Card> ReadCard(const World& world, const std::string& path,
                        StatusOr<Card> (*parse)(std::string_view)) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, world.files.Read(path, kCardBytesMax));
  StatusOr<Card> card = parse(text);
  if (card.ok()) return card;
  const std::string name = ErrorName(card.status());
  if (absl::StartsWith(name, "json-") || absl::StartsWith(name, "envelope-")) {
    return NamedError(StatusCode::kInvalidArgument, "no-card",
                      absl::StrCat(path,
                                   " is no card; give the .card file that keygen wrote "
                                   "beside the key"));
  }
  return WithContext(card.status(), path);
}

// Whether a file is in the way of one that is never overwritten.
Status WithAdvice(const Status& status, std::string_view advice) {
  if (ErrorName(status) != "file-exists") return status;
  return NamedError(status.code(), "file-exists",
                    absl::StrCat(status.message(), "; ", ToAbsl(advice)));
}

// A document that is to be changed, and the root key that signs the change.
struct OpenedDocument {
  trust::RootKey root;
  trust::TrustContent content;
};

StatusOr<OpenedDocument> OpenForChange(World& world, const std::string& document_file,
                                       const std::string& root_key_file) {
  SLUICE_ASSIGN_OR_RETURN(trust::RootKey root, trust::LoadRootKey(world.files, root_key_file));
  const std::vector<crypto::VerifyingKey> roots = {root.signing.Public()};
  SLUICE_ASSIGN_OR_RETURN(trust::TrustDocument document,
                          trust::TrustDocument::Load(world.files, document_file, roots));
  return OpenedDocument{std::move(root), document.content()};
}

void Say(World& world, const GlobalArguments& global, const std::string& text,
         const nlohmann::json& value) {
  world.terminal.Write(global.output == OutputFormat::kJson ? JsonLine(value) : text);
}

Status SaveChange(World& world, const GlobalArguments& global, const std::string& document_file,
                  const trust::RootKey& root, trust::TrustContent content,
                  std::optional<absl::Duration> life) {
  if (life) content.expires = WholeSeconds(world.clock.Now() + *life);
  SLUICE_ASSIGN_OR_RETURN(std::string envelope, trust::SignTrustContent(content, root.signing));
  SLUICE_RETURN_IF_ERROR(world.files.Replace(document_file, envelope, FileAccess::kEveryone));
  Say(world, global, absl::StrCat(document_file, ": version ", content.version, "\n"),
      {{"document", document_file}, {"version", content.version}});
  return absl::OkStatus();
}

}  // namespace

Status RunKeygen(World& world, const GlobalArguments& global, const KeygenArguments& arguments) {
  const std::string file =
      arguments.file.empty() ? absl::StrCat(arguments.name, ".key") : arguments.file;
  if (arguments.kind == "root") {
    const StatusOr<trust::RootKey> root = trust::GenerateRootKey(world.files, world.entropy, file);
    if (!root.ok()) return WithAdvice(root.status(), kKeysAreKept);
    const crypto::VerifyingKey& key = root->signing.Public();
    Say(world, global,
        absl::StrCat("key file    ", file, "  (keep it offline)\npublic key  ", key.text(), "\n"),
        {{"key_file", file}, {"public_key", key.text()}, {"key_id", key.id()}});
    return absl::OkStatus();
  }
  const StatusOr<trust::OperatorKey> made =
      trust::GenerateOperatorKey(world.files, world.entropy, file, arguments.name);
  if (!made.ok()) return WithAdvice(made.status(), kKeysAreKept);
  const std::string card = trust::CardPath(file);
  const crypto::VerifyingKey& key = made->signing.Public();
  Say(world, global,
      absl::StrCat("key file    ", file, "\ncard        ", card,
                   "  (for 'sluice trust add-operator')\nkey id      ", key.id(), "\n"),
      {{"key_file", file}, {"card", card}, {"public_key", key.text()}, {"key_id", key.id()}});
  return absl::OkStatus();
}

Status RunTrustInit(World& world, const GlobalArguments& global,
                    const TrustInitArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(trust::RootKey root,
                          trust::LoadRootKey(world.files, arguments.root_key_file));
  SLUICE_ASSIGN_OR_RETURN(
      trust::CoordinatorCard card,
      ReadCard(world, arguments.coordinator_card_file, trust::ParseCoordinatorCard));
  const trust::TrustContent content =
      trust::TrustContent::Init(arguments.federation, root.signing.Public(), card,
                                WholeSeconds(world.clock.Now() + arguments.life));
  SLUICE_ASSIGN_OR_RETURN(std::string envelope, trust::SignTrustContent(content, root.signing));
  const Status created =
      world.files.Create(arguments.document_file, envelope, FileAccess::kEveryone);
  if (!created.ok()) {
    return WithAdvice(created, "change it with 'sluice trust add-operator' and 'add-foundation'");
  }
  Say(world, global, absl::StrCat(arguments.document_file, ": version ", content.version, "\n"),
      {{"document", arguments.document_file}, {"version", content.version}});
  return absl::OkStatus();
}

Status RunTrustAddOperator(World& world, const GlobalArguments& global,
                           const TrustAddOperatorArguments& arguments) {
  std::vector<trust::Grant> grants;
  for (const std::string& text : arguments.grants) {
    SLUICE_ASSIGN_OR_RETURN(trust::Grant grant, ParseGrant(text));
    grants.push_back(std::move(grant));
  }
  SLUICE_ASSIGN_OR_RETURN(OpenedDocument opened,
                          OpenForChange(world, arguments.document_file, arguments.root_key_file));
  SLUICE_ASSIGN_OR_RETURN(trust::OperatorCard card,
                          ReadCard(world, arguments.card_file, trust::ParseOperatorCard));
  const auto before = opened.content.operators.find(card.name);
  SLUICE_ASSIGN_OR_RETURN(trust::TrustContent next,
                          opened.content.AddOperator(card, std::move(grants)));
  if (before != opened.content.operators.end()) {
    world.terminal.Note(absl::StrCat("sluice: the grants of ", card.name, " are replaced; before: ",
                                     RenderGrants(before->second), "\n"));
  }
  return SaveChange(world, global, arguments.document_file, opened.root, std::move(next),
                    arguments.life);
}

Status RunTrustAddFoundation(World& world, const GlobalArguments& global,
                             const TrustAddFoundationArguments& arguments) {
  SLUICE_RETURN_IF_ERROR(trust::ParseFoundationName(arguments.name).status());
  SLUICE_ASSIGN_OR_RETURN(OpenedDocument opened,
                          OpenForChange(world, arguments.document_file, arguments.root_key_file));
  SLUICE_ASSIGN_OR_RETURN(trust::AgentCard card,
                          ReadCard(world, arguments.card_file, trust::ParseAgentCard));
  if (card.foundation.value() != arguments.name) {
    return NamedError(StatusCode::kInvalidArgument, "card-of-another-foundation",
                      absl::StrCat("that card is of the foundation ", card.foundation.value(),
                                   ", not of ", arguments.name));
  }
  SLUICE_ASSIGN_OR_RETURN(trust::TrustContent next,
                          opened.content.AddFoundation(card, kFoundationClass));
  return SaveChange(world, global, arguments.document_file, opened.root, std::move(next),
                    arguments.life);
}

Status RunTrustShow(World& world, const GlobalArguments& global,
                    const TrustShowArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(Settings settings,
                          LoadTrustSettings(world.files, world.environment, global.config_file));
  const std::string& file =
      arguments.document_file.empty() ? settings.trust_document : arguments.document_file;
  SLUICE_ASSIGN_OR_RETURN(trust::TrustDocument document,
                          trust::TrustDocument::Load(world.files, file, settings.trust_roots));
  if (document.ExpiredAt(world.clock.Now())) {
    world.terminal.Note("sluice: this trust document has expired\n");
  }
  Say(world, global, RenderTrust(document), TrustJson(document));
  return absl::OkStatus();
}

}  // namespace sluice::cli

#include "agent/jobs/annotations.h"

#include "absl/strings/str_cat.h"
#include "common/trust/envelope.h"

namespace sluice::agent {
namespace {

constexpr size_t kPieceCharacters = 4900;
constexpr size_t kPiecesMax = 32;

std::string PieceKey(size_t number) { return absl::StrCat("sluice.dev/statement-", number); }

}  // namespace

std::map<std::string, std::string> DropletAnnotations(const PromotionId& promotion,
                                                      const trust::Statement& statement,
                                                      const std::string& statement_envelope) {
  std::map<std::string, std::string> annotations = {
      {kPromotionAnnotation, promotion.value()},
      {"sluice.dev/sha256", statement.sha256},
      {"sluice.dev/source", statement.source.text()},
      {"sluice.dev/origin", statement.origin.reference.text()},
      {"sluice.dev/stack", statement.stack}};
  size_t number = 0;
  for (size_t at = 0; at < statement_envelope.size(); at += kPieceCharacters) {
    annotations[PieceKey(number++)] = statement_envelope.substr(at, kPieceCharacters);
  }
  return annotations;
}

std::optional<trust::Statement> StatementFromAnnotations(
    const std::map<std::string, std::string>& annotations, const std::string& sha256,
    const trust::TrustDocument& trust) {
  std::string text;
  for (size_t number = 0; number < kPiecesMax; ++number) {
    const auto piece = annotations.find(PieceKey(number));
    if (piece == annotations.end()) break;
    text += piece->second;
  }
  if (text.empty()) return std::nullopt;
  const auto envelope = trust::ParseEnvelope(text);
  if (!envelope.ok()) return std::nullopt;
  const auto claimed = trust::ParseStatement(envelope->payload);
  if (!claimed.ok()) return std::nullopt;
  auto statement = trust::VerifyStatement(text, claimed->source.foundation, trust);
  if (!statement.ok() || statement->sha256 != sha256) return std::nullopt;
  return *std::move(statement);
}

}  // namespace sluice::agent

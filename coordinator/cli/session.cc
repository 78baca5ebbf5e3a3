#include "coordinator/cli/session.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/trust/read_request.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {
namespace {

constexpr size_t kRequestIdBytes = 16;
// An agent may have to page through a large Cloud Controller before it can answer.
constexpr absl::Duration kAnswerWait = absl::Minutes(2);
// The coordinator has 32 in flight for one connection, and answers a 33rd by "too-many-reads".
constexpr size_t kQuestionsAtOnce = 32;

Status CheckStanding(const trust::TrustDocument& trust, const trust::OperatorKey& key,
                     absl::Time now) {
  if (trust.ExpiredAt(now)) {
    return NamedError(
        StatusCode::kPermissionDenied, "trust-expired",
        absl::StrCat("the trust document expired at ", sluice::FormatTime(trust.content().expires),
                     "; get the current one from whoever keeps the trust root"));
  }
  if (!trust.OperatorByKey(key.signing.Public()).has_value()) {
    return NamedError(
        StatusCode::kPermissionDenied, "unknown-operator",
        absl::StrCat("the trust document does not name the key ", key.signing.Public().id(), " of ",
                     key.name, "; ask for 'sluice trust add-operator' with its card"));
  }
  if (!trust.content().coordinator_curve.has_value()) {
    return NamedError(StatusCode::kFailedPrecondition, "no-coordinator",
                      "the trust document names no coordinator");
  }
  return absl::OkStatus();
}

// A file that is not there: which setting has sent us there.
Status NamingSetting(const Status& status, std::string_view key, const Settings& settings) {
  if (!absl::IsNotFound(status)) return status;
  return WithContext(status, settings.file.empty()
                                 ? std::string(key)
                                 : absl::StrCat(ToAbsl(key), " of ", settings.file));
}

}  // namespace

Session::Session(World& world, Settings settings, trust::TrustDocument trust,
                 trust::OperatorKey key, std::unique_ptr<CoordinatorLink> link)
    : world_(world),
      settings_(std::move(settings)),
      trust_(std::move(trust)),
      key_(std::move(key)),
      link_(std::move(link)) {}

StatusOr<std::unique_ptr<Session>> Session::Open(World& world, const GlobalArguments& global,
                                                 std::optional<absl::Duration> timeout) {
  SLUICE_ASSIGN_OR_RETURN(Settings settings,
                          LoadSettings(world.files, world.environment, global.config_file));
  StatusOr<trust::TrustDocument> document =
      trust::TrustDocument::Load(world.files, settings.trust_document, settings.trust_roots);
  if (!document.ok()) return NamingSetting(document.status(), "trust.document", settings);
  trust::TrustDocument trust = *std::move(document);
  StatusOr<trust::OperatorKey> loaded = trust::LoadOperatorKey(world.files, settings.key_file);
  if (!loaded.ok()) return NamingSetting(loaded.status(), "key_file", settings);
  trust::OperatorKey key = *std::move(loaded);
  SLUICE_RETURN_IF_ERROR(CheckStanding(trust, key, world.clock.Now()));
  SLUICE_ASSIGN_OR_RETURN(
      std::unique_ptr<CoordinatorLink> link,
      world.connect(LinkOptions{
          settings.coordinator_endpoint, *trust.content().coordinator_curve, key.curve,
          std::min(settings.connect_wait, timeout.value_or(absl::InfiniteDuration()))}));
  return std::unique_ptr<Session>(
      new Session(world, std::move(settings), std::move(trust), std::move(key), std::move(link)));
}

StatusOr<std::string> Session::SignQuestion(const AgentQuestion& question) {
  if (trust_.AgentsOf(question.foundation).empty()) {
    return NamedError(
        StatusCode::kNotFound, "no-foundation",
        absl::StrCat("the trust document knows no foundation ", question.foundation.value(),
                     "; 'sluice foundations' lists them"));
  }
  trust::ReadRequest request;
  request.request_id = ToHex(world_.entropy.Bytes(kRequestIdBytes));
  request.federation = trust_.federation();
  request.foundation = question.foundation;
  request.action = question.action;
  request.issued_at = absl::FromUnixSeconds(absl::ToUnixSeconds(world_.clock.Now()));
  request.expires_at = request.issued_at + trust::kReadRequestLifeMax;
  request.arguments = question.arguments;
  return trust::SignReadRequest(request, key_.signing);
}

StatusOr<std::string> Session::OpenAnswer(const AgentQuestion& question,
                                          std::string_view request_envelope,
                                          std::string_view reply_envelope) const {
  StatusOr<trust::ReadReply> reply =
      trust::VerifyReadReply(reply_envelope, request_envelope, trust_);
  const std::string& foundation = question.foundation.value();
  if (!reply.ok()) {
    return WithContext(reply.status(), absl::StrCat("the answer that came for ", foundation,
                                                    " is not its agent's"));
  }
  if (reply->status.ok()) return std::move(reply->result);
  if (absl::StrContains(reply->status.message(), foundation)) return reply->status;
  return WithContext(reply->status, foundation);
}

std::vector<StatusOr<std::string>> Session::ReadAll(const std::vector<AgentQuestion>& questions) {
  std::vector<StatusOr<std::string>> results;
  std::vector<v1::ControlMessage> calls;
  std::vector<size_t> asked;
  const auto ask = [&] {
    if (calls.empty()) return;
    const std::vector<StatusOr<v1::ControlMessage>> answers =
        link_->AskAll(std::exchange(calls, {}), kAnswerWait);
    for (size_t i = 0; i < asked.size(); ++i) {
      StatusOr<std::string>& result = results[asked[i]];
      if (!answers[i].ok()) {
        result = answers[i].status();
      } else {
        result = OpenAnswer(questions[asked[i]], *result, answers[i]->read_answer().envelope());
      }
    }
    asked.clear();
  };
  for (const AgentQuestion& question : questions) {
    results.push_back(SignQuestion(question));  // stands in for the result until that is there
    if (!results.back().ok()) continue;
    asked.push_back(results.size() - 1);
    v1::ReadCall& call = *calls.emplace_back().mutable_read_call();
    call.set_foundation(question.foundation.value());
    call.set_envelope(*results.back());
    if (calls.size() == kQuestionsAtOnce) ask();
  }
  ask();
  return results;
}

StatusOr<std::string> Session::Read(const AgentQuestion& question) {
  return std::move(ReadAll({question}).front());
}

}  // namespace sluice::cli

#include "agent/doctor.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/authority.h"
#include "agent/foundation/grants.h"
#include "agent/own_foundation.h"
#include "common/base/logging.h"
#include "common/net/endpoint.h"
#include "common/trust/acceptance.h"
#include "common/trust/policy.h"
#include "common/trust/trust_document.h"

namespace sluice::agent {
namespace {

constexpr size_t kCaFileBytesMax = 4 << 20;  // bundles of all public authorities are a tenth of it

Status NoScope(std::string_view verb, const foundation::ProbeFacts& facts) {
  return NamedError(StatusCode::kPermissionDenied, absl::StrCat("no-", ToAbsl(verb), "-scope"),
                    absl::StrCat("the UAA client ", facts.client_id, " has no scope that lets it ",
                                 ToAbsl(verb), "; run sluice-agent doctor --grants"));
}

void Note(std::vector<Status>& mistakes, const Status& status) {
  if (!status.ok()) mistakes.push_back(status);
}

// Whether `run` could write in `path`, or make it: tried, where it is or where it would be, with a
// file that is gone again.
Status CheckFolder(Files& files, const std::string& path) {
  std::string place = path;
  while (absl::IsNotFound(files.Facts(place).status())) {
    const size_t slash = place.rfind('/');
    if (slash == std::string::npos) {
      place = ".";
      break;
    }
    place.resize(slash == 0 ? 1 : slash);
  }
  const std::string probe = absl::StrCat(place, "/.sluice-agent-check");
  Status tried = files.Create(probe, "", FileAccess::kOwnerOnly);
  if (tried.ok() || absl::IsAlreadyExists(tried)) tried = files.Remove(probe);
  if (tried.ok()) return tried;
  return NamedError(StatusCode::kInvalidArgument, "folder-not-usable",
                    absl::StrCat(path, " cannot be written in, nor made: ", tried.message()));
}

// The spaces of `foundation` that grants name without a wildcard.
std::vector<trust::ListingReference> SpacesOf(const trust::TrustDocument& trust,
                                              const FoundationName& foundation) {
  std::set<trust::ListingReference> spaces;
  for (const auto& [name, trusted] : trust.content().operators) {
    for (const trust::Grant& grant : trusted.grants) {
      for (const trust::SpacePattern& pattern : grant.targets) {
        if (absl::StrContains(pattern.text(), "*")) continue;
        const auto space = trust::ListingReference::Parse(pattern.text());
        if (space.ok() && space->foundation == foundation && space->space) spaces.insert(*space);
      }
    }
  }
  return {spaces.begin(), spaces.end()};
}

}  // namespace

Status CheckClockSkew(absl::Duration skew) {
  if (absl::AbsDuration(skew) <= trust::kClockSkewMax) return absl::OkStatus();
  return NamedError(
      StatusCode::kFailedPrecondition, "clock-skew",
      absl::StrCat("the foundation's clock is ", absl::FormatDuration(absl::AbsDuration(skew)),
                   skew < absl::ZeroDuration() ? " behind" : " ahead of",
                   " this agent's: set the clocks"));
}

std::string_view DiscoveryRemedy(const Status& failure) {
  const std::string name = ErrorName(failure);
  if (name == "rate-limited") return "wait: the foundation limits requests";
  // It answered: address and network are right.
  if (name == "foundation-unavailable") return "look whether its Cloud Controller is up";
  if (absl::IsUnavailable(failure)) {
    return "look whether the foundation is up, and check cloud_controller.api and the network";
  }
  if (name == "tls-untrusted" || name == "ca-file-unreadable") {
    return "check cloud_controller.ca_file";
  }
  return "check cloud_controller.api: it is what 'cf api' shows";
}

std::string_view LoginRemedy(const Status& failure) {
  const std::string name = ErrorName(failure);
  if (name == "rate-limited") return "wait: the foundation limits requests";
  if (absl::IsUnavailable(failure)) return "look whether the foundation's UAA is up";
  if (name == "tls-untrusted" || name == "ca-file-unreadable") {
    return "check cloud_controller.ca_file";
  }
  return "check the UAA client and its secret";
}

std::vector<Finding> FindingsOf(const foundation::ProbeFacts& facts) {
  std::vector<Finding> findings = {
      {"foundation", facts.discovery,
       absl::StrCat("Cloud Controller ", facts.api_version, ", answers in ",
                    absl::ToInt64Milliseconds(facts.latency), "ms")}};
  if (!facts.discovery.ok()) return findings;
  if (facts.clock_skew) {
    const absl::Duration skew = absl::AbsDuration(*facts.clock_skew);
    findings.push_back({"clock", CheckClockSkew(*facts.clock_skew),
                        skew < absl::Seconds(1)
                            ? "agrees to the second"
                            : absl::StrCat("differs by ", absl::FormatDuration(skew))});
  }
  findings.push_back({"login", facts.login, absl::StrCat("as UAA client ", facts.client_id)});
  if (!facts.login.ok()) return findings;
  const std::string scopes = absl::StrCat("scopes ", absl::StrJoin(facts.scopes, " "));
  findings.push_back({"read", facts.MayRead() ? absl::OkStatus() : NoScope("read", facts), scopes});
  findings.push_back(
      {"write", facts.MayWrite() ? absl::OkStatus() : NoScope("write", facts), scopes});
  std::set<std::string> roles;
  for (const foundation::Role& role : facts.roles) roles.insert(role.type);
  findings.push_back({"roles", facts.roles_read,
                      roles.empty()
                          ? std::string(facts.ReadsEverything() ? "none, and none needed" : "none")
                          : absl::StrJoin(roles, " ")});
  return findings;
}

Status WorstOf(const std::vector<Finding>& findings) {
  for (const Finding& finding : findings) {
    if (!finding.status.ok()) return finding.status;
  }
  return absl::OkStatus();
}

std::string FormatFindings(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    absl::StrAppend(&text, finding.status.ok() ? "ok    " : "FAILS ", finding.what, ": ",
                    finding.status.ok() ? finding.detail : Describe(finding.status), "\n");
  }
  return text;
}

void LogFindings(const std::vector<Finding>& findings, const std::string& foundation) {
  for (const Finding& finding : findings) {
    if (finding.status.ok()) {
      Log(LogLevel::kInfo, "foundation-probe",
          {{"foundation", foundation},
           {"name", finding.what},
           {"status", "ok"},
           {"message", finding.detail}});
    } else {
      Log(LogLevel::kWarning, "foundation-probe",
          {{"foundation", foundation},
           {"name", finding.what},
           {"status", "fails"},
           {"message", Describe(finding.status)}});
    }
  }
}

Status CheckFiles(const Settings& settings, Files& files) {
  std::vector<Status> mistakes;
  const auto key = LoadOwnKey(files, settings.key_file, settings.foundation);
  Note(mistakes, key.status());
  const auto trust =
      trust::TrustDocument::Load(files, settings.trust_document, settings.trust_roots);
  Note(mistakes, trust.status());
  if (key.ok() && trust.ok()) Note(mistakes, CheckNamesUs(*trust, *key));
  if (!settings.policy_file.empty()) {
    Note(mistakes, trust::Policy::Load(files, settings.policy_file).status());
  }
  Note(mistakes, ReadCredentials(settings, files).status());
  if (!settings.ca_file.empty()) {
    Note(mistakes, WithContext(files.Read(settings.ca_file, kCaFileBytesMax).status(),
                               "cloud_controller.ca_file"));
  }
  Note(mistakes, WithContext(CheckFolder(files, settings.data_dir), "data_dir"));
  if (!absl::StartsWith(settings.spool_folder, absl::StrCat(settings.data_dir, "/"))) {
    Note(mistakes, WithContext(CheckFolder(files, settings.spool_folder), "spool.folder"));
  }
  if (!settings.bulk_listen.empty()) {
    Note(mistakes, WithContext(net::CheckListenAddress(settings.bulk_listen), "bulk.listen"));
  }
  if (mistakes.empty()) return absl::OkStatus();
  const Status& first = mistakes.front();
  const bool as_run_says = absl::IsPermissionDenied(first) || absl::IsInvalidArgument(first);
  if (mistakes.size() == 1 && as_run_says) return first;
  const auto add = [](std::string* lines, const Status& mistake) {
    lines->append(Describe(mistake));
  };
  return NamedError(StatusCode::kInvalidArgument, "bad-configuration",
                    absl::StrJoin(mistakes, "\n", add));
}

StatusOr<std::vector<std::string>> GrantCommands(const Settings& settings, const Files& files,
                                                 foundation::CloudController& cloud_controller,
                                                 const std::vector<trust::ListingReference>& spaces,
                                                 std::stop_token stop) {
  std::vector<trust::ListingReference> wanted = spaces;
  if (wanted.empty()) {
    SLUICE_ASSIGN_OR_RETURN(
        const trust::TrustDocument trust,
        trust::TrustDocument::Load(files, settings.trust_document, settings.trust_roots));
    wanted = SpacesOf(trust, settings.foundation);
  }
  const foundation::ProbeFacts facts = cloud_controller.Probe(stop);
  foundation::GrantsRequest request = {.api_url = settings.api_url,
                                       .uaa_url = "",
                                       .client_id = settings.client_id,
                                       .reads_droplets = true,
                                       .writes_droplets = true,
                                       .spaces = {}};
  SLUICE_ASSIGN_OR_RETURN(const foundation::Endpoints endpoints, cloud_controller.Discover(stop));
  request.uaa_url = endpoints.uaa_url;
  for (const trust::ListingReference& space : wanted) {
    foundation::SpacePlace place = {.organization = space.organization,
                                    .space = space.space.value_or(""),
                                    .organization_guid = {},
                                    .space_guid = {}};
    // A client without any right does not see the space: then its role there is missing for sure.
    const auto organization = cloud_controller.FindOrganization(place.organization, stop);
    if (organization.ok()) {
      place.organization_guid = organization->guid;
      const auto found = cloud_controller.FindSpace(*organization, place.space, stop);
      if (found.ok()) place.space_guid = found->guid;
    }
    request.spaces.push_back(std::move(place));
  }
  return foundation::MissingGrants(request, facts);
}

}  // namespace sluice::agent

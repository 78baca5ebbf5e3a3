#include "common/registry/image_reference.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/http/url.h"

namespace sluice::registry {
namespace {

constexpr char kDockerHub[] = "registry-1.docker.io";

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsWordCharacter(char c) { return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z') || c == '_'; }

Status BadReference(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

// What a stranger typed, safe to print.
std::string Shown(std::string_view text) {
  constexpr size_t kShownBytesMax = 80;
  return absl::CHexEscape(ToAbsl(text.substr(0, kShownBytesMax)));
}

// A dot, one or two underscores, or any number of hyphens (distribution-spec's name grammar).
bool IsSeparator(std::string_view run) {
  return run == "." || run == "_" || run == "__" ||
         run.find_first_not_of('-') == std::string_view::npos;
}

Status CheckComponent(std::string_view component) {
  size_t position = 0;
  while (position < component.size()) {
    const size_t start = position;
    while (position < component.size() && !IsLowerOrDigit(component[position])) ++position;
    const std::string_view run = component.substr(start, position - start);
    const auto illegal = std::find_if(run.begin(), run.end(), [](char c) {
      return std::string_view("._-").find(c) == std::string_view::npos;
    });
    if (illegal != run.end()) {
      return BadReference("bad-repository",
                          absl::StrCat("the repository's name holds '", Shown({&*illegal, 1}),
                                       "'; lower-case letters, digits and . _ - / are allowed"));
    }
    if (!run.empty() && (start == 0 || position == component.size() || !IsSeparator(run))) {
      return BadReference("bad-repository",
                          absl::StrCat("'", Shown(run),
                                       "' in the repository's name does not stand "
                                       "between letters or digits"));
    }
    while (position < component.size() && IsLowerOrDigit(component[position])) ++position;
  }
  if (!component.empty()) return absl::OkStatus();
  return BadReference("bad-repository", "a part of the repository's name is empty");
}

bool IsHost(std::string_view first) {
  return first == "localhost" || first.find_first_of(".:[") != std::string_view::npos;
}

}  // namespace

std::string ImageReference::TagOrDigest() const { return digest ? FormatDigest(*digest) : tag; }

std::string ImageReference::Text() const {
  return absl::StrCat(repository.Text(), tag.empty() ? "" : ":", tag,
                      digest ? "@" + FormatDigest(*digest) : "");
}

Status CheckTag(std::string_view tag) {
  const bool good = !tag.empty() && tag.size() <= kTagBytesMax && IsWordCharacter(tag.front()) &&
                    std::all_of(tag.begin(), tag.end(),
                                [](char c) { return IsWordCharacter(c) || c == '.' || c == '-'; });
  if (good) return absl::OkStatus();
  return BadReference("bad-tag", absl::StrCat("'", Shown(tag),
                                              "' is no tag: a letter, digit or _, then up to 127 "
                                              "letters, digits and _ . -"));
}

StatusOr<Repository> ParseRepository(std::string_view text) {
  Repository repository;
  const size_t slash = text.find('/');
  const std::string_view first = text.substr(0, slash);
  if (slash != std::string_view::npos && IsHost(first)) {
    const StatusOr<http::Url> url = http::ParseUrl("https://" + std::string(first));
    if (!url.ok()) {
      return BadReference("bad-registry-host",
                          absl::StrCat("'", Shown(first), "' is no host of a registry"));
    }
    repository.host = url->Origin().substr(std::string_view("https://").size());
    repository.path = text.substr(slash + 1);
    if (repository.host == "docker.io" || repository.host == "index.docker.io") {
      repository.host = kDockerHub;
    }
  } else {
    repository.host = kDockerHub;
    repository.path = text;
  }
  if (repository.host == kDockerHub && repository.path.find('/') == std::string::npos &&
      !repository.path.empty()) {
    repository.path = "library/" + repository.path;
  }
  if (repository.Text().size() > kRepositoryBytesMax) {
    return BadReference("bad-repository", "the registry's host and name are longer than 255");
  }
  for (const absl::string_view component : absl::StrSplit(repository.path, '/')) {
    SLUICE_RETURN_IF_ERROR(CheckComponent(FromAbsl(component)));
  }
  return repository;
}

StatusOr<ImageReference> ParseImageReference(std::string_view text) {
  ImageReference reference;
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    SLUICE_ASSIGN_OR_RETURN(reference.digest, ParseDigest(text.substr(at + 1)));
    text = text.substr(0, at);
  }
  // A colon after the last slash begins the tag; one before it, a port.
  const size_t slash = text.rfind('/');
  const size_t colon = text.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) {
    SLUICE_RETURN_IF_ERROR(CheckTag(text.substr(colon + 1)));
    reference.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  SLUICE_ASSIGN_OR_RETURN(reference.repository, ParseRepository(text));
  if (reference.tag.empty() && !reference.digest) {
    return BadReference("reference-without-tag",
                        absl::StrCat(Shown(text), ": add :TAG or @sha256:HEX to say which"));
  }
  return reference;
}

}  // namespace sluice::registry

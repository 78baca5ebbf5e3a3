#include "common/registry/challenge.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace sluice::registry {
namespace {

Status BadChallenge(const char* why) {
  return NamedError(StatusCode::kFailedPrecondition, "bad-challenge",
                    std::string("the registry's WWW-Authenticate cannot be read: ") + why);
}

// RFC 9110 section 5.6.2.
bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

class FieldReader {
 public:
  explicit FieldReader(std::string_view field) : rest_(field) {}

  bool AtEnd() const { return rest_.empty(); }
  bool At(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool Take(char c) {
    if (!At(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  size_t SkipBlanks() {
    const size_t count = std::min(rest_.find_first_not_of(" \t"), rest_.size());
    rest_.remove_prefix(count);
    return count;
  }
  void SkipSeparators() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t,"), rest_.size()));
  }
  std::string_view Token() {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), IsTokenCharacter);
    const std::string_view token = rest_.substr(0, static_cast<size_t>(end - rest_.begin()));
    rest_.remove_prefix(token.size());
    return token;
  }
  // Between quotes, a backslash before any character taken away; nothing decoded beyond that.
  StatusOr<std::string> Quoted() {
    std::string value;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (c == '\\') {
        if (rest_.empty()) break;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
        return BadChallenge("a control character");
      }
      value.push_back(c);
    }
    return BadChallenge("a quoted text does not end");
  }
  // Whether what follows is `name =` and not the scheme of another challenge.
  bool AtParameter() const {
    FieldReader ahead = *this;
    if (ahead.Token().empty()) return false;
    ahead.SkipBlanks();
    return ahead.At('=');
  }

 private:
  std::string_view rest_;
};

Status ReadParameter(FieldReader& reader, Challenge& challenge) {
  const std::string name = absl::AsciiStrToLower(ToAbsl(reader.Token()));
  reader.SkipBlanks();
  reader.Take('=');
  reader.SkipBlanks();
  std::string value;
  if (reader.Take('"')) {
    SLUICE_ASSIGN_OR_RETURN(value, reader.Quoted());
  } else {
    value = reader.Token();
    if (value.empty()) return BadChallenge("a parameter without a value");
  }
  if (challenge.parameters.size() >= kChallengeParametersMax) {
    return BadChallenge("too many parameters");
  }
  if (!challenge.parameters.emplace(name, std::move(value)).second) {
    return BadChallenge("a parameter occurs twice");
  }
  return absl::OkStatus();
}

StatusOr<Challenge> ReadChallenge(FieldReader& reader) {
  Challenge challenge;
  challenge.scheme = absl::AsciiStrToLower(ToAbsl(reader.Token()));
  if (challenge.scheme.empty()) return BadChallenge("no scheme where one belongs");
  if (reader.SkipBlanks() == 0 && !reader.AtEnd() && !reader.At(',')) {
    return BadChallenge("no blank after a scheme");
  }
  for (reader.SkipSeparators(); reader.AtParameter(); reader.SkipSeparators()) {
    SLUICE_RETURN_IF_ERROR(ReadParameter(reader, challenge));
    reader.SkipBlanks();
    if (!reader.AtEnd() && !reader.At(',')) return BadChallenge("no comma after a parameter");
  }
  return challenge;
}

}  // namespace

std::string Challenge::Parameter(const std::string& name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

StatusOr<std::vector<Challenge>> ParseChallenges(std::string_view field) {
  if (field.size() > kChallengeBytesMax) return BadChallenge("too long");
  std::vector<Challenge> challenges;
  FieldReader reader(field);
  for (reader.SkipSeparators(); !reader.AtEnd(); reader.SkipSeparators()) {
    if (challenges.size() >= kChallengesMax) return BadChallenge("too many challenges");
    SLUICE_ASSIGN_OR_RETURN(Challenge challenge, ReadChallenge(reader));
    challenges.push_back(std::move(challenge));
  }
  return challenges;
}

}  // namespace sluice::registry

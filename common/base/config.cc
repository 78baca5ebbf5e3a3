#include "common/base/config.h"

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/config_tree.h"
#include "common/base/units.h"

namespace sluice {
namespace {

constexpr size_t kMistakesMax = 50;     // printed; the rest is counted
constexpr size_t kSuggestionEdits = 2;  // typing mistakes that "did you mean" looks through

// Levenshtein distance, by rows.
size_t Edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string Suggestion(std::string_view name, const std::set<std::string>& known) {
  std::string best;
  size_t best_edits = kSuggestionEdits + 1;
  for (const std::string& candidate : known) {
    const size_t edits = Edits(name, candidate);
    // A short name's every letter replaced is another word, not a slip.
    if (edits < best_edits && edits < candidate.size()) {
      best = candidate;
      best_edits = edits;
    }
  }
  return best;
}

std::string VariableOf(std::string_view path) {
  std::string variable = absl::AsciiStrToUpper(ToAbsl(path));
  for (char& letter : variable) {
    if (letter == '.' || letter == '-') letter = '_';
  }
  return "SLUICE_" + variable;
}

}  // namespace

struct ConfigSection::Shared {
  struct Noted {
    int line;          // 0 for an override
    std::string what;  // for an override with the variable's name before it
    auto operator<=>(const Noted&) const = default;
  };

  std::string file;
  ConfigTree tree;
  ConfigReader::Overrides overrides;
  std::set<std::string> asked_overrides;
  std::set<std::string> used_overrides;
  std::set<Noted> mistakes;  // a set: what is asked for twice is reported once
};

// What a scalar getter found: nothing, or text and where it stood.
struct ConfigSection::Value {
  std::optional<std::string> text = std::nullopt;
  int line = 0;
  std::string variable = "";  // not empty when an override gave it
};

ConfigSection::ConfigSection(Shared* shared, ConfigNode* node, std::string path)
    : shared_(shared), node_(node), path_(std::move(path)) {}

std::string ConfigSection::FullPath(std::string_view path) const {
  if (path_.empty()) return std::string(path);
  if (path.empty()) return path_;
  return absl::StrCat(path_, ".", ToAbsl(path));
}

void ConfigSection::Note(const Value& value, std::string_view path, std::string_view what) const {
  const std::string where = value.variable.empty() ? FullPath(path) : value.variable;
  shared_->mistakes.insert({value.line, absl::StrFormat("%s: %s", PrintableKey(where), what)});
}

// The node at `path`, or null. Each name on the way becomes known.
ConfigNode* ConfigSection::Descend(std::string_view path) const {
  ConfigNode* node = node_;
  std::string_view walked;
  while (node != nullptr) {
    if (node->kind == ConfigNode::Kind::kNothing && node != node_) return nullptr;
    if (node->kind != ConfigNode::Kind::kSection) {
      Note({.line = node->line}, walked, "must be a section (a map of keys to values)");
      return nullptr;
    }
    const size_t start = walked.empty() ? 0 : walked.size() + 1;
    const size_t dot = path.find('.', start);
    const std::string_view name = path.substr(start, dot - start);
    node->asked.emplace(name);
    node = node->Find(name);
    if (dot == std::string_view::npos) return node;
    walked = path.substr(0, dot);
  }
  return nullptr;
}

const std::string* ConfigSection::Override(std::string_view path) const {
  const std::string variable = VariableOf(FullPath(path));
  shared_->asked_overrides.insert(variable);
  const auto found = shared_->overrides.find(variable);
  if (found == shared_->overrides.end()) return nullptr;
  shared_->used_overrides.insert(found->first);
  return &found->second;
}

ConfigSection::Value ConfigSection::Scalar(std::string_view path) const {
  const ConfigNode* node = Descend(path);
  if (const std::string* text = Override(path)) {
    return {.text = *text, .variable = VariableOf(FullPath(path))};
  }
  if (node == nullptr) return {};
  Value value{.line = node->line};
  if (node->kind == ConfigNode::Kind::kScalar) {
    value.text = node->scalar;
  } else if (node->kind == ConfigNode::Kind::kNothing) {
    Note(value, path, "has no value");
  } else {
    Note(value, path, "must be one value, not a list or a section");
  }
  return value;
}

bool ConfigSection::Has(std::string_view path) const {
  const bool in_file = Descend(path) != nullptr;
  return Override(path) != nullptr || in_file;
}

std::string ConfigSection::String(std::string_view path, std::string_view fallback) const {
  return Scalar(path).text.value_or(std::string(fallback));
}

std::string ConfigSection::RequiredString(std::string_view path) const {
  const Value value = Scalar(path);
  if (value.text && !value.text->empty()) return *value.text;
  if (value.text) {
    Note(value, path, "must not be empty");
  } else if (value.line == 0) {
    Note({.line = node_ != nullptr ? node_->line : 1}, path, "is missing");
  }
  return "";
}

std::string ConfigSection::Choice(std::string_view path,
                                  std::initializer_list<std::string_view> choices,
                                  std::string_view fallback) const {
  const Value value = Scalar(path);
  if (!value.text) return std::string(fallback);
  if (std::find(choices.begin(), choices.end(), *value.text) != choices.end()) return *value.text;
  std::vector<std::string> names(choices.begin(), choices.end());
  Note(value, path, absl::StrCat("must be one of ", absl::StrJoin(names, ", ")));
  return std::string(fallback);
}

std::vector<std::string> ConfigSection::Strings(std::string_view path,
                                                std::vector<std::string> fallback) const {
  const ConfigNode* node = Descend(path);
  if (const std::string* text = Override(path)) {
    return absl::StrSplit(*text, ',', absl::SkipEmpty());
  }
  if (node == nullptr) return fallback;
  if (node->kind != ConfigNode::Kind::kList) {
    Note({.line = node->line}, path, "must be a list of values");
    return fallback;
  }
  std::vector<std::string> texts;
  for (const ConfigEntry& entry : node->entries) {
    if (entry.node->kind != ConfigNode::Kind::kScalar) {
      Note({.line = entry.line}, path, "must be a list of single values");
      continue;
    }
    texts.push_back(entry.node->scalar);
  }
  return texts;
}

int64_t ConfigSection::Integer(std::string_view path, int64_t fallback, IntegerRange range) const {
  const Value value = Scalar(path);
  if (!value.text) return fallback;
  const StatusOr<int64_t> number = ParseInteger(*value.text);
  if (!number.ok()) {
    Note(value, path, "must be a whole number");
  } else if (*number < range.least || *number > range.most) {
    Note(value, path,
         range.most == std::numeric_limits<int64_t>::max()
             ? absl::StrCat("must be at least ", range.least)
             : absl::StrCat("must be between ", range.least, " and ", range.most));
  } else {
    return *number;
  }
  return fallback;
}

absl::Duration ConfigSection::Duration(std::string_view path, absl::Duration fallback) const {
  const Value value = Scalar(path);
  if (!value.text) return fallback;
  const StatusOr<absl::Duration> duration = ParseDuration(*value.text);
  if (duration.ok()) return *duration;
  Note(value, path, FromAbsl(duration.status().message()));
  return fallback;
}

uint64_t ConfigSection::Size(std::string_view path, uint64_t fallback) const {
  const Value value = Scalar(path);
  if (!value.text) return fallback;
  const StatusOr<uint64_t> bytes = ParseSize(*value.text);
  if (bytes.ok()) return *bytes;
  Note(value, path, FromAbsl(bytes.status().message()));
  return fallback;
}

Secret ConfigSection::SecretFromEnvironment(std::string_view path) const {
  const ConfigNode* node = Descend(path);
  if (node != nullptr) {
    Note({.line = node->line}, path,
         absl::StrCat("is a secret and must not stand in this file; give it in the environment as ",
                      VariableOf(FullPath(path)), ", or in a file of its own"));
  }
  if (const std::string* text = Override(path)) return Secret(*text);
  return Secret();
}

ConfigSection ConfigSection::Section(std::string_view path) const {
  ConfigNode* node = Descend(path);
  if (node != nullptr && node->kind == ConfigNode::Kind::kNothing) node = nullptr;
  if (node != nullptr && node->kind != ConfigNode::Kind::kSection) {
    Note({.line = node->line}, path, "must be a section (a map of keys to values)");
    node = nullptr;
  }
  return {shared_, node, FullPath(path)};
}

std::vector<std::pair<std::string, ConfigSection>> ConfigSection::Sections(
    std::string_view path) const {
  const ConfigSection map = Section(path);
  std::vector<std::pair<std::string, ConfigSection>> sections;
  if (map.node_ == nullptr) return sections;
  for (const ConfigEntry& entry : map.node_->entries) {
    // A name given twice was noted as such, and its first value counts.
    if (!map.node_->asked.insert(entry.name).second) continue;
    sections.emplace_back(entry.name, map.Section(entry.name));
  }
  return sections;
}

void ConfigSection::Mistake(std::string_view path, std::string_view what) const {
  const ConfigNode* node = path.empty() ? nullptr : Descend(path);
  if (!path.empty() && Override(path) != nullptr) {
    Note({.variable = VariableOf(FullPath(path))}, path, what);
    return;
  }
  if (node == nullptr) node = node_;
  Note({.line = node != nullptr ? node->line : 1}, path, what);
}

ConfigReader::ConfigReader(std::unique_ptr<Shared> shared)
    : ConfigSection(shared.get(), shared->tree.root.get(), ""), owned_(std::move(shared)) {}

ConfigReader::ConfigReader(std::string file, std::string_view text, Overrides overrides)
    : ConfigReader(std::unique_ptr<Shared>(new Shared{.file = std::move(file),
                                                      .tree = ParseConfigTree(text),
                                                      .overrides = std::move(overrides),
                                                      .asked_overrides = {},
                                                      .used_overrides = {},
                                                      .mistakes = {}})) {}

ConfigReader::~ConfigReader() = default;

namespace {

// Unknown keys of `node` and below. What nobody asked for is not looked into.
void CollectUnknown(const ConfigNode& node, const std::string& path,
                    std::vector<ConfigMistake>& unknown) {
  for (const ConfigEntry& entry : node.entries) {
    const std::string full = path.empty() || entry.name.empty() ? absl::StrCat(path, entry.name)
                                                                : path + "." + entry.name;
    if (node.kind == ConfigNode::Kind::kSection && !node.asked.contains(entry.name)) {
      const std::string meant = Suggestion(entry.name, node.asked);
      unknown.push_back({entry.line, absl::StrCat(PrintableKey(full), ": unknown key",
                                                  meant.empty() ? "" : "; did you mean '", meant,
                                                  meant.empty() ? "" : "'?")});
      continue;
    }
    CollectUnknown(*entry.node, full, unknown);
  }
}

}  // namespace

Status ConfigReader::Finish() const {
  // Of a broken text nothing is known, so that "is missing" and "unknown" would be noise.
  std::vector<ConfigMistake> mistakes = owned_->tree.mistakes;
  if (!owned_->tree.broken) {
    CollectUnknown(*owned_->tree.root, "", mistakes);
    for (const auto& noted : owned_->mistakes) mistakes.push_back({noted.line, noted.what});
    for (const std::string& variable : UnusedOverrides()) {
      const std::string meant = Suggestion(variable, owned_->asked_overrides);
      if (meant.empty()) continue;
      mistakes.push_back(
          {0, absl::StrCat(variable, ": unknown variable; did you mean '", meant, "'?")});
    }
  }
  if (mistakes.empty()) return absl::OkStatus();
  // Overrides, which have no line, come last.
  std::stable_sort(mistakes.begin(), mistakes.end(), [](const auto& a, const auto& b) {
    return std::make_tuple(a.line == 0, a.line) < std::make_tuple(b.line == 0, b.line);
  });
  std::vector<std::string> lines;
  for (const ConfigMistake& mistake : mistakes) {
    if (lines.size() == kMistakesMax) {
      lines.push_back(absl::StrFormat("and %d more", mistakes.size() - kMistakesMax));
      break;
    }
    lines.push_back(mistake.line == 0
                        ? mistake.what
                        : absl::StrFormat("%s:%d: %s", owned_->file, mistake.line, mistake.what));
  }
  return NamedError(StatusCode::kInvalidArgument, "bad-configuration", absl::StrJoin(lines, "\n"));
}

std::vector<std::string> ConfigReader::UnusedOverrides() const {
  std::vector<std::string> unused;
  for (const auto& [name, value] : owned_->overrides) {
    if (name.starts_with("SLUICE_") && !owned_->used_overrides.contains(name)) {
      unused.push_back(name);
    }
  }
  return unused;
}

}  // namespace sluice

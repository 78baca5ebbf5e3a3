#include "coordinator/cli/rendering/help_text.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "coordinator/cli/command_table.h"

namespace sluice::cli {
namespace {

constexpr size_t kColumns = 96;
constexpr size_t kIndent = 2;

using Rows = std::vector<std::pair<std::string, std::string>>;

std::string Wrapped(std::string_view text, size_t indent) {
  std::string out;
  size_t column = indent;
  for (const absl::string_view word : absl::StrSplit(ToAbsl(text), ' ')) {
    if (column > indent && column + 1 + word.size() > kColumns) {
      absl::StrAppend(&out, "\n", std::string(indent, ' '));
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    absl::StrAppend(&out, word);
    column += word.size();
  }
  return out;
}

std::string Section(std::string_view title, const Rows& rows) {
  size_t width = 0;
  for (const auto& [name, help] : rows) width = std::max(width, name.size());
  std::string out = absl::StrCat("\n", ToAbsl(title), ":\n");
  for (const auto& [name, help] : rows) {
    const std::string padding(width - name.size() + 2, ' ');
    absl::StrAppend(&out, std::string(kIndent, ' '), name, padding,
                    Wrapped(help, kIndent + width + 2), "\n");
  }
  return out;
}

std::string FlagName(const FlagDescription& flag) {
  if (!flag.choices.empty()) {
    std::vector<std::string> choices(flag.choices.begin(), flag.choices.end());
    // A long list of choices would push every other flag's help to the right.
    if (choices.size() <= 3) {
      return absl::StrCat(ToAbsl(flag.name), " ", absl::StrJoin(choices, "|"));
    }
  }
  return absl::StrCat(ToAbsl(flag.name), flag.value.empty() ? "" : " ", ToAbsl(flag.value));
}

std::string FlagHelp(const FlagDescription& flag) {
  std::string help(flag.help);
  if (flag.choices.size() > 3) {
    std::vector<std::string> choices(flag.choices.begin(), flag.choices.end());
    absl::StrAppend(&help, ": ", absl::StrJoin(choices, ", "));
  }
  if (flag.required) absl::StrAppend(&help, " (required)");
  return help;
}

Rows FlagRows(const std::vector<FlagDescription>& flags) {
  Rows rows;
  for (const FlagDescription& flag : flags) rows.emplace_back(FlagName(flag), FlagHelp(flag));
  return rows;
}

std::string CommandHelp(const CommandDescription& command) {
  std::string out = absl::StrCat(ToAbsl(command.purpose), ".\n");
  if (!command.detail.empty()) absl::StrAppend(&out, Wrapped(command.detail, 0), "\n");
  absl::StrAppend(&out, "\n", Wrapped(absl::StrCat("Usage: ", UsageLine(command)), 4), "\n");
  Rows positionals;
  for (const PositionalDescription& positional : command.positionals) {
    positionals.emplace_back(positional.name, positional.help);
  }
  if (!positionals.empty()) absl::StrAppend(&out, Section("Arguments", positionals));
  if (!command.flags.empty()) absl::StrAppend(&out, Section("Flags", FlagRows(command.flags)));
  absl::StrAppend(&out, Section("Flags of every command", FlagRows(GlobalFlags())));
  absl::StrAppend(&out, "\nExamples:\n");
  for (const ExampleDescription& example : command.examples) {
    absl::StrAppend(&out, "  # ", ToAbsl(example.what), "\n  ", ToAbsl(example.command), "\n");
  }
  return out;
}

bool InGroup(const CommandDescription& command, std::string_view group) {
  return command.name.size() > group.size() && command.name.substr(0, group.size()) == group &&
         command.name[group.size()] == ' ';
}

std::string GroupHelp(const GroupDescription& group) {
  Rows rows;
  for (const CommandDescription& command : CommandTable()) {
    if (InGroup(command, group.name)) rows.emplace_back(command.name, command.purpose);
  }
  return absl::StrCat(ToAbsl(group.purpose), ".\n\nUsage: sluice ", ToAbsl(group.name),
                      " COMMAND [flags]\n", Section("Commands", rows));
}

}  // namespace

std::string UsageLine(const CommandDescription& command) {
  std::string out = absl::StrCat("sluice ", ToAbsl(command.name));
  for (const PositionalDescription& positional : command.positionals) {
    const std::string name = absl::StrCat(ToAbsl(positional.name), positional.repeats ? "..." : "");
    absl::StrAppend(&out, " ", positional.optional ? absl::StrCat("[", name, "]") : name);
  }
  for (const FlagDescription& flag : command.flags) {
    if (flag.required) absl::StrAppend(&out, " ", ToAbsl(flag.name), " ", ToAbsl(flag.value));
  }
  return absl::StrCat(out, " [flags]");
}

std::string HelpText() {
  Rows rows;
  for (const CommandDescription& command : CommandTable()) {
    rows.emplace_back(command.name, command.purpose);
  }
  return absl::StrCat(
      "sluice promotes a Cloud Foundry droplet, byte for byte, from one foundation to others.\n\n"
      "Usage: sluice COMMAND [flags]\n",
      Section("Commands", rows), Section("Flags of every command", FlagRows(GlobalFlags())),
      "\nExit codes: 0 done, 1 refused, failed or undone, 2 bad input, 3 not allowed, 4 not "
      "found,\n"
      "5 unreachable, 6 --timeout passed, 7 a target needs hands, 8 waiting for somebody,\n"
      "130 interrupted.\n"
      "\nConfiguration, YAML: coordinator.endpoint (tcp://HOST:PORT), trust.document, trust.roots "
      "and\nkey_file; or SLUICE_COORDINATOR_ENDPOINT and so on in the environment.\n"
      "\nExample:\n  sluice promote dev:acme/payments/checkout prod:acme/payments\n"
      "\n'sluice help COMMAND' says more about one.\n");
}

std::optional<std::string> HelpTextOf(std::string_view name) {
  if (const CommandDescription* command = FindCommand(name)) return CommandHelp(*command);
  for (const GroupDescription& group : GroupTable()) {
    if (group.name == name) return GroupHelp(group);
  }
  return std::nullopt;
}

}  // namespace sluice::cli

#include "coordinator/cli/rendering/completion_script.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status.h"
#include "coordinator/cli/command_table.h"

namespace sluice::cli {
namespace {

std::string FirstWord(std::string_view name) { return std::string(name.substr(0, name.find(' '))); }

// Commands and groups, each once.
std::vector<std::string> FirstWords() {
  std::vector<std::string> words;
  for (const CommandDescription& command : CommandTable()) {
    const std::string word = FirstWord(command.name);
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

std::vector<std::string> SecondWords(std::string_view group) {
  std::vector<std::string> words;
  for (const CommandDescription& command : CommandTable()) {
    if (command.name.size() > group.size() && FirstWord(command.name) == group) {
      words.emplace_back(command.name.substr(group.size() + 1));
    }
  }
  return words;
}

// What may follow a command: its flags and those of every command, and a positional's choices.
std::vector<std::string> Following(const CommandDescription& command) {
  std::vector<std::string> words;
  for (const PositionalDescription& positional : command.positionals) {
    words.insert(words.end(), positional.choices.begin(), positional.choices.end());
  }
  if (command.name == "help") {
    for (const std::string& word : FirstWords()) words.push_back(word);
  }
  for (const FlagDescription& flag : command.flags) words.emplace_back(flag.name);
  for (const FlagDescription& flag : GlobalFlags()) words.emplace_back(flag.name);
  return words;
}

// Flags whose value is one of a few words, or a file, wherever they stand.
template <typename Take>
void ForEachValue(const Take& take) {
  std::vector<std::string> seen;
  const auto once = [&](const FlagDescription& flag) {
    const std::string name(flag.name);
    if (flag.value.empty() || std::find(seen.begin(), seen.end(), name) != seen.end()) return;
    seen.push_back(name);
    take(flag);
  };
  for (const FlagDescription& flag : GlobalFlags()) once(flag);
  for (const CommandDescription& command : CommandTable()) {
    for (const FlagDescription& flag : command.flags) once(flag);
  }
}

std::string BashScript() {
  std::string values;
  std::vector<std::string> value_flags;
  ForEachValue([&](const FlagDescription& flag) {
    value_flags.emplace_back(flag.name);
    const std::vector<std::string> choices(flag.choices.begin(), flag.choices.end());
    const std::string reply =
        flag.value == "FILE"
            ? "compgen -f -- \"$word\""
            : absl::StrCat("compgen -W '", absl::StrJoin(choices, " "), "' -- \"$word\"");
    absl::StrAppend(&values, "    ", ToAbsl(flag.name), ") COMPREPLY=($(", reply,
                    ")); return ;;\n");
  });
  std::string cases;
  for (const GroupDescription& group : GroupTable()) {
    absl::StrAppend(&cases, "    ", ToAbsl(group.name), ") words='",
                    absl::StrJoin(SecondWords(group.name), " "), "' ;;\n");
  }
  for (const CommandDescription& command : CommandTable()) {
    absl::StrAppend(&cases, "    '", ToAbsl(command.name), "') words='",
                    absl::StrJoin(Following(command), " "), "' ;;\n");
  }
  std::vector<std::string> groups;
  for (const GroupDescription& group : GroupTable()) groups.emplace_back(group.name);
  return absl::StrCat(
      "_sluice() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local command='' words='' i\n"
      "  case \"$before\" in\n",
      values,
      "  esac\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    case \"${COMP_WORDS[i]}\" in\n"
      // Its value is not the command; bash makes three words of --flag=value.
      "      ",
      absl::StrJoin(value_flags, "|"),
      ") ((i++)); if [[ ${COMP_WORDS[i]} == '=' ]]; then ((i++)); fi ;;\n"
      "      -*) ;;\n"
      "      *) case \"$command\" in\n"
      "           '') command=\"${COMP_WORDS[i]}\" ;;\n"
      "           ",
      absl::StrJoin(groups, "|"),
      ") command=\"$command ${COMP_WORDS[i]}\" ;;\n"
      "         esac ;;\n"
      "    esac\n"
      "  done\n"
      "  case \"$command\" in\n"
      "    '') words='",
      absl::StrJoin(FirstWords(), " "), "' ;;\n", cases,
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "}\n"
      "complete -F _sluice sluice\n");
}

std::string FishQuoted(std::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(ToAbsl(text), {{"'", "\\'"}}), "'");
}

std::string FishFlag(std::string_view condition, const FlagDescription& flag) {
  std::string line = absl::StrCat("complete -c sluice -n '", ToAbsl(condition), "' -l ",
                                  ToAbsl(flag.name.substr(2)), " -d ", FishQuoted(flag.help));
  if (flag.value.empty()) return absl::StrCat(line, "\n");
  if (flag.value == "FILE") return absl::StrCat(line, " -r -F\n");
  const std::vector<std::string> choices(flag.choices.begin(), flag.choices.end());
  return absl::StrCat(line, " -x -a ", FishQuoted(absl::StrJoin(choices, " ")), "\n");
}

std::string FishScript() {
  std::string out = "complete -c sluice -f\n";
  for (const FlagDescription& flag : GlobalFlags()) absl::StrAppend(&out, FishFlag("true", flag));
  for (const GroupDescription& group : GroupTable()) {
    absl::StrAppend(&out, "complete -c sluice -n __fish_use_subcommand -a ", ToAbsl(group.name),
                    " -d ", FishQuoted(group.purpose), "\n");
  }
  for (const CommandDescription& command : CommandTable()) {
    const std::string first = FirstWord(command.name);
    std::string condition = absl::StrCat("__fish_seen_subcommand_from ", first);
    if (first.size() == command.name.size()) {
      absl::StrAppend(&out, "complete -c sluice -n __fish_use_subcommand -a ", first, " -d ",
                      FishQuoted(command.purpose), "\n");
    } else {
      const std::string second(command.name.substr(first.size() + 1));
      absl::StrAppend(&out, "complete -c sluice -n '", condition, "' -a ", second, " -d ",
                      FishQuoted(command.purpose), "\n");
      absl::StrAppend(&condition, "; and __fish_seen_subcommand_from ", second);
    }
    for (const PositionalDescription& positional : command.positionals) {
      if (positional.choices.empty()) continue;
      std::vector<std::string> choices(positional.choices.begin(), positional.choices.end());
      absl::StrAppend(&out, "complete -c sluice -n '", condition, "' -a ",
                      FishQuoted(absl::StrJoin(choices, " ")), "\n");
    }
    for (const FlagDescription& flag : command.flags)
      absl::StrAppend(&out, FishFlag(condition, flag));
  }
  return out;
}

}  // namespace

std::string CompletionScript(std::string_view shell) {
  if (shell == "fish") return FishScript();
  if (shell == "zsh") {
    // zsh runs bash's completions as they are.
    return absl::StrCat("autoload -U +X compinit && compinit\n",
                        "autoload -U +X bashcompinit && bashcompinit\n", BashScript());
  }
  return BashScript();
}

}  // namespace sluice::cli

#include "coordinator/cli/command_words.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/cli/command_table.h"

namespace sluice::cli {
namespace {

Status BadArguments(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

std::string LastWord(std::string_view name) {
  return std::string(name.substr(name.find_last_of(' ') + 1));
}

void AddFlag(CLI::App& app, const FlagDescription& flag) {
  // The one short flag: what people type who have read nothing yet.
  const std::string name(flag.name == "--help" ? "-h,--help" : flag.name);
  if (flag.value.empty()) {
    app.add_flag(name)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    return;
  }
  CLI::Option* option = app.add_option(name)->type_size(1)->allow_extra_args(false);
  if (flag.repeats) option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void AddPositional(CLI::App& app, const PositionalDescription& positional) {
  CLI::Option* option = app.add_option(std::string(positional.name))->type_size(1);
  if (positional.repeats) {
    option->expected(-1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  } else {
    option->allow_extra_args(false);
  }
}

// The whole command line as CLI11 knows it: names only. What is required and which values are right
// is checked afterwards, from the table, with messages of ours.
class CommandTree {
 public:
  CommandTree() {
    app_.set_help_flag();
    // One command and no more: after it, "help" or "watch" may be somebody's name.
    app_.require_subcommand(0, 1);
    AddGlobals(app_);
    for (const GroupDescription& group : GroupTable()) {
      AddCommand(group.name).require_subcommand(0, 1);
    }
    for (const CommandDescription& command : CommandTable()) {
      CLI::App& app = AddCommand(command.name);
      for (const FlagDescription& flag : command.flags) AddFlag(app, flag);
      for (const PositionalDescription& positional : command.positionals) {
        AddPositional(app, positional);
      }
    }
  }

  // Throws CLI::ParseError.
  CommandWords Parse(const std::vector<std::string>& words) {
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app_.parse(reversed);
    CommandWords found;
    found.reached = Reached();
    Collect(app_, found);
    return found;
  }

  // The deepest command or group that was reached, also by a parse that threw.
  std::string Reached() const {
    std::string reached;
    for (const auto& [name, app] : apps_) {
      if (app->parsed() && name.size() > reached.size()) reached = name;
    }
    return reached;
  }

  // The first word that a parse which threw had no place for; "" if there was none.
  std::string Unexpected() const {
    const std::vector<std::string> words = app_.remaining(true);
    return words.empty() ? "" : words.front();
  }

 private:
  void AddGlobals(CLI::App& app) {
    for (const FlagDescription& flag : GlobalFlags()) AddFlag(app, flag);
  }

  CLI::App& AddCommand(std::string_view name) {
    const size_t space = name.find(' ');
    CLI::App* parent =
        space == std::string_view::npos ? &app_ : apps_.at(std::string(name.substr(0, space)));
    CLI::App* app = parent->add_subcommand(LastWord(name));
    app->set_help_flag();
    app->fallthrough();  // global flags may follow the command
    apps_[std::string(name)] = app;
    return *app;
  }

  static void Collect(const CLI::App& app, CommandWords& found) {
    for (const CLI::Option* option : app.get_options()) {
      if (option->count() > 0) found.values[option->get_name()] = option->results();
    }
    for (const CLI::App* chosen : app.get_subcommands()) Collect(*chosen, found);
  }

  CLI::App app_{"", "sluice"};
  std::map<std::string, CLI::App*> apps_;
};

// Does the command have a flag that is spelled exactly so?
bool IsFlagOf(std::string_view command, std::string_view word) {
  const auto is = [word](const FlagDescription& flag) { return flag.name == word; };
  const CommandDescription* description = FindCommand(command);
  return std::any_of(GlobalFlags().begin(), GlobalFlags().end(), is) ||
         (description != nullptr &&
          std::any_of(description->flags.begin(), description->flags.end(), is));
}

Status CheckFlag(const CommandWords& words, const FlagDescription& flag, std::string_view command) {
  if (!words.Has(flag.name)) {
    if (!flag.required) return absl::OkStatus();
    return BadArguments("bad-arguments", absl::StrCat(ToAbsl(command), " needs ", ToAbsl(flag.name),
                                                      " ", ToAbsl(flag.value)));
  }
  for (const std::string& value : words.All(flag.name)) {
    if (flag.value.empty() || !IsFlagOf(command, value)) continue;
    return BadArguments("bad-arguments",
                        absl::StrCat(ToAbsl(flag.name), " has no value: ", value, ", a flag of ",
                                     ToAbsl(command), ", follows it"));
  }
  if (flag.choices.empty()) return absl::OkStatus();
  const std::string value = words.One(flag.name);
  if (std::find(flag.choices.begin(), flag.choices.end(), value) != flag.choices.end()) {
    return absl::OkStatus();
  }
  std::vector<std::string> choices(flag.choices.begin(), flag.choices.end());
  return BadArguments("bad-arguments", absl::StrCat(ToAbsl(flag.name),
                                                    " is one of: ", absl::StrJoin(choices, ", ")));
}

Status CheckPositional(const CommandWords& words, const PositionalDescription& positional,
                       std::string_view command) {
  const std::string value = words.One(positional.name);
  if (value.empty()) {
    if (positional.optional) return absl::OkStatus();
    return BadArguments("bad-arguments",
                        absl::StrCat(ToAbsl(command), " needs ", ToAbsl(positional.name), ": ",
                                     ToAbsl(positional.help)));
  }
  if (positional.choices.empty()) return absl::OkStatus();
  if (std::find(positional.choices.begin(), positional.choices.end(), value) !=
      positional.choices.end()) {
    return absl::OkStatus();
  }
  return BadArguments("bad-arguments", absl::StrCat(ToAbsl(positional.name),
                                                    " is one of: ", ToAbsl(positional.help)));
}

Status FromParseError(const CLI::ParseError& error, const CommandTree& tree) {
  const std::string reached = tree.Reached();
  const std::string unexpected = tree.Unexpected();
  const std::string subject = reached.empty() ? "sluice" : reached;
  const std::string see =
      absl::StrCat("; see 'sluice help", reached.empty() ? "" : " ", reached, "'");
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ArgumentMismatch)) {
    const std::string what = error.what();  // "--id: At most 1 required but received 2"
    return BadArguments("bad-arguments",
                        absl::StrCat(what.substr(0, what.find(':')), " takes one value", see));
  }
  const bool too_much = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  if (!too_much || unexpected.empty()) {
    // CLI11's message names what it stumbled over, which is what the operator typed.
    std::string what = error.what();
    std::replace(what.begin(), what.end(), '\n', ' ');
    return BadArguments("bad-arguments", absl::StrCat(what, see));
  }
  if (unexpected.front() == '-') {
    return BadArguments("unknown-flag", absl::StrCat(subject, " has no flag ", unexpected, see));
  }
  if (FindCommand(reached) == nullptr) {
    return BadArguments("unknown-command",
                        absl::StrCat("there is no command '", reached, reached.empty() ? "" : " ",
                                     unexpected, "'", see));
  }
  return BadArguments("bad-arguments",
                      absl::StrCat(subject, " has no place for '", unexpected, "'", see));
}

}  // namespace

bool CommandWords::Has(std::string_view name) const { return values.find(name) != values.end(); }

std::string CommandWords::One(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? "" : found->second.front();
}

std::vector<std::string> CommandWords::All(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? std::vector<std::string>{} : found->second;
}

StatusOr<CommandWords> SplitCommandLine(const std::vector<std::string>& words) {
  CommandTree tree;
  try {
    return tree.Parse(words);
  } catch (const CLI::ParseError& error) {
    return FromParseError(error, tree);
  } catch (const CLI::Error& error) {
    return NamedError(StatusCode::kInternal, "command-table", error.what());
  }
}

Status CheckAgainstTable(const CommandWords& words, const CommandDescription& command) {
  for (const PositionalDescription& positional : command.positionals) {
    SLUICE_RETURN_IF_ERROR(CheckPositional(words, positional, command.name));
  }
  for (const FlagDescription& flag : command.flags) {
    SLUICE_RETURN_IF_ERROR(CheckFlag(words, flag, command.name));
  }
  for (const FlagDescription& flag : GlobalFlags()) {
    SLUICE_RETURN_IF_ERROR(CheckFlag(words, flag, command.name));
  }
  return absl::OkStatus();
}

}  // namespace sluice::cli

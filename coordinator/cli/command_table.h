// Every command with its arguments, flags and examples: the one source of the parser, of --help, of
// the shell completions and of the manual page.
#pragma once

#include <string_view>
#include <vector>

namespace sluice::cli {

struct FlagDescription {
  std::string_view name;   // "--droplet"
  std::string_view value;  // what stands for its value, "GUID|sha256:HEX"; "" if it takes none
  std::string_view help;
  std::vector<std::string_view> choices = {};
  bool required = false;
  bool repeats = false;
};

struct PositionalDescription {
  std::string_view name;  // "SOURCE"
  std::string_view help;
  std::vector<std::string_view> choices = {};
  bool optional = false;
  bool repeats = false;  // takes every word that is left
};

struct ExampleDescription {
  std::string_view command;
  std::string_view what;
};

struct CommandDescription {
  std::string_view name;     // "promote", or "trust init" for one of a group
  std::string_view purpose;  // begins with a capital, no full stop
  std::string_view detail;   // sentences, may be empty
  std::vector<PositionalDescription> positionals;
  std::vector<FlagDescription> flags;
  std::vector<ExampleDescription> examples;
};

// In the order of help.
const std::vector<CommandDescription>& CommandTable();
// Those of every command.
const std::vector<FlagDescription>& GlobalFlags();
// Groups of commands ("trust") with their purpose.
struct GroupDescription {
  std::string_view name;
  std::string_view purpose;
};
const std::vector<GroupDescription>& GroupTable();

// Null if there is none of that name.
const CommandDescription* FindCommand(std::string_view name);

}  // namespace sluice::cli

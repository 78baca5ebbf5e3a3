// A command line taken apart: one command of the table, and the words for each of its flags and
// positionals.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace sluice::cli {

struct CommandDescription;

// By the table's names, "--droplet" or "SOURCE". A flag without a value has one word all the same.
struct CommandWords {
  std::string reached;  // the command, or the group when none of its commands is named, or ""
  std::map<std::string, std::vector<std::string>, std::less<>> values;

  bool Has(std::string_view name) const;
  std::string One(std::string_view name) const;  // "" if it is not there
  std::vector<std::string> All(std::string_view name) const;
};

// InvalidArgument "unknown-command", "unknown-flag" or "bad-arguments" for what is not in the
// table. What is required and which values are right is not looked at: with --help anything goes.
StatusOr<CommandWords> SplitCommandLine(const std::vector<std::string>& words);

// Every required flag and positional is there, and a choice is one of its choices: else
// InvalidArgument "bad-arguments".
Status CheckAgainstTable(const CommandWords& words, const CommandDescription& command);

}  // namespace sluice::cli

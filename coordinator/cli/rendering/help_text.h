// Help, as plain text of at most 100 columns, from the command table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::cli {

struct CommandDescription;

// The program as a whole.
std::string HelpText();
// One command or group; nothing if there is none of that name.
std::optional<std::string> HelpTextOf(std::string_view name);
// "sluice promote SOURCE TARGET [flags]"
std::string UsageLine(const CommandDescription& command);

}  // namespace sluice::cli

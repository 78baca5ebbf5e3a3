// Shell completions, from the command table.
#pragma once

#include <string>
#include <string_view>

namespace sluice::cli {

// For bash, zsh or fish.
std::string CompletionScript(std::string_view shell);

}  // namespace sluice::cli

// What main() does with its process and its environment, and nobody else.
#pragma once

#include <functional>
#include <map>
#include <string>

namespace sluice {

// Keys are in this process's memory: no core file, no debugger of the same user. First thing in
// main().
void KeepMemoryPrivate();

// The SLUICE_... variables of the environment, as ConfigReader takes them.
std::map<std::string, std::string, std::less<>> ReadOverrides();

}  // namespace sluice

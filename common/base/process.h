// What main() does with its process and its environment, and nobody else.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace sluice {

// Keys are in this process's memory: no core file, no debugger of the same user. First thing in
// main().
void KeepMemoryPrivate();

// Takes the numbers 0 to 2 where they are closed, so that no file or socket gets one of them and
// with it what is printed. Reading or writing them fails as before. Before anything is opened.
void HoldStandardDescriptors();

// How many descriptors a daemon may have open, if the hard limit permits: a session takes one, a
// transfer a few. The default of 1,024 is below what a coordinator serves.
inline constexpr uint64_t kDescriptorsMax = 16'384;

// Raises this process's limit to kDescriptorsMax or to its hard limit; never lowers it.
void AllowManyDescriptors();

// The SLUICE_... variables of the environment, as ConfigReader takes them; not SLUICE_CONFIG, which
// names a file and no key in one.
std::map<std::string, std::string, std::less<>> ReadOverrides();

}  // namespace sluice

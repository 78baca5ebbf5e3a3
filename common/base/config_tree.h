// A YAML text as a small tree that remembers lines. Only config.cc uses it.
//
// Of YAML it takes scalars, lists and maps with scalar keys; anchors, aliases, tags and several
// documents are refused: configuration needs none of them, and aliases can make a small file huge.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

inline constexpr size_t kConfigBytesMax = 256 * 1024;
inline constexpr int kConfigDepthMax = 16;

struct ConfigNode;

struct ConfigEntry {
  std::string name;  // empty in a list
  int line = 1;
  std::unique_ptr<ConfigNode> node;
};

struct ConfigNode {
  enum class Kind { kNothing, kScalar, kList, kSection };
  Kind kind = Kind::kNothing;
  int line = 1;  // counts from 1
  std::string scalar;
  std::vector<ConfigEntry> entries;  // of a list or a section, in the order of the file
  std::set<std::string> asked;       // names that the program knows in this section

  // The entry of that name in a section, or null.
  ConfigNode* Find(std::string_view name) const;
};

struct ConfigMistake {
  int line = 1;
  std::string what;
};

struct ConfigTree {
  std::unique_ptr<ConfigNode> root;     // always a section; empty when the text is broken
  bool broken = false;                  // the text is not YAML that we take: nothing else is known
  std::vector<ConfigMistake> mistakes;  // duplicates, or the one that broke it
};

ConfigTree ParseConfigTree(std::string_view text);

// A key as it may be printed: short, without control characters.
std::string PrintableKey(std::string_view name);

}  // namespace sluice

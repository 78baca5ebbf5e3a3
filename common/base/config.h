// Reads a YAML configuration file as a whole and collects every mistake in it with its line.
//
//   ConfigReader config("agent.yaml", text, overrides);
//   options.address = config.RequiredString("coordinator.address");
//   options.heartbeat = config.Duration("coordinator.heartbeat", absl::Seconds(5));
//   SLUICE_RETURN_IF_ERROR(config.Finish());  // only now may `options` be used
//
// A getter never fails: what is missing or wrong is noted, and a stand-in returned, so that one
// Finish() reports everything. Paths name nested sections with dots; asking for a name is what
// makes it known: whatever is in the file and was never asked for is an unknown key.
//
// Overrides: "coordinator.heartbeat" is replaced by SLUICE_COORDINATOR_HEARTBEAT (upper case, dots
// and dashes as underscores), lists separated by commas. Only main() reads the environment, and
// hands it in. A variable that nothing asked for is a mistake when it looks like one that something
// did.
//
// Messages hold keys, never values: a value in the wrong place may be a secret. Not thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/base/secret.h"
#include "common/base/status.h"

namespace sluice {

struct ConfigNode;
class ConfigReader;

struct IntegerRange {
  int64_t least = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
};

// One section of the file: a view that must not outlive its ConfigReader.
class ConfigSection {
 public:
  // Is it in the file or overridden? Makes the name known.
  bool Has(std::string_view path) const;

  std::string String(std::string_view path, std::string_view fallback) const;
  std::string RequiredString(std::string_view path) const;  // there, and not empty
  // One of `choices`; `fallback` may be any string when it is not given.
  std::string Choice(std::string_view path, std::initializer_list<std::string_view> choices,
                     std::string_view fallback) const;
  std::vector<std::string> Strings(std::string_view path,
                                   std::vector<std::string> fallback = {}) const;
  int64_t Integer(std::string_view path, int64_t fallback, IntegerRange range = {}) const;
  absl::Duration Duration(std::string_view path, absl::Duration fallback) const;  // "30s"
  uint64_t Size(std::string_view path, uint64_t fallback) const;                  // bytes: "10M"
  // A secret comes from the environment only (or from a file that another key names): one that
  // stands in the configuration file is a mistake. Empty when there is none.
  Secret SecretFromEnvironment(std::string_view path) const;

  // A nested section; an absent one gives every getter's fallback.
  ConfigSection Section(std::string_view path) const;
  // A map whose keys the operator chose ("foundations: {dev: {...}}"), in the file's order.
  std::vector<std::pair<std::string, ConfigSection>> Sections(std::string_view path) const;

  // Notes a mistake that only the caller can see (a malformed URL), at the line of `path`; at that
  // of the section when `path` is empty or not in the file.
  void Mistake(std::string_view path, std::string_view what) const;

 protected:
  struct Shared;
  ConfigSection(Shared* shared, ConfigNode* node, std::string path);

 private:
  struct Value;
  ConfigNode* Descend(std::string_view path) const;
  const std::string* Override(std::string_view path) const;
  Value Scalar(std::string_view path) const;
  void Note(const Value& value, std::string_view path, std::string_view what) const;
  std::string FullPath(std::string_view path) const;

  Shared* shared_;
  ConfigNode* node_;  // null when the section is not in the file
  std::string path_;  // from the top, for overrides and messages
};

// The file as a whole, and its top section.
class ConfigReader final : public ConfigSection {
 public:
  using Overrides = std::map<std::string, std::string, std::less<>>;

  // `file` is only what messages call it.
  ConfigReader(std::string file, std::string_view text, Overrides overrides = {});
  ~ConfigReader();
  ConfigReader(const ConfigReader&) = delete;
  ConfigReader& operator=(const ConfigReader&) = delete;

  // InvalidArgument "bad-configuration" with every mistake on its own line as FILE:LINE: what, in
  // the order of lines; those of overrides as VARIABLE: what. Call it after the last getter.
  Status Finish() const;

  // SLUICE_ variables that nothing asked for, for a warning: another program may be meant by them.
  std::vector<std::string> UnusedOverrides() const;

 private:
  explicit ConfigReader(std::unique_ptr<Shared> shared);
  std::unique_ptr<Shared> owned_;
};

}  // namespace sluice

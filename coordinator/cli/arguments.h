// What a command line asks for, checked as far as it can be without any file or network.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/base/status.h"

namespace sluice::cli {

enum class OutputFormat { kTable, kJson };

struct GlobalArguments {
  OutputFormat output = OutputFormat::kTable;
  bool color = true;
  std::optional<std::string> config_file;
};

// How long a command waits for a promotion, and whether it waits at all.
struct WaitArguments {
  bool detach = false;
  std::optional<absl::Duration> timeout;
};

struct PromoteArguments {
  std::string source;                // FOUNDATION:ORG/SPACE/APP
  std::vector<std::string> targets;  // FOUNDATION:ORG/SPACE[/APP], at least one
  std::string droplet;               // "" for the current one, a guid, or "sha256:HEX"
  std::string strategy = "rolling";
  std::string id;  // "" for a fresh one
  std::string reason;
  absl::Duration startup_timeout = absl::Minutes(5);
  std::optional<absl::Duration> deadline;  // from the order on; nothing is activated after it
  std::optional<int64_t> bytes_per_second_max;
  bool create = false;
  bool activate = true;
  bool dry_run = false;
  bool yes = false;
  WaitArguments wait;
};

struct ExportArguments {
  std::string source;       // FOUNDATION:ORG/SPACE/APP
  std::string destination;  // as ParseDestination() takes it
  std::string run_image;    // the base of an image; else empty, as the next three
  std::string run_image_stack;
  std::string process;
  std::string format;
  std::string droplet;  // as in PromoteArguments
  std::string id;
  std::string reason;
  std::optional<int64_t> bytes_per_second_max;
  bool force = false;  // overwrite the file
  bool dry_run = false;
  bool yes = false;
  std::optional<absl::Duration> timeout;
};

struct ActivateArguments {
  std::string id;
  std::string reason;
  bool yes = false;
  WaitArguments wait;
};

struct CancelArguments {
  std::string id;
  std::string reason;
  WaitArguments wait;
};

struct RollbackArguments {
  std::string id;                    // or an app reference, which alone has a colon
  std::vector<std::string> targets;  // FOUNDATION:ORG/SPACE[/APP]; none: all of the promotion's
  std::string reason;
  bool force = false;
  bool yes = false;
  WaitArguments wait;
};

struct PromotionsArguments {
  std::string app;
  std::string state;
  uint32_t limit = 0;  // 0: as many as the coordinator shows by itself
};

struct PromotionArguments {
  std::string id;
  bool explain = false;
};

struct WatchArguments {
  std::string id;
  std::optional<absl::Duration> timeout;
};

struct FoundationsArguments {};

struct AppsArguments {
  std::string scope;  // FOUNDATION:ORG[/SPACE]
};

struct DropletsArguments {
  std::string app;
};

struct KeygenArguments {
  std::string kind;  // "root" or "operator"
  std::string name;
  std::string file;  // "" for NAME.key
};

struct TrustInitArguments {
  std::string federation;
  std::string root_key_file;
  std::string coordinator_card_file;
  std::string document_file;
  absl::Duration life;
};

struct TrustAddOperatorArguments {
  std::string card_file;
  std::vector<std::string> grants;  // ACTIONS@PATTERN
  std::string root_key_file;
  std::string document_file;
  std::optional<absl::Duration> life;  // nothing: until when it held before
};

struct TrustAddFoundationArguments {
  std::string name;
  std::string card_file;
  std::string root_key_file;
  std::string document_file;
  std::optional<absl::Duration> life;  // nothing: until when it held before
};

struct TrustShowArguments {
  std::string document_file;  // "" for the configured one
};

struct VersionArguments {};

struct CompletionArguments {
  std::string shell;
};

// The text that was asked for with help or --help, as the whole answer.
struct HelpArguments {
  std::string text;
};

using Command =
    std::variant<PromoteArguments, ExportArguments, ActivateArguments, CancelArguments,
                 RollbackArguments, PromotionsArguments, PromotionArguments, WatchArguments,
                 FoundationsArguments, AppsArguments, DropletsArguments, KeygenArguments,
                 TrustInitArguments, TrustAddOperatorArguments, TrustAddFoundationArguments,
                 TrustShowArguments, VersionArguments, CompletionArguments, HelpArguments>;

struct Arguments {
  GlobalArguments global;
  Command command;
};

// `words` is the command line without the program's name. InvalidArgument "bad-arguments", or a
// more telling name, with a message of at most two lines that says what to write instead.
StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words);

// The format that a command line asks for, even when the rest of it is wrong: errors are shown in
// it, too.
OutputFormat RequestedOutput(const std::vector<std::string>& words);

}  // namespace sluice::cli

#include "coordinator/cli/arguments.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/units.h"
#include "common/trust/order.h"
#include "common/trust/reference.h"
#include "coordinator/cli/command_table.h"
#include "coordinator/cli/command_words.h"
#include "coordinator/cli/rendering/help_text.h"
#include "coordinator/cli/rendering/text.h"

namespace sluice::cli {
namespace {

constexpr size_t kReasonBytesMax = 512;
constexpr uint32_t kListedMax = 1000;  // of the control protocol (proto/README.md)
constexpr size_t kPromotionIdBytesMax = 64;
constexpr size_t kGuidBytesMax = 64;
constexpr size_t kDigestHexDigits = 64;
constexpr absl::Duration kStartupTimeoutMax = absl::Hours(24);
constexpr absl::Duration kTimeoutMax = absl::Hours(24 * 30);
constexpr absl::Duration kDeadlineMax = absl::Hours(24 * 30);
constexpr absl::Duration kYear = absl::Hours(24 * 365);
constexpr absl::Duration kLifeMax = absl::Hours(24 * 365 * 10);

Status BadArguments(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

StatusOr<absl::Duration> DurationOf(const CommandWords& words, std::string_view flag,
                                    absl::Duration fallback, absl::Duration most) {
  if (!words.Has(flag)) return fallback;
  StatusOr<absl::Duration> duration = ParseDuration(words.One(flag));
  if (!duration.ok() || *duration < absl::Seconds(1) || *duration > most) {
    return BadArguments(
        "bad-duration",
        absl::StrCat(ToAbsl(flag), " is a time such as 90s, 10m or 1h30m, from 1s to ",
                     absl::FormatDuration(most)));
  }
  return *duration;
}

StatusOr<std::optional<int64_t>> RateOf(const CommandWords& words, std::string_view flag) {
  std::optional<int64_t> rate;
  if (!words.Has(flag)) return rate;
  const StatusOr<uint64_t> bytes = ParseSize(words.One(flag));
  if (!bytes.ok() || *bytes < trust::kBytesPerSecondMin || *bytes > trust::kJsonIntegerMax) {
    return BadArguments("bad-rate",
                        absl::StrCat(ToAbsl(flag), " is bytes a second such as 500K or 10M, from ",
                                     trust::kBytesPerSecondMin >> 10, "K on"));
  }
  rate = static_cast<int64_t>(*bytes);
  return rate;
}

Status CheckPromotionId(std::string_view id, std::string_view what) {
  if (trust::ParsePromotionId(id).ok()) return absl::OkStatus();
  if (trust::AppReference::Parse(id).ok()) {
    return BadArguments("bad-promotion-id",
                        absl::StrCat("'", ToAbsl(id), "' is an app; give the id of one of its ",
                                     "promotions: sluice promotions --app ", ToAbsl(id)));
  }
  return BadArguments("bad-promotion-id",
                      absl::StrCat(ToAbsl(what), " is 1 to ", kPromotionIdBytesMax,
                                   " letters, digits, dots, dashes and underscores"));
}

// Other commands take an id where they take flags, and people take it for a file's name.
Status CheckNewId(std::string_view id) {
  if (std::isalnum(static_cast<unsigned char>(id.front())) != 0) return absl::OkStatus();
  return BadArguments("bad-promotion-id", "--id begins with a letter or a digit");
}

bool IsLowerHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isdigit(c) != 0 || (c >= 'a' && c <= 'f');
  });
}

StatusOr<std::string> DropletOf(const CommandWords& words) {
  const std::string droplet = words.One("--droplet");
  if (!words.Has("--droplet")) return droplet;
  constexpr std::string_view kPrefix = "sha256:";
  if (absl::StartsWith(droplet, ToAbsl(kPrefix))) {
    const std::string_view digits = std::string_view(droplet).substr(kPrefix.size());
    if (digits.size() == kDigestHexDigits && IsLowerHex(digits)) return droplet;
  } else if (!droplet.empty() && droplet.size() <= kGuidBytesMax &&
             std::all_of(droplet.begin(), droplet.end(),
                         [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; })) {
    return droplet;
  }
  return BadArguments("bad-droplet",
                      "--droplet is a droplet's guid, or sha256: and 64 lower-case hexadecimal "
                      "digits; 'sluice droplets APP' lists both");
}

StatusOr<std::string> ReasonOf(const CommandWords& words) {
  std::string reason = words.One("--reason");
  if (reason.size() > kReasonBytesMax) {
    return BadArguments("bad-arguments",
                        absl::StrCat("--reason is at most ", kReasonBytesMax, " bytes"));
  }
  if (Printable(reason) != reason) {
    return BadArguments("bad-arguments",
                        "--reason is one line of UTF-8: it may hold no line break or other control "
                        "character");
  }
  return reason;
}

StatusOr<WaitArguments> WaitOf(const CommandWords& words) {
  WaitArguments wait;
  wait.detach = words.Has("--detach");
  if (words.Has("--timeout")) {
    SLUICE_ASSIGN_OR_RETURN(wait.timeout,
                            DurationOf(words, "--timeout", absl::ZeroDuration(), kTimeoutMax));
  }
  if (wait.detach && wait.timeout.has_value()) {
    return BadArguments("bad-arguments", "--detach waits for nothing: give it or --timeout");
  }
  return wait;
}

StatusOr<Command> PromoteOf(const CommandWords& words) {
  PromoteArguments promote;
  promote.source = words.One("SOURCE");
  promote.targets = words.All("TARGET");
  if (words.Has("--strategy")) promote.strategy = words.One("--strategy");
  promote.id = words.One("--id");
  if (words.Has("--id")) {
    SLUICE_RETURN_IF_ERROR(CheckPromotionId(promote.id, "--id"));
    SLUICE_RETURN_IF_ERROR(CheckNewId(promote.id));
  }
  promote.create = words.Has("--create");
  promote.activate = !words.Has("--no-activate");
  promote.dry_run = words.Has("--dry-run");
  promote.yes = words.Has("--yes");
  SLUICE_ASSIGN_OR_RETURN(promote.droplet, DropletOf(words));
  SLUICE_ASSIGN_OR_RETURN(promote.reason, ReasonOf(words));
  SLUICE_ASSIGN_OR_RETURN(
      promote.startup_timeout,
      DurationOf(words, "--startup-timeout", promote.startup_timeout, kStartupTimeoutMax));
  if (words.Has("--deadline")) {
    SLUICE_ASSIGN_OR_RETURN(promote.deadline,
                            DurationOf(words, "--deadline", absl::ZeroDuration(), kDeadlineMax));
  }
  SLUICE_ASSIGN_OR_RETURN(promote.bytes_per_second_max, RateOf(words, "--limit-rate"));
  SLUICE_ASSIGN_OR_RETURN(promote.wait, WaitOf(words));
  return promote;
}

StatusOr<Command> ExportOf(const CommandWords& words) {
  ExportArguments arguments;
  arguments.source = words.One("SOURCE");
  arguments.destination = words.One("DESTINATION");
  arguments.id = words.One("--id");
  if (words.Has("--id")) SLUICE_RETURN_IF_ERROR(CheckPromotionId(arguments.id, "--id"));
  arguments.run_image = words.One("--run-image");
  arguments.run_image_stack = words.One("--run-image-stack");
  arguments.process = words.One("--process");
  arguments.format = words.One("--format");
  arguments.force = words.Has("--force");
  arguments.dry_run = words.Has("--dry-run");
  arguments.yes = words.Has("--yes");
  SLUICE_ASSIGN_OR_RETURN(arguments.droplet, DropletOf(words));
  SLUICE_ASSIGN_OR_RETURN(arguments.reason, ReasonOf(words));
  SLUICE_ASSIGN_OR_RETURN(arguments.bytes_per_second_max, RateOf(words, "--limit-rate"));
  SLUICE_ASSIGN_OR_RETURN(const WaitArguments wait, WaitOf(words));
  arguments.timeout = wait.timeout;
  return arguments;
}

// activate, cancel, rollback: what they share.
template <typename Step>
StatusOr<Command> StepOf(const CommandWords& words) {
  Step step;
  if constexpr (std::is_same_v<Step, RollbackArguments>) {
    step.id = words.One("PROMOTION");
    if (absl::StrContains(step.id, ':')) {
      SLUICE_RETURN_IF_ERROR(trust::AppReference::Parse(step.id).status());
    } else {
      SLUICE_RETURN_IF_ERROR(CheckPromotionId(step.id, "PROMOTION"));
    }
  } else {
    step.id = words.One("ID");
    SLUICE_RETURN_IF_ERROR(CheckPromotionId(step.id, "ID"));
  }
  SLUICE_ASSIGN_OR_RETURN(step.reason, ReasonOf(words));
  SLUICE_ASSIGN_OR_RETURN(step.wait, WaitOf(words));
  if constexpr (requires { step.yes; }) step.yes = words.Has("--yes");
  if constexpr (requires { step.force; }) step.force = words.Has("--force");
  if constexpr (requires { step.targets; }) step.targets = words.All("TARGET");
  return step;
}

StatusOr<Command> PromotionsOf(const CommandWords& words) {
  PromotionsArguments promotions{words.One("--app"), words.One("--state")};
  if (!words.Has("--limit")) return promotions;
  if (!absl::SimpleAtoi(words.One("--limit"), &promotions.limit) || promotions.limit < 1 ||
      promotions.limit > kListedMax) {
    return BadArguments("bad-arguments", absl::StrCat("--limit is 1 to ", kListedMax));
  }
  return promotions;
}

StatusOr<Command> PromotionOf(const CommandWords& words) {
  SLUICE_RETURN_IF_ERROR(CheckPromotionId(words.One("ID"), "ID"));
  return PromotionArguments{words.One("ID"), words.Has("--explain")};
}

StatusOr<Command> WatchOf(const CommandWords& words) {
  SLUICE_RETURN_IF_ERROR(CheckPromotionId(words.One("ID"), "ID"));
  SLUICE_ASSIGN_OR_RETURN(WaitArguments wait, WaitOf(words));
  return WatchArguments{words.One("ID"), wait.timeout};
}

StatusOr<Command> KeygenOf(const CommandWords& words) {
  KeygenArguments keygen{words.One("KIND"), words.One("NAME"), words.One("--file")};
  if (!trust::ParsePromotionId(keygen.name).ok()) {
    return BadArguments("bad-arguments",
                        "NAME is 1 to 64 letters, digits, dots, dashes and underscores");
  }
  return keygen;
}

StatusOr<Command> TrustInitOf(const CommandWords& words) {
  SLUICE_ASSIGN_OR_RETURN(absl::Duration life, DurationOf(words, "--life", kYear, kLifeMax));
  return TrustInitArguments{words.One("--federation"), words.One("--root-key"),
                            words.One("--coordinator-card"), words.One("--document"), life};
}

StatusOr<std::optional<absl::Duration>> LifeOf(const CommandWords& words) {
  if (!words.Has("--life")) return std::optional<absl::Duration>();
  SLUICE_ASSIGN_OR_RETURN(absl::Duration life, DurationOf(words, "--life", kYear, kLifeMax));
  return std::optional<absl::Duration>(life);
}

StatusOr<Command> TrustAddOperatorOf(const CommandWords& words) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<absl::Duration> life, LifeOf(words));
  return TrustAddOperatorArguments{words.One("CARD"), words.All("--grant"), words.One("--root-key"),
                                   words.One("--document"), life};
}

StatusOr<Command> TrustAddFoundationOf(const CommandWords& words) {
  SLUICE_ASSIGN_OR_RETURN(std::optional<absl::Duration> life, LifeOf(words));
  return TrustAddFoundationArguments{words.One("NAME"), words.One("CARD"), words.One("--root-key"),
                                     words.One("--document"), life};
}

StatusOr<Command> HelpOf(const CommandWords& words) {
  std::string name = words.One("COMMAND");
  if (words.Has("SUBCOMMAND")) absl::StrAppend(&name, " ", words.One("SUBCOMMAND"));
  if (name.empty()) return HelpArguments{HelpText()};
  if (std::optional<std::string> text = HelpTextOf(name)) return HelpArguments{*std::move(text)};
  return BadArguments("unknown-command", "no such command; 'sluice help' lists them");
}

using Builder = StatusOr<Command> (*)(const CommandWords&);

const std::map<std::string_view, Builder>& Builders() {
  static const auto& builders = *new std::map<std::string_view, Builder>{
      {"promote", PromoteOf},
      {"activate", StepOf<ActivateArguments>},
      {"cancel", StepOf<CancelArguments>},
      {"rollback", StepOf<RollbackArguments>},
      {"export", ExportOf},
      {"promotions", PromotionsOf},
      {"promotion", PromotionOf},
      {"watch", WatchOf},
      {"foundations",
       [](const CommandWords&) -> StatusOr<Command> { return FoundationsArguments{}; }},
      {"apps",
       [](const CommandWords& words) -> StatusOr<Command> {
         return AppsArguments{words.One("SCOPE")};
       }},
      {"droplets",
       [](const CommandWords& words) -> StatusOr<Command> {
         return DropletsArguments{words.One("APP")};
       }},
      {"keygen", KeygenOf},
      {"trust init", TrustInitOf},
      {"trust add-operator", TrustAddOperatorOf},
      {"trust add-foundation", TrustAddFoundationOf},
      {"trust show",
       [](const CommandWords& words) -> StatusOr<Command> {
         return TrustShowArguments{words.One("--document")};
       }},
      {"version", [](const CommandWords&) -> StatusOr<Command> { return VersionArguments{}; }},
      {"completion",
       [](const CommandWords& words) -> StatusOr<Command> {
         return CompletionArguments{words.One("SHELL")};
       }},
      {"help", HelpOf},
  };
  return builders;
}

StatusOr<Arguments> ArgumentsOf(const CommandWords& words) {
  Arguments arguments;
  const std::string& reached = words.reached;
  if (words.Has("--help")) {
    arguments.command = HelpArguments{reached.empty() ? HelpText() : *HelpTextOf(reached)};
    return arguments;
  }
  if (words.Has("--version")) {
    arguments.command = VersionArguments{};
    return arguments;
  }
  const CommandDescription* command = FindCommand(reached);
  if (command == nullptr) {
    const std::string help = absl::StrCat("'sluice help", reached.empty() ? "" : " ", reached, "'");
    return BadArguments("no-command", absl::StrCat("a command is missing; ", help, " lists them"));
  }
  if (Status checked = CheckAgainstTable(words, *command); !checked.ok()) {
    return BadArguments(ErrorName(checked),
                        absl::StrCat(checked.message(), "; see 'sluice help ", reached, "'"));
  }
  if (words.One("--output") == "json") arguments.global.output = OutputFormat::kJson;
  arguments.global.color = !words.Has("--no-color");
  if (words.Has("--config")) arguments.global.config_file = words.One("--config");
  SLUICE_ASSIGN_OR_RETURN(arguments.command, Builders().at(command->name)(words));
  return arguments;
}

}  // namespace

StatusOr<Arguments> ParseArguments(const std::vector<std::string>& words) {
  SLUICE_ASSIGN_OR_RETURN(CommandWords found, SplitCommandLine(words));
  return ArgumentsOf(found);
}

OutputFormat RequestedOutput(const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") break;
    if (words[i] == "--output=json") return OutputFormat::kJson;
    if (words[i] == "--output" && i + 1 < words.size() && words[i + 1] == "json") {
      return OutputFormat::kJson;
    }
  }
  return OutputFormat::kTable;
}

}  // namespace sluice::cli

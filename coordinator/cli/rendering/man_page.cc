#include "coordinator/cli/rendering/man_page.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status.h"
#include "coordinator/cli/command_table.h"
#include "coordinator/cli/rendering/help_text.h"

namespace sluice::cli {
namespace {

// roff reads a backslash as its own, a dash as a hyphen, and a dot or quote that begins a line as a
// request.
std::string Roff(std::string_view text) {
  std::string out = absl::StrReplaceAll(ToAbsl(text), {{"\\", "\\e"}, {"-", "\\-"}});
  if (!out.empty() && (out.front() == '.' || out.front() == '\'')) out.insert(0, "\\&");
  return out;
}

void AppendFlag(const FlagDescription& flag, std::string& out) {
  absl::StrAppend(&out, ".TP\n.BI \"", Roff(flag.name), " \" \"", Roff(flag.value), "\"\n");
  std::string help(flag.help);
  if (!flag.choices.empty()) {
    const std::vector<std::string> choices(flag.choices.begin(), flag.choices.end());
    absl::StrAppend(&help, " (", absl::StrJoin(choices, ", "), ")");
  }
  if (flag.required) absl::StrAppend(&help, " (required)");
  absl::StrAppend(&out, Roff(help), ".\n");
}

void AppendCommand(const CommandDescription& command, std::string& out) {
  absl::StrAppend(&out, ".SS ", Roff(UsageLine(command)), "\n", Roff(command.purpose), ".\n");
  if (!command.detail.empty()) absl::StrAppend(&out, Roff(command.detail), "\n");
  for (const PositionalDescription& positional : command.positionals) {
    absl::StrAppend(&out, ".TP\n.I ", Roff(positional.name), "\n", Roff(positional.help), ".\n");
  }
  for (const FlagDescription& flag : command.flags) AppendFlag(flag, out);
  absl::StrAppend(&out, ".PP\nExamples:\n");
  for (const ExampleDescription& example : command.examples) {
    absl::StrAppend(&out, ".PP\n.nf\n# ", Roff(example.what), "\n", Roff(example.command),
                    "\n.fi\n");
  }
}

constexpr char kExitStatus[] =
    ".SH EXIT STATUS\n"
    ".TP\n.B 0\nDone; with \\-\\-detach, recorded.\n"
    ".TP\n.B 1\nRefused by a check, failed, cancelled or undone: every target runs what it ran "
    "before.\n"
    ".TP\n.B 2\nMalformed or ambiguous input, bad configuration.\n"
    ".TP\n.B 3\nNot allowed: key, role or policy.\n"
    ".TP\n.B 4\nNo such foundation, org, space, app, droplet or promotion.\n"
    ".TP\n.B 5\nCoordinator unreachable, agent not connected, foundation unavailable.\n"
    ".TP\n.B 6\n\\-\\-timeout passed; the promotion goes on.\n"
    ".TP\n.B 7\nFailed, and a target needs hands: the message says which and what.\n"
    ".TP\n.B 8\nWaiting for somebody.\n"
    ".TP\n.B 130\nInterrupted; a promotion goes on.\n";

constexpr char kFiles[] =
    ".SH FILES\n"
    ".TP\n.I ~/.config/sluice/config.yaml\n"
    "coordinator.endpoint, coordinator.connect_wait, trust.document, trust.roots and key_file; in "
    "XDG_CONFIG_HOME instead of ~/.config where that is set. SLUICE_CONFIG names another file; "
    "SLUICE_COORDINATOR_ENDPOINT, SLUICE_COORDINATOR_CONNECT_WAIT, SLUICE_TRUST_DOCUMENT, "
    "SLUICE_TRUST_ROOTS and SLUICE_KEY_FILE override what is in it.\n";

}  // namespace

std::string ManPage() {
  std::string out =
      ".TH SLUICE 1 \"\" \"Sluice\" \"User Commands\"\n"
      ".SH NAME\n"
      "sluice \\- promote a Cloud Foundry droplet, byte for byte, between foundations\n"
      ".SH SYNOPSIS\n.B sluice\n.I COMMAND\n[flags]\n"
      ".SH COMMANDS\n";
  for (const CommandDescription& command : CommandTable()) AppendCommand(command, out);
  absl::StrAppend(&out, ".SH FLAGS OF EVERY COMMAND\n");
  for (const FlagDescription& flag : GlobalFlags()) AppendFlag(flag, out);
  return absl::StrCat(out, kExitStatus, kFiles);
}

}  // namespace sluice::cli

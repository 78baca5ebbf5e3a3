#include "coordinator/cli/command_table.h"

namespace sluice::cli {
namespace {

using Flags = std::vector<FlagDescription>;

constexpr std::string_view kReasonHelp = "Why, for the record: a change number, a sentence";

Flags With(Flags flags, const Flags& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

Flags WaitFlags() {
  return {{"--detach", "", "End as soon as it is recorded; 'sluice watch ID' shows how it goes on"},
          {"--timeout", "T", "Wait so long, as in 90s or 10m; then exit 6, and it goes on"}};
}

Flags DocumentFlags() {
  return {{"--document", "FILE", "The trust document to change", {}, true},
          {"--root-key", "FILE", "The trust root's key file, which signs the result", {}, true},
          {"--life", "T", "Let it hold so long from now, as in 8760h (default: as before)"}};
}

PositionalDescription PromotionId() {
  return {"ID", "The promotion's id, or any unique beginning of it"};
}

CommandDescription Promote() {
  return {
      "promote",
      "Promote an app's droplet, byte for byte, to other foundations",
      "Asks the agents of all foundations for a plan, shows it with the droplet's digest, and asks "
      "before it signs the order. Nothing changes at any target before the droplet is stored at "
      "all of them and its digest confirmed there; when one fails, all are put back.",
      {{"SOURCE", "App reference, FOUNDATION:ORG/SPACE/APP"},
       {.name = "TARGET",
        .help = "FOUNDATION:ORG/SPACE for the same app name, or FOUNDATION:ORG/SPACE/APP; one or "
                "more, 64 at most",
        .repeats = true}},
      With({{"--droplet", "GUID|sha256:HEX", "This droplet of the app instead of its current one"},
            {"--create", "", "Create the app if the target does not have it"},
            {"--no-activate", "", "Stop when uploaded; 'sluice activate ID' does the rest"},
            {"--strategy", "S", "How a running app gets the droplet", {"rolling", "restart"}},
            {"--startup-timeout", "T", "How long the app may take to get healthy (default: 5m)"},
            {"--deadline", "T",
             "What has not begun to activate so long after the order is not activated any more, "
             "but undone at every target (default: 24h; none with --no-activate)"},
            {"--limit-rate", "RATE",
             "Bytes a second, as in 10M, at which each agent sends and receives the droplet at "
             "most"},
            {"--id", "ID", "Your key for this promotion: the same again watches the same one"},
            {"--reason", "TEXT", kReasonHelp},
            {"--dry-run", "", "Show the plan and end"},
            {"--yes", "", "Do not ask"}},
           WaitFlags()),
      {{"sluice promote dev:acme/payments/checkout prod:acme/payments", "the current droplet"},
       {"sluice promote dev:acme/payments/checkout prod-east:acme/payments prod-west:acme/payments",
        "to two foundations: all or none"},
       {"sluice promote dev:acme/payments/checkout prod:acme/payments --no-activate --yes",
        "upload now, activate in the change window"},
       {"sluice promote dev:acme/payments/checkout prod:acme/payments --deadline 2h --yes",
        "active within the change window, or not at all"},
       {"sluice promote dev:acme/payments/checkout prod:acme/payments --dry-run --output json",
        "only the plan, for a script"}}};
}

CommandDescription Export() {
  return {
      "export",
      "Fetch an app's droplet into a file, as it is or as a runnable image",
      "The source's agent reads the droplet and seals it to this process. The file gets its name "
      "only when its SHA-256 is the one that Cloud Controller published; the agent's signed "
      "statement about it is written beside it, as FILE.statement.json. An image stands on "
      "--run-image, the root file system that apps of the droplet's stack run on, and starts the "
      "app as Cloud Foundry would; the same droplet, base and flags give the same digest. While it "
      "runs, some times the droplet's size is needed in the file's folder. An export that is "
      "interrupted is given up: "
      "nothing is left, and it is made again under another id.",
      {{"SOURCE", "App reference, FOUNDATION:ORG/SPACE/APP"},
       {"DESTINATION",
        "droplet:FILE, the droplet's exact bytes; oci-archive:FILE[:TAG] or "
        "docker-archive:FILE[:REPOSITORY:TAG], an image"}},
      {{"--droplet", "GUID|sha256:HEX", "This droplet of the app instead of its current one"},
       {"--run-image", "FILE",
        "The image's base, an archive: FILE, oci-archive:FILE[:TAG] or "
        "docker-archive:FILE[:REPOSITORY:TAG]; it is never fetched"},
       {"--run-image-stack", "STACK", "The stack of a base that does not say so itself"},
       {"--process", "TYPE", "The process that the image starts (default: web)"},
       {"--format",
        "FORMAT",
        "Of the image; Cloud Foundry before 2024 takes docker's only (default: oci)",
        {"oci", "docker"}},
       {"--force", "", "Replace FILE if there is one"},
       {"--limit-rate", "RATE",
        "Bytes a second, as in 10M, at which the droplet is sent and received at most"},
       {"--id", "ID", "Your key for this export: no other has effect under it"},
       {"--reason", "TEXT", kReasonHelp},
       {"--dry-run", "", "Show the plan and end"},
       {"--yes", "", "Do not ask"},
       {"--timeout", "T", "Wait so long, as in 90s or 10m; then it is given up: exit 6"}},
      {{"sluice export dev:acme/payments/checkout droplet:checkout.tgz", "the current droplet"},
       {"sluice export dev:acme/payments/checkout droplet:old.tgz --droplet "
        "9f0c3bd1-4f5a-4a52-8d0e-3f3b6a3b7a10 --yes",
        "an earlier one, without asking"},
       {"sluice export dev:acme/payments/checkout oci-archive:checkout.tar:1.2 --run-image "
        "cflinuxfs4.tar --yes",
        "a runnable image, for skopeo and podman"}}};
}

std::vector<CommandDescription> StepCommands() {
  return {
      {"activate",
       "Activate a promotion that was made with --no-activate",
       "Given before its droplet is uploaded at every target, it takes effect as soon as that is "
       "so, if it is within the hour for which the order holds.",
       {PromotionId()},
       With({{"--reason", "TEXT", kReasonHelp}, {"--yes", "", "Do not ask"}}, WaitFlags()),
       {{"sluice activate 5f1c", "by the beginning of its id"}}},
      {"cancel",
       "Cancel a promotion and put back what it changed",
       "",
       {PromotionId()},
       With({{"--reason", "TEXT", kReasonHelp}}, WaitFlags()),
       {{"sluice cancel 5f1c", "takes effect within two seconds"}}},
      {"rollback",
       "Put back the droplets that ran before a promotion",
       "Uses the droplets that are still stored at the targets: no byte is moved. The targets that "
       "are not named go on as they are, and may be rolled back later. An app reference instead of "
       "an id stands for the newest promotion that is done there, if that went nowhere else.",
       {{"PROMOTION", "An id, any unique beginning of one, or FOUNDATION:ORG/SPACE/APP"},
        {.name = "TARGET",
         .help = "Only these of its targets, FOUNDATION:ORG/SPACE or FOUNDATION:ORG/SPACE/APP",
         .optional = true,
         .repeats = true}},
       With({{"--force", "", "Even if somebody has pushed since, whose work is then replaced"},
             {"--reason", "TEXT", kReasonHelp},
             {"--yes", "", "Do not ask"}},
            WaitFlags()),
       {{"sluice rollback 5f1c --reason INC-88", "undo a promotion that is done"},
        {"sluice rollback prod:acme/payments/checkout", "the newest one that is done there"},
        {"sluice rollback 5f1c prod-west:acme/payments", "at one of its targets"}}},
      {"promotions",
       "List promotions, newest first",
       "",
       {},
       {{"--app", "REF", "Only those from or to this app reference"},
        {"--state",
         "S",
         "Only those in this state",
         {"recorded", "transferring", "waiting", "activating", "done", "undoing", "failed",
          "cancelled", "rolled_back", "stuck"}},
        {"--limit", "N", "So many at most, 1 to 1000 (default: 100)"}},
       {{"sluice promotions --app prod:acme/payments/checkout --state done", "what went there"}}},
      {"promotion",
       "Show everything about one promotion",
       "",
       {PromotionId()},
       {{"--explain", "", "And every way that the bytes could take, and what became of it"}},
       {{"sluice promotion 5f1c --output json", "with its ledger entries and receipts"},
        {"sluice promotion 5f1c --explain", "why it takes the relay, or why nothing comes"}}},
      {"watch",
       "Watch a promotion until it ends or waits for somebody",
       "Interrupting it never stops the promotion.",
       {PromotionId()},
       {{"--timeout", "T", "Watch so long, as in 90s or 10m; then exit 6, and it goes on"}},
       {{"sluice watch 5f1c --timeout 10m", "for ten minutes at most"}}},
  };
}

std::vector<CommandDescription> ReadCommands() {
  return {
      {"foundations",
       "Show every foundation: its agent, login, roles, clock and problems",
       "",
       {},
       {},
       {{"sluice foundations", "a row for each"}}},
      {"apps",
       "List the apps of an organization or a space",
       "",
       {{"SCOPE", "FOUNDATION:ORG or FOUNDATION:ORG/SPACE"}},
       {},
       {{"sluice apps dev:acme/payments", "one space"}}},
      {"droplets",
       "List the droplets of an app, newest first",
       "",
       {{"APP", "App reference, FOUNDATION:ORG/SPACE/APP"}},
       {},
       {{"sluice droplets dev:acme/payments/checkout", "with their digests and origins"}}},
  };
}

std::vector<CommandDescription> TrustCommands() {
  return {
      {"keygen",
       "Make a key file, readable by its owner only",
       "An operator's key also gets a public card, NAME.card, for 'sluice trust add-operator'. A "
       "root's public key is printed: it goes into everybody's configuration as trust.roots.",
       {{"KIND", "root, or operator", {"root", "operator"}},
        {"NAME", "Whose it is, and the file's name unless --file is given"}},
       {{"--file", "FILE", "Where to write it (default: NAME.key)"}},
       {{"sluice keygen root acme", "writes acme.key; keep it offline"},
        {"sluice keygen operator maria", "writes maria.key and maria.card"}}},
      {"trust init",
       "Write the first trust document of a federation",
       "Refuses to overwrite a file.",
       {},
       {{"--federation", "NAME", "What all foundations together are called", {}, true},
        {"--root-key", "FILE", "The trust root's key file, which signs it", {}, true},
        {"--coordinator-card", "FILE", "What 'sluice-coordinator keygen' wrote", {}, true},
        {"--document", "FILE", "Where to write it", {}, true},
        {"--life", "T", "How long it holds from now, as in 8760h (default: a year)"}},
       {{"sluice trust init --federation acme --root-key acme.key --coordinator-card "
         "coordinator.card --document trust.json",
         "version 1"}}},
      {"trust add-operator",
       "Add an operator and what that operator may do",
       "A grant is ACTIONS@PATTERN: actions separated by commas (read, promote, activate, cancel, "
       "rollback, export), a pattern FOUNDATION:ORG/SPACE in which * stands for anything within "
       "one part.",
       {{"CARD", "The operator's card"}},
       With({{"--grant", "ACTIONS@PATTERN", "May be given several times", {}, true, true}},
            DocumentFlags()),
       {{"sluice trust add-operator maria.card --grant 'read@*:acme/*' --grant "
         "'promote,activate,cancel,rollback@prod:acme/payments' --document trust.json --root-key "
         "acme.key",
         "the version rises by one"}}},
      {"trust add-foundation",
       "Add a foundation with its agent's keys",
       "",
       {{"NAME", "The foundation's name"}, {"CARD", "What 'sluice-agent keygen' wrote there"}},
       DocumentFlags(),
       {{"sluice trust add-foundation prod prod.card --document trust.json --root-key acme.key",
         "the version rises by one"}}},
      {"trust show",
       "Show a trust document",
       "Its signature is checked against the configured roots.",
       {},
       {{"--document", "FILE", "This one instead of the configured trust.document"}},
       {{"sluice trust show", "who may do what where"}}},
  };
}

std::vector<CommandDescription> OwnCommands() {
  return {
      {"version", "Print the version", "", {}, {}, {{"sluice version", "for a bug report"}}},
      {"completion",
       "Print a script that completes commands in your shell",
       "",
       {{"SHELL", "bash, zsh or fish", {"bash", "zsh", "fish"}}},
       {},
       {{"source <(sluice completion bash)", "for this shell"}}},
      {"help",
       "Show help on a command",
       "",
       {{"COMMAND", "The command", {}, true}, {"SUBCOMMAND", "One of its group", {}, true}},
       {},
       {{"sluice help promote", "the same as sluice promote --help"}}},
  };
}

std::vector<CommandDescription> MakeTable() {
  std::vector<CommandDescription> table = {Promote(), Export()};
  for (const auto& part : {StepCommands(), ReadCommands(), TrustCommands(), OwnCommands()}) {
    table.insert(table.end(), part.begin(), part.end());
  }
  return table;
}

}  // namespace

const std::vector<CommandDescription>& CommandTable() {
  static const auto& table = *new std::vector<CommandDescription>(MakeTable());
  return table;
}

const std::vector<FlagDescription>& GlobalFlags() {
  static const auto& flags = *new std::vector<FlagDescription>{
      {"--output", "FORMAT", "How to print data (default: table)", {"table", "json"}},
      {"--no-color", "", "No color, even on a terminal"},
      {"--config", "FILE",
       "Configuration (default: $SLUICE_CONFIG, else ~/.config/sluice/config.yaml)"},
      {"--version", "", "Print the version and end"},
      {"--help", "", "Show help and end; so does -h"}};
  return flags;
}

const std::vector<GroupDescription>& GroupTable() {
  static const auto& groups = *new std::vector<GroupDescription>{
      {"trust", "Make and show the trust document, which says who may do what"}};
  return groups;
}

const CommandDescription* FindCommand(std::string_view name) {
  for (const CommandDescription& command : CommandTable()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

}  // namespace sluice::cli

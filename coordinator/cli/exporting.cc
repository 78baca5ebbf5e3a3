#include "coordinator/cli/exporting.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/encoding.h"
#include "common/base/files.h"
#include "common/crypto/digest.h"
#include "common/crypto/key_agreement.h"
#include "common/trust/envelope.h"
#include "common/trust/statement.h"
#include "coordinator/cli/destination.h"
#include "coordinator/cli/droplet_file.h"
#include "coordinator/cli/image_export.h"
#include "coordinator/cli/ordering.h"
#include "coordinator/cli/plan.h"
#include "coordinator/cli/rendering/promotion_json.h"
#include "coordinator/cli/rendering/text.h"
#include "coordinator/cli/version.h"
#include "coordinator/cli/watching.h"

namespace sluice::cli {
namespace {

constexpr size_t kPromotionIdBytes = 8;
// For the word that an export is given up; whoever interrupts does not want to wait.
constexpr absl::Duration kCancelWait = absl::Seconds(5);
// So often the link is served, and an interrupt heard, while something else is waited for.
constexpr absl::Duration kServeEvery = absl::Milliseconds(100);

// An export that was ordered, and the secret that opens it.
struct Ordered {
  RecordedOrder recorded;
  crypto::SealKeyPair seal_key;
};

// A flag that says something about an image.
Status CheckImageFlags(const ExportArguments& arguments, const Destination& destination) {
  const auto bad = [](std::string_view name, const std::string& message) {
    return NamedError(StatusCode::kInvalidArgument, name, message);
  };
  if (destination.IsImage()) {
    if (!arguments.run_image.empty()) return absl::OkStatus();
    return bad("no-run-image",
               "an image stands on a base with the root file system of the droplet's stack, and "
               "none is fetched: give --run-image FILE");
  }
  for (const auto& [flag, value] : {std::pair{"--run-image", arguments.run_image},
                                    {"--run-image-stack", arguments.run_image_stack},
                                    {"--process", arguments.process},
                                    {"--format", arguments.format}}) {
    if (value.empty()) continue;
    return bad("bad-arguments", absl::StrCat(flag, " is of an image, and droplet: is none"));
  }
  return absl::OkStatus();
}

// What of the recipe is known before the droplet has come: enough to refuse it.
image::ImageRecipe RecipeOf(const ExportArguments& arguments) {
  image::ImageRecipe recipe;
  if (!arguments.process.empty()) recipe.process = arguments.process;
  if (arguments.format == "docker") recipe.format = image::ImageFormat::kDocker;
  // An id that was drawn would make each export another image.
  recipe.promotion_id = arguments.id;
  recipe.exporter = absl::StrCat("sluice ", ToAbsl(kVersion));
  return recipe;
}

StatusOr<image::ImageRecipe> RecipeOf(const ExportArguments& arguments,
                                      const trust::Statement& statement) {
  image::ImageRecipe recipe = RecipeOf(arguments);
  recipe.created = statement.droplet_created_at;
  image::DropletRecord& droplet = recipe.droplet;
  SLUICE_ASSIGN_OR_RETURN(droplet.digest, crypto::Sha256Digest::FromHex(statement.sha256));
  droplet.guid = statement.droplet_guid.value();
  droplet.created = sluice::FormatTime(statement.droplet_created_at);
  droplet.stack = statement.stack;
  droplet.foundation = statement.source.foundation.value();
  droplet.organization = statement.source.organization;
  droplet.space = statement.source.space;
  droplet.app_name = statement.source.app;
  droplet.app_guid = statement.app_guid.value();
  for (const trust::Buildpack& buildpack : statement.buildpacks) {
    droplet.buildpacks.push_back({buildpack.name, buildpack.version});
  }
  droplet.process_types = statement.process_types;
  return recipe;
}

// Before anything is ordered: the base, and whether such an image can be made of the droplet.
StatusOr<std::unique_ptr<ImageExport>> PrepareImage(World& world, const ExportArguments& arguments,
                                                    const Destination& destination,
                                                    const SourcePlan& plan, const std::string& id) {
  SLUICE_ASSIGN_OR_RETURN(const RunImageReference base, ParseRunImage(arguments.run_image));
  image::ImageRecipe recipe = RecipeOf(arguments);
  recipe.droplet.process_types = plan.process_types;
  SLUICE_RETURN_IF_ERROR(image::CheckRecipe(recipe));
  if (destination.kind == DestinationKind::kOciArchive &&
      recipe.format != image::ImageFormat::kOci) {
    return NamedError(StatusCode::kInvalidArgument, "image-not-oci",
                      "an OCI archive holds images in OCI format: write docker-archive:FILE for "
                      "docker's");
  }
  return ImageExport::Prepare(world.files, base,
                              {.stack = plan.stack, .stated_stack = arguments.run_image_stack},
                              destination.WorkFolder(id));
}

nlohmann::json PlanJson(const SourcePlan& plan, const Destination& destination) {
  return {{"source", plan.reference.text()},
          {"droplet_guid", plan.droplet_guid.value()},
          {"sha256", plan.sha256},
          {"size_bytes", plan.size_bytes},
          {"stack", plan.stack},
          {"file", destination.file},
          {"warnings", plan.warnings}};
}

std::string PlanText(const SourcePlan& plan, const Destination& destination) {
  std::string text = absl::StrCat("source    ", plan.reference.text(), "\n", "droplet   ",
                                  plan.droplet_guid.value(), "  sha256:", plan.sha256, "\n",
                                  "size      ", FormatBytes(static_cast<uint64_t>(plan.size_bytes)),
                                  "\n", "stack     ", plan.stack.empty() ? "-" : plan.stack, "\n",
                                  "file      ", destination.file, "\n");
  for (const std::string& warning : plan.warnings)
    absl::StrAppend(&text, "warning: ", warning, "\n");
  std::string printable;
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    absl::StrAppend(&printable, Printable(std::string(line)), "\n");
  }
  return printable;
}

void ShowPlan(World& world, const GlobalArguments& global, const ExportArguments& arguments,
              const SourcePlan& plan, const Destination& destination) {
  if (!arguments.dry_run) {
    world.terminal.Note(absl::StrCat(PlanText(plan, destination), "\n"));
  } else if (global.output == OutputFormat::kJson) {
    world.terminal.Write(JsonLine({{"plan", PlanJson(plan, destination)}}));
  } else {
    world.terminal.Write(PlanText(plan, destination));
  }
}

StatusOr<Ordered> SubmitExport(World& world, Session& session, const ExportArguments& arguments,
                               const SourcePlan& plan, const std::string& id) {
  Ordered ordered;
  ordered.seal_key =
      crypto::GenerateSealKey(crypto::SealSuite::kX25519HkdfSha256Aes256Gcm, world.entropy);
  trust::Order& order = ordered.recorded.order;
  StampOrder(world, session, order);
  order.action = trust::Action::kExport;
  order.promotion = PromotionId(id);
  order.source = {plan.reference, plan.app_guid, plan.droplet_guid};
  order.artifact = {plan.sha256, plan.size_bytes, plan.stack, plan.lifecycle};
  order.recipient = trust::OrderRecipient{.curve_key = session.key().curve.public_key().bytes(),
                                          .suite = ordered.seal_key.suite,
                                          .public_key = ordered.seal_key.public_key};
  order.activate = false;
  order.bytes_per_second_max = arguments.bytes_per_second_max;
  order.reason = arguments.reason;
  const StatusOr<std::string> envelope = Submit(session, order);
  if (ErrorName(envelope.status()) == "promotion-exists") {
    return NamedError(StatusCode::kInvalidArgument, "export-id-used",
                      absl::StrCat("the id ", arguments.id,
                                   " is taken; an export is not taken up again: give "
                                   "another id; to end one that still waits: sluice "
                                   "cancel ",
                                   arguments.id));
  }
  SLUICE_RETURN_IF_ERROR(envelope.status());
  ordered.recorded.sha256 = trust::OrderSha256(*envelope);
  return ordered;
}

// What the source's agent says of the droplet, if it is of this order.
StatusOr<trust::Statement> CheckStatement(const std::string& envelope,
                                          const RecordedOrder& recorded,
                                          const trust::TrustDocument& trust) {
  const trust::Order& order = recorded.order;
  SLUICE_ASSIGN_OR_RETURN(
      trust::Statement statement,
      trust::VerifyStatement(envelope, order.source.reference.foundation, trust));
  if (statement.promotion == order.promotion && statement.order_sha256 == recorded.sha256 &&
      statement.source == order.source.reference && statement.sha256 == order.artifact.sha256 &&
      statement.droplet_guid == order.source.droplet_guid &&
      statement.size_bytes == order.artifact.size_bytes) {
    return statement;
  }
  return NamedError(StatusCode::kDataLoss, "statement-differs",
                    "what the source's agent states of the droplet is not what was ordered");
}

StatusOr<trust::TrustedAgent> AgentThatSigned(const std::string& statement,
                                              const FoundationName& foundation,
                                              const trust::TrustDocument& trust) {
  for (const trust::TrustedAgent& agent : trust.AgentsOf(foundation)) {
    if (trust::OpenEnvelope(statement, trust::kInTotoType, agent.identity).ok()) return agent;
  }
  return NamedError(StatusCode::kPermissionDenied, "unknown-agent",
                    absl::StrCat("not signed by an agent of ", foundation.value()));
}

transfer::Way RelayWay(const v1::Route& route, const Session& session) {
  // A relay at host * is where the coordinator is.
  constexpr std::string_view kAnyHost = "tcp://*";
  const std::string& coordinator = session.settings().coordinator_endpoint;
  std::string endpoint = route.endpoint();
  if (endpoint.starts_with(kAnyHost)) {
    endpoint = coordinator.substr(0, coordinator.rfind(':')) + endpoint.substr(kAnyHost.size());
  }
  return {.kind = transfer::WayKind::kRelay,
          .endpoint = endpoint,
          .host = {net::PeerRole::kCoordinator, "coordinator",
                   session.trust().content().coordinator_curve->bytes()}};
}

StatusOr<transfer::IncomingOptions> IncomingOf(const Session& session, const Ordered& ordered,
                                               const v1::PromotionDetail& detail) {
  const trust::Order& order = ordered.recorded.order;
  const FoundationName& foundation = order.source.reference.foundation;
  SLUICE_RETURN_IF_ERROR(
      CheckStatement(detail.statement(), ordered.recorded, session.trust()).status());
  SLUICE_ASSIGN_OR_RETURN(const trust::TrustedAgent agent,
                          AgentThatSigned(detail.statement(), foundation, session.trust()));
  transfer::IncomingOptions options;
  SLUICE_ASSIGN_OR_RETURN(
      options.layout,
      transfer::StreamLayout::Cut(transfer::TransferId::OfOrder(ordered.recorded.sha256),
                                  static_cast<uint64_t>(order.artifact.size_bytes),
                                  transfer::kChunkBytesDefault));
  SLUICE_ASSIGN_OR_RETURN(options.droplet_sha256,
                          crypto::Sha256Digest::FromHex(order.artifact.sha256));
  options.statement_sha256 = crypto::Sha256Of(detail.statement());
  options.recipient = ordered.seal_key;
  options.verify = [identity = agent.identity](std::string_view signature,
                                               std::string_view message) {
    return identity.Verify(signature, message);
  };
  options.meeting.peer = {
      .role = net::PeerRole::kAgent, .name = foundation.value(), .curve_key = agent.curve.bytes()};
  options.meeting.ways.clear();
  for (const v1::Route& route : detail.recipient_routes()) {
    if (route.path() == v1::PATH_KIND_RELAY) {
      options.meeting.ways.push_back(RelayWay(route, session));
    }
  }
  if (order.bytes_per_second_max) {
    options.rate = static_cast<uint64_t>(*order.bytes_per_second_max);
  }
  return options;
}

// What has ended this process's part, for people.
std::string GivenUpBy(const Status& why) {
  const std::string name = ErrorName(why);
  const bool ours = name == "interrupted" || name == "timeout-passed";
  if (!ours && name != "coordinator-unreachable") return std::string(why.message());
  const std::string_view what = name == "interrupted"      ? "interrupted"
                                : name == "timeout-passed" ? "--timeout has passed"
                                                           : "the coordinator is gone";
  return absl::StrCat(ToAbsl(what), "; the export is given up, and no file is left");
}

// Nobody can go on with an export without the key of this process, which is about to end: the
// source's agent is not left waiting for it.
Status GiveUp(World& world, Session& session, const RecordedOrder& recorded, const Status& why) {
  session.link().ForgetInterrupt();
  trust::Order cancel = StepOrder(recorded, trust::Action::kCancel, ErrorName(why));
  StampOrder(world, session, cancel);
  const std::string message = GivenUpBy(why);
  if (Submit(session, cancel, kCancelWait).ok())
    return NamedError(why.code(), ErrorName(why), message);
  return NamedError(why.code(), ErrorName(why),
                    absl::StrCat(message, "; the source may still wait for it: sluice cancel ",
                                 recorded.order.promotion.value()));
}

// What was written. `image` is the digest of its manifest, "" for a droplet.
void ShowEnd(World& world, const GlobalArguments& global, const v1::PromotionDetail& detail,
             const Destination& destination, const std::string& image) {
  if (global.output == OutputFormat::kJson) {
    nlohmann::json out = PromotionJson(detail, false);
    out["file"] = destination.file;
    out["statement_file"] = destination.StatementFile();
    out["image_digest"] = image.empty() ? nlohmann::json() : nlohmann::json(image);
    world.terminal.Write(JsonLine(out));
    return;
  }
  world.terminal.Write(absl::StrCat(Printable(destination.file), "\n"));
  world.terminal.Note(absl::StrCat("sha256:", detail.summary().sha256(), "  ",
                                   FormatBytes(detail.size_bytes()), "; statement in ",
                                   Printable(destination.StatementFile()), "\n"));
}

Status Interrupted() {
  return NamedError(StatusCode::kCancelled, "interrupted", "interrupted; no file is left");
}

// The source has sent all, and what has come is brought to the disk. A coordinator that only says
// so holds nobody.
Status AwaitWritten(World& world, Session& session, DropletFile& file, absl::Duration deadline) {
  while (true) {
    if (const auto written = file.AwaitWritten(kServeEvery)) return *written;
    const Heard heard =
        session.link().Listen(absl::ZeroDuration(), [](const v1::ControlMessage&) {});
    if (heard == Heard::kInterrupted) {
      return Interrupted();
    }
    if (world.clock.Monotonic() >= deadline) {
      return NamedError(StatusCode::kDeadlineExceeded, "timeout-passed",
                        "--timeout has passed; no file is left");
    }
  }
}

// Reads a file to its end. The link is served meanwhile, and an interrupt ends the reading.
image::ByteReader ReadServing(Session& session, const RandomAccessFile& file) {
  return
      [&session, &file, offset = uint64_t{0}](std::span<char> bytes) mutable -> StatusOr<size_t> {
        const Heard heard =
            session.link().Listen(absl::ZeroDuration(), [](const v1::ControlMessage&) {});
        if (heard == Heard::kInterrupted) return Interrupted();
        SLUICE_ASSIGN_OR_RETURN(const size_t count, file.Read(offset, bytes));
        offset += count;
        return count;
      };
}

// The file under its name, of the droplet as it has come; the image's digest, or "".
StatusOr<std::string> Publish(World& world, Session& session, const ExportArguments& arguments,
                              const Destination& destination, const trust::Statement& statement,
                              DropletFile& file, ImageExport* image) {
  if (image == nullptr) {
    SLUICE_RETURN_IF_ERROR(file.Publish(destination.file));
    return std::string();
  }
  world.terminal.Note("making the image\n");
  SLUICE_ASSIGN_OR_RETURN(const image::ImageRecipe recipe, RecipeOf(arguments, statement));
  SLUICE_ASSIGN_OR_RETURN(const auto droplet, world.files.OpenRandomAccess(file.temporary_file(),
                                                                           FileOpening::kExisting));
  SLUICE_ASSIGN_OR_RETURN(const image::Image made,
                          image->Write(recipe, ReadServing(session, *droplet), destination));
  return absl::StrCat("sha256:", made.digest.hex());
}

// Follows the export to its end, and receives as soon as the source's agent has accepted.
Status Fetch(World& world, Session& session, const GlobalArguments& global,
             const ExportArguments& arguments, const Destination& destination,
             const Ordered& ordered, ImageExport* image) {
  const std::string& id = ordered.recorded.order.promotion.value();
  const absl::Duration deadline =
      world.clock.Monotonic() + arguments.timeout.value_or(absl::InfiniteDuration());
  std::unique_ptr<DropletFile> file;
  const auto check = [&](const v1::PromotionDetail& detail) -> Status {
    SLUICE_RETURN_IF_ERROR(CheckRecord(ordered.recorded, detail));
    const bool ended = AtRest(detail.summary().state());
    if (file != nullptr || ended || detail.recipient_routes().empty()) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(transfer::IncomingOptions incoming,
                            IncomingOf(session, ordered, detail));
    SLUICE_ASSIGN_OR_RETURN(
        auto transfer, world.receive(TransferOptions{.own = session.key().curve,
                                                     .spool_folder = destination.SpoolFolder(id),
                                                     .incoming = std::move(incoming)}));
    file = std::make_unique<DropletFile>(world.files, destination.TemporaryFile(id),
                                         std::move(transfer));
    return absl::OkStatus();
  };
  const StatusOr<v1::PromotionDetail> detail =
      Watch(world, session.link(), global, {id, arguments.timeout, check});
  if (!detail.ok()) return GiveUp(world, session, ordered.recorded, detail.status());
  if (file != nullptr) {
    const Status written = file->written().value_or(absl::OkStatus());
    // Unless it is what the source told.
    if (!written.ok() && !absl::IsUnknown(written)) return written;
  }
  SLUICE_RETURN_IF_ERROR(OutcomeOf(*detail, Aim::kDone));
  if (file == nullptr) {
    return NamedError(StatusCode::kDataLoss, "record-differs",
                      "the coordinator says that the export is done, and nothing has come");
  }
  SLUICE_RETURN_IF_ERROR(AwaitWritten(world, session, *file, deadline));
  SLUICE_ASSIGN_OR_RETURN(const trust::Statement statement,
                          CheckStatement(detail->statement(), ordered.recorded, session.trust()));
  SLUICE_ASSIGN_OR_RETURN(const std::string digest,
                          Publish(world, session, arguments, destination, statement, *file, image));
  SLUICE_RETURN_IF_ERROR(
      world.files.Replace(destination.StatementFile(), detail->statement(), FileAccess::kEveryone));
  ShowEnd(world, global, *detail, destination, digest);
  return absl::OkStatus();
}

}  // namespace

Status RunExport(World& world, const GlobalArguments& global, const ExportArguments& arguments) {
  SLUICE_ASSIGN_OR_RETURN(const trust::AppReference source,
                          trust::AppReference::Parse(arguments.source));
  SLUICE_ASSIGN_OR_RETURN(const Destination destination, ParseDestination(arguments.destination));
  SLUICE_RETURN_IF_ERROR(CheckImageFlags(arguments, destination));
  SLUICE_RETURN_IF_ERROR(CheckDestination(world.files, destination, arguments.force));
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<Session> session, Session::Open(world, global));
  SLUICE_ASSIGN_OR_RETURN(const SourcePlan plan, PlanSource(*session, source, arguments.droplet));
  const std::string id =
      arguments.id.empty() ? ToHex(world.entropy.Bytes(kPromotionIdBytes)) : arguments.id;
  std::unique_ptr<ImageExport> image;
  if (destination.IsImage()) {
    SLUICE_ASSIGN_OR_RETURN(image, PrepareImage(world, arguments, destination, plan, id));
  }
  ShowPlan(world, global, arguments, plan, destination);
  if (arguments.dry_run) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(
      Confirm(world, arguments.yes, absl::StrCat("Export to ", destination.file, "?")));
  SLUICE_ASSIGN_OR_RETURN(const Ordered ordered,
                          SubmitExport(world, *session, arguments, plan, id));
  world.terminal.Note(absl::StrCat("export ", id, "\n"));
  return Fetch(world, *session, global, arguments, destination, ordered, image.get());
}

}  // namespace sluice::cli

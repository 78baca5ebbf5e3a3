#include "common/image/image_config.h"

#include <array>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/image/bounded_json.h"
#include "common/image/launcher/launch.h"
#include "common/image/launcher_layer.h"
#include "common/registry/manifest.h"
#include "common/registry/media_types.h"

namespace sluice::image {
namespace {

using nlohmann::json;

constexpr char kVcapUser[] = "2000:2000";
constexpr char kPort[] = "8080/tcp";  // the launcher's PORT where nobody sets one

std::string CreatedText(const ImageRecipe& recipe) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", recipe.created, absl::UTCTimeZone());
}

json BuildpackList(const DropletRecord& droplet) {
  json list = json::array();
  for (const BuildpackName& buildpack : droplet.buildpacks) {
    list.push_back({{"name", buildpack.name}, {"version", buildpack.version}});
  }
  return list;
}

// Text that is no UTF-8 is refused by CheckRecipe(), where it is formatted strictly.
std::string Lenient(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Of the base's users one that is vcap, in whatever form; else vcap in the form that needs no
// /etc/passwd. Never root, as which Diego would run an image without a user.
std::string UserOf(const RunImageConfig& base) {
  static const auto* const kVcapForms = new std::set<std::string>{"vcap", "2000", "vcap:vcap"};
  return kVcapForms->contains(base.user) ? base.user : kVcapUser;
}

json EnvironmentList(const ImageRecipe& recipe, const RunImageConfig& base) {
  std::map<std::string, std::string> environment = recipe.environment;
  environment.insert(base.environment.begin(), base.environment.end());
  json list = json::array();
  for (const auto& [name, value] : environment) list.push_back(name + "=" + value);
  return list;
}

json HistoryOf(const HistoryEntry& entry) {
  json value = json::object();
  const std::array<std::pair<const char*, const std::string*>, 4> fields = {
      {{"created", &entry.created},
       {"created_by", &entry.created_by},
       {"author", &entry.author},
       {"comment", &entry.comment}}};
  for (const auto& [name, text] : fields) {
    if (!text->empty()) value[name] = *text;
  }
  if (entry.empty_layer) value["empty_layer"] = true;
  return value;
}

json HistoryList(const ImageRecipe& recipe, const RunImage& base,
                 const std::vector<MadeLayer>& made) {
  json list = json::array();
  for (const HistoryEntry& entry : base.config.history) list.push_back(HistoryOf(entry));
  // As many entries as layers, or readers pair ours with the base's.
  while (base.config.history.empty() && list.size() < base.layers.size()) {
    list.push_back({{"created_by", "the base"}});
  }
  for (const MadeLayer& each : made) {
    list.push_back({{"created", CreatedText(recipe)}, {"created_by", each.made_by}});
  }
  return list;
}

}  // namespace

std::map<std::string, std::string> ImageLabels(const ImageRecipe& recipe, const RunImage& base) {
  const DropletRecord& droplet = recipe.droplet;
  json types = json::array();
  // Their names: a command can hold what is nobody's business, and is in /sluice/launch.json.
  for (const auto& [type, command] : droplet.process_types) types.push_back(type);
  std::map<std::string, std::string> labels = {
      {"org.opencontainers.image.created", CreatedText(recipe)},
      {"org.opencontainers.image.title", droplet.app_name},
      {"org.opencontainers.image.version", droplet.guid},
      {"org.opencontainers.image.base.name", base.name},
      {"org.opencontainers.image.base.digest",
       base.manifest_digest ? registry::FormatDigest(*base.manifest_digest) : ""},
      {"dev.sluice.app", droplet.app_name},
      {"dev.sluice.app-guid", droplet.app_guid},
      {"dev.sluice.buildpacks", droplet.buildpacks.empty() ? "" : Lenient(BuildpackList(droplet))},
      {"dev.sluice.droplet-created", droplet.created},
      {"dev.sluice.droplet-digest", registry::FormatDigest(droplet.digest)},
      {"dev.sluice.droplet-guid", droplet.guid},
      {"dev.sluice.exporter", recipe.exporter},
      {"dev.sluice.foundation", droplet.foundation},
      {"dev.sluice.organization", droplet.organization},
      {"dev.sluice.process-types", types.empty() ? "" : Lenient(types)},
      {"dev.sluice.promotion", recipe.promotion_id},
      {"dev.sluice.space", droplet.space},
      {"dev.sluice.stack", droplet.stack}};
  std::erase_if(labels, [](const auto& label) { return label.second.empty(); });
  return labels;
}

std::string ManifestMediaType(ImageFormat format) {
  return format == ImageFormat::kOci ? registry::kOciManifest : registry::kDockerManifest;
}

StatusOr<std::string> FormatImageConfig(const ImageRecipe& recipe, const RunImage& base,
                                        const std::vector<MadeLayer>& made) {
  json diff_ids = json::array();
  for (const ImageLayer& layer : base.layers)
    diff_ids.push_back(registry::FormatDigest(layer.diff_id));
  for (const MadeLayer& each : made) diff_ids.push_back(registry::FormatDigest(each.layer.diff_id));
  json document = {{"architecture", base.config.architecture},
                   {"os", base.config.os},
                   {"created", CreatedText(recipe)},
                   {"config",
                    {{"Entrypoint", {kLauncherPath}},
                     {"Env", EnvironmentList(recipe, base.config)},
                     {"ExposedPorts", {{kPort, json::object()}}},
                     {"Labels", ImageLabels(recipe, base)},
                     {"User", UserOf(base.config)},
                     {"WorkingDir", launcher::kAppFolder}}},
                   {"rootfs", {{"type", "layers"}, {"diff_ids", std::move(diff_ids)}}},
                   {"history", HistoryList(recipe, base, made)}};
  if (!base.config.variant.empty()) document["variant"] = base.config.variant;
  return FormatDocument(document, "image's config");
}

StatusOr<std::string> FormatImageManifest(const ImageRecipe& recipe, const RunImage& base,
                                          const std::string& config,
                                          const std::vector<ImageLayer>& layers) {
  const bool oci = recipe.format == ImageFormat::kOci;
  registry::Manifest manifest;
  manifest.media_type = ManifestMediaType(recipe.format);
  manifest.config = {.media_type = oci ? registry::kOciConfig : registry::kDockerConfig,
                     .digest = crypto::Sha256Of(config),
                     .size = config.size(),
                     .annotations = {},
                     .artifact_type = "",
                     .platform = std::nullopt};
  for (const ImageLayer& layer : layers) {
    manifest.layers.push_back(
        {.media_type = oci ? registry::kOciLayerGzip : registry::kDockerLayerGzip,
         .digest = layer.digest,
         .size = layer.bytes,
         .annotations = {},
         .artifact_type = "",
         .platform = std::nullopt});
  }
  // Docker's schema 2 has none.
  if (oci) manifest.annotations = ImageLabels(recipe, base);
  return registry::FormatManifest(manifest);
}

}  // namespace sluice::image

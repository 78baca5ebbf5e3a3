#include "common/image/run_image_archive.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/image/bounded_json.h"
#include "common/image/launcher_layer.h"
#include "common/registry/manifest.h"
#include "common/registry/media_types.h"

namespace sluice::image {
namespace {

using nlohmann::json;
using registry::Descriptor;

constexpr char kTagAnnotation[] = "org.opencontainers.image.ref.name";
// containerd's and docker's own exports keep the whole name here.
constexpr char kNameAnnotation[] = "io.containerd.image.name";
constexpr size_t kImagesMax = 256;  // of one archive
constexpr int kIndexDepthMax = 2;   // layout, then platforms

Status RefusedRunImage(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, name, message);
}

// Layers whose compression this room reads (OCI image-spec, layer.md; docker's by content).
bool IsLayerType(const std::string& type) {
  static const auto* const kTypes = new std::set<std::string>{
      registry::kOciLayerGzip, registry::kDockerLayerGzip, "application/vnd.oci.image.layer.v1.tar",
      "application/vnd.docker.image.rootfs.diff.tar"};
  return kTypes->contains(type);
}

bool IsCalled(std::string_view name, std::string_view tag) {
  if (name == tag) return true;
  const size_t colon = name.rfind(':');
  return colon != std::string_view::npos && name.substr(colon + 1) == tag &&
         name.find('/', colon) == std::string_view::npos;
}

Status Ambiguous(size_t images) {
  return RefusedRunImage("base-ambiguous", absl::StrCat("the archive holds ", images,
                                                        " images: say which by its tag"));
}

Status NoSuchTag(std::string_view tag) {
  return NamedError(StatusCode::kNotFound, "base-no-such-tag",
                    absl::StrCat("the archive holds no image called ", ToAbsl(tag)));
}

// One name for whatever is wrong with a document of the base.
Status Malformed(std::string_view what, const Status& mistake) {
  return MalformedRunImage(absl::StrCat(ToAbsl(what), ": ", mistake.message()));
}

std::string AnnotationOf(const Descriptor& descriptor, const char* name) {
  const auto found = descriptor.annotations.find(name);
  return found == descriptor.annotations.end() ? "" : found->second;
}

class OciLayout {
 public:
  explicit OciLayout(const ArchiveContents& archive) : archive_(archive) {}

  StatusOr<RunImageParts> Find(std::string_view tag) {
    SLUICE_ASSIGN_OR_RETURN(const std::string text, archive_.Read("index.json", kDocumentBytesMax));
    const auto index = registry::ParseIndex(text);
    if (!index.ok()) return Malformed("index.json", index.status());
    std::vector<Descriptor> candidates;
    for (const Descriptor& each : index->manifests) {
      const std::string own_tag = AnnotationOf(each, kTagAnnotation);
      const std::string name = AnnotationOf(each, kNameAnnotation);
      if (!tag.empty() && !IsCalled(own_tag, tag) && !IsCalled(name, tag)) continue;
      parts_.name = name.empty() ? own_tag : name;
      candidates.push_back(each);
    }
    if (candidates.empty() && !tag.empty()) return NoSuchTag(tag);
    if (candidates.size() != 1) return Ambiguous(candidates.size());
    SLUICE_RETURN_IF_ERROR(Enter(candidates.front(), kIndexDepthMax));
    return std::move(parts_);
  }

 private:
  StatusOr<FileRange> RangeOf(const Descriptor& descriptor) const {
    const std::optional<FileRange> range = archive_.Find(BlobPath(descriptor.digest));
    if (!range) {
      return RefusedRunImage("base-blob-missing",
                             absl::StrCat(archive_.path(), " lacks the blob ",
                                          registry::FormatDigest(descriptor.digest)));
    }
    if (range->bytes != descriptor.size) return Mismatch(descriptor.digest);
    return *range;
  }

  Status Mismatch(const registry::Digest& digest) const {
    return NamedError(
        StatusCode::kDataLoss, "base-blob-mismatch",
        absl::StrCat("the blob ", registry::FormatDigest(digest), " in ", archive_.path(),
                     " is not what it is said to be: get the base again"));
  }

  StatusOr<std::string> ReadDocument(const Descriptor& descriptor) const {
    SLUICE_RETURN_IF_ERROR(RangeOf(descriptor).status());
    SLUICE_ASSIGN_OR_RETURN(std::string text,
                            archive_.Read(BlobPath(descriptor.digest), kDocumentBytesMax));
    if (crypto::Sha256Of(text) != descriptor.digest) return Mismatch(descriptor.digest);
    return text;
  }

  Status Enter(const Descriptor& descriptor, int depth_left) {
    SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadDocument(descriptor));
    if (!registry::IsIndexType(descriptor.media_type)) {
      const auto manifest = registry::ParseManifest(text);
      if (!manifest.ok()) return Malformed("the base's manifest", manifest.status());
      parts_.manifest_digest = descriptor.digest;
      return TakeManifest(*manifest);
    }
    if (depth_left == 0) return MalformedRunImage("the base's indexes are nested too deeply");
    const auto index = registry::ParseIndex(text);
    if (!index.ok()) return Malformed("the base's index", index.status());
    for (const Descriptor& each : index->manifests) {
      if (each.platform && each.platform->os == "linux" &&
          each.platform->architecture == LauncherArchitecture()) {
        return Enter(each, depth_left - 1);
      }
    }
    return RefusedRunImage(
        "base-for-another-architecture",
        absl::StrCat("the base has no image for linux and ", ToAbsl(LauncherArchitecture())));
  }

  Status TakeManifest(const registry::Manifest& manifest) {
    SLUICE_ASSIGN_OR_RETURN(parts_.config, ReadDocument(manifest.config));
    if (manifest.layers.size() > kImageLayersMax) {
      return RefusedRunImage("base-too-many-layers",
                             absl::StrCat("the base has ", manifest.layers.size(), " layers"));
    }
    for (const Descriptor& each : manifest.layers) {
      if (!IsLayerType(each.media_type)) {
        return RefusedRunImage("base-layer-type",
                               absl::StrCat("a layer of the base is ", each.media_type,
                                            "; copy the base with gzip layers, as by skopeo copy "
                                            "--dest-compress-format gzip"));
      }
      SLUICE_ASSIGN_OR_RETURN(const FileRange range, RangeOf(each));
      parts_.layers.push_back({each.digest, range});
    }
    return absl::OkStatus();
  }

  const ArchiveContents& archive_;
  RunImageParts parts_;
};

StatusOr<json> OnlyImage(const json& images, std::string_view tag, std::string& name) {
  if (!images.is_array() || images.size() > kImagesMax) {
    return MalformedRunImage("manifest.json is no list of images, or too long a one");
  }
  std::vector<json> candidates;
  for (const json& each : images) {
    SLUICE_ASSIGN_OR_RETURN(const json names, ListField(each, "RepoTags"));
    bool called = tag.empty();
    std::string own_name;
    for (const json& repo_tag : names) {
      if (!repo_tag.is_string()) return MalformedRunImage("a name in manifest.json is no text");
      const std::string text = repo_tag.get<std::string>();
      const bool matches = !tag.empty() && IsCalled(text, tag);
      if (own_name.empty() || matches) own_name = text;
      called = called || matches;
    }
    if (!called) continue;
    candidates.push_back(each);
    name = own_name;
  }
  if (candidates.empty() && !tag.empty()) return NoSuchTag(tag);
  if (candidates.size() != 1) return Ambiguous(candidates.size());
  return candidates.front();
}

StatusOr<RunImageParts> FindInDockerArchive(const ArchiveContents& archive, std::string_view tag) {
  RunImageParts parts;
  SLUICE_ASSIGN_OR_RETURN(const std::string text, archive.Read("manifest.json", kDocumentBytesMax));
  SLUICE_ASSIGN_OR_RETURN(const json images, ParseBoundedJson(text, "manifest.json"));
  SLUICE_ASSIGN_OR_RETURN(const json image, OnlyImage(images, tag, parts.name));
  SLUICE_ASSIGN_OR_RETURN(const std::string config, TextField(image, "Config"));
  SLUICE_ASSIGN_OR_RETURN(parts.config, archive.Read(config, kDocumentBytesMax));
  SLUICE_ASSIGN_OR_RETURN(const json layers, ListField(image, "Layers"));
  if (layers.size() > kImageLayersMax) {
    return RefusedRunImage("base-too-many-layers",
                           absl::StrCat("the base has ", layers.size(), " layers"));
  }
  for (const json& each : layers) {
    if (!each.is_string()) return MalformedRunImage("a layer in manifest.json is no text");
    const std::string path = each.get<std::string>();
    const std::optional<FileRange> range = archive.Find(path);
    if (!range) {
      return RefusedRunImage("base-blob-missing", absl::StrCat(archive.path(), " lacks the layer ",
                                                               path.substr(0, 200)));
    }
    parts.layers.push_back({std::nullopt, *range});
  }
  return parts;
}

}  // namespace

StatusOr<RunImageParts> FindRunImage(const ArchiveContents& archive, std::string_view tag) {
  if (archive.Find("index.json") && archive.Find("oci-layout")) return OciLayout(archive).Find(tag);
  if (archive.Find("manifest.json")) return FindInDockerArchive(archive, tag);
  return RefusedRunImage("base-not-an-archive",
                         archive.path() +
                             " is neither an OCI archive nor one of docker's: it has "
                             "neither index.json nor manifest.json");
}

}  // namespace sluice::image

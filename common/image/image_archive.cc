#include "common/image/image_archive.h"

#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/image/archive_contents.h"
#include "common/image/bounded_json.h"
#include "common/image/image_config.h"
#include "common/image/layer_writer.h"
#include "common/image/tar_writer.h"
#include "common/registry/manifest.h"
#include "common/registry/media_types.h"

namespace sluice::image {
namespace {

using nlohmann::json;

std::string WholeName(const ImageName& name) {
  return name.repository.empty() || name.tag.empty() ? "" : name.repository + ":" + name.tag;
}

StatusOr<std::string> OciIndex(const Image& image, const ImageName& name) {
  registry::Descriptor entry;
  entry.media_type = ManifestMediaType(image.format);
  entry.digest = image.digest;
  entry.size = image.manifest.size();
  if (!name.tag.empty()) entry.annotations["org.opencontainers.image.ref.name"] = name.tag;
  const std::string whole = WholeName(name);
  if (!whole.empty()) entry.annotations["io.containerd.image.name"] = whole;
  registry::Index index;
  index.media_type = registry::kOciIndex;
  index.manifests = {std::move(entry)};
  return registry::FormatIndex(index);
}

StatusOr<std::string> DockerIndex(const Image& image, const ImageName& name) {
  json layers = json::array();
  for (const ImageLayer& layer : image.layers) layers.push_back(BlobPath(layer.digest));
  json names = json::array();
  const std::string whole = WholeName(name);
  if (!whole.empty()) names.push_back(whole);
  return FormatDocument(json::array({{{"Config", BlobPath(image.config_digest)},
                                      {"RepoTags", std::move(names)},
                                      {"Layers", std::move(layers)}}}),
                        "archive's manifest.json");
}

// The file while it is written; destroyed before Publish() it leaves nothing.
class ArchiveFile {
 public:
  static StatusOr<std::unique_ptr<ArchiveFile>> Create(Files& files, const std::string& path) {
    auto writer = FileWriter::Create(files, path + kPartialSuffix);
    if (ErrorName(writer.status()) == "file-exists") {
      return WithContext(writer.status(),
                         "another export to this file is under way, or one was broken off (then "
                         "remove what it left)");
    }
    SLUICE_RETURN_IF_ERROR(writer.status());
    return std::unique_ptr<ArchiveFile>(new ArchiveFile(files, path, *std::move(writer)));
  }

  ~ArchiveFile() {
    // The failure that led here is told already.
    if (!published_) files_.Remove(path_ + kPartialSuffix).IgnoreError();
  }

  Status AddFolder(const std::string& path) {
    TarEntry entry;
    entry.path = path;
    entry.kind = EntryKind::kFolder;
    entry.mode = 0755;
    return tar_.Begin(entry);
  }

  Status AddText(const std::string& path, std::string_view content) {
    if (!added_.insert(path).second) return absl::OkStatus();
    TarEntry entry;
    entry.path = path;
    return tar_.Whole(entry, content);
  }

  // Equal layers are one blob.
  Status AddLayer(const ImageLayer& layer) {
    TarEntry entry;
    entry.path = BlobPath(layer.digest);
    entry.bytes = layer.bytes;
    if (!added_.insert(entry.path).second) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(const auto file,
                            files_.OpenRandomAccess(layer.range.file, FileOpening::kReadOnly));
    const ByteReader reader = ReadFileFrom(*file, layer.range.offset, layer.range.bytes);
    SLUICE_RETURN_IF_ERROR(tar_.Begin(entry));
    crypto::Sha256 hash;
    std::string piece(kPieceBytes, '\0');
    for (uint64_t left = layer.bytes; left > 0;) {
      SLUICE_ASSIGN_OR_RETURN(const size_t count, reader(std::span<char>(piece)));
      if (count == 0 || count > left) return Changed(layer);
      hash.Update({piece.data(), count});
      SLUICE_RETURN_IF_ERROR(tar_.Content({piece.data(), count}));
      left -= count;
    }
    return hash.Finish() == layer.digest ? absl::OkStatus() : Changed(layer);
  }

  Status Publish() {
    SLUICE_RETURN_IF_ERROR(tar_.Finish());
    SLUICE_RETURN_IF_ERROR(file_->Sync());
    SLUICE_RETURN_IF_ERROR(files_.Rename(path_ + kPartialSuffix, path_));
    published_ = true;
    return absl::OkStatus();
  }

 private:
  static constexpr char kPartialSuffix[] = ".partial";

  ArchiveFile(Files& files, std::string path, std::unique_ptr<FileWriter> file)
      : files_(files),
        path_(std::move(path)),
        file_(std::move(file)),
        tar_([this](std::string_view bytes) { return file_->Write(bytes); }) {}

  static Status Changed(const ImageLayer& layer) {
    return NamedError(
        StatusCode::kDataLoss, "layer-changed",
        absl::StrCat(layer.range.file, " was changed while it was exported: it no ",
                     "longer holds the layer ", registry::FormatDigest(layer.digest)));
  }

  Files& files_;
  const std::string path_;
  const std::unique_ptr<FileWriter> file_;
  TarWriter tar_;
  std::set<std::string> added_;
  bool published_ = false;
};

Status WriteArchive(const Image& image, const ImageName& name, Files& files,
                    const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const auto archive, ArchiveFile::Create(files, path));
  if (image.format == ImageFormat::kOci) {
    SLUICE_ASSIGN_OR_RETURN(const std::string index, OciIndex(image, name));
    SLUICE_RETURN_IF_ERROR(archive->AddText("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"));
    SLUICE_RETURN_IF_ERROR(archive->AddText("index.json", index));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string docker_index, DockerIndex(image, name));
  SLUICE_RETURN_IF_ERROR(archive->AddText("manifest.json", docker_index));
  SLUICE_RETURN_IF_ERROR(archive->AddFolder("blobs"));
  SLUICE_RETURN_IF_ERROR(archive->AddFolder("blobs/sha256"));
  if (image.format == ImageFormat::kOci) {
    SLUICE_RETURN_IF_ERROR(archive->AddText(BlobPath(image.digest), image.manifest));
  }
  SLUICE_RETURN_IF_ERROR(archive->AddText(BlobPath(image.config_digest), image.config));
  for (const ImageLayer& layer : image.layers) {
    SLUICE_RETURN_IF_ERROR(archive->AddLayer(layer));
  }
  return archive->Publish();
}

}  // namespace

Status WriteOciArchive(const Image& image, const ImageName& name, Files& files,
                       const std::string& path) {
  if (image.format != ImageFormat::kOci) {
    return NamedError(StatusCode::kInvalidArgument, "image-not-oci",
                      "an OCI archive holds images in OCI format: take docker-archive: for "
                      "docker's, or the format oci");
  }
  return WriteArchive(image, name, files, path);
}

Status WriteDockerArchive(const Image& image, const ImageName& name, Files& files,
                          const std::string& path) {
  return WriteArchive(image, name, files, path);
}

}  // namespace sluice::image

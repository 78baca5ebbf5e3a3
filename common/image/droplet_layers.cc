#include "common/image/droplet_layers.h"

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/image/droplet_entry.h"
#include "common/image/droplet_paths.h"
#include "common/image/gzip.h"
#include "common/image/launcher/launch.h"
#include "common/image/tar_reader.h"

namespace sluice::image {
namespace {

std::string Below(std::string_view folder, std::string_view name) {
  return absl::StrCat(ToAbsl(folder), "/", ToAbsl(name));
}

TarEntry Folder(std::string_view path, uint32_t owner) {
  TarEntry entry;
  entry.path = path;
  entry.kind = EntryKind::kFolder;
  entry.mode = 0755;
  entry.owner = owner;
  return entry;
}

Status Refused(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, name, message);
}

// The droplet's own bytes, hashed as they pass.
class HashedDroplet {
 public:
  explicit HashedDroplet(ByteReader droplet) : droplet_(std::move(droplet)) {}

  ByteReader Reader() {
    return [this](std::span<char> bytes) { return Read(bytes); };
  }

  // Reads what the archive did not need: its padding, and whatever follows it.
  Status Drain() {
    std::string piece(kPieceBytes, '\0');
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const size_t count, Read(std::span<char>(piece)));
      if (count == 0) return absl::OkStatus();
    }
  }

  Status Compare(const crypto::Sha256Digest& expected) {
    const crypto::Sha256Digest actual = hash_.Finish();
    if (actual == expected) return absl::OkStatus();
    return NamedError(StatusCode::kDataLoss, "digest-mismatch",
                      absl::StrCat("the droplet's bytes have the SHA-256 ", actual.hex(), ", not ",
                                   expected.hex(), ": nothing was exported"));
  }

 private:
  StatusOr<size_t> Read(std::span<char> bytes) {
    SLUICE_ASSIGN_OR_RETURN(const size_t count, droplet_(bytes));
    hash_.Update({bytes.data(), count});
    return count;
  }

  const ByteReader droplet_;
  crypto::Sha256 hash_;
};

// The archive's padding and the checksum of the gzip stream; and that nothing follows.
Status ReadToEnd(Gunzip& gunzip) {
  std::string piece(kPieceBytes, '\0');
  for (size_t bytes = 0; bytes <= kPaddingBytesMax;) {
    SLUICE_ASSIGN_OR_RETURN(const size_t count, gunzip.Read(std::span<char>(piece)));
    if (count == 0) return absl::OkStatus();
    bytes += count;
  }
  return Refused("bytes-after-archive", "the droplet goes on after the end of its tar archive");
}

class Conversion {
 public:
  Conversion(Files& files, const std::string& folder) : files_(files), folder_(folder) {}

  Status Begin(const std::string& launch_record);
  Status TakeAll(TarReader& droplet);
  // What can only be written when all entries have come.
  Status Complete();
  StatusOr<DropletLayers> Finish();

 private:
  struct Source {
    std::string path;
    DropletLayer layer = DropletLayer::kApp;
  };

  StatusOr<TarWriter*> Layer(DropletLayer layer);
  Status Take(const PlacedEntry& placed, TarReader& droplet);
  Status TakeLinkAcrossLayers(const PlacedEntry& placed);
  Status CopyContent(TarReader& from, const TarEntry& entry, TarWriter& to);
  Status CopyFilesFrom(DropletLayer layer);
  Status AddFolders();

  Files& files_;
  const std::string& folder_;
  std::unique_ptr<LayerWriter> app_;
  std::unique_ptr<LayerWriter> dependencies_;
  DropletPaths paths_;
  uint64_t expanded_bytes_ = 0;
  // Of each hard link that could not be written as such: the file whose content it has.
  std::map<std::string, Source> deferred_;
  // The same by the file, for those links whose file lies in the other layer.
  std::map<DropletLayer, std::map<std::string, std::vector<std::string>>> copies_;
};

Status Conversion::Begin(const std::string& launch_record) {
  SLUICE_ASSIGN_OR_RETURN(app_, LayerWriter::Create(files_, folder_, "app.partial"));
  TarWriter& tar = app_->tar();
  SLUICE_RETURN_IF_ERROR(tar.Begin(Folder(kHome, kVcap)));
  const std::string path(launcher::kLaunchRecord.substr(1));
  SLUICE_RETURN_IF_ERROR(tar.Begin(Folder(path.substr(0, path.find('/')), 0)));
  TarEntry record;
  record.path = path;
  return tar.Whole(record, launch_record);
}

StatusOr<TarWriter*> Conversion::Layer(DropletLayer layer) {
  if (layer == DropletLayer::kApp) return &app_->tar();
  if (dependencies_ == nullptr) {
    SLUICE_ASSIGN_OR_RETURN(dependencies_,
                            LayerWriter::Create(files_, folder_, "dependencies.partial"));
    SLUICE_RETURN_IF_ERROR(dependencies_->tar().Begin(Folder(kHome, kVcap)));
  }
  return &dependencies_->tar();
}

Status Conversion::TakeAll(TarReader& droplet) {
  while (true) {
    SLUICE_ASSIGN_OR_RETURN(const std::optional<TarEntry> entry, droplet.Next());
    if (!entry) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(const std::optional<PlacedEntry> placed, PlaceEntry(*entry));
    if (placed) SLUICE_RETURN_IF_ERROR(Take(*placed, droplet));
  }
}

Status Conversion::Take(const PlacedEntry& placed, TarReader& droplet) {
  SLUICE_ASSIGN_OR_RETURN(const DropletPaths::Arrival arrival, paths_.Add(placed));
  if (arrival == DropletPaths::Arrival::kLinkAcrossLayers) return TakeLinkAcrossLayers(placed);
  expanded_bytes_ += placed.entry.bytes;
  if (placed.entry.bytes > kExpandedBytesMax || expanded_bytes_ > kExpandedBytesMax) {
    return Refused("expanded-too-large",
                   absl::StrCat("the droplet expands to more than ", kExpandedBytesMax, " bytes"));
  }
  SLUICE_ASSIGN_OR_RETURN(TarWriter* const tar, Layer(placed.layer));
  return CopyContent(droplet, placed.entry, *tar);
}

Status Conversion::CopyContent(TarReader& from, const TarEntry& entry, TarWriter& to) {
  SLUICE_RETURN_IF_ERROR(to.Begin(entry));
  char piece[kPieceBytes];
  for (uint64_t left = entry.bytes; left > 0;) {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(left, sizeof piece));
    SLUICE_ASSIGN_OR_RETURN(const size_t count, from.Read(std::span<char>(piece).first(wanted)));
    if (count == 0) return Refused("bad-tar", entry.path + " is shorter than its header says");
    SLUICE_RETURN_IF_ERROR(to.Content({piece, count}));
    left -= count;
  }
  return absl::OkStatus();
}

Status Conversion::TakeLinkAcrossLayers(const PlacedEntry& placed) {
  if (deferred_.size() >= kLinksAcrossLayersMax) {
    return Refused("too-many-links-across-layers",
                   absl::StrCat("the droplet has more than ", kLinksAcrossLayersMax,
                                " hard links between deps/ and app/"));
  }
  const TarEntry& link = placed.entry;
  const bool to_app = placed.layer == DropletLayer::kDependencies;
  Source source{link.link_target, to_app ? DropletLayer::kApp : DropletLayer::kDependencies};
  if (const auto chained = deferred_.find(link.link_target); chained != deferred_.end()) {
    source = chained->second;
  }
  deferred_[link.path] = source;
  if (source.layer != placed.layer) {
    copies_[source.layer][source.path].push_back(link.path);
    return absl::OkStatus();
  }
  TarEntry direct = link;
  direct.link_target = source.path;
  SLUICE_ASSIGN_OR_RETURN(TarWriter* const tar, Layer(placed.layer));
  return tar->Begin(direct);
}

// A layer cannot link to another's files: the other layer gets a copy, once, and links to that.
Status Conversion::CopyFilesFrom(DropletLayer layer) {
  auto wanted = std::exchange(copies_[layer], {});
  if (wanted.empty()) return absl::OkStatus();
  const bool from_app = layer == DropletLayer::kApp;
  SLUICE_ASSIGN_OR_RETURN(TarWriter* const to,
                          Layer(from_app ? DropletLayer::kDependencies : DropletLayer::kApp));
  SLUICE_ASSIGN_OR_RETURN(ByteReader written, (from_app ? app_ : dependencies_)->ReadBack());
  TarReader reader(std::move(written));
  while (!wanted.empty()) {
    SLUICE_ASSIGN_OR_RETURN(const std::optional<TarEntry> entry, reader.Next());
    if (!entry) {
      return NamedError(StatusCode::kInternal, "layer-lost-a-file",
                        wanted.begin()->first + " is not in its own layer");
    }
    const auto found = wanted.find(entry->path);
    if (found == wanted.end() || entry->kind != EntryKind::kFile) continue;
    TarEntry copy = *entry;
    copy.owner = kVcap;
    copy.path = found->second.front();
    SLUICE_RETURN_IF_ERROR(CopyContent(reader, copy, *to));
    TarEntry link = copy;
    link.kind = EntryKind::kHardLink;
    link.bytes = 0;
    link.link_target = copy.path;
    for (size_t index = 1; index < found->second.size(); ++index) {
      link.path = found->second[index];
      SLUICE_RETURN_IF_ERROR(to->Begin(link));
    }
    wanted.erase(found);
  }
  return absl::OkStatus();
}

// Cloud Foundry unpacks as vcap, so a folder that has no entry is vcap's; a container engine would
// make it root's.
Status Conversion::AddFolders() {
  for (const auto& [path, layer] : paths_.unlisted_folders()) {
    SLUICE_ASSIGN_OR_RETURN(TarWriter* const tar, Layer(layer));
    SLUICE_RETURN_IF_ERROR(tar->Begin(Folder(path, kVcap)));
  }
  for (const std::string_view name : {"logs", "tmp"}) {
    const std::string path = Below(kHome, name);
    if (paths_.HasFolder(path)) continue;
    SLUICE_RETURN_IF_ERROR(paths_.Add({Folder(path, kVcap), DropletLayer::kApp}).status());
    SLUICE_RETURN_IF_ERROR(app_->tar().Begin(Folder(path, kVcap)));
  }
  return absl::OkStatus();
}

Status Conversion::Complete() {
  if (!paths_.HasFolder(Below(kHome, "app"))) {
    return Refused("droplet-without-app",
                   "the droplet has no folder app/: there is nothing to run");
  }
  SLUICE_RETURN_IF_ERROR(CopyFilesFrom(DropletLayer::kDependencies));
  SLUICE_RETURN_IF_ERROR(CopyFilesFrom(DropletLayer::kApp));
  SLUICE_RETURN_IF_ERROR(AddFolders());
  SLUICE_RETURN_IF_ERROR(app_->tar().Finish());
  return dependencies_ == nullptr ? absl::OkStatus() : dependencies_->tar().Finish();
}

StatusOr<DropletLayers> Conversion::Finish() {
  DropletLayers layers;
  if (dependencies_ != nullptr) {
    SLUICE_ASSIGN_OR_RETURN(layers.dependencies, dependencies_->Finish());
  }
  SLUICE_ASSIGN_OR_RETURN(layers.app, app_->Finish());
  return layers;
}

}  // namespace

StatusOr<DropletLayers> ConvertDroplet(ByteReader droplet, const crypto::Sha256Digest& digest,
                                       const std::string& launch_record, Files& files,
                                       const std::string& folder) {
  HashedDroplet hashed(std::move(droplet));
  Gunzip gunzip(hashed.Reader());
  TarReader reader([&gunzip](std::span<char> bytes) { return gunzip.Read(bytes); });
  Conversion conversion(files, folder);
  SLUICE_RETURN_IF_ERROR(conversion.Begin(launch_record));
  Status converted = conversion.TakeAll(reader);
  if (converted.ok()) converted = ReadToEnd(gunzip);
  if (converted.ok()) converted = conversion.Complete();
  // Wrong bytes are told as that, whatever came of reading them.
  if (const Status drained = hashed.Drain(); !drained.ok()) {
    return converted.ok() ? drained : converted;
  }
  SLUICE_RETURN_IF_ERROR(hashed.Compare(digest));
  SLUICE_RETURN_IF_ERROR(converted);
  return conversion.Finish();
}

}  // namespace sluice::image

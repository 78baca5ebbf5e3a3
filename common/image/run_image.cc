#include "common/image/run_image.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/image/gzip.h"
#include "common/image/launcher_layer.h"
#include "common/image/layer_writer.h"
#include "common/registry/digest_text.h"

namespace sluice::image {
namespace {

constexpr std::string_view kStackLabel = "io.buildpacks.stack.id";
constexpr std::string_view kStackLabelPrefix = "org.cloudfoundry.stacks.";

Status RefusedRunImage(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kFailedPrecondition, name, message);
}

Status CheckStack(const RunImageConfig& config, std::string_view name,
                  const RunImageRequirements& requirements) {
  const std::string base =
      requirements.stated_stack.empty() ? StackOf(config, name) : requirements.stated_stack;
  if (base.empty() || requirements.stack.empty()) {
    const std::string_view who = base.empty() ? "the base does" : "the droplet and its record do";
    return RefusedRunImage("base-stack-unknown",
                           absl::StrCat(ToAbsl(who),
                                        " not say for which stack it is; state the stack "
                                        "of the base, and see that it is the droplet's"));
  }
  if (base == requirements.stack) return absl::OkStatus();
  return RefusedRunImage(
      "base-for-another-stack",
      absl::StrCat("the base is ", base, ", the droplet was staged for ", requirements.stack,
                   ": it would start there and fail for its libraries; take a base of ",
                   requirements.stack, ", or state that this is one"));
}

Status CheckPlatform(const RunImageConfig& config) {
  if (config.os != "linux") {
    return RefusedRunImage("base-for-another-system", absl::StrCat("the base is for '", config.os,
                                                                   "', droplets are for linux"));
  }
  if (config.architecture == LauncherArchitecture()) return absl::OkStatus();
  return RefusedRunImage("base-for-another-architecture",
                         absl::StrCat("the base is for ", config.architecture, ", this sluice for ",
                                      ToAbsl(LauncherArchitecture())));
}

// One layer's bytes on their way: hashed as they are, and within the limit for all layers.
class LayerProof {
 public:
  LayerProof(ByteReader raw, uint64_t& bytes_left) : raw_(std::move(raw)), left_(bytes_left) {}

  // Reads the layer's tar to its end; `sink` may be null.
  Status ReadTar(bool gzipped, const ByteSink& sink) {
    const ByteReader raw = [this](std::span<char> bytes) -> StatusOr<size_t> {
      SLUICE_ASSIGN_OR_RETURN(const size_t count, raw_(bytes));
      digest_.Update({bytes.data(), count});
      return count;
    };
    if (!gzipped) return ReadToEnd(raw, sink);
    Gunzip gunzip(raw);
    return ReadToEnd([&gunzip](std::span<char> bytes) { return gunzip.Read(bytes); }, sink);
  }

  crypto::Sha256Digest digest() { return digest_.Finish(); }
  crypto::Sha256Digest diff_id() { return diff_id_.Finish(); }

 private:
  Status ReadToEnd(const ByteReader& tar, const ByteSink& sink) {
    std::string piece(kPieceBytes, '\0');
    while (true) {
      SLUICE_ASSIGN_OR_RETURN(const size_t count, tar(std::span<char>(piece)));
      if (count == 0) return absl::OkStatus();
      if (count > left_) {
        return RefusedRunImage(
            "base-too-large",
            absl::StrCat("the base's layers expand to more than ", kRunImageBytesMax, " bytes"));
      }
      left_ -= count;
      diff_id_.Update({piece.data(), count});
      if (sink != nullptr) SLUICE_RETURN_IF_ERROR(sink({piece.data(), count}));
    }
  }

  const ByteReader raw_;
  uint64_t& left_;
  crypto::Sha256 digest_;
  crypto::Sha256 diff_id_;
};

StatusOr<bool> IsGzipped(const RandomAccessFile& file, uint64_t offset) {
  char magic[2];
  SLUICE_ASSIGN_OR_RETURN(const size_t count, file.Read(offset, std::span<char>(magic)));
  return count == 2 && magic[0] == '\x1f' && magic[1] == '\x8b';  // RFC 1952 section 2.3.1
}

Status Compare(const crypto::Sha256Digest& actual, const crypto::Sha256Digest& said, size_t number,
               std::string_view what) {
  if (actual == said) return absl::OkStatus();
  return NamedError(StatusCode::kDataLoss, "base-layer-mismatch",
                    absl::StrCat("layer ", number, " of the base has the ", ToAbsl(what), " ",
                                 registry::FormatDigest(actual), ", not ",
                                 registry::FormatDigest(said), ": get the base again"));
}

StatusOr<ImageLayer> ProveLayer(const UnprovenLayer& layer, const crypto::Sha256Digest& diff_id,
                                size_t number, uint64_t& bytes_left, Files& files,
                                const std::string& folder) {
  SLUICE_ASSIGN_OR_RETURN(const auto file,
                          files.OpenRandomAccess(layer.range.file, FileOpening::kReadOnly));
  SLUICE_ASSIGN_OR_RETURN(const bool gzipped, IsGzipped(*file, layer.range.offset));
  std::unique_ptr<LayerWriter> compressed;
  if (!gzipped) {
    SLUICE_ASSIGN_OR_RETURN(compressed, LayerWriter::Create(files, folder, "base.partial"));
  }
  LayerProof proof(ReadFileFrom(*file, layer.range.offset, layer.range.bytes), bytes_left);
  SLUICE_RETURN_IF_ERROR(proof.ReadTar(
      gzipped, gzipped ? ByteSink() : [&compressed](std::string_view bytes) {
        return compressed->WriteTar(bytes);
      }));
  const crypto::Sha256Digest digest = proof.digest();
  if (layer.digest) SLUICE_RETURN_IF_ERROR(Compare(digest, *layer.digest, number, "digest"));
  SLUICE_RETURN_IF_ERROR(Compare(proof.diff_id(), diff_id, number, "diff_id"));
  if (gzipped) return ImageLayer{digest, layer.range.bytes, diff_id, layer.range};
  SLUICE_ASSIGN_OR_RETURN(const LayerBlob blob, compressed->Finish());
  return ImageLayer{blob.digest, blob.bytes, diff_id, {blob.file, 0, blob.bytes}};
}

}  // namespace

std::string StackOf(const RunImageConfig& config, std::string_view name) {
  const auto label = config.labels.find(std::string(kStackLabel));
  if (label != config.labels.end() && label->second.starts_with(kStackLabelPrefix)) {
    return label->second.substr(kStackLabelPrefix.size());
  }
  if (name.find_first_of("/:") == std::string_view::npos) return "";  // a tag alone
  name = name.substr(0, name.find('@'));
  const size_t slash = name.rfind('/');
  if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
  return std::string(name.substr(0, name.find(':')));
}

StatusOr<RunImage> ProveRunImage(const RunImageParts& parts,
                                 const RunImageRequirements& requirements, Files& files,
                                 const std::string& folder) {
  RunImage base{parts.name, parts.manifest_digest, {}, {}};
  SLUICE_ASSIGN_OR_RETURN(base.config, ParseRunImageConfig(parts.config));
  if (parts.layers.empty() || base.config.diff_ids.size() != parts.layers.size()) {
    return RefusedRunImage("base-malformed",
                           absl::StrCat("the base has ", parts.layers.size(), " layers and ",
                                        base.config.diff_ids.size(), " diff_ids"));
  }
  SLUICE_RETURN_IF_ERROR(CheckPlatform(base.config));
  SLUICE_RETURN_IF_ERROR(CheckStack(base.config, base.name, requirements));
  uint64_t bytes_left = kRunImageBytesMax;
  for (size_t index = 0; index < parts.layers.size(); ++index) {
    SLUICE_ASSIGN_OR_RETURN(ImageLayer layer,
                            ProveLayer(parts.layers[index], base.config.diff_ids[index], index + 1,
                                       bytes_left, files, folder));
    base.layers.push_back(std::move(layer));
  }
  return base;
}

}  // namespace sluice::image

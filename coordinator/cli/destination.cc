#include "coordinator/cli/destination.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/registry/image_reference.h"

namespace sluice::cli {
namespace {

constexpr std::pair<std::string_view, DestinationKind> kSchemes[] = {
    {"droplet:", DestinationKind::kDroplet},
    {"oci-archive:", DestinationKind::kOciArchive},
    {"docker-archive:", DestinationKind::kDockerArchive}};

Status BadDestination(std::string_view name, const std::string& message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

std::string FolderOf(const std::string& file) {
  const size_t slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

std::string HiddenName(const std::string& file, std::string_view id, std::string_view ending) {
  const size_t slash = file.rfind('/');
  const std::string name = slash == std::string::npos ? file : file.substr(slash + 1);
  return absl::StrCat(FolderOf(file), "/.", name, ".", ToAbsl(id), ToAbsl(ending));
}

// What follows the file's name, which holds no colon: TAG, or REPOSITORY:TAG for docker's archives.
Status TakeImageName(Destination& destination) {
  const size_t colon = destination.file.find(':');
  if (colon == std::string::npos) return absl::OkStatus();
  const std::string name = destination.file.substr(colon + 1);
  destination.file.resize(colon);
  std::string tag = name;
  if (destination.kind == DestinationKind::kDockerArchive) {
    const size_t last = name.rfind(':');
    if (last == std::string::npos || last == 0) {
      return BadDestination("bad-destination",
                            absl::StrCat("'", name, "' is no image's name; write REPOSITORY:TAG"));
    }
    destination.repository = name.substr(0, last);
    SLUICE_RETURN_IF_ERROR(registry::ParseRepository(destination.repository).status());
    tag = name.substr(last + 1);
  }
  SLUICE_RETURN_IF_ERROR(registry::CheckTag(tag));
  destination.tag = tag;
  return absl::OkStatus();
}

}  // namespace

std::string Destination::TemporaryFile(std::string_view id) const {
  return HiddenName(file, id, ".partial");
}

std::string Destination::SpoolFolder(std::string_view id) const {
  return HiddenName(file, id, ".spool");
}

std::string Destination::WorkFolder(std::string_view id) const {
  return HiddenName(file, id, ".work");
}

StatusOr<Destination> ParseDestination(const std::string& text) {
  for (const auto& [scheme, kind] : kSchemes) {
    if (!absl::StartsWith(text, ToAbsl(scheme))) continue;
    Destination destination;
    destination.kind = kind;
    destination.file = text.substr(scheme.size());
    if (destination.IsImage()) SLUICE_RETURN_IF_ERROR(TakeImageName(destination));
    if (!destination.file.empty() && destination.file.back() != '/') return destination;
    return BadDestination("bad-destination", absl::StrCat("'", text, "' names no file; write ",
                                                          ToAbsl(scheme), "FILE"));
  }
  return BadDestination("unknown-destination",
                        absl::StrCat("'", text,
                                     "' is no destination; write droplet:FILE, "
                                     "oci-archive:FILE[:TAG] or "
                                     "docker-archive:FILE[:REPOSITORY:TAG]"));
}

Status CheckDestination(Files& files, const Destination& destination, bool replace) {
  if (files.List(destination.file).ok()) {
    return BadDestination("bad-destination", absl::StrCat(destination.file, " is a folder"));
  }
  for (const std::string& file : {destination.file, destination.StatementFile()}) {
    const StatusOr<FileFacts> there = files.Facts(file);
    if (there.ok() && !replace) {
      return BadDestination("file-exists", absl::StrCat(file,
                                                        " exists; name another file, or give "
                                                        "--force to replace it"));
    }
  }
  // Where the image grows.
  const std::string partial = destination.file + ".partial";
  if (destination.IsImage() && files.Facts(partial).ok()) {
    return BadDestination("file-exists",
                          absl::StrCat(partial,
                                       " exists: another export to this file is under "
                                       "way, or one was broken off (then remove it)"));
  }
  const std::string folder = FolderOf(destination.file);
  if (!files.List(folder).ok()) {
    return BadDestination("bad-destination",
                          absl::StrCat("there is no folder ", folder, " that can be read"));
  }
  // The only sure way to know is to write; the name is one that nobody else has.
  const std::string probe = destination.TemporaryFile("probe");
  const Status written = files.Replace(probe, "", FileAccess::kOwnerOnly);
  if (written.ok()) return files.Remove(probe);
  return BadDestination("destination-not-writable",
                        absl::StrCat("cannot write in ", folder, ": ", written.message()));
}

}  // namespace sluice::cli

#include "coordinator/cli/destination.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kDropletScheme = "droplet:";

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

}  // namespace

std::string Destination::TemporaryFile(std::string_view id) const {
  return HiddenName(file, id, ".partial");
}

std::string Destination::SpoolFolder(std::string_view id) const {
  return HiddenName(file, id, ".spool");
}

StatusOr<Destination> ParseDestination(const std::string& text) {
  if (!absl::StartsWith(text, ToAbsl(kDropletScheme))) {
    return BadDestination("unknown-destination",
                          absl::StrCat("'", text, "' is no destination; write droplet:FILE"));
  }
  Destination destination{text.substr(kDropletScheme.size())};
  if (destination.file.empty() || destination.file.back() == '/') {
    return BadDestination("bad-destination",
                          absl::StrCat("'", text, "' names no file; write droplet:FILE"));
  }
  return destination;
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

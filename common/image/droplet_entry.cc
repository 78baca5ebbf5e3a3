#include "common/image/droplet_entry.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace sluice::image {
namespace {

constexpr uint32_t kPermissionBits = 0777;      // without setuid, setgid and sticky
constexpr std::string_view kWhiteout = ".wh.";  // OCI image-spec, "Layer", Whiteouts

Status Refused(std::string_view name, std::string_view path, std::string_view why) {
  return NamedError(StatusCode::kFailedPrecondition, name,
                    absl::StrCat("the droplet's entry ",
                                 absl::CHexEscape(ToAbsl(path.substr(0, 200))), " ", ToAbsl(why)));
}

Status CheckComponent(std::string_view component, std::string_view path) {
  if (component.empty()) {
    return Refused("empty-path-component", path, "has two slashes one after the other");
  }
  if (component.size() > kNameBytesMax) {
    return Refused("path-too-long", path, "has too long a name in its path");
  }
  if (component == "..") return Refused("parent-in-path", path, "has a component '..'");
  if (component.starts_with(kWhiteout)) {
    return Refused("whiteout-name", path,
                   "has a name that begins with '.wh.', which an image's layer would read as a "
                   "deletion: it cannot be exported as an image; export it as droplet:FILE");
  }
  return absl::OkStatus();
}

// A droplet's path without "./" and without a slash at its end; "" is the root.
StatusOr<std::string> PlainPath(std::string_view path) {
  if (path.size() > kPathBytesMax) return Refused("path-too-long", path, "has too long a path");
  if (path.find('\0') != std::string_view::npos) {
    return Refused("nul-in-path", path, "has a NUL in its path");
  }
  if (path.starts_with('/')) return Refused("absolute-path", path, "has an absolute path");
  if (path.ends_with('/')) path.remove_suffix(1);
  std::string plain;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view component = path.substr(0, slash);
    if (component != ".") {
      SLUICE_RETURN_IF_ERROR(CheckComponent(component, path));
      if (!plain.empty()) plain += '/';
      plain += component;
    }
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return plain;
}

std::string InHome(std::string_view plain) {
  return absl::StrCat(ToAbsl(kHome), "/", ToAbsl(plain));
}

DropletLayer LayerOf(std::string_view plain) {
  const std::string_view top = plain.substr(0, plain.find('/'));
  return top == "deps" || top == "profile.d" ? DropletLayer::kDependencies : DropletLayer::kApp;
}

}  // namespace

StatusOr<std::optional<PlacedEntry>> PlaceEntry(const TarEntry& entry) {
  SLUICE_ASSIGN_OR_RETURN(const std::string plain, PlainPath(entry.path));
  if (entry.kind == EntryKind::kSpecial) {
    return Refused("special-file", entry.path, "is a device, a FIFO or a socket");
  }
  if (plain.empty()) {
    if (entry.kind == EntryKind::kFolder) return std::nullopt;
    return Refused("empty-path-component", entry.path, "has no name and is no folder");
  }
  PlacedEntry placed{entry, LayerOf(plain)};
  placed.entry.path = InHome(plain);
  placed.entry.mode = entry.mode & kPermissionBits;
  placed.entry.owner = kVcap;
  if (entry.kind == EntryKind::kHardLink) {
    // A path of the archive, as the entry's own; a symbolic link's target is free text.
    SLUICE_ASSIGN_OR_RETURN(const std::string target, PlainPath(entry.link_target));
    placed.entry.link_target = InHome(target);
    placed.entry.bytes = 0;
  } else if (entry.link_target.size() > kPathBytesMax) {
    return Refused("path-too-long", entry.path, "is a link with too long a target");
  }
  return placed;
}

}  // namespace sluice::image

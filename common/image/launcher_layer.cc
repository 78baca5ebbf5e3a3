#include "common/image/launcher_layer.h"

#include "common/image/launcher/launcher_bytes.h"

namespace sluice::image {

std::string_view LauncherArchitecture() {
#if defined(__x86_64__)
  return "amd64";
#elif defined(__aarch64__)
  return "arm64";
#else
#error "give this architecture's GOARCH name, as the OCI image-spec asks for"
#endif
}

StatusOr<LayerBlob> WriteLauncherLayer(Files& files, const std::string& folder) {
  SLUICE_ASSIGN_OR_RETURN(const auto layer, LayerWriter::Create(files, folder, "launcher.partial"));
  const std::string path(kLauncherPath.substr(1));
  TarEntry above;
  above.path = path.substr(0, path.find('/'));
  above.kind = EntryKind::kFolder;
  above.mode = 0755;
  SLUICE_RETURN_IF_ERROR(layer->tar().Begin(above));
  TarEntry program;
  program.path = path;
  program.mode = 0755;
  SLUICE_RETURN_IF_ERROR(layer->tar().Whole(program, launcher::LauncherBytes()));
  SLUICE_RETURN_IF_ERROR(layer->tar().Finish());
  return layer->Finish();
}

}  // namespace sluice::image

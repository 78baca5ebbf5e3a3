#include "common/image/image_recipe.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/image/bounded_json.h"
#include "common/image/image_config.h"

namespace sluice::image {
namespace {

constexpr size_t kVariableNameBytesMax = 256;
// Filled by the platform from the services that an app is bound to (Cloud Foundry documentation,
// "Cloud Foundry environment variables").
constexpr std::array<std::string_view, 3> kCredentialVariables = {"VCAP_SERVICES", "DATABASE_URL",
                                                                  "VCAP_PLATFORM_OPTIONS"};

bool IsVariableName(std::string_view name) {
  return !name.empty() && name.size() <= kVariableNameBytesMax &&
         !absl::ascii_isdigit(static_cast<unsigned char>(name.front())) &&
         std::all_of(name.begin(), name.end(),
                     [](unsigned char byte) { return absl::ascii_isalnum(byte) || byte == '_'; });
}

Status CheckVariable(const std::string& name, const std::string& value) {
  const auto refused = [](const std::string& message) {
    return NamedError(StatusCode::kInvalidArgument, "variable-not-exportable", message);
  };
  if (!IsVariableName(name) || value.find('\0') != std::string::npos) {
    return refused(absl::StrCat("not a variable that an image can hold: ",
                                absl::CHexEscape(name.substr(0, kVariableNameBytesMax))));
  }
  if (std::find(kCredentialVariables.begin(), kCredentialVariables.end(), name) !=
      kCredentialVariables.end()) {
    return refused(absl::StrCat(name,
                                " holds credentials of bound services, which never enter an "
                                "image: give it to the container when it is started"));
  }
  return absl::OkStatus();
}

}  // namespace

Status CheckRecipe(const ImageRecipe& recipe) {
  const auto& types = recipe.droplet.process_types;
  // The web process's command may be in the droplet alone, in staging_info.yml.
  if (recipe.process != "web" && !types.contains(recipe.process)) {
    const auto names = absl::StrJoin(
        types, ", ", [](std::string* out, const auto& type) { out->append(type.first); });
    return NamedError(
        StatusCode::kInvalidArgument, "no-such-process-type",
        absl::StrCat("the droplet has no process type ", absl::CHexEscape(recipe.process),
                     "; it has: ", names.empty() ? "web" : names));
  }
  for (const auto& [name, value] : recipe.environment) {
    SLUICE_RETURN_IF_ERROR(CheckVariable(name, value));
  }
  SLUICE_RETURN_IF_ERROR(FormatDocument(recipe.environment, "environment").status());
  SLUICE_RETURN_IF_ERROR(FormatLaunchRecord(recipe).status());
  return FormatDocument(ImageLabels(recipe, {}), "image's labels").status();
}

StatusOr<std::string> FormatLaunchRecord(const ImageRecipe& recipe) {
  const nlohmann::json record = {{"application_id", recipe.droplet.app_guid},
                                 {"application_name", recipe.droplet.app_name},
                                 {"default_process_type", recipe.process},
                                 {"process_types", recipe.droplet.process_types}};
  return FormatDocument(record, "launch record");
}

}  // namespace sluice::image

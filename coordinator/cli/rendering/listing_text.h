// Foundations, apps and droplets, for people and as JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nlohmann/json_fwd.hpp"

namespace sluice::cli {

struct FoundationRow;
struct ListedApp;
struct ListedDroplet;

std::string RenderFoundations(const std::vector<FoundationRow>& rows);
nlohmann::json FoundationsJson(const std::vector<FoundationRow>& rows);

std::string RenderApps(const std::vector<ListedApp>& apps);
nlohmann::json AppsJson(std::string_view foundation, const std::vector<ListedApp>& apps);

std::string RenderDroplets(const std::vector<ListedDroplet>& droplets);
nlohmann::json DropletsJson(std::string_view app, const std::vector<ListedDroplet>& droplets);

}  // namespace sluice::cli

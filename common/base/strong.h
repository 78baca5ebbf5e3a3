// Strings that must not be mixed up: a droplet's guid is not an app's.
#pragma once

#include <compare>
#include <string>
#include <utility>

namespace sluice {

template <typename Tag>
class Strong {
 public:
  Strong() = default;
  explicit Strong(std::string value) : value_(std::move(value)) {}
  const std::string& value() const { return value_; }
  bool empty() const { return value_.empty(); }
  auto operator<=>(const Strong&) const = default;

 private:
  std::string value_;
};

// Cloud Controller's guids, and Sluice's own promotion id (the caller's --id or random).
using AppGuid = Strong<struct AppGuidTag>;
using DropletGuid = Strong<struct DropletGuidTag>;
using SpaceGuid = Strong<struct SpaceGuidTag>;
using OrganizationGuid = Strong<struct OrganizationGuidTag>;
using DeploymentGuid = Strong<struct DeploymentGuidTag>;
using ProcessGuid = Strong<struct ProcessGuidTag>;
using JobGuid = Strong<struct JobGuidTag>;
using PromotionId = Strong<struct PromotionIdTag>;
using FoundationName = Strong<struct FoundationNameTag>;

}  // namespace sluice

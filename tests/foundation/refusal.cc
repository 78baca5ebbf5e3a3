#include "tests/foundation/refusal.h"

#include <nlohmann/json.hpp>

namespace sluice::box {

Refusal Unprocessable(std::string detail) {
  return {422, "CF-UnprocessableEntity", 10008, std::move(detail)};
}
Refusal NotFound(const std::string& resource) {
  return {404, "CF-ResourceNotFound", 10010, resource + " not found"};
}
Refusal UnknownRequest() { return {404, "CF-NotFound", 10000, "Unknown request"}; }
Refusal NotAuthorized() {
  return {403, "CF-NotAuthorized", 10003, "You are not authorized to perform the requested action"};
}
Refusal BadQuery(const std::string& detail) {
  return {400, "CF-BadQueryParameter", 10005, "The query parameter is invalid: " + detail};
}
Refusal InvalidAuthToken() { return {401, "CF-InvalidAuthToken", 1000, "Invalid Auth Token"}; }
Refusal NotAuthenticated() { return {401, "CF-NotAuthenticated", 10002, "Authentication error"}; }

Response RefusalResponse(const Refusal& refusal) {
  nlohmann::json body = {
      {"errors", {{{"detail", refusal.detail}, {"title", refusal.title}, {"code", refusal.code}}}}};
  return TextResponse(refusal.status, "application/json; charset=utf-8", body.dump());
}

}  // namespace sluice::box

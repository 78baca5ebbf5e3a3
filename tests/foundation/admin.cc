#include "tests/foundation/admin.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/foundation/request_log.h"

namespace sluice::box {
namespace {

using Json = nlohmann::json;

constexpr size_t kBodyBytesMax = size_t{1} << 20;
constexpr std::chrono::seconds kChangeWait{10};

std::vector<std::string> Segments(const std::string& path) {
  std::vector<std::string> segments;
  for (size_t begin = 1; begin < path.size();) {
    size_t end = std::min(path.find('/', begin), path.size());
    segments.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return segments;
}

Json Shown(const Misbehaviour& misbehaviour) {
  return {{"name", misbehaviour.name},
          {"count", misbehaviour.count ? Json(*misbehaviour.count) : Json(nullptr)},
          {"skip", misbehaviour.skip},
          {"parameters", misbehaviour.parameters},
          {"occurred", misbehaviour.occurred}};
}

Json ListMisbehaviours(const AdminRequest& request) {
  Json active = Json::array();
  for (const Misbehaviour& misbehaviour : request.foundation.misbehaviours.All()) {
    active.push_back(Shown(misbehaviour));
  }
  return {{"active", active}, {"names", Misbehaviours::Names()}};
}

Json SetMisbehaviour(const AdminRequest& request) {
  Misbehaviour misbehaviour;
  misbehaviour.name = request.segments.at(1);
  if (request.body.contains("count")) misbehaviour.count = request.body["count"].get<int>();
  misbehaviour.skip = request.body.value("skip", 0);
  const Json parameters = request.body.value("parameters", Json::object());
  for (const auto& [name, value] : parameters.items()) {
    misbehaviour.parameters[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  if (!request.foundation.misbehaviours.Set(misbehaviour)) {
    throw AdminRefusal{404, "no misbehaviour is named " + misbehaviour.name};
  }
  return Shown(misbehaviour);
}

Json ClearMisbehaviours(const AdminRequest& request) {
  if (request.segments.size() == 1) {
    request.foundation.misbehaviours.Clear();
  } else {
    request.foundation.misbehaviours.Clear(request.segments[1]);
  }
  return Json::object();
}

// Answers when something has changed since the client has seen so many changes.
Json AwaitChange(const AdminRequest& request) {
  const std::string& text = request.segments.at(1);
  uint64_t seen = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), seen);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    throw AdminRefusal{400, text + " is no count of changes"};
  }
  return {{"changes", request.foundation.store.changes.Await(seen, kChangeWait)}};
}

}  // namespace

Admin::Admin(Foundation& foundation, std::string about)
    : foundation_(foundation), about_(std::move(about)) {}

Json Admin::Answer(const AdminRequest& request) const {
  static const auto* functions = new std::map<std::string, Function>{
      {"POST spaces", SeedSpace},
      {"POST clients", SeedClient},
      {"DELETE clients", RemoveClient},
      {"POST apps", SeedApp},
      {"POST droplets", SeedDroplet},
      {"PATCH droplets", ChangeDroplet},
      {"PATCH stacks", ChangeStack},
      {"GET state", ShowState},
      {"GET instances", ShowRunningInstances},
      {"GET changes", AwaitChange},
      {"GET misbehaviours", ListMisbehaviours},
      {"PUT misbehaviours", SetMisbehaviour},
      {"DELETE misbehaviours", ClearMisbehaviours},
      {"GET requests",
       [](const AdminRequest& asked) { return asked.foundation.requests->Report(); }},
      {"DELETE requests", [](const AdminRequest& asked) {
         asked.foundation.requests->Clear();
         return Json::object();
       }}};
  if (request.segments.empty()) return Json::parse(about_);
  auto function = functions->find(request.request.method + " " + request.segments[0]);
  if (function == functions->end()) {
    throw AdminRefusal{404,
                       "no such request: " + request.request.method + " " + request.request.path};
  }
  return function->second(request);
}

void Admin::Serve(Exchange& exchange) {
  auto text = exchange.ReadWholeBody(kBodyBytesMax);
  int status = 200;
  Json answer;
  try {
    Json body = !text || text->empty() ? Json::object() : Json::parse(*text, nullptr, false);
    if (!text || !body.is_object()) throw AdminRefusal{400, "the body is not a JSON object"};
    answer = Answer({foundation_, exchange.request(), Segments(exchange.request().path), body});
  } catch (const AdminRefusal& refusal) {
    status = refusal.status;
    answer = {{"error", refusal.what}};
  } catch (const Json::exception& wrong) {
    status = 400;
    answer = {{"error", wrong.what()}};
  } catch (const std::out_of_range&) {
    status = 404;
    answer = {{"error", "the path lacks a part"}};
  }
  // Logs of apps may hold any bytes.
  exchange.Send(TextResponse(status, "application/json",
                             answer.dump(-1, ' ', false, Json::error_handler_t::replace)));
}

}  // namespace sluice::box

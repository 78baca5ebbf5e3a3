#include "tests/foundation/store.h"

#include <algorithm>

#include "tests/foundation/digests.h"
#include "tests/foundation/http_message.h"

namespace sluice::box {
namespace {

template <typename T>
std::vector<T*> OfApp(Records<T>& records, const std::string& app_guid) {
  std::vector<T*> found;
  for (auto& [guid, record] : records) {
    if (record.app_guid == app_guid) found.push_back(&record);
  }
  std::sort(found.begin(), found.end(), [](const T* a, const T* b) { return a->id < b->id; });
  return found;
}

}  // namespace

void Store::Stamp(Record& record) {
  record.id = next_id_++;
  if (record.guid.empty()) record.guid = RandomGuid();
  record.created_at = std::time(nullptr);
  record.updated_at = record.created_at;
  changes.Note();
}

void Store::Touch(Record& record) {
  record.updated_at = std::time(nullptr);
  changes.Note();
}

AuditEvent& Store::AddEvent(const std::string& type, const std::string& actor_guid, const App& app,
                            std::string detail) {
  if (events.size() >= kEventsMax) {
    auto oldest = std::min_element(events.begin(), events.end(), [](const auto& a, const auto& b) {
      return a.second.id < b.second.id;
    });
    events.erase(oldest);
  }
  AuditEvent event;
  event.type = type;
  event.actor_guid = actor_guid;
  event.target_guid = app.guid;
  event.target_name = app.name;
  event.space_guid = app.space_guid;
  event.organization_guid = OrganizationOf(app.space_guid);
  event.detail = std::move(detail);
  return Add(events, std::move(event));
}

Organization* Store::OrganizationNamed(const std::string& name) {
  for (auto& [guid, organization] : organizations) {
    if (EqualWithoutCase(organization.name, name)) return &organization;
  }
  return nullptr;
}

Space* Store::SpaceNamed(const std::string& organization_guid, const std::string& name) {
  for (auto& [guid, space] : spaces) {
    if (space.organization_guid == organization_guid && EqualWithoutCase(space.name, name)) {
      return &space;
    }
  }
  return nullptr;
}

App* Store::AppNamed(const std::string& space_guid, const std::string& name) {
  for (auto& [guid, app] : apps) {
    if (app.space_guid == space_guid && EqualWithoutCase(app.name, name)) return &app;
  }
  return nullptr;
}

Stack* Store::StackNamed(const std::string& name) {
  for (auto& [guid, stack] : stacks) {
    if (stack.name == name) return &stack;
  }
  return nullptr;
}

std::string Store::OrganizationOf(const std::string& space_guid) const {
  const Space* space = Find(spaces, space_guid);
  return space == nullptr ? "" : space->organization_guid;
}

std::vector<Process*> Store::ProcessesOf(const std::string& app_guid) {
  return OfApp(processes, app_guid);
}

Process* Store::ProcessOfType(const std::string& app_guid, const std::string& type) {
  Process* newest = nullptr;
  for (Process* process : ProcessesOf(app_guid)) {
    if (process->type == type) newest = process;
  }
  return newest;
}

Deployment* Store::ActiveDeployment(const std::string& app_guid) {
  for (Deployment* deployment : OfApp(deployments, app_guid)) {
    if (deployment->status == "ACTIVE") return deployment;
  }
  return nullptr;
}

std::vector<Revision*> Store::RevisionsOf(const std::string& app_guid) {
  return OfApp(revisions, app_guid);
}

}  // namespace sluice::box

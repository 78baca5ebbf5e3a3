// Everything that the foundation knows, in memory, under one mutex.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/foundation/change_count.h"
#include "tests/foundation/records.h"

namespace sluice::box {

template <typename T>
using Records = std::map<std::string, T>;  // by guid

template <typename T>
T* Find(Records<T>& records, const std::string& guid) {
  auto found = records.find(guid);
  return found == records.end() ? nullptr : &found->second;
}

template <typename T>
const T* Find(const Records<T>& records, const std::string& guid) {
  auto found = records.find(guid);
  return found == records.end() ? nullptr : &found->second;
}

// In creation order.
template <typename T>
std::vector<const T*> Ordered(const Records<T>& records) {
  std::map<uint64_t, const T*> by_id;
  for (const auto& [guid, record] : records) by_id[record.id] = &record;
  std::vector<const T*> ordered;
  for (const auto& [id, record] : by_id) ordered.push_back(record);
  return ordered;
}

// Callers hold `mutex` for as long as they use records: every call of the API, every step of a
// job, of the deployment updater and of the admin endpoint. The runtime's own mutex may be taken
// while this one is held, never the other way round.
struct Store {
  static constexpr size_t kEventsMax = 20000;
  static constexpr size_t kRevisionsPerAppMax = 100;

  std::mutex mutex;
  Records<Organization> organizations;
  Records<Space> spaces;
  Records<Stack> stacks;
  Records<Domain> domains;
  Records<Role> roles;
  Records<App> apps;
  Records<Process> processes;
  Records<Droplet> droplets;
  Records<Sidecar> sidecars;
  Records<Revision> revisions;
  Records<Deployment> deployments;
  Records<Route> routes;
  Records<Job> jobs;
  Records<AuditEvent> events;
  std::map<std::string, Client> clients;  // by id
  ChangeCount changes;                    // of records, and of instances that run

  // Puts the record into its place with a new guid (unless it has one), id and times.
  template <typename T>
  T& Add(Records<T>& records, T record) {
    Stamp(record);
    std::string guid = record.guid;
    return records[guid] = std::move(record);
  }
  void Touch(Record& record);

  AuditEvent& AddEvent(const std::string& type, const std::string& actor_guid, const App& app,
                       std::string detail);

  Organization* OrganizationNamed(const std::string& name);  // case-insensitive, as CC
  Space* SpaceNamed(const std::string& organization_guid, const std::string& name);
  App* AppNamed(const std::string& space_guid, const std::string& name);
  Stack* StackNamed(const std::string& name);  // case-sensitive
  std::string OrganizationOf(const std::string& space_guid) const;

  std::vector<Process*> ProcessesOf(const std::string& app_guid);  // in creation order
  // The newest of that type: during a deployment there are several web processes.
  Process* ProcessOfType(const std::string& app_guid, const std::string& type);
  Deployment* ActiveDeployment(const std::string& app_guid);
  std::vector<Revision*> RevisionsOf(const std::string& app_guid);  // oldest first

 private:
  void Stamp(Record& record);

  uint64_t next_id_ = 1;
};

}  // namespace sluice::box

// Cloud Controller's JSON as records. Every reader takes one resource object and fails with
// Unavailable "bad-answer" when a field it needs is missing or of another type; what it does not
// know it ignores, because Cloud Controller adds fields with every release.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/foundation/records.h"
#include "common/base/status.h"
#include "nlohmann/json_fwd.hpp"

namespace sluice::foundation {

StatusOr<Organization> ReadOrganization(const nlohmann::json& json);
StatusOr<Space> ReadSpace(const nlohmann::json& json);
StatusOr<App> ReadApp(const nlohmann::json& json);
StatusOr<Droplet> ReadDroplet(const nlohmann::json& json);
StatusOr<Process> ReadProcess(const nlohmann::json& json);
StatusOr<ProcessInstance> ReadProcessInstance(const nlohmann::json& json);
StatusOr<Deployment> ReadDeployment(const nlohmann::json& json);
StatusOr<Revision> ReadRevision(const nlohmann::json& json);
StatusOr<Job> ReadJob(const nlohmann::json& json);
StatusOr<Stack> ReadStack(const nlohmann::json& json);
StatusOr<Route> ReadRoute(const nlohmann::json& json);
StatusOr<Sidecar> ReadSidecar(const nlohmann::json& json);
StatusOr<Role> ReadRole(const nlohmann::json& json);
StatusOr<AuditEvent> ReadAuditEvent(const nlohmann::json& json);
StatusOr<QuotaLimits> ReadQuotaLimits(const nlohmann::json& json);
// The root document; api_url is not in it and stays empty.
StatusOr<Endpoints> ReadEndpoints(const nlohmann::json& json);

// The `errors` of an answer or a job; empty when there are none or they cannot be read.
std::vector<JobError> ReadErrors(const nlohmann::json& json);

nlohmann::json WriteMetadata(const Metadata& metadata);
nlohmann::json WriteMetadataChange(const MetadataChange& change);

}  // namespace sluice::foundation

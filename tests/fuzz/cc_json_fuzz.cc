// Whatever a Cloud Controller, or what stands before it, answers: every reader gives a record or
// a named failure, and what is shown of it stays short.
//
// Input: the body of an answer.
#include "agent/foundation/cc_json.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/foundation/cc_error.h"
#include "common/base/check.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {
namespace {

constexpr size_t kShownBytesMax = 4096;

template <typename Record>
void Expect(const StatusOr<Record>& record) {
  SLUICE_CHECK(record.ok() || ErrorName(record.status()) == "bad-answer");
}

void ReadAll(const nlohmann::json& json) {
  Expect(ReadOrganization(json));
  Expect(ReadSpace(json));
  Expect(ReadApp(json));
  Expect(ReadDroplet(json));
  Expect(ReadProcess(json));
  Expect(ReadProcessInstance(json));
  Expect(ReadDeployment(json));
  Expect(ReadRevision(json));
  Expect(ReadJob(json));
  Expect(ReadStack(json));
  Expect(ReadRoute(json));
  Expect(ReadSidecar(json));
  Expect(ReadRole(json));
  Expect(ReadAuditEvent(json));
  Expect(ReadQuotaLimits(json));
  Expect(ReadEndpoints(json));
  const std::vector<JobError> errors = ReadErrors(json);
  SLUICE_CHECK(DescribeErrors(errors).size() <= kShownBytesMax);
#ifdef SLUICE_PLANTED_BUG
  // A campaign proves itself by finding this: an app has one instance.
  static const std::vector<char> instances(1);
  const auto instance = ReadProcessInstance(json);
  SLUICE_CHECK(!instance.ok() || instances[static_cast<size_t>(instance->index)] == 0);
#endif
}

void Read(std::string_view body) {
  for (const int status : {401, 404, 422, 502}) {
    const http::HttpResponse answer = {
        status, {{"Content-Type", "application/json"}}, std::string(body)};
    const Status failure = StatusFromAnswer(answer, "prod: GET /v3/apps");
    SLUICE_CHECK(!failure.ok() && failure.message().size() <= kShownBytesMax);
  }
  SLUICE_CHECK(Excerpt(body, 80).size() <= 80 + sizeof "..." - 1);
  const auto json = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_discarded()) ReadAll(json);
}

}  // namespace
}  // namespace sluice::foundation

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t bytes) {
  sluice::foundation::Read(std::string_view(reinterpret_cast<const char*>(input), bytes));
  return 0;
}

// Cloud Controller's JSON as records, without a network: whole, odd and hostile.
#include "agent/foundation/cc_json.h"

#include <gmock/gmock.h>

#include "agent/foundation/cc_error.h"
#include "agent/foundation/json_fields.h"
#include "agent/foundation/query.h"
#include "common/base/testing/status_matchers.h"
#include "nlohmann/json.hpp"

namespace sluice::foundation {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

// The example of the CC v3 API documentation, with what an installed foundation shows.
constexpr char kDroplet[] = R"({
  "guid":"585bc3c1-3743-497d-88b0-403ad6b56d16",
  "created_at":"2016-03-28T23:39:34Z","updated_at":"2016-03-28T23:39:47Z",
  "state":"STAGED","error":null,
  "lifecycle":{"type":"buildpack","data":{}},
  "checksum":{"type":"sha256","value":"e3b0"},
  "buildpacks":[{"name":"ruby_buildpack","detect_output":"ruby","buildpack_name":"ruby",
                 "version":"1.10.2"}],
  "stack":"cflinuxfs4","image":null,"execution_metadata":"",
  "process_types":{"web":"bundle exec rackup","rake":"bundle exec rake"},
  "relationships":{"app":{"data":{"guid":"7b34f1cf"}}},
  "metadata":{"labels":{"a":"b"},"annotations":{"c":null}},
  "links":{"self":{"href":"x"}}})";

TEST(CcJsonTest, ReadsADroplet) {
  const auto droplet = ReadDroplet(json::parse(kDroplet));
  ASSERT_THAT(droplet, IsOk());
  EXPECT_EQ(droplet->guid, DropletGuid("585bc3c1-3743-497d-88b0-403ad6b56d16"));
  EXPECT_TRUE(droplet->Staged());
  EXPECT_EQ(droplet->Sha256(), "e3b0");
  EXPECT_EQ(droplet->buildpacks.front().version, "1.10.2");
  EXPECT_EQ(droplet->stack, "cflinuxfs4");
  EXPECT_THAT(droplet->process_types, UnorderedElementsAre(Pair("web", "bundle exec rackup"),
                                                           Pair("rake", "bundle exec rake")));
  EXPECT_FALSE(droplet->process_types_redacted);
  EXPECT_EQ(droplet->app_guid, AppGuid("7b34f1cf"));
  EXPECT_EQ(droplet->created_at, absl::FromUnixSeconds(1459208374));
  EXPECT_THAT(droplet->metadata.labels, ElementsAre(Pair("a", "b")));
}

TEST(CcJsonTest, ReadsAnUploadedAndADockerDroplet) {
  json uploaded = json::parse(kDroplet);
  uploaded["stack"] = nullptr;
  uploaded["buildpacks"] = json::array();
  uploaded["checksum"] = nullptr;
  const auto droplet = ReadDroplet(uploaded);
  ASSERT_THAT(droplet, IsOk());
  EXPECT_EQ(droplet->stack, "");
  EXPECT_EQ(droplet->Sha256(), "");
  EXPECT_THAT(droplet->buildpacks, IsEmpty());
  uploaded["buildpacks"] = nullptr;
  uploaded["lifecycle"]["type"] = "docker";
  EXPECT_EQ(ReadDroplet(uploaded)->lifecycle_type, "docker");
}

TEST(CcJsonTest, TakesASha1ForNoSha256) {
  json old = json::parse(kDroplet);
  old["checksum"] = {{"type", "sha1"}, {"value", "da39"}};
  EXPECT_EQ(ReadDroplet(old)->Sha256(), "");
  EXPECT_EQ(ReadDroplet(old)->checksum->value, "da39");
}

TEST(CcJsonTest, MarksRedactedProcessTypesAndKeepsATypeOfThatName) {
  json redacted = json::parse(kDroplet);
  redacted["process_types"] = {{"redacted_message", "[PRIVATE DATA HIDDEN IN LISTS]"}};
  EXPECT_TRUE(ReadDroplet(redacted)->process_types_redacted);
  EXPECT_THAT(ReadDroplet(redacted)->process_types, IsEmpty());
  redacted["process_types"] = {{"redacted_message", "run"}};
  EXPECT_FALSE(ReadDroplet(redacted)->process_types_redacted);
}

TEST(CcJsonTest, MarksARedactedCommand) {
  const auto process =
      ReadProcess({{"guid", "p"}, {"type", "web"}, {"command", "[PRIVATE DATA HIDDEN]"}});
  ASSERT_THAT(process, IsOk());
  EXPECT_TRUE(process->command_redacted);
  EXPECT_EQ(process->command, "");
}

TEST(CcJsonTest, NamesTheFieldThatIsMissingOrOfAnotherType) {
  for (const auto& [pointer, value] :
       std::vector<std::pair<std::string, json>>{{"/guid", nullptr},
                                                 {"/guid", 7},
                                                 {"/state", json::array()},
                                                 {"/lifecycle", "buildpack"},
                                                 {"/buildpacks", "none"},
                                                 {"/buildpacks/0/name", 1},
                                                 {"/process_types", json::array({"web"})},
                                                 {"/process_types/web", 1},
                                                 {"/created_at", "yesterday"},
                                                 {"/metadata/labels", "x"},
                                                 {"/relationships/app/data/guid", false}}) {
    json damaged = json::parse(kDroplet);
    damaged[json::json_pointer(pointer)] = value;
    EXPECT_THAT(ReadDroplet(damaged),
                AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("bad-answer")))
        << pointer;
  }
}

// Each reader takes any JSON whatsoever: this is what the fuzz target relies on.
TEST(CcJsonTest, SurvivesAnyKindOfValueEverywhere) {
  const std::vector<json> odd = {nullptr,
                                 true,
                                 -1,
                                 18446744073709551615U,
                                 1e300,
                                 "",
                                 "x",
                                 json::array(),
                                 json::object(),
                                 json::array({json::array()}),
                                 {{"guid", json::object()}},
                                 {{"errors", {1, "x", nullptr}}}};
  for (const json& value : odd) {
    ReadOrganization(value).IgnoreError();
    ReadErrors(value);
    EXPECT_FALSE(ReadSpace(value).ok());
    EXPECT_FALSE(ReadApp(value).ok());
    EXPECT_FALSE(ReadDroplet(value).ok());
    EXPECT_FALSE(ReadProcess(value).ok());
    EXPECT_FALSE(ReadProcessInstance(value).ok());
    EXPECT_FALSE(ReadDeployment(value).ok());
    EXPECT_FALSE(ReadRevision(value).ok());
    EXPECT_FALSE(ReadJob(value).ok());
    EXPECT_FALSE(ReadStack(value).ok());
    EXPECT_FALSE(ReadRoute(value).ok());
    EXPECT_FALSE(ReadSidecar(value).ok());
    EXPECT_FALSE(ReadRole(value).ok());
    EXPECT_FALSE(ReadAuditEvent(value).ok());
    EXPECT_FALSE(ReadQuotaLimits(value).ok());
    EXPECT_FALSE(ReadEndpoints(value).ok());
  }
}

TEST(CcJsonTest, RefusesANumberThatDoesNotFit) {
  EXPECT_THAT(ReadProcess({{"guid", "p"}, {"type", "web"}, {"instances", 18446744073709551615U}}),
              HasErrorName("bad-answer"));
  EXPECT_THAT(ReadProcess({{"guid", "p"}, {"type", "web"}, {"instances", 1.5}}),
              HasErrorName("bad-answer"));
}

TEST(CcJsonTest, TakesTheUaaForTheLoginServerWhenThereIsNoOther) {
  json root = {{"links",
                {{"login", nullptr},
                 {"uaa", {{"href", "https://uaa.test/"}}},
                 {"cloud_controller_v3", {{"meta", {{"version", "3.228.0"}}}}}}}};
  EXPECT_EQ(ReadEndpoints(root)->login_url, "https://uaa.test");
  root["links"]["uaa"] = nullptr;
  EXPECT_THAT(ReadEndpoints(root), HasErrorName("bad-answer"));
}

TEST(CcJsonTest, RefusesTextThatIsNotJson) {
  for (const std::string_view text : {"", "<html>", "{", "{\"a\":}", "nul", "\xff"}) {
    EXPECT_THAT(ParseJson(text), HasErrorName("bad-answer")) << text;
  }
  // As deep as an answer may be long: nothing recurses.
  EXPECT_THAT(ParseJson(std::string(1 << 20, '[')), HasErrorName("bad-answer"));
}

http::HttpResponse Answer(int status, int code, std::string_view detail = "because") {
  return {status,
          {{"X-Vcap-Request-Id", "id-1"}},
          json{{"errors", {{{"code", code}, {"title", "CF-Some"}, {"detail", detail}}}}}.dump()};
}

TEST(CcErrorTest, NamesCloudControllersCodes) {
  struct Case {
    int status;
    int code;
    StatusCode expected;
    std::string name;
  };
  for (const Case& each :
       std::vector<Case>{{401, 1000, StatusCode::kUnauthenticated, "invalid-token"},
                         {401, 10002, StatusCode::kUnauthenticated, "not-authenticated"},
                         {403, 10003, StatusCode::kPermissionDenied, "not-authorized"},
                         {429, 10013, StatusCode::kUnavailable, "rate-limited"},
                         {429, 10014, StatusCode::kUnavailable, "rate-limited"},
                         {403, 10017, StatusCode::kFailedPrecondition, "org-suspended"},
                         {403, 10019, StatusCode::kFailedPrecondition, "space-suspended"},
                         {403, 330002, StatusCode::kFailedPrecondition, "feature-disabled"},
                         {403, 390014, StatusCode::kFailedPrecondition, "deployments-disabled"},
                         {422, 10016, StatusCode::kAlreadyExists, "name-taken"},
                         {502, 150006, StatusCode::kUnavailable, "blobstore-unavailable"},
                         {500, 150007, StatusCode::kUnavailable, "blobstore-unavailable"},
                         {503, 10015, StatusCode::kUnavailable, "foundation-unavailable"},
                         {502, 20004, StatusCode::kUnavailable, "uaa-unavailable"},
                         {404, 10010, StatusCode::kNotFound, "cc-10010"},
                         {422, 10008, StatusCode::kFailedPrecondition, "cc-10008"},
                         {400, 10005, StatusCode::kInvalidArgument, "cc-10005"},
                         {500, 10001, StatusCode::kUnavailable, "cc-10001"}}) {
    EXPECT_THAT(StatusFromAnswer(Answer(each.status, each.code), "prod: GET /v3/x"),
                AllOf(StatusIs(each.expected), HasErrorName(each.name)))
        << each.code;
  }
}

TEST(CcErrorTest, JudgesAnAnswerOfWhatStandsBeforeByItsStatus) {
  const auto name = [](int status) {
    return ErrorName(StatusFromAnswer({status, {}, "<html>secret page"}, "prod: GET /v3/x"));
  };
  EXPECT_EQ(name(401), "not-authenticated");
  EXPECT_EQ(name(404), "not-found");
  EXPECT_EQ(name(413), "too-large");
  EXPECT_EQ(name(429), "rate-limited");
  EXPECT_EQ(name(502), "foundation-unavailable");
  EXPECT_EQ(name(415), "refused");
  EXPECT_THAT(std::string(StatusFromAnswer({502, {}, "<html>secret page"}, "x").message()),
              Not(HasSubstr("secret page")));
}

TEST(CcErrorTest, TellsTheRoutersMissingRouteFromAMissingThing) {
  EXPECT_THAT(
      StatusFromAnswer({404, {{"X-Cf-RouterError", "unknown_route"}}, "404 Not Found"}, "x"),
      AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("foundation-unavailable")));
}

TEST(CcErrorTest, CutsLongDetailsBetweenCharactersAndBlanksControlCharacters) {
  std::string detail = "line\nbreak\x1b[31m ";
  for (int i = 0; i < 1000; ++i) detail += "\xC3\xA4";
  const Status status = StatusFromAnswer(Answer(422, 10008, detail), "x");
  const std::string message(status.message());
  EXPECT_LT(message.size(), 1000U);
  EXPECT_THAT(message,
              AllOf(Not(HasSubstr("\n")), Not(HasSubstr("\x1b")), HasSubstr("\xC3\xA4...")));
}

TEST(QueryTest, EncodesPlainValuesOnceAndListsTwice) {
  EXPECT_EQ(Query().With("order_by", "-created_at").text(), "order_by=-created_at");
  EXPECT_EQ(Query().WithList("names", {"a,b", "c d"}).text(), "names=a%252Cb%2Cc%2520d");
  EXPECT_EQ(Query().WithList("names", {""}).text(), "names=");
}

}  // namespace
}  // namespace sluice::foundation

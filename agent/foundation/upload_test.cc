// Uploads: the form's bytes, and what is known after each way to fail.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/foundation/multipart.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "common/base/testing/status_matchers.h"

namespace sluice::foundation {
namespace {

using http::FakeReply;
using http::SeenRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

const DropletGuid kDroplet("droplet-1");
constexpr std::string_view kUpload = "/v3/droplets/droplet-1/upload";

// Gives `text` in pieces of at most `piece` bytes, then fails if told so.
class StringSource final : public http::BodySource {
 public:
  explicit StringSource(std::string text, size_t piece = 7)
      : text_(std::move(text)), piece_(piece) {}
  uint64_t ContentLength() const override { return text_.size(); }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    if (at_ >= fail_at) return failure;
    const size_t count = std::min({buffer.size(), piece_, text_.size() - at_});
    std::copy_n(text_.data() + at_, count, buffer.data());
    at_ += count;
    return count;
  }
  size_t fail_at = SIZE_MAX;
  Status failure;

 private:
  const std::string text_;
  const size_t piece_;
  size_t at_ = 0;
};

FakeReply Taken() {
  FakeReply reply = JsonReply(202, DropletJson("droplet-1", "PROCESSING_UPLOAD"));
  reply.headers.Add("Location", "https://api.test/v3/jobs/job-1");
  return reply;
}

class UploadTest : public testing::Test {
 protected:
  UploadTest() { AnswerState("AWAITING_UPLOAD"); }
  void AnswerState(std::string_view state) {
    foundation_.On("GET", "/v3/droplets/droplet-1",
                   JsonReply(200, DropletJson("droplet-1", state)));
  }
  StatusOr<JobGuid> Upload() { return client_.UploadDroplet(kDroplet, bits_, {}); }

  StringSource bits_{"the bits\r\n--of a droplet"};
  ScriptedFoundation foundation_;
  CloudController& client_ = foundation_.client();
};

TEST_F(UploadTest, PostsOneFileFieldNamedBitsWithANameThatEndsInTgz) {
  foundation_.On("POST", kUpload, Taken());
  const auto job = Upload();
  ASSERT_THAT(job, IsOk());
  EXPECT_EQ(*job, JobGuid("job-1"));
  const SeenRequest post = foundation_.Only("POST", kUpload);
  const std::string type = post.headers.Find("Content-Type").value_or("");
  ASSERT_THAT(type, StartsWith("multipart/form-data; boundary=sluice-"));
  const std::string boundary = type.substr(type.find('=') + 1);
  EXPECT_EQ(boundary.size(), 7U + 32U);
  EXPECT_EQ(post.body, absl::StrCat("--", boundary,
                                    "\r\nContent-Disposition: form-data; name=\"bits\"; "
                                    "filename=\"droplet.tgz\"\r\n"
                                    "Content-Type: application/octet-stream\r\n\r\n"
                                    "the bits\r\n--of a droplet\r\n--",
                                    boundary, "--\r\n"));
  EXPECT_EQ(post.headers.Find("Authorization"), "bearer token-1");
}

TEST_F(UploadTest, UsesAnotherBoundaryEachTime) {
  foundation_.On("POST", kUpload, Taken());
  ASSERT_THAT(Upload(), IsOk());
  StringSource again("x");
  ASSERT_THAT(client_.UploadDroplet(kDroplet, again, {}), IsOk());
  const auto posts = foundation_.transport().Seen("POST", kUpload);
  EXPECT_NE(posts[0].headers.Find("Content-Type"), posts[1].headers.Find("Content-Type"));
}

TEST_F(UploadTest, AsksForTheDropletFirstAndSendsNothingToOneThatTakesNoUpload) {
  ScriptedFoundation foundation;
  foundation.On("GET", "/v3/droplets/droplet-1",
                JsonReply(200, DropletJson("droplet-1", "STAGED")));
  EXPECT_THAT(foundation.client().UploadDroplet(kDroplet, bits_, {}),
              AllOf(StatusIs(StatusCode::kFailedPrecondition),
                    HasErrorName("droplet-not-awaiting-upload")));
  EXPECT_EQ(foundation.Count("POST", kUpload), 0U);
}

TEST_F(UploadTest, RenewsARefusedTokenBeforeTheBitsAreSent) {
  ScriptedFoundation foundation;
  foundation.On("GET", "/v3/droplets/droplet-1",
                ErrorReply(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"));
  foundation.On("GET", "/v3/droplets/droplet-1",
                JsonReply(200, DropletJson("droplet-1", "AWAITING_UPLOAD")));
  foundation.On("POST", kUpload, Taken());
  ASSERT_THAT(foundation.client().UploadDroplet(kDroplet, bits_, {}), IsOk());
  EXPECT_EQ(foundation.Only("POST", kUpload).headers.Find("Authorization"), "bearer token-2");
}

TEST_F(UploadTest, EndsWithTheSourcesOwnFailureAndNeverGivesTheClosingBoundary) {
  bits_.fail_at = 14;
  bits_.failure = NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bytes");
  foundation_.On("POST", kUpload, Taken());
  EXPECT_THAT(Upload(), AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("digest-mismatch")));
  EXPECT_EQ(foundation_.Count("POST", kUpload), 0U);  // the server never saw a whole request
}

TEST_F(UploadTest, CallsTheOutcomeOpenOnlyAfterTheWholeBodyWasSent) {
  foundation_.Fail("POST", kUpload,
                   NamedError(StatusCode::kUnavailable, "connection-cut", "POST: cut"));
  EXPECT_THAT(Upload(), AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("outcome-unknown")));
  EXPECT_EQ(foundation_.Count("POST", kUpload), 1U);
}

// Breaks an upload off after its first bytes; passes everything else on.
class HalfwayTransport final : public http::HttpTransport {
 public:
  explicit HalfwayTransport(http::HttpTransport& rest) : rest_(rest) {}
  StatusOr<http::HttpResponse> Perform(const http::HttpRequest& request,
                                       std::stop_token stop) override {
    if (request.body_source == nullptr) return rest_.Perform(request, stop);
    std::array<char, 16> buffer;
    SLUICE_RETURN_IF_ERROR(request.body_source->Read(buffer).status());
    return NamedError(StatusCode::kUnavailable, "connection-cut", "POST: cut");
  }

 private:
  http::HttpTransport& rest_;
};

TEST_F(UploadTest, KnowsThatAnUploadWhichBrokeOffTookNoEffect) {
  HalfwayTransport transport(foundation_.transport());
  CloudController client(
      {.foundation = "prod", .api_url = "https://api.test", .retry = {}},
      [&] { return foundation_.credentials; }, transport, foundation_.clock(), foundation_.waiter(),
      /*jitter_seed=*/1);
  EXPECT_THAT(client.UploadDroplet(kDroplet, bits_, {}), HasErrorName("connection-cut"));
}

TEST_F(UploadTest, CallsARoutersGatewayErrorAfterTheWholeBodyAnOpenOutcome) {
  foundation_.On("POST", kUpload,
                 {.status = 504, .headers = {}, .body = "<html>", .then_fail = {}});
  EXPECT_THAT(Upload(), HasErrorName("outcome-unknown"));
}

TEST_F(UploadTest, CallsAnAcceptedUploadWithoutAJobAnOpenOutcome) {
  foundation_.On("POST", kUpload, JsonReply(202, DropletJson("droplet-1", "PROCESSING_UPLOAD")));
  EXPECT_THAT(Upload(), HasErrorName("outcome-unknown"));
}

TEST_F(UploadTest, NamesARefusal) {
  foundation_.On(
      "POST", kUpload,
      ErrorReply(422, 10008, "CF-UnprocessableEntity", "Droplet may be uploaded only once"));
  EXPECT_THAT(Upload(), HasErrorName("cc-10008"));
}

TEST_F(UploadTest, NamesABodyThatNginxFindsTooLarge) {
  foundation_.On("POST", kUpload,
                 {.status = 413, .headers = {}, .body = "<html>413", .then_fail = {}});
  EXPECT_THAT(Upload(), AllOf(StatusIs(StatusCode::kResourceExhausted), HasErrorName("too-large")));
}

TEST_F(UploadTest, ForgetsATokenThatIsRefusedAfterTheBody) {
  foundation_.On("POST", kUpload,
                 ErrorReply(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"));
  foundation_.On("POST", kUpload, Taken());
  EXPECT_THAT(Upload(), HasErrorName("invalid-token"));
  StringSource again("x");
  ASSERT_THAT(client_.UploadDroplet(kDroplet, again, {}), IsOk());
  EXPECT_EQ(foundation_.transport().Seen("POST", kUpload)[1].headers.Find("Authorization"),
            "bearer token-2");
}

// --- The form by itself

std::string Drain(http::BodySource& source, size_t room) {
  std::string text;
  std::vector<char> buffer(room);
  while (text.size() < source.ContentLength()) {
    const auto count = source.Read(buffer);
    if (!count.ok() || *count == 0) break;
    text.append(buffer.data(), *count);
  }
  return text;
}

TEST(MultipartTest, GivesTheSameBytesInWhateverPieces) {
  StringSource whole_file("0123456789");
  MultipartSource whole("bits", "droplet.tgz", "B", whole_file);
  const std::string expected = Drain(whole, 4096);
  EXPECT_EQ(expected.size(), whole.ContentLength());
  for (const size_t room : {1U, 2U, 3U, 5U, 64U}) {
    StringSource file("0123456789", room);
    MultipartSource form("bits", "droplet.tgz", "B", file);
    EXPECT_EQ(Drain(form, room), expected) << room;
    EXPECT_TRUE(form.GivenWhole());
  }
}

TEST(MultipartTest, RefusesAFileThatEndsBeforeItsLength) {
  class Short final : public http::BodySource {
   public:
    uint64_t ContentLength() const override { return 10; }
    StatusOr<size_t> Read(std::span<char>) override { return 0; }
  } file;
  MultipartSource form("bits", "droplet.tgz", "B", file);
  const std::string given = Drain(form, 4096);
  EXPECT_FALSE(absl::EndsWith(given, "--B--\r\n"));
  EXPECT_FALSE(form.GivenWhole());
  EXPECT_THAT(form.file_failure(), HasErrorName("body-wrong-length"));
}

}  // namespace
}  // namespace sluice::foundation

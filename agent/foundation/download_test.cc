// Downloads: the redirect, what is not a droplet, and taking up what broke off.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "agent/foundation/content_range.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "common/base/testing/status_matchers.h"

namespace sluice::foundation {
namespace {

using http::FakeReply;
using http::SeenRequest;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const DropletGuid kDroplet("droplet-1");
constexpr std::string_view kDownload = "/v3/droplets/droplet-1/download";
constexpr std::string_view kBlob = "https://blobstore.test/read/cc-droplets/dr/op/droplet-1/sha1";
constexpr std::string_view kSignature = "md5=SIGNATURE&expires=1767229200";

// As a gzipped tar begins, then bytes that differ from place to place.
std::string DropletBytes(size_t size) {
  std::string bytes = "\x1f\x8b\x08";
  for (uint32_t i = 0; bytes.size() < size; ++i) bytes.append(absl::StrCat(i, ","));
  bytes.resize(size);
  return bytes;
}

FakeReply Redirect() {
  return {.status = 302,
          .headers = {{"Location", absl::StrCat(ToAbsl(kBlob), "?", ToAbsl(kSignature))}},
          .body = "<html>Found</html>",
          .then_fail = {}};
}

FakeReply Whole(std::string_view bytes, std::string_view etag = "\"v1\"") {
  return {.status = 200,
          .headers = {{"Content-Length", absl::StrCat(bytes.size())},
                      {"Content-Type", "text/html"},  // as nginx says it of a blob
                      {"ETag", std::string(etag)}},
          .body = std::string(bytes),
          .then_fail = {}};
}

FakeReply Part(std::string_view bytes, size_t first, std::string_view etag = "\"v1\"") {
  return {.status = 206,
          .headers = {{"Content-Range",
                       absl::StrCat("bytes ", first, "-", bytes.size() - 1, "/", bytes.size())},
                      {"ETag", std::string(etag)}},
          .body = std::string(bytes.substr(first)),
          .then_fail = {}};
}

// The connection breaks after `bytes` bytes of the body.
FakeReply CutAfter(FakeReply reply, size_t bytes, std::string_view name = "connection-cut") {
  reply.body.resize(bytes);
  reply.then_fail = NamedError(StatusCode::kUnavailable, name, "GET https://blobstore.test: cut");
  return reply;
}

FakeReply Page(int status, std::string_view text) {
  return {.status = status,
          .headers = {{"Content-Length", absl::StrCat(text.size())}},
          .body = std::string(text),
          .then_fail = {}};
}

class StringSink final : public http::ByteSink {
 public:
  Status Write(std::string_view bytes) override {
    if (!failure.ok()) return failure;
    text.append(bytes);
    return absl::OkStatus();
  }
  std::string text;
  Status failure;
};

class DownloadTest : public testing::Test {
 protected:
  Status Download(uint64_t offset = 0) {
    return client_.DownloadDroplet(kDroplet, offset, bytes_.size(), sink_, {});
  }
  std::vector<SeenRequest> BlobRequests() {
    return foundation_.transport().Seen("GET", "blobstore.test");
  }
  const std::string bytes_ = DropletBytes(300'000);
  StringSink sink_;
  ScriptedFoundation foundation_;
  CloudController& client_ = foundation_.client();
};

TEST_F(DownloadTest, FollowsTheRedirectByAPlainGetWithoutTokenOrContentType) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Whole(bytes_));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
  ASSERT_EQ(BlobRequests().size(), 1U);
  EXPECT_EQ(BlobRequests()[0].url, absl::StrCat(ToAbsl(kBlob), "?", ToAbsl(kSignature)));
  EXPECT_TRUE(BlobRequests()[0].headers.fields().empty());
  EXPECT_EQ(foundation_.Only("GET", kDownload).headers.Find("Authorization"), "bearer token-1");
}

TEST_F(DownloadTest, SendsTheTokenToNobodyButTheApiWhateverHappens) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, Page(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>"));
  foundation_.On("GET", kBlob, Page(503, "later"));
  foundation_.On("GET", kBlob, Part(bytes_, 100'000));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
  for (const SeenRequest& request : foundation_.transport().Seen()) {
    EXPECT_EQ(request.headers.Has("Authorization"), request.url.starts_with("https://api.test/v3/"))
        << request.url;
  }
}

TEST_F(DownloadTest, TakesBytesThatCloudControllerSendsItself) {
  foundation_.On("GET", kDownload, Whole(bytes_));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
}

TEST_F(DownloadTest, GoesOnByRangeOnTheSameSignedUrlAfterACut) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, CutAfter(Part(bytes_, 100'000), 100'000));
  foundation_.On("GET", kBlob, Part(bytes_, 200'000));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
  ASSERT_EQ(BlobRequests().size(), 3U);
  EXPECT_EQ(BlobRequests()[1].headers.Find("Range"), "bytes=100000-");
  EXPECT_EQ(BlobRequests()[1].headers.Find("If-Range"), "\"v1\"");
  EXPECT_EQ(BlobRequests()[2].headers.Find("Range"), "bytes=200000-");
  EXPECT_EQ(foundation_.Count("GET", kDownload), 1U);  // each call is an audit event
}

TEST_F(DownloadTest, GoesOnAfterAnIdleConnection) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000, "idle-timeout"));
  foundation_.On("GET", kBlob, Part(bytes_, 100'000));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
}

TEST_F(DownloadTest, SkipsWhatItHasWhenAServerWithoutRangesBeginsAgain) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, Whole(bytes_));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
}

TEST_F(DownloadTest, BeginsAtTheOffsetGiven) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Part(bytes_, 1000));
  ASSERT_THAT(Download(1000), IsOk());
  EXPECT_EQ(sink_.text, bytes_.substr(1000));
  EXPECT_EQ(BlobRequests()[0].headers.Find("Range"), "bytes=1000-");
}

TEST_F(DownloadTest, AsksForANewSignedUrlWhenTheOldOneHasExpired) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, Page(410, "Gone"));
  foundation_.On("GET", kBlob, Part(bytes_, 100'000));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
  EXPECT_EQ(foundation_.Count("GET", kDownload), 2U);
}

TEST_F(DownloadTest, AsksForANewSignedUrlWhenTheOldOneGivesNothing) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, CutAfter(Part(bytes_, 100'000), 0));
  foundation_.On("GET", kBlob, Part(bytes_, 100'000));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, bytes_);
  EXPECT_EQ(foundation_.Count("GET", kDownload), 2U);
}

TEST_F(DownloadTest, RenewsATokenThatIsRefused) {
  foundation_.On("GET", kDownload,
                 ErrorReply(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token"));
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Whole(bytes_));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_EQ(foundation_.transport().Seen("GET", kDownload)[1].headers.Find("Authorization"),
            "bearer token-2");
}

TEST_F(DownloadTest, RefusesAPageWithStatus200) {
  for (const std::string_view page :
       {"<!DOCTYPE html><html>Please log in, it is necessary to log in before you go on</html>",
        "\n  <html></html>", "\xEF\xBB\xBF<?xml version=\"1.0\"?>", "{\"error\":\"no\"}"}) {
    ScriptedFoundation foundation;
    StringSink sink;
    foundation.On("GET", kDownload, Redirect());
    foundation.On("GET", kBlob, Page(200, page));
    const Status failure =
        foundation.client().DownloadDroplet(kDroplet, 0, bytes_.size(), sink, {});
    EXPECT_THAT(failure,
                AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("download-not-a-droplet")));
    EXPECT_THAT(std::string(failure.message()), HasSubstr("prod: download of droplet droplet-1"));
    EXPECT_EQ(sink.text, "") << page;
    EXPECT_EQ(foundation.Count("GET", "blobstore.test"), 1U);
  }
}

TEST_F(DownloadTest, RefusesAPageEvenWhenItsLengthIsRight) {
  std::string page = "<html>";
  page.resize(bytes_.size(), ' ');
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Page(200, page));
  EXPECT_THAT(Download(), HasErrorName("download-not-a-droplet"));
  EXPECT_EQ(sink_.text, "");
}

TEST_F(DownloadTest, RefusesAnEmptyBody) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Page(200, ""));
  EXPECT_THAT(Download(), AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("download-empty")));
  FakeReply unsized = Page(200, "");
  unsized.headers = {};
  foundation_.On("GET", kBlob, unsized);
  EXPECT_THAT(Download(), HasErrorName("download-empty"));
}

TEST_F(DownloadTest, RefusesAWrongContentLengthBeforeAByteIsPassedOn) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Whole(bytes_.substr(0, 299'000)));
  EXPECT_THAT(Download(),
              AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("download-wrong-size")));
  EXPECT_EQ(sink_.text, "");
  EXPECT_EQ(BlobRequests().size(), 1U);
}

TEST_F(DownloadTest, RefusesMoreBytesThanTheDropletHas) {
  FakeReply unsized = Whole(absl::StrCat(bytes_, "more"));
  unsized.headers = {};
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, unsized);
  EXPECT_THAT(Download(), HasErrorName("download-wrong-size"));
}

TEST_F(DownloadTest, RefusesAnotherRangeThanTheOneAskedFor) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, Part(bytes_, 150'000));
  EXPECT_THAT(Download(), HasErrorName("download-wrong-size"));
  EXPECT_EQ(sink_.text, bytes_.substr(0, 100'000));
}

TEST_F(DownloadTest, RefusesABlobThatEndsBeforeWhatIsLeft) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, Page(416, ""));
  EXPECT_THAT(Download(), HasErrorName("download-wrong-size"));
}

TEST_F(DownloadTest, CallsADownloadThatAlwaysEndsAtTheSamePlaceTruncated) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, CutAfter(Part(bytes_, 100'000), 0));
  const Status failure = Download();
  EXPECT_THAT(failure, AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("download-truncated")));
  EXPECT_THAT(std::string(failure.message()), HasSubstr("byte 100000 of 300000"));
  EXPECT_EQ(sink_.text, bytes_.substr(0, 100'000));
  EXPECT_LE(BlobRequests().size(), 6U);
}

TEST_F(DownloadTest, CallsAnEndWithoutAContentLengthTruncatedToo) {
  FakeReply half = Whole(bytes_.substr(0, 150'000));
  half.headers = {};
  FakeReply nothing = Part(bytes_, 150'000);
  nothing.body = "";
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, half);
  foundation_.On("GET", kBlob, nothing);
  EXPECT_THAT(Download(), HasErrorName("download-truncated"));
}

TEST_F(DownloadTest, BoundsTheAttemptsOfABlobstoreThatGivesAFewBytesEachTime) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100));
  for (size_t at = 100; at < 3000; at += 100) {
    foundation_.On("GET", kBlob, CutAfter(Part(bytes_, at), 100));
  }
  EXPECT_THAT(Download(), HasErrorName("download-truncated"));
  EXPECT_EQ(BlobRequests().size(), 5U);
}

TEST_F(DownloadTest, RefusesBytesOfAnotherVersion) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.On("GET", kBlob, Whole(bytes_, "\"v2\""));  // If-Range no longer holds
  EXPECT_THAT(Download(), AllOf(StatusIs(StatusCode::kDataLoss), HasErrorName("download-changed")));
  EXPECT_EQ(sink_.text, bytes_.substr(0, 100'000));
}

TEST_F(DownloadTest, SendsNoWeakValidator) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_, "W/\"v1\""), 100'000));
  foundation_.On("GET", kBlob, Part(bytes_, 100'000, "W/\"v1\""));
  ASSERT_THAT(Download(), IsOk());
  EXPECT_FALSE(BlobRequests()[1].headers.Has("If-Range"));
}

TEST_F(DownloadTest, DoesNotFollowARedirectOfTheBlobstores) {
  foundation_.On("GET", kDownload, Redirect());
  FakeReply further = Page(302, "");
  further.headers.Add("Location", "https://evil.test/droplet");
  foundation_.On("GET", kBlob, further);
  EXPECT_THAT(Download(), HasErrorName("blobstore-redirects"));
  EXPECT_EQ(foundation_.Count("GET", "evil.test"), 0U);
}

TEST_F(DownloadTest, WaitsAsLongAsTheBlobstoreAsks) {
  foundation_.On("GET", kDownload, Redirect());
  FakeReply busy = Page(503, "");
  busy.headers.Add("Retry-After", "11");
  foundation_.On("GET", kBlob, busy);
  foundation_.On("GET", kBlob, Whole(bytes_));
  ASSERT_THAT(Download(), IsOk());
  ASSERT_EQ(foundation_.waiter().Waits().size(), 1U);
  EXPECT_GE(foundation_.waiter().Waits()[0], absl::Seconds(11));
}

TEST_F(DownloadTest, AsksAgainAfterABlobstoreErrorOfCloudControllersAndThenGivesUp) {
  foundation_.On("GET", kDownload,
                 ErrorReply(502, 150006, "CF-BlobstoreUnavailable", "Failed to perform"));
  EXPECT_THAT(Download(),
              AllOf(StatusIs(StatusCode::kUnavailable), HasErrorName("blobstore-unavailable")));
  EXPECT_EQ(foundation_.Count("GET", kDownload), 5U);
}

TEST_F(DownloadTest, NamesADropletThatIsGoneAndADownloadThatIsNotAllowed) {
  foundation_.On("GET", kDownload,
                 ErrorReply(404, 10010, "CF-ResourceNotFound", "Droplet not found"));
  foundation_.On("GET", kDownload, ErrorReply(403, 10003, "CF-NotAuthorized", "not authorized"));
  EXPECT_THAT(Download(), HasErrorName("no-droplet"));
  EXPECT_THAT(Download(), HasErrorName("not-authorized"));
}

TEST_F(DownloadTest, EndsWithTheSinksOwnFailureAtOnce) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Whole(bytes_));
  sink_.failure = NamedError(StatusCode::kUnavailable, "peer-gone", "the target has gone");
  EXPECT_THAT(Download(), HasErrorName("peer-gone"));
  EXPECT_EQ(BlobRequests().size(), 1U);
}

TEST_F(DownloadTest, EndsWithCancelledWhenStopped) {
  std::stop_source stop;
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, CutAfter(Whole(bytes_), 100'000));
  foundation_.on_request = [&](const SeenRequest& request) {
    if (request.url.starts_with(kBlob)) stop.request_stop();
  };
  EXPECT_THAT(client_.DownloadDroplet(kDroplet, 0, bytes_.size(), sink_, stop.get_token()),
              HasErrorName("cancelled"));
}

TEST_F(DownloadTest, ShowsTheSignatureInNoError) {
  for (const int status : {302, 400, 403, 404, 410, 416, 429, 500, 503}) {
    ScriptedFoundation foundation;
    StringSink sink;
    foundation.On("GET", kDownload, Redirect());
    foundation.On("GET", kBlob, Page(status, absl::StrCat("<Error>", ToAbsl(kSignature))));
    const Status failure =
        foundation.client().DownloadDroplet(kDroplet, 0, bytes_.size(), sink, {});
    ASSERT_FALSE(failure.ok()) << status;
    EXPECT_THAT(std::string(failure.message()),
                AllOf(Not(HasSubstr("SIGNATURE")), Not(HasSubstr("token-1"))));
  }
}

// --- The size

class SizeTest : public DownloadTest {
 protected:
  StatusOr<uint64_t> Size() { return client_.GetDropletSize(kDroplet, {}); }
};

TEST_F(SizeTest, IsLearnedByOneByte) {
  foundation_.On("GET", kDownload, Redirect());
  FakeReply first_byte = Part(bytes_, 0);
  first_byte.headers = {{"Content-Range", "bytes 0-0/300000"}};
  first_byte.body = bytes_.substr(0, 1);
  foundation_.On("GET", kBlob, first_byte);
  const auto size = Size();
  ASSERT_THAT(size, IsOk());
  EXPECT_EQ(*size, 300'000U);
  EXPECT_EQ(BlobRequests()[0].headers.Find("Range"), "bytes=0-0");
  EXPECT_FALSE(BlobRequests()[0].headers.Has("Authorization"));
}

TEST_F(SizeTest, IsTheContentLengthOfAServerWithoutRanges) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Whole(bytes_));
  const auto size = Size();
  ASSERT_THAT(size, IsOk());
  EXPECT_EQ(*size, 300'000U);
}

TEST_F(SizeTest, IsNotThatOfAPageOrOfNothing) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Page(200, "<html>Please log in</html>"));
  EXPECT_THAT(Size(), HasErrorName("download-not-a-droplet"));
  ScriptedFoundation empty;
  empty.On("GET", kDownload, Redirect());
  empty.On("GET", kBlob, Page(200, ""));
  EXPECT_THAT(empty.client().GetDropletSize(kDroplet, {}), HasErrorName("download-empty"));
  ScriptedFoundation none;
  none.On("GET", kDownload, Redirect());
  none.On("GET", kBlob, Page(416, ""));
  EXPECT_THAT(none.client().GetDropletSize(kDroplet, {}), HasErrorName("download-empty"));
}

TEST_F(SizeTest, IsRefusedWhenTheServerContradictsItself) {
  foundation_.On("GET", kDownload, Redirect());
  FakeReply odd = Part(bytes_, 0);
  odd.headers = {{"Content-Range", "bytes 0-18446744073709551615/299000"}};
  foundation_.On("GET", kBlob, odd);
  EXPECT_THAT(Size(), HasErrorName("download-wrong-size"));
}

TEST_F(SizeTest, IsAskedForAgainAfterAFailureThatMayPass) {
  foundation_.On("GET", kDownload, Redirect());
  foundation_.On("GET", kBlob, Page(500, ""));
  foundation_.On("GET", kBlob, Whole(bytes_));
  EXPECT_THAT(Size(), IsOk());
}

TEST(ContentRangeTest, IsReadStrictly) {
  const auto range = ParseContentRange("bytes 5-9/10");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->first, 5U);
  EXPECT_EQ(range->last, 9U);
  EXPECT_EQ(range->total, 10U);
  for (const std::string_view wrong :
       {"", "bytes", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 0-10/10", "bytes -9/10",
        "bytes 5-/10", "bytes 0-9/10 ", "bytes 0-9", "items 0-9/10", "bytes +0-9/10",
        "bytes 0-99999999999999999999/100000000000000000000"}) {
    EXPECT_FALSE(ParseContentRange(wrong).has_value()) << wrong;
  }
}

}  // namespace
}  // namespace sluice::foundation

#include "common/registry/blob_download.h"

#include <memory>
#include <optional>
#include <string>

#include "common/base/testing/status_matchers.h"
#include "common/registry/testing/fake_registry.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

using http::FakeReply;
using http::SeenRequest;
using Reply = FakeRegistry::Reply;

class StringSink final : public http::ByteSink {
 public:
  Status Write(std::string_view bytes) override {
    text.append(bytes);
    return then_fail;
  }
  std::string text;
  Status then_fail;
};

class BlobDownloadTest : public ::testing::Test {
 protected:
  BlobDownloadTest() {
    registry_.AddBlob("team/app", content_);
    blob_.digest = crypto::Sha256Of(content_);
    blob_.size = content_.size();
  }
  Status Download() { return DownloadBlob(*calls_, "team/app", blob_, sink_, {}); }

  const std::string content_ = "0123456789abcdefghij";
  FakeRegistry registry_;
  std::unique_ptr<RegistryCalls> calls_ = registry_.Calls();
  Descriptor blob_;
  StringSink sink_;
};

TEST_F(BlobDownloadTest, IsTakenUpAgainWhereItWasCutAndGivesEachByteOnce) {
  registry_.SetFault([&, cuts = 0](const SeenRequest& request) mutable -> std::optional<Reply> {
    if (request.method != "GET" || ++cuts > 3) return std::nullopt;
    Reply reply = registry_.Serve(request);
    reply->body.resize(5);
    reply->then_fail = Cut();
    return reply;
  });
  EXPECT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, content_);
  EXPECT_EQ(registry_.transport.Seen().back().headers.Find("Range"), "bytes=15-");
}

TEST_F(BlobDownloadTest, AServerWithoutRangesSendsTheBeginningForNothing) {
  registry_.SetFault([&, first = true](const SeenRequest&) mutable -> std::optional<Reply> {
    if (std::exchange(first, false)) return FakeReply{200, {}, content_.substr(0, 7), Cut()};
    return FakeReply{200, {}, content_, {}};
  });
  EXPECT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, content_);
}

TEST_F(BlobDownloadTest, WrongBytesAreRefused) {
  registry_.FailFirst(1, "GET", "", FakeReply{200, {}, "0123456789abcdefghiX", {}});
  EXPECT_THAT(Download(), HasErrorName("digest-mismatch"));
  registry_.FailFirst(1, "GET", "", FakeReply{200, {}, content_ + "k", {}});
  EXPECT_THAT(Download(), HasErrorName("digest-mismatch"));
  registry_.FailFirst(1, "GET", "", FakeReply{200, {}, content_.substr(0, 19), {}});
  EXPECT_THAT(Download(), HasErrorName("digest-mismatch"));
  registry_.FailFirst(
      1, "GET", "", FakeReply{206, {{"Content-Range", "bytes 3-19/20"}}, "3456789abcdefghij", {}});
  EXPECT_THAT(Download(), HasErrorName("digest-mismatch"));
}

TEST_F(BlobDownloadTest, ARedirectElsewhereIsFollowedWithoutCredentials) {
  registry_.login = FakeRegistry::LoginKind::kBasic;
  registry_.redirects_blobs = true;
  EXPECT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, content_);
  const auto elsewhere = registry_.transport.Seen("GET", "storage.example");
  ASSERT_EQ(elsewhere.size(), 1u);
  EXPECT_FALSE(elsewhere.front().headers.Has("Authorization"));
}

TEST_F(BlobDownloadTest, APlaceThatHasExpiredIsAskedForAnewWithTheRangeThatIsLeft) {
  registry_.redirects_blobs = true;
  registry_.SetFault([&, asked = 0](const SeenRequest& request) mutable -> std::optional<Reply> {
    if (request.url.find("storage.example") == std::string::npos) return std::nullopt;
    ++asked;
    if (asked == 1) return FakeReply{200, {}, content_.substr(0, 8), Cut()};
    if (asked == 2) return FakeReply{403, {}, "expired", {}};
    return std::nullopt;
  });
  EXPECT_THAT(Download(), IsOk());
  EXPECT_EQ(sink_.text, content_);
  EXPECT_EQ(registry_.transport.Seen().back().headers.Find("Range"), "bytes=8-");
}

TEST_F(BlobDownloadTest, RedirectsWithoutEndOrWithoutTlsAreRefused) {
  const std::string own = "https://r.example/v2/team/app/blobs/" + FormatDigest(blob_.digest);
  registry_.FailFirst(1000, "GET", "", FakeReply{307, {{"Location", own}}, "", {}});
  EXPECT_THAT(Download(), HasErrorName("registry-redirect-refused"));
  registry_.FailFirst(1, "GET", "", FakeReply{302, {{"Location", "http://x.example/"}}, "", {}});
  EXPECT_THAT(Download(), HasErrorName("registry-redirect-refused"));
  EXPECT_EQ(registry_.transport.Seen("GET", "http://").size(), 0u);
}

TEST_F(BlobDownloadTest, GivesUpWhenNothingComesAndAtOnceWhenItsSinkFails) {
  registry_.FailFirst(1000, "GET", "", Cut());
  EXPECT_THAT(Download(), HasErrorName("connection-cut"));
  EXPECT_EQ(registry_.transport.Seen().size(), 5u);

  registry_.SetFault({});
  sink_.then_fail = NamedError(StatusCode::kUnavailable, "disk-full", "full");
  EXPECT_THAT(Download(), HasErrorName("disk-full"));
  EXPECT_EQ(registry_.transport.Seen().size(), 6u);
}

TEST_F(BlobDownloadTest, ABlobThatIsNotThereIsNotFound) {
  blob_.digest = crypto::Sha256Of("other");
  EXPECT_THAT(Download(), HasErrorName("registry-not-found"));
}

}  // namespace
}  // namespace sluice::registry

#include "common/registry/blob_upload.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/testing/status_matchers.h"
#include "common/registry/testing/fake_registry.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

using http::FakeReply;
using http::SeenRequest;
using Reply = FakeRegistry::Reply;

constexpr uint64_t kChunk = kChunkBytesMin;

// Three chunks and a bit, no two of them the same.
std::string Content() {
  std::string content;
  while (content.size() < 3 * kChunk + 100) content += std::to_string(content.size()) + " ";
  return content;
}

class BlobUploadTest : public ::testing::Test {
 protected:
  StatusOr<UploadOutcome> Upload(bool in_chunks, std::string mount_from = "") {
    UploadOptions options;
    options.whole_bytes_max = in_chunks ? 0 : 1 << 30;
    options.chunk_bytes = kChunk;
    options.mount_from = std::move(mount_from);
    return BlobUpload(*calls_, "team/app", blob_, options).Run({});
  }
  // The promise after each upload that said OK: the registry has these bytes and no others.
  void ExpectStored() {
    EXPECT_EQ(registry_.Blob("team/app", FormatDigest(blob_.digest())), Content());
  }
  size_t Count(const std::string& method, const std::string& part = "") {
    return registry_.transport.Seen(method, part).size();
  }

  FakeRegistry registry_;
  std::unique_ptr<RegistryCalls> calls_ = registry_.Calls();
  MemoryBlob blob_{Content()};
};

TEST_F(BlobUploadTest, ABlobThatIsThereIsNotSentAgain) {
  registry_.AddBlob("team/app", Content());
  EXPECT_EQ(*Upload(false), UploadOutcome::kExisted);
  EXPECT_EQ(Count("POST") + Count("PUT") + Count("PATCH"), 0u);
}

TEST_F(BlobUploadTest, ABlobOfAnotherSizeUnderTheDigestIsWrongBytes) {
  registry_.FailFirst(1, "HEAD", "/blobs/", FakeReply{200, {{"Content-Length", "3"}}, "", {}});
  EXPECT_THAT(Upload(false), HasErrorName("digest-mismatch"));
}

TEST_F(BlobUploadTest, ASmallOneGoesInOnePieceAndALargeOneInChunks) {
  EXPECT_EQ(*Upload(false), UploadOutcome::kSent);
  ExpectStored();
  EXPECT_EQ(Count("PATCH"), 0u);

  FakeRegistry other;
  other.absolute_locations = true;
  const auto calls = other.Calls();
  UploadOptions options{.whole_bytes_max = 0, .chunk_bytes = kChunk, .mount_from = ""};
  EXPECT_EQ(*BlobUpload(*calls, "team/app", blob_, options).Run({}), UploadOutcome::kSent);
  EXPECT_EQ(other.Blob("team/app", FormatDigest(blob_.digest())), Content());
  const auto chunks = other.transport.Seen("PATCH", "");
  ASSERT_EQ(chunks.size(), 4u);
  EXPECT_EQ(chunks[1].headers.Find("Content-Range"), "65536-131071");
}

TEST_F(BlobUploadTest, AMountThatIsGrantedSendsNothingAndOneThatIsNotGoesOnInItsSession) {
  registry_.AddBlob("base/image", Content());
  EXPECT_EQ(*Upload(false, "base/image"), UploadOutcome::kMounted);
  ExpectStored();
  EXPECT_EQ(Count("PUT"), 0u);

  FakeRegistry other;
  const auto calls = other.Calls();
  UploadOptions options;
  options.mount_from = "base/image";
  EXPECT_EQ(*BlobUpload(*calls, "team/app", blob_, options).Run({}), UploadOutcome::kSent);
  EXPECT_EQ(other.transport.Seen("POST", "").size(), 1u);
  EXPECT_EQ(other.open_sessions(), 0u);
}

TEST_F(BlobUploadTest, EveryStepIsTriedAgainWhenTheServerIsInTrouble) {
  for (const int status : {408, 429, 500, 502, 503, 504}) {
    for (const std::string method : {"HEAD", "POST", "PATCH", "PUT"}) {
      FakeRegistry registry;
      const auto calls = registry.Calls();
      registry.FailFirst(2, method, "/blobs/", FakeReply{status, {}, "", {}});
      const UploadOptions options{.whole_bytes_max = 0, .chunk_bytes = kChunk, .mount_from = ""};
      EXPECT_THAT(BlobUpload(*calls, "team/app", blob_, options).Run({}), IsOk())
          << status << " to " << method;
      EXPECT_EQ(registry.Blob("team/app", FormatDigest(blob_.digest())), Content());
    }
  }
}

TEST_F(BlobUploadTest, AStepThatFailsForEverEndsWithTheServersWord) {
  for (const std::string method : {"HEAD", "POST", "PATCH", "PUT"}) {
    FakeRegistry registry;
    const auto calls = registry.Calls();
    registry.FailFirst(1'000'000, method, "/blobs/", FakeReply{503, {}, "", {}});
    const UploadOptions options{.whole_bytes_max = 0, .chunk_bytes = kChunk, .mount_from = ""};
    EXPECT_THAT(BlobUpload(*calls, "team/app", blob_, options).Run({}),
                HasErrorName("registry-unavailable"))
        << method;
    EXPECT_LT(registry.transport.Seen().size(), 40u) << method;
  }
}

TEST_F(BlobUploadTest, WaitsAsLongAsItIsToldButNotLongerThanItsLimit) {
  registry_.FailFirst(1, "PATCH", "", FakeReply{429, {{"Retry-After", "17"}}, "", {}});
  EXPECT_THAT(Upload(true), IsOk());
  ASSERT_EQ(registry_.waiter.Waits().size(), 1u);
  EXPECT_GE(registry_.waiter.Waits().front(), absl::Seconds(17));

  FakeRegistry other;
  const auto calls = other.Calls();
  other.FailFirst(1, "POST", "", FakeReply{429, {{"Retry-After", "3600"}}, "", {}});
  EXPECT_THAT(BlobUpload(*calls, "team/app", blob_, {}).Run({}), HasErrorName("registry-busy"));
  EXPECT_TRUE(other.waiter.Waits().empty());
}

TEST_F(BlobUploadTest, AChunkWhoseAnswerWasLostIsNotSentAgain) {
  int patches = 0;
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method != "PATCH" || ++patches != 2) return std::nullopt;
    return Cut();
  });
  EXPECT_EQ(*Upload(true), UploadOutcome::kSent);
  ExpectStored();
  // The first chunk stayed where it was: one session, and the second chunk once more.
  EXPECT_EQ(Count("POST"), 1u);
  EXPECT_EQ(Count("PATCH"), 5u);
}

TEST_F(BlobUploadTest, ASessionThatIsLostBeginsAgainAtByteZeroAndAfterTwoInOnePiece) {
  int patches = 0;
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method != "PATCH" || ++patches % 2 != 0) return std::nullopt;
    return ErrorReply(404, "BLOB_UPLOAD_INVALID");
  });
  EXPECT_EQ(*Upload(true), UploadOutcome::kSent);
  ExpectStored();
  EXPECT_EQ(Count("POST"), 3u);
  EXPECT_EQ(registry_.transport.Seen("PUT", "").back().body, Content());
}

TEST_F(BlobUploadTest, ARangeThatDisagreesEndsTheSessionInsteadOfStoringBytesAtTheWrongPlace) {
  int patches = 0;
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method != "PATCH" || ++patches != 2) return std::nullopt;
    SeenRequest short_one = request;
    short_one.body.resize(1000);
    return registry_.Serve(short_one);
  });
  EXPECT_EQ(*Upload(true), UploadOutcome::kSent);
  ExpectStored();
  EXPECT_EQ(Count("POST"), 2u);
  EXPECT_EQ(Count("DELETE"), 1u);
}

TEST_F(BlobUploadTest, AnInterruptedFirstChunkNeverTrustsZeroToZero) {
  // The registry got one byte and says "0-0", as it says without any.
  registry_.SetFault([&, first = true](const SeenRequest& request) mutable -> std::optional<Reply> {
    if (request.method != "PATCH" || !std::exchange(first, false)) return std::nullopt;
    SeenRequest one_byte = request;
    one_byte.body.resize(1);
    static_cast<void>(registry_.Serve(one_byte));
    return Cut();
  });
  EXPECT_EQ(*Upload(true), UploadOutcome::kSent);
  ExpectStored();
  EXPECT_EQ(Count("POST"), 2u);
}

TEST_F(BlobUploadTest, AChunkThatIsTooLargeIsHalved) {
  registry_.SetFault([](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method != "PATCH" || request.body.size() <= kChunk) return std::nullopt;
    return FakeReply{413, {}, "", {}};
  });
  UploadOptions options{.whole_bytes_max = 0, .chunk_bytes = 4 * kChunk, .mount_from = ""};
  EXPECT_THAT(BlobUpload(*calls_, "team/app", blob_, options).Run({}), IsOk());
  ExpectStored();
}

TEST_F(BlobUploadTest, ChunksAreAsLongAsTheRegistryAsks) {
  registry_.SetFault([this](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method != "POST") return std::nullopt;
    Reply reply = registry_.Serve(request);
    reply->headers.Add("OCI-Chunk-Min-Length", "131072");
    return reply;
  });
  EXPECT_THAT(Upload(true), IsOk());
  EXPECT_EQ(registry_.transport.Seen("PATCH", "").front().body.size(), 131072u);
}

TEST_F(BlobUploadTest, ACloseWhoseAnswerWasLostIsFoundToBeDone) {
  registry_.SetFault([&, first = true](const SeenRequest& request) mutable -> std::optional<Reply> {
    if (request.method != "PUT" || !std::exchange(first, false)) return std::nullopt;
    static_cast<void>(registry_.Serve(request));
    return Cut();
  });
  EXPECT_EQ(*Upload(false), UploadOutcome::kSent);
  ExpectStored();
  EXPECT_EQ(Count("PUT"), 1u);
}

TEST_F(BlobUploadTest, WrongBytesAreNotSentTwiceAndAWrongReportIsNotBelieved) {
  registry_.FailFirst(1, "PUT", "", ErrorReply(400, "DIGEST_INVALID"));
  EXPECT_THAT(Upload(false), HasErrorName("registry-digest-refused"));
  EXPECT_EQ(Count("PUT"), 1u);

  registry_.FailFirst(
      1, "PUT", "",
      FakeReply{201, {{"Docker-Content-Digest", "sha256:" + std::string(64, '0')}}, "", {}});
  EXPECT_THAT(Upload(false), HasErrorName("digest-mismatch"));
}

TEST_F(BlobUploadTest, ATokenThatEndsInMidUploadIsRenewed) {
  registry_.login = FakeRegistry::LoginKind::kBearer;
  registry_.SetFault([this](const SeenRequest& request) -> std::optional<Reply> {
    // Five minutes go by, a chunk at a time; the registry's clock is ahead of what it said.
    if (request.method == "PATCH") registry_.clock.Advance(absl::Seconds(50));
    return std::nullopt;
  });
  EXPECT_EQ(*Upload(true), UploadOutcome::kSent);
  ExpectStored();
  EXPECT_EQ(Count("POST", "r.example"), 1u);
  EXPECT_GE(Count("GET", "auth.example"), 3u);
}

TEST_F(BlobUploadTest, A401InMidUploadIsAnsweredByOneNewToken) {
  registry_.login = FakeRegistry::LoginKind::kBearer;
  int patches = 0;
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    if (request.method != "PATCH" || ++patches != 2) return std::nullopt;
    FakeReply reply = ErrorReply(401, "UNAUTHORIZED");
    reply.headers.Add("WWW-Authenticate", "Bearer realm=\"https://auth.example/token\"");
    return reply;
  });
  EXPECT_EQ(*Upload(true), UploadOutcome::kSent);
  ExpectStored();
  EXPECT_EQ(Count("POST", "r.example"), 1u);
  EXPECT_EQ(Count("PATCH"), 5u);
}

TEST_F(BlobUploadTest, AnUploadElsewhereGetsNoCredentials) {
  registry_.login = FakeRegistry::LoginKind::kBasic;
  registry_.SetFault([&](const SeenRequest& request) -> std::optional<Reply> {
    if (absl::StrContains(request.url, "storage.example")) return FakeReply{201, {}, "", {}};
    if (request.method != "POST" || !request.headers.Has("Authorization")) return std::nullopt;
    return FakeReply{202, {{"Location", "https://storage.example/up?sig=1"}}, "", {}};
  });
  EXPECT_EQ(*Upload(false), UploadOutcome::kSent);
  const auto elsewhere = registry_.transport.Seen("PUT", "storage.example");
  ASSERT_EQ(elsewhere.size(), 1u);
  EXPECT_FALSE(elsewhere.front().headers.Has("Authorization"));
  EXPECT_TRUE(
      absl::StartsWith(elsewhere.front().url, "https://storage.example/up?sig=1&digest=sha256%3A"));
}

// A disk that fails at one place of the blob.
class FailingBlob final : public BlobSource {
 public:
  uint64_t size() const override { return 1000; }
  const Digest& digest() const override { return digest_; }
  StatusOr<size_t> Read(uint64_t, std::span<char>) override {
    ++reads_;
    return NamedError(StatusCode::kUnavailable, "disk-failed", "the disk failed");
  }
  int reads() const { return reads_; }

 private:
  Digest digest_;
  int reads_ = 0;
};

TEST_F(BlobUploadTest, ASourceThatFailsIsNotAskedAgain) {
  FailingBlob blob;
  EXPECT_THAT(BlobUpload(*calls_, "team/app", blob, {}).Run({}), HasErrorName("disk-failed"));
  EXPECT_EQ(blob.reads(), 1);
}

}  // namespace
}  // namespace sluice::registry

// Goal: an arriving droplet gets into Cloud Controller whatever breaks on the way, and what cannot
// get there ends by its cause. Method: a link whose bytes come by a fake clock, and a foundation
// that answers as told.
#include "agent/jobs/droplet_upload.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/foundation/testing/scripted_foundation.h"
#include "agent/jobs/arriving_body.h"
#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"

namespace sluice::agent {
namespace {

using foundation::DropletJson;
using foundation::JobJson;
using foundation::JsonReply;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr absl::Duration kTick = absl::Milliseconds(10);

// How many bytes have come at a time.
struct Link {
  FakeClock& clock;
  uint64_t droplet_bytes = 8 * kMiB;
  std::function<uint64_t(absl::Duration)> come;
  Status failure;
  std::vector<absl::Duration> opened;  // when an upload began to read
  Status given_up;

  uint64_t Arrived() const { return std::min(droplet_bytes, come(clock.Monotonic())); }
};

class LinkReader final : public transfer::ArrivingDroplet {
 public:
  explicit LinkReader(Link& link) : link_(link) {}
  StatusOr<bool> AwaitBytes(absl::Duration patience) override {
    const absl::Duration end = link_.clock.Monotonic() + patience;
    while (at_ < link_.droplet_bytes && link_.Arrived() <= at_) {
      SLUICE_RETURN_IF_ERROR(link_.failure);
      if (link_.clock.Monotonic() >= end) return false;
      link_.clock.Advance(kTick);
    }
    SLUICE_RETURN_IF_ERROR(link_.failure);
    return true;
  }
  StatusOr<size_t> Read(std::span<char> plain) override {
    const size_t count = std::min<uint64_t>(plain.size(), std::max(link_.Arrived(), at_) - at_);
    std::fill_n(plain.data(), count, 'x');
    at_ += count;
    return count;
  }

 private:
  Link& link_;
  uint64_t at_ = 0;
};

class LinkedDroplet final : public IncomingDroplet {
 public:
  explicit LinkedDroplet(Link& link) : link_(link) {}
  std::unique_ptr<transfer::ArrivingDroplet> Open() override {
    link_.opened.push_back(link_.clock.Monotonic());
    return std::make_unique<LinkReader>(link_);
  }
  Status failure() override { return link_.failure; }
  void GiveUp(const Status& why) override { link_.given_up = why; }
  transfer::TransferFigures figures() const override {
    transfer::TransferFigures figures;
    figures.bytes_total = link_.droplet_bytes;
    figures.bytes_done = link_.Arrived();
    return figures;
  }

 private:
  Link& link_;
};

class DropletUploadTest : public ::testing::Test {
 protected:
  DropletUploadTest() {
    On("GET", "/v3/jobs/job-1", JsonReply(200, JobJson("job-1", "COMPLETE")));
    On("GET", "/v3/apps/app-1/droplets", foundation::PageReply({}));
    On("POST", "/v3/droplets", JsonReply(201, DropletJson("new", "AWAITING_UPLOAD")));
    On("PATCH", "/v3/droplets/new", JsonReply(200, DropletJson("new", "AWAITING_UPLOAD")));
    facts_.app_guid = AppGuid("app-1");
  }

  static std::function<uint64_t(absl::Duration)> Steady(uint64_t bytes_per_second) {
    return [bytes_per_second](absl::Duration at) {
      return static_cast<uint64_t>(absl::ToDoubleSeconds(at) *
                                   static_cast<double>(bytes_per_second));
    };
  }
  void On(std::string_view method, const std::string& where, http::FakeReply reply) {
    prod_.On(method, where, std::move(reply));
  }
  void DropletIs(const std::string& guid, const std::string& state) {
    On("GET", "/v3/droplets/" + guid, JsonReply(200, DropletJson(guid, state)));
  }
  static http::FakeReply Accepted() {
    http::FakeReply reply = JsonReply(202, DropletJson("new", "PROCESSING_UPLOAD"));
    reply.headers.Add("Location", "https://api.test/v3/jobs/job-1");
    return reply;
  }
  void UploadGoesWell(const std::string& guid = "new") {
    DropletIs(guid, "AWAITING_UPLOAD");
    On("POST", "/v3/droplets/" + guid + "/upload", Accepted());
  }
  size_t Uploads() const { return prod_.Count("POST", "/upload"); }

  Status Run() {
    const Checkpoint checkpoint = [this](const TargetFacts& facts) {
      if (!kept_.empty() || !facts.waiting_for.empty()) {
        if (kept_.empty() || kept_.back() != facts.waiting_for) kept_.push_back(facts.waiting_for);
      }
      if (facts.waiting_for == kWaitingForLimit && other_leaves_) other_.reset();
      return absl::OkStatus();
    };
    DropletUpload upload({.process_types = {{"web", "run"}},
                          .marks = {{"sluice.dev/promotion", "promotion-1"}},
                          .droplet_bytes = link_.droplet_bytes,
                          .limits = limits_,
                          .expires_at = prod_.clock().Now() + absl::Hours(1)},
                         prod_.client(), maker_, arriving_, prod_.clock(), prod_.waiter(), facts_,
                         checkpoint, stop_.get_token());
    return upload.Run([this](std::stop_token) -> StatusOr<std::unique_ptr<IncomingDroplet>> {
      ++transfers_;
      if (no_room_ == 0) return std::make_unique<LinkedDroplet>(link_);
      --no_room_;
      return NamedError(StatusCode::kResourceExhausted, "spool-full", "no room");
    });
  }

  foundation::ScriptedFoundation prod_;
  Link link_{.clock = prod_.clock(),
             .come = Steady(2 * kMiB),
             .failure = {},
             .opened = {},
             .given_up = {}};
  UploadLimits limits_;
  DropletMaker maker_{prod_.client(), prod_.waiter()};
  ParallelLimit arriving_{1};
  // Another droplet that arrives; it may leave when somebody has said to wait for that.
  std::optional<ParallelLimit::Place> other_;
  bool other_leaves_ = true;
  TargetFacts facts_;
  std::vector<std::string> kept_;  // what the journal heard was waited for, changes only
  std::stop_source stop_;
  int transfers_ = 0;
  int no_room_ = 0;
};

TEST_F(DropletUploadTest, OnAFastLinkBeginsWithTheFirstMebibyteAndEndsWithTheLastByte) {
  UploadGoesWell();
  ASSERT_THAT(Run(), IsOk());
  EXPECT_EQ(Uploads(), 1u);
  ASSERT_EQ(link_.opened.size(), 1u);
  EXPECT_LT(link_.opened[0], absl::Milliseconds(600));
  EXPECT_LT(prod_.clock().Monotonic(), absl::Seconds(6));  // 4 s for the bytes, 1 s for the job
  EXPECT_EQ(facts_.bytes_transferred, 8 << 20);
  EXPECT_EQ(facts_.droplet_guid, DropletGuid("new"));
  EXPECT_TRUE(facts_.droplet_made);
  EXPECT_THAT(facts_.warnings, IsEmpty());
  EXPECT_THAT(kept_, IsEmpty()) << "nothing was waited for";
}

TEST_F(DropletUploadTest, OnASlowLinkBeginsWhenTheRestComesInHalfOfTheFoundationsTime) {
  UploadGoesWell();
  limits_ = {.time_max = absl::Seconds(20), .idle_max = absl::Seconds(3)};
  link_.come = Steady(kMiB / 8);  // 64 s
  ASSERT_THAT(Run(), IsOk());
  EXPECT_EQ(Uploads(), 1u);
  ASSERT_EQ(link_.opened.size(), 1u);
  EXPECT_GE(link_.opened[0], absl::Seconds(54));
  EXPECT_LT(link_.opened[0], absl::Seconds(55));
}

TEST_F(DropletUploadTest, StarvedUploadIsGivenUpAndBegunAgainOnTheSameDroplet) {
  UploadGoesWell();
  // Half of it, then nothing for two minutes.
  link_.come = [](absl::Duration at) {
    const absl::Duration flowing = at - absl::Seconds(2) < absl::Minutes(2)
                                       ? std::min(at, absl::Seconds(2))
                                       : at - absl::Minutes(2);
    return Steady(2 * kMiB)(flowing);
  };
  ASSERT_THAT(Run(), IsOk());
  ASSERT_EQ(link_.opened.size(), 2u);
  EXPECT_GE(link_.opened[1], absl::Minutes(2)) << "not before bytes come again";
  EXPECT_EQ(prod_.Count("POST", "/v3/droplets"), 1u + Uploads());
  EXPECT_EQ(facts_.uploads_begun, 2);
  EXPECT_THAT(facts_.warnings, ElementsAre(HasSubstr(kUploadStarved)));
  EXPECT_THAT(kept_, ElementsAre("peer", ""));
}

TEST_F(DropletUploadTest, UploadThatBreaksAgainAndAgainEndsByItsCause) {
  DropletIs("new", "AWAITING_UPLOAD");
  prod_.Fail("POST", "/v3/droplets/new/upload",
             NamedError(StatusCode::kUnavailable, "connection-cut", "the connection was cut"));
  EXPECT_THAT(Run(), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(Uploads(), static_cast<size_t>(kUploadsMax));
  EXPECT_FALSE(link_.given_up.ok()) << "the source is told";
}

TEST_F(DropletUploadTest, VerdictOfCloudControllersIsFinal) {
  DropletIs("new", "AWAITING_UPLOAD");
  On("POST", "/v3/droplets/new/upload",
     foundation::ErrorReply(422, 10008, "CF-UnprocessableEntity", "not a tgz"));
  EXPECT_THAT(Run(), HasErrorName("cc-10008"));
  EXPECT_EQ(Uploads(), 1u);
}

TEST_F(DropletUploadTest, WrongBytesEndItByTheTransfersCause) {
  DropletIs("new", "AWAITING_UPLOAD");
  prod_.on_request = [this](const http::SeenRequest& request) {
    if (request.url.ends_with("/upload")) {
      link_.failure = NamedError(StatusCode::kDataLoss, "digest-mismatch", "other bytes");
    }
  };
  prod_.Fail("POST", "/v3/droplets/new/upload",
             NamedError(StatusCode::kUnavailable, "connection-cut", "aborted"));
  EXPECT_THAT(Run(), HasErrorName("digest-mismatch"));
  EXPECT_EQ(Uploads(), 1u);
}

TEST_F(DropletUploadTest, DropletOfAProcessBeforeThatAwaitsAnUploadIsUsed) {
  facts_.droplet_guid = DropletGuid("left");
  facts_.droplet_made = true;
  UploadGoesWell("left");
  ASSERT_THAT(Run(), IsOk());
  EXPECT_EQ(prod_.Count("POST", "/v3/droplets"), Uploads()) << "none is made";
  EXPECT_EQ(facts_.droplet_guid, DropletGuid("left"));
}

TEST_F(DropletUploadTest, DropletThatWasBeingProcessedIsWaitedForWithoutATransfer) {
  facts_.droplet_guid = DropletGuid("left");
  facts_.droplet_made = true;
  DropletIs("left", "PROCESSING_UPLOAD");
  DropletIs("left", "PROCESSING_UPLOAD");
  DropletIs("left", "STAGED");
  ASSERT_THAT(Run(), IsOk());
  EXPECT_EQ(transfers_, 0);
  EXPECT_EQ(Uploads(), 0u);
}

TEST_F(DropletUploadTest, DropletThatTakesNoUploadAnyMoreIsReplaced) {
  for (const std::string state : {"FAILED", "EXPIRED"}) {
    facts_.droplet_guid = DropletGuid("left-" + state);
    facts_.droplet_made = true;
    DropletIs("left-" + state, state);
    On("DELETE", "/v3/droplets/left-" + state, Accepted());
    UploadGoesWell();
    ASSERT_THAT(Run(), IsOk()) << state;
    EXPECT_EQ(prod_.Count("DELETE", "/v3/droplets/left-" + state), 1u);
    EXPECT_EQ(facts_.droplet_guid, DropletGuid("new"));
  }
  facts_.droplet_guid = DropletGuid("gone");
  On("GET", "/v3/droplets/gone",
     foundation::ErrorReply(404, 10010, "CF-ResourceNotFound", "Droplet not found"));
  ASSERT_THAT(Run(), IsOk());
  EXPECT_EQ(facts_.droplet_guid, DropletGuid("new"));
}

TEST_F(DropletUploadTest, UploadWhoseAnswerWasLostIsNotRepeatedWhenItWasTaken) {
  DropletIs("new", "AWAITING_UPLOAD");  // asked before the upload
  DropletIs("new", "PROCESSING_UPLOAD");
  DropletIs("new", "STAGED");
  prod_.Fail("POST", "/v3/droplets/new/upload",
             NamedError(StatusCode::kUnavailable, "connection-cut", "cut after the last byte"));
  ASSERT_THAT(Run(), IsOk());
  EXPECT_EQ(Uploads(), 1u);
}

TEST_F(DropletUploadTest, NoRoomInTheSpoolIsWaitedForAndReported) {
  UploadGoesWell();
  no_room_ = 3;
  ASSERT_THAT(Run(), IsOk());
  EXPECT_THAT(kept_, ElementsAre("room", ""));
  EXPECT_EQ(transfers_, 4);
}

TEST_F(DropletUploadTest, WaitingForRoomEndsWithTheOrder) {
  no_room_ = 1 << 20;
  EXPECT_THAT(Run(), HasErrorName("order-expired"));
  EXPECT_GE(prod_.clock().Monotonic(), absl::Hours(1));
  EXPECT_EQ(prod_.Count("POST", "/v3/droplets"), 0u) << "nothing was made for it";
}

TEST_F(DropletUploadTest, SilentPeerIsWaitedForUntilTheOrderExpires) {
  DropletIs("new", "AWAITING_UPLOAD");
  link_.come = [](absl::Duration) { return uint64_t{0}; };
  EXPECT_THAT(Run(), HasErrorName("order-expired"));
  EXPECT_EQ(Uploads(), 0u);
  EXPECT_THAT(kept_, ElementsAre("peer"));
  EXPECT_THAT(link_.given_up, HasErrorName("order-expired"));
}

TEST_F(DropletUploadTest, PlaceAmongThoseThatArriveIsWaitedForAndReported) {
  UploadGoesWell();
  ASSERT_TRUE(other_.emplace(arriving_, link_.droplet_bytes).Take());
  ASSERT_THAT(Run(), IsOk());
  EXPECT_THAT(kept_, ElementsAre("limit", ""));
  EXPECT_EQ(transfers_, 1);
  EXPECT_TRUE(other_.emplace(arriving_, link_.droplet_bytes).Take()) << "it was given back";
}

TEST_F(DropletUploadTest, WaitingForAPlaceEndsWithTheOrder) {
  ASSERT_TRUE(other_.emplace(arriving_, link_.droplet_bytes).Take());
  other_leaves_ = false;
  EXPECT_THAT(Run(), HasErrorName("order-expired"));
  EXPECT_EQ(transfers_, 0);
  EXPECT_EQ(prod_.Count("POST", "/v3/droplets"), 0u) << "nothing was made for it";
}

TEST_F(DropletUploadTest, WhoWaitsForItsPeerLetsOthersGoFirst) {
  UploadGoesWell();
  other_.emplace(arriving_, link_.droplet_bytes);
  bool other_has_it = false;
  // Nothing for a minute; then the other has the place until it is asked for again.
  link_.come = [this, &other_has_it](absl::Duration at) {
    if (at < absl::Minutes(1)) return uint64_t{0};
    if (other_ && !std::exchange(other_has_it, true)) {
      EXPECT_TRUE(other_->Take());
    }
    return Steady(2 * kMiB)(at - absl::Minutes(1));
  };
  ASSERT_THAT(Run(), IsOk());
  EXPECT_TRUE(other_has_it);
  EXPECT_THAT(kept_, ElementsAre("peer", "", "limit", ""));
  EXPECT_EQ(Uploads(), 1u);
}

TEST_F(DropletUploadTest, StopEndsEveryWaitAtOnce) {
  UploadGoesWell();
  link_.come = [](absl::Duration) { return uint64_t{0}; };
  stop_.request_stop();
  EXPECT_THAT(Run(), StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(Uploads(), 0u);
}

}  // namespace
}  // namespace sluice::agent

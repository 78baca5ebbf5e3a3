// Goal: what is not understood is refused by name; every message survives the way through frames.
#include "common/net/wire.h"

#include <google/protobuf/unknown_field_set.h>

#include "common/base/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "sluice/v1/bulk.pb.h"
#include "sluice/v1/control.pb.h"

namespace sluice::net {
namespace {

v1::ControlMessage PingMessage() {
  v1::ControlMessage message;
  message.set_session(7);
  message.set_sequence(3);
  message.mutable_ping();
  return message;
}

TEST(WireTest, ControlMessageSurvivesTheWayThroughFrames) {
  const auto decoded = DecodeControl(EncodeControl(PingMessage()));
  ASSERT_THAT(decoded, IsOk());
  EXPECT_EQ(decoded->SerializeAsString(), PingMessage().SerializeAsString());
}

TEST(WireTest, EveryBrokenPreambleIsRefusedByName) {
  const Frames good = EncodeControl(PingMessage());
  EXPECT_THAT(DecodeControl({}), HasErrorName("bad-frame-count"));
  EXPECT_THAT(DecodeControl({"", good[1]}), HasErrorName("bad-preamble"));
  EXPECT_THAT(DecodeControl({"HTTP/1.1", good[1]}), HasErrorName("bad-preamble"));
  Frames other_major = good;
  other_major[0][2] = 2;
  EXPECT_THAT(DecodeControl(other_major), HasErrorName("unsupported-version"));
  Frames bulk_kind = good;
  bulk_kind[0][5] = 2;
  EXPECT_THAT(DecodeControl(bulk_kind), HasErrorName("unknown-kind"));
  Frames flagged = good;
  flagged[0][7] = 1;
  EXPECT_THAT(DecodeControl(flagged), HasErrorName("unknown-kind"));
  Frames newer_minor = good;
  newer_minor[0][3] = 9;
  EXPECT_THAT(DecodeControl(newer_minor), IsOk()) << "a minor version never stops a conversation";
  EXPECT_THAT(DecodeControl({good[0]}), HasErrorName("bad-frame-count"));
  EXPECT_THAT(DecodeControl({good[0], good[1], "more"}), HasErrorName("bad-frame-count"));
}

TEST(WireTest, UnknownBodyFieldAndValueAreEachRefusedByName) {
  Frames frames = EncodeControl(PingMessage());
  // Field 999, wire type 2, empty: the body of a message from the future.
  const std::string future = {'\xba', '\x3e', '\0'};
  EXPECT_THAT(DecodeControl({frames[0], future}), HasErrorName("unknown-message"));
  EXPECT_THAT(DecodeControl({frames[0], frames[1] + future}), HasErrorName("unknown-field"));

  v1::ControlMessage report;
  report.mutable_job_report()->set_role(static_cast<v1::JobRole>(77));
  EXPECT_THAT(DecodeControl(EncodeControl(report)), HasErrorName("unknown-value"));

  v1::ControlMessage nested;
  v1::Error* error = nested.mutable_job_report()->mutable_error();
  error->GetReflection()->MutableUnknownFields(error)->AddVarint(99, 1);
  EXPECT_THAT(DecodeControl(EncodeControl(nested)), HasErrorName("unknown-field"));
}

TEST(WireTest, HeaderAtTheLimitPassesAndOneByteMoreDoesNot) {
  v1::ControlMessage message;
  message.mutable_submit_order()->set_envelope("x");
  const size_t overhead = message.SerializeAsString().size() - 1;
  // Two varint lengths grow from 1 to 3 bytes.
  message.mutable_submit_order()->set_envelope(
      std::string(kControlHeaderBytesMax - overhead - 4, 'x'));
  ASSERT_EQ(message.SerializeAsString().size(), kControlHeaderBytesMax);
  EXPECT_THAT(DecodeControl(EncodeControl(message)), IsOk());
  message.mutable_submit_order()->mutable_envelope()->push_back('x');
  EXPECT_THAT(DecodeControl(EncodeControl(message)), HasErrorName("message-too-large"));
}

TEST(WireTest, TruncatedControlMessageIsNeverTakenForAnother) {
  v1::ControlMessage message = PingMessage();
  message.mutable_get_promotion()->set_id("promotion-1");
  const Frames frames = EncodeControl(message);
  for (size_t size = 0; size < frames[1].size(); ++size) {
    EXPECT_FALSE(DecodeControl({frames[0], frames[1].substr(0, size)}).ok()) << "at " << size;
  }
}

TEST(WireTest, BulkPayloadGoesWithChunksAndHeadersOnly) {
  v1::BulkMessage chunk;
  chunk.set_transfer("t");
  chunk.mutable_chunk()->set_index(1);
  const Frames frames = EncodeBulk(chunk, "sealed");
  ASSERT_THAT(DecodeBulk(frames), IsOk());
  EXPECT_EQ(frames.back(), "sealed");
  EXPECT_THAT(DecodeBulk({frames[0], frames[1]}), HasErrorName("missing-payload"));

  v1::BulkMessage fetch;
  fetch.mutable_fetch()->add_indexes(0);
  const Frames without = EncodeBulk(fetch, "");
  EXPECT_THAT(DecodeBulk(without), IsOk());
  EXPECT_THAT(DecodeBulk({without[0], without[1], "stray"}), HasErrorName("unexpected-payload"));
  EXPECT_THAT(DecodeBulk({frames[0], frames[1], std::string(kBulkPayloadBytesMax + 1, 'x')}),
              HasErrorName("message-too-large"));
}

}  // namespace
}  // namespace sluice::net

// Messages as ZeroMQ frames, and back: `preamble header [payload]` (proto/README.md "Framing").
//
// The decoders read what any admitted peer may send: every refusal has a name, nothing is guessed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"

namespace sluice::v1 {
class ControlMessage;
class BulkMessage;
}  // namespace sluice::v1

namespace sluice::net {

// Without a ROUTER's leading route frame.
using Frames = std::vector<std::string>;

// Above what a promotion with 1,000 ledger entries needs; below what would hurt to hold.
inline constexpr size_t kControlHeaderBytesMax = 1 << 20;
inline constexpr size_t kBulkHeaderBytesMax = 64 << 10;
// A chunk of 1 MiB with its seal, or a stream header with a thousand recipients.
inline constexpr size_t kBulkPayloadBytesMax = (1 << 20) + (64 << 10);

Frames EncodeControl(const v1::ControlMessage& message);
// InvalidArgument, by name: "bad-preamble", "unsupported-version", "unknown-kind",
// "bad-frame-count", "message-too-large", "malformed-message", "unknown-message" (a body this
// program does not know, or none), "unknown-field", "unknown-value" (of an enum).
StatusOr<v1::ControlMessage> DecodeControl(const Frames& frames);

Frames EncodeBulk(const v1::BulkMessage& message, std::string payload);
// As DecodeControl(); the payload, if any, stays in frames.back(). "unexpected-payload" when a
// payload comes with a message that has none, "missing-payload" for the opposite.
StatusOr<v1::BulkMessage> DecodeBulk(const Frames& frames);

}  // namespace sluice::net

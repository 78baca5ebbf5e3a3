#include "common/net/wire.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "sluice/v1/bulk.pb.h"
#include "sluice/v1/control.pb.h"

namespace sluice::net {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// "SL", major, minor, kind (2), flags (2): fixed for ever, so that any version recognises any
// other.
constexpr size_t kPreambleBytes = 8;
constexpr char kMajor = 1;
constexpr char kMinor = 0;
constexpr char kControlKind = 1;
constexpr char kBulkKind = 2;

std::string Preamble(char kind) { return {'S', 'L', kMajor, kMinor, 0, kind, 0, 0}; }

Status Refusal(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kInvalidArgument, name, message);
}

Status CheckPreamble(const std::string& frame, char kind) {
  if (frame.size() != kPreambleBytes || frame[0] != 'S' || frame[1] != 'L') {
    return Refusal("bad-preamble", "the first frame is not a Sluice preamble");
  }
  if (frame[2] != kMajor) {
    return Refusal(
        "unsupported-version",
        absl::StrCat("protocol major version ", static_cast<int>(frame[2]),
                     " is not spoken here; this side speaks ", static_cast<int>(kMajor)));
  }
  if (frame[4] != 0 || frame[5] != kind || frame[6] != 0 || frame[7] != 0) {
    return Refusal("unknown-kind", "the preamble names a kind of message that this socket has not");
  }
  return absl::OkStatus();
}

// The first thing in `message` that its definition does not know: proto3 would keep it silently.
std::optional<Status> FindUnknown(const Message& message) {
  const auto* reflection = message.GetReflection();
  const std::string type = message.GetDescriptor()->name();
  if (reflection->GetUnknownFields(message).field_count() > 0) {
    return Refusal(
        "unknown-field",
        absl::StrCat(type, " has a field ", reflection->GetUnknownFields(message).field(0).number(),
                     " that this side does not know"));
  }
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const Message& part = field->is_repeated()
                                  ? reflection->GetRepeatedMessage(message, field, i)
                                  : reflection->GetMessage(message, field);
        if (auto unknown = FindUnknown(part)) return unknown;
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
        const int value = field->is_repeated() ? reflection->GetRepeatedEnumValue(message, field, i)
                                               : reflection->GetEnumValue(message, field);
        if (field->enum_type()->FindValueByNumber(value) == nullptr) {
          return Refusal("unknown-value", absl::StrCat(type, ".", field->name(), " has the value ",
                                                       value, " that this side does not know"));
        }
      }
    }
  }
  return std::nullopt;
}

template <typename Body>
Status ParseHeader(const std::string& bytes, size_t bytes_max, Body& message) {
  if (bytes.size() > bytes_max) {
    return Refusal("message-too-large", absl::StrCat("a header of ", bytes.size(),
                                                     " bytes is above the limit of ", bytes_max));
  }
  if (!message.ParseFromString(bytes)) {
    return Refusal("malformed-message", "the header is not a valid Protobuf message");
  }
  if (message.body_case() == Body::BODY_NOT_SET) {
    return Refusal("unknown-message", "the message has no body that this side knows");
  }
  if (auto unknown = FindUnknown(message)) return *unknown;
  return absl::OkStatus();
}

bool HasPayload(const v1::BulkMessage& message) {
  return message.has_header() || message.has_chunk();
}

}  // namespace

Frames EncodeControl(const v1::ControlMessage& message) {
  return {Preamble(kControlKind), message.SerializeAsString()};
}

StatusOr<v1::ControlMessage> DecodeControl(const Frames& frames) {
  if (frames.empty()) return Refusal("bad-frame-count", "an empty message");
  SLUICE_RETURN_IF_ERROR(CheckPreamble(frames[0], kControlKind));
  if (frames.size() != 2) {
    return Refusal("bad-frame-count",
                   absl::StrCat("a control message has 2 frames, this one ", frames.size()));
  }
  v1::ControlMessage message;
  SLUICE_RETURN_IF_ERROR(ParseHeader(frames[1], kControlHeaderBytesMax, message));
  return message;
}

Frames EncodeBulk(const v1::BulkMessage& message, std::string payload) {
  Frames frames = {Preamble(kBulkKind), message.SerializeAsString()};
  if (HasPayload(message)) frames.push_back(std::move(payload));
  return frames;
}

StatusOr<v1::BulkMessage> DecodeBulk(const Frames& frames) {
  if (frames.empty()) return Refusal("bad-frame-count", "an empty message");
  SLUICE_RETURN_IF_ERROR(CheckPreamble(frames[0], kBulkKind));
  if (frames.size() != 2 && frames.size() != 3) {
    return Refusal("bad-frame-count",
                   absl::StrCat("a bulk message has 2 or 3 frames, this one ", frames.size()));
  }
  v1::BulkMessage message;
  SLUICE_RETURN_IF_ERROR(ParseHeader(frames[1], kBulkHeaderBytesMax, message));
  if (HasPayload(message) && frames.size() != 3) {
    return Refusal("missing-payload", "a stream header or chunk without its bytes");
  }
  if (!HasPayload(message) && frames.size() != 2) {
    return Refusal("unexpected-payload", "bytes behind a message that has none");
  }
  if (frames.size() == 3 && frames[2].size() > kBulkPayloadBytesMax) {
    return Refusal("message-too-large",
                   absl::StrCat("a payload of ", frames[2].size(), " bytes is above the limit of ",
                                kBulkPayloadBytesMax));
  }
  return message;
}

}  // namespace sluice::net

// The wire format is a promise to every peer of another version: the bytes of each message, every
// field filled, are kept in proto/golden/ and compared. Messages are filled by reflection, so that
// a new message or field shows here without anybody thinking of it.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/encoding.h"
#include "common/base/files.h"
#include "common/base/testing/golden_file.h"
#include "common/base/testing/status_matchers.h"
#include "common/net/wire.h"
#include "gmock/gmock.h"
#include "sluice/v1/bulk.pb.h"
#include "sluice/v1/control.pb.h"

namespace sluice::net {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kPayload[] = "payload";

void FillField(Message& message, const FieldDescriptor& field);

// Every field outside a oneof, each with a value that follows from its name and number.
void Fill(Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->containing_oneof() == nullptr) FillField(message, *type.field(i));
  }
}

void FillRepeated(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = 1; i <= 2; ++i) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        reflection.AddString(&message, &field, absl::StrCat(field.name(), "-", i));
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        reflection.AddUInt32(&message, &field, static_cast<uint32_t>(100 * i));
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        Fill(*reflection.AddMessage(&message, &field));
        break;
      default:
        FAIL() << "no sample for the repeated field " << field.full_name();
    }
  }
}

void FillField(Message& message, const FieldDescriptor& field) {
  if (field.is_repeated()) return FillRepeated(message, field);
  const Reflection& reflection = *message.GetReflection();
  const int number = field.number();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(&message, &field, field.name());
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, true);
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, number);
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(&message, &field, static_cast<uint32_t>(200 + number));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, 1'767'225'600'000 + number);
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, &field,
                                  (uint64_t{1} << 32) + static_cast<uint64_t>(number));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnum(&message, &field,
                                field.enum_type()->value(field.enum_type()->value_count() - 1));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return Fill(*reflection.MutableMessage(&message, &field));
    default:
      FAIL() << "no sample for the field " << field.full_name();
  }
}

// One message for each member of the oneof "body", with the name of that member.
template <typename Envelope>
std::vector<std::pair<std::string, Envelope>> EachBody() {
  std::vector<std::pair<std::string, Envelope>> messages;
  const auto& bodies = *Envelope::descriptor()->FindOneofByName("body");
  for (int i = 0; i < bodies.field_count(); ++i) {
    Envelope message;
    Fill(message);
    FillField(message, *bodies.field(i));
    messages.emplace_back(bodies.field(i)->name(), std::move(message));
  }
  return messages;
}

std::string GoldenText(std::string_view what, const Frames& frames) {
  static constexpr const char* kNames[] = {"preamble", "header", "payload"};
  std::string text = absl::StrCat("# ", ToAbsl(what), ", every field filled\n");
  for (size_t i = 0; i < frames.size(); ++i) {
    absl::StrAppend(&text, kNames[i], " ", ToHex(frames[i]), "\n");
  }
  return text;
}

TEST(WireGoldenTest, EveryControlMessageKeepsItsBytes) {
  for (const auto& [body, message] : EachBody<v1::ControlMessage>()) {
    const Frames frames = EncodeControl(message);
    ExpectGolden(absl::StrCat("proto/golden/control-", body, ".hex"),
                 GoldenText(absl::StrCat("ControlMessage.", body), frames));
    const auto decoded = DecodeControl(frames);
    ASSERT_THAT(decoded, IsOk()) << body;
    EXPECT_EQ(decoded->SerializeAsString(), message.SerializeAsString()) << body;
  }
}

TEST(WireGoldenTest, EveryBulkMessageKeepsItsBytes) {
  for (const auto& [body, message] : EachBody<v1::BulkMessage>()) {
    const Frames frames = EncodeBulk(message, kPayload);
    ExpectGolden(absl::StrCat("proto/golden/bulk-", body, ".hex"),
                 GoldenText(absl::StrCat("BulkMessage.", body), frames));
    const auto decoded = DecodeBulk(frames);
    ASSERT_THAT(decoded, IsOk()) << body;
    EXPECT_EQ(decoded->SerializeAsString(), message.SerializeAsString()) << body;
  }
}

TEST(WireGoldenTest, NoBytesAreKeptOfAMessageThatIsNoMore) {
  std::set<std::string> expected;
  for (const auto& [body, message] : EachBody<v1::ControlMessage>()) {
    expected.insert(absl::StrCat("control-", body, ".hex"));
  }
  for (const auto& [body, message] : EachBody<v1::BulkMessage>()) {
    expected.insert(absl::StrCat("bulk-", body, ".hex"));
  }
  SystemFiles files;
  const auto kept = files.List(std::string(SLUICE_SOURCE_DIR) + "/proto/golden");
  ASSERT_THAT(kept, IsOk());
  for (const std::string& name : *kept) {
    // The sealed stream's bytes, which lie here too, are common/transfer's to keep.
    if (name.starts_with("control-") || name.starts_with("bulk-")) {
      EXPECT_TRUE(expected.contains(name)) << name;
    }
  }
}

// What a peer of a later version adds is refused by name, wherever it stands.
TEST(WireGoldenTest, UnknownFieldInAnyMessageIsRefusedByName) {
  const std::string future = {'\xba', '\x3e', '\0'};  // field 999, length 0
  for (auto [body, message] : EachBody<v1::ControlMessage>()) {
    Frames frames = EncodeControl(message);
    frames[1] += future;
    EXPECT_THAT(DecodeControl(frames), HasErrorName("unknown-field")) << body;
    const auto& field = *v1::ControlMessage::descriptor()->FindFieldByName(body);
    Message& part = *message.GetReflection()->MutableMessage(&message, &field);
    part.GetReflection()->MutableUnknownFields(&part)->AddVarint(999, 1);
    EXPECT_THAT(DecodeControl(EncodeControl(message)), HasErrorName("unknown-field")) << body;
  }
  for (const auto& [body, message] : EachBody<v1::BulkMessage>()) {
    Frames frames = EncodeBulk(message, kPayload);
    frames[1] += future;
    EXPECT_THAT(DecodeBulk(frames), HasErrorName("unknown-field")) << body;
  }
}

}  // namespace
}  // namespace sluice::net

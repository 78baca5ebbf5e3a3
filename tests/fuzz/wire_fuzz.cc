// Whatever an admitted peer sends: both decoders take the frames apart or refuse them by name, and
// what they took is what they would have sent.
//
// Input: frames, each behind its length as two bytes, the higher one first.
#include "common/net/wire.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/base/status.h"
#include "sluice/v1/bulk.pb.h"
#include "sluice/v1/control.pb.h"

namespace sluice::net {
namespace {

constexpr size_t kFramesMax = 5;

Frames FramesOf(std::string_view input) {
  Frames frames;
  while (input.size() >= 2 && frames.size() < kFramesMax) {
    const size_t bytes =
        size_t{static_cast<uint8_t>(input[0])} << 8 | static_cast<uint8_t>(input[1]);
    input.remove_prefix(2);
    frames.emplace_back(input.substr(0, bytes));
    input.remove_prefix(frames.back().size());
  }
  return frames;
}

#ifdef SLUICE_PLANTED_BUG
// A campaign proves itself by finding this: whoever begins like us sends a whole preamble.
int KindOf(const std::string& preamble) {
  const std::vector<char> octets(preamble.begin(), preamble.end());
  return octets[5];
}
#endif

void Decode(const Frames& frames) {
#ifdef SLUICE_PLANTED_BUG
  if (!frames.empty() && frames[0].starts_with("SL") && KindOf(frames[0]) > 2) return;
#endif
  const auto control = DecodeControl(frames);
  SLUICE_CHECK(control.ok() || !ErrorName(control.status()).empty());
  if (control.ok()) {
    const auto again = DecodeControl(EncodeControl(*control));
    SLUICE_CHECK(again.ok() && again->SerializeAsString() == control->SerializeAsString());
  }
  const auto bulk = DecodeBulk(frames);
  SLUICE_CHECK(bulk.ok() || !ErrorName(bulk.status()).empty());
  if (bulk.ok()) {
    const auto again = DecodeBulk(EncodeBulk(*bulk, frames.back()));
    SLUICE_CHECK(again.ok() && again->SerializeAsString() == bulk->SerializeAsString());
  }
}

}  // namespace
}  // namespace sluice::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t bytes) {
  sluice::net::Decode(
      sluice::net::FramesOf(std::string_view(reinterpret_cast<const char*>(input), bytes)));
  return 0;
}

// Whatever claims to be signed: it is taken apart or refused by name, survives being written again,
// and no text opens to anything but what the one key has really signed.
//
// Input: the envelope's text. The corpus holds envelopes by the key below.
#include "common/trust/envelope.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/check.h"
#include "common/base/testing/fake_entropy.h"

namespace sluice::trust {
namespace {

constexpr std::string_view kType = "application/vnd.sluice.sample.v1+json";
constexpr std::string_view kPayload = R"({"answer":42})";

const crypto::VerifyingKey& Key() {
  static const crypto::VerifyingKey key = [] {
    FakeEntropy entropy(1);
    return crypto::SigningKey::Generate(crypto::KeyKind::kOperator, entropy).Public();
  }();
  return key;
}

#ifdef SLUICE_PLANTED_BUG
// A campaign proves itself by finding this: a key's id has 16 characters, if its owner is honest.
bool IsOurs(const EnvelopeSignature& signature) {
  std::vector<char> id(16);
  memcpy(id.data(), signature.key_id.data(), signature.key_id.size());
  return std::string_view(id.data(), id.size()) == Key().id();
}
#endif

void Open(std::string_view text) {
  const auto envelope = ParseEnvelope(text);
  if (!envelope.ok()) {
    SLUICE_CHECK(!ErrorName(envelope.status()).empty());
    return;
  }
  const auto again = ParseEnvelope(FormatEnvelope(*envelope));
  SLUICE_CHECK(again.ok() && again->payload == envelope->payload &&
               again->payload_type == envelope->payload_type &&
               again->signatures.size() == envelope->signatures.size());
#ifdef SLUICE_PLANTED_BUG
  if (IsOurs(envelope->signatures.front())) return;
#endif
  const auto verified = VerifyEnvelope(*envelope, kType, {&Key(), 1}, 1);
  SLUICE_CHECK(!verified.ok() || verified->payload == kPayload);
}

}  // namespace
}  // namespace sluice::trust

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t bytes) {
  sluice::trust::Open(std::string_view(reinterpret_cast<const char*>(input), bytes));
  return 0;
}

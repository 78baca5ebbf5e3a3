#include "common/transfer/transfer_id.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/encoding.h"
#include "common/crypto/digest.h"

namespace sluice::transfer {
namespace {

Status BadTransferId() {
  return NamedError(StatusCode::kInvalidArgument, "bad-transfer-id",
                    "a transfer id has 16 bytes, written as 32 lower-case hexadecimal digits");
}

}  // namespace

TransferId TransferId::Generate(Entropy& entropy) {
  auto id = FromBytes(entropy.Bytes(kBytes));
  SLUICE_CHECK(id.ok());
  return *id;
}

TransferId TransferId::OfOrder(std::string_view order_sha256) {
  const crypto::Sha256Digest digest =
      crypto::Sha256Of(absl::StrCat("sluice transfer of order ", ToAbsl(order_sha256)));
  auto id = FromBytes(digest.bytes().substr(0, kBytes));
  SLUICE_CHECK(id.ok());
  return *id;
}

StatusOr<TransferId> TransferId::FromBytes(std::string_view bytes) {
  if (bytes.size() != kBytes) return BadTransferId();
  TransferId id;
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  return id;
}

StatusOr<TransferId> TransferId::FromHex(std::string_view text) {
  const auto bytes = ::sluice::FromHex(text);
  if (!bytes.ok() || ToHex(*bytes) != text) return BadTransferId();
  return FromBytes(*bytes);
}

std::string TransferId::hex() const { return ToHex(bytes()); }

}  // namespace sluice::transfer

#include "coordinator/daemon/ledger_chain.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/crypto/digest.h"

namespace sluice::coordinator {
namespace {

std::string BigEndian(uint64_t number) {
  std::string bytes(8, '\0');
  for (size_t i = 8; i-- > 0; number >>= 8) bytes[i] = static_cast<char>(number & 0xff);
  return bytes;
}

Status Altered(uint64_t sequence, std::string_view what) {
  return NamedError(StatusCode::kDataLoss, "ledger-altered",
                    absl::StrCat("the ledger was altered at entry ", sequence, ": ", ToAbsl(what),
                                 "; keep the file as evidence and restore a backup"));
}

}  // namespace

std::string EntryHash(const LedgerEntry& entry) {
  using std::string_view_literals::operator""sv;
  crypto::Sha256 hash;
  hash.Update("sluice-ledger-v1\0"sv);
  hash.Update(BigEndian(entry.sequence));
  hash.Update(BigEndian(static_cast<uint64_t>(entry.at_milliseconds)));
  hash.Update(BigEndian(entry.kind.size()));
  hash.Update(entry.kind);
  hash.Update(entry.previous);
  hash.Update(crypto::Sha256Of(entry.body).bytes());
  return std::string(hash.Finish().bytes());
}

LedgerEntry ChainEntry(const LedgerHead& head, int64_t at_milliseconds, std::string kind,
                       std::string body) {
  LedgerEntry entry{.sequence = head.sequence + 1,
                    .at_milliseconds = at_milliseconds,
                    .kind = std::move(kind),
                    .body = std::move(body),
                    .previous = head.hash,
                    .hash = ""};
  entry.hash = EntryHash(entry);
  return entry;
}

StatusOr<LedgerHead> FollowChain(const LedgerHead& head, const LedgerEntry& entry) {
  if (entry.sequence != head.sequence + 1) {
    return Altered(head.sequence + 1,
                   absl::StrCat("the next entry there is has number ", entry.sequence));
  }
  if (entry.previous != head.hash) {
    return Altered(entry.sequence, "it does not follow the entry before it");
  }
  if (entry.hash != EntryHash(entry)) {
    return Altered(entry.sequence, "its content does not have its hash");
  }
  return LedgerHead{entry.sequence, entry.hash};
}

}  // namespace sluice::coordinator

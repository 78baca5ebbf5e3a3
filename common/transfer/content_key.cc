#include "common/transfer/content_key.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/crypto/hkdf.h"

namespace sluice::transfer {
namespace {

constexpr std::string_view kWrapDomain("sluice.dev/content-key/v1\0", 26);
constexpr std::string_view kSealingDomain("sluice.dev/sealing-key/v1\0", 26);
constexpr std::string_view kCommitmentDomain("sluice.dev/key-commitment/v1\0", 29);

// HPKE's info: a wrapped key opens for its transfer, statement and recipient only.
std::string WrapInfo(const TransferId& transfer, const crypto::Sha256Digest& statement_sha256,
                     const crypto::Sha256Digest& recipient) {
  return absl::StrCat(ToAbsl(kWrapDomain), ToAbsl(transfer.bytes()),
                      ToAbsl(statement_sha256.bytes()), ToAbsl(recipient.bytes()));
}

Secret Derived(const Secret& content_key, std::string_view domain, const TransferId& transfer) {
  SLUICE_CHECK(content_key.Reveal().size() == kContentKeyBytes);
  return crypto::HkdfExpand(content_key, absl::StrCat(ToAbsl(domain), ToAbsl(transfer.bytes())),
                            kContentKeyBytes);
}

}  // namespace

Secret GenerateContentKey(Entropy& entropy) { return Secret(entropy.Bytes(kContentKeyBytes)); }

crypto::Sha256Digest RecipientKeyId(crypto::SealSuite suite, std::string_view public_key) {
  return crypto::Sha256Of(
      absl::StrCat(ToAbsl(crypto::SealSuiteName(suite)), std::string(1, '\0'), ToAbsl(public_key)));
}

Secret SealingKey(const Secret& content_key, const TransferId& transfer) {
  return Derived(content_key, kSealingDomain, transfer);
}

crypto::Sha256Digest KeyCommitment(const Secret& content_key, const TransferId& transfer) {
  const Secret commitment = Derived(content_key, kCommitmentDomain, transfer);
  const auto digest = crypto::Sha256Digest::FromBytes(commitment.Reveal());
  SLUICE_CHECK(digest.ok());
  return *digest;
}

StatusOr<StreamHeader> MakeHeader(const StreamLayout& layout,
                                  const crypto::Sha256Digest& statement_sha256,
                                  const Secret& content_key,
                                  const std::vector<Recipient>& recipients, Entropy& entropy) {
  StreamHeader header;
  header.layout = layout;
  header.statement_sha256 = statement_sha256;
  header.key_commitment = KeyCommitment(content_key, layout.transfer);
  for (const Recipient& recipient : recipients) {
    const crypto::Sha256Digest id = RecipientKeyId(recipient.suite, recipient.public_key);
    SLUICE_ASSIGN_OR_RETURN(std::string wrapped,
                            crypto::WrapContentKey(recipient.suite, recipient.public_key,
                                                   WrapInfo(layout.transfer, statement_sha256, id),
                                                   content_key, entropy));
    header.recipients.push_back({id, std::move(wrapped)});
  }
  std::sort(header.recipients.begin(), header.recipients.end(),
            [](const WrappedKey& a, const WrappedKey& b) { return a.recipient < b.recipient; });
  // One recipient twice, or none, is refused as everywhere; the signature is not needed for that.
  SLUICE_RETURN_IF_ERROR(
      SerializeHeader(header, [](std::string_view) { return std::string(); }).status());
  return header;
}

StatusOr<Secret> UnwrapFrom(const StreamHeader& header, const crypto::SealKeyPair& recipient) {
  const TransferId& transfer = header.layout.transfer;
  const crypto::Sha256Digest id = RecipientKeyId(recipient.suite, recipient.public_key);
  const auto own = std::find_if(header.recipients.begin(), header.recipients.end(),
                                [&](const WrappedKey& key) { return key.recipient == id; });
  if (own == header.recipients.end()) {
    return NamedError(StatusCode::kPermissionDenied, "not-a-recipient",
                      "the stream's content key is not wrapped for the key that was offered");
  }
  auto content_key = crypto::UnwrapContentKey(
      recipient, WrapInfo(transfer, header.statement_sha256, id), own->wrapped);
  if (!content_key.ok() || content_key->Reveal().size() != kContentKeyBytes) {
    return NamedError(StatusCode::kDataLoss, "content-key-bad-seal",
                      "the wrapped content key does not open with the key that was offered");
  }
  // Both are public, so the comparison need not hide its time.
  if (KeyCommitment(*content_key, transfer) != header.key_commitment) {
    return NamedError(StatusCode::kDataLoss, "key-commitment-mismatch",
                      "the wrapped content key is not the one that the header commits to");
  }
  return content_key;
}

}  // namespace sluice::transfer

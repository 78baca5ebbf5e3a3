#include "common/transfer/stream_header.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/transfer/octets.h"

namespace sluice::transfer {
namespace {

// As PNG's: not text, and a line feed that a careless gateway would change.
constexpr std::string_view kMagic("\x89SLUICE\n", 8);
constexpr std::string_view kDomain("sluice.dev/stream-header/v1\0", 28);

Status Refuse(std::string_view name, std::string_view message) {
  return NamedError(StatusCode::kDataLoss, name, absl::StrCat("stream header: ", ToAbsl(message)));
}

bool FeatureNameOk(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kFeatureNameBytesMax &&
         std::all_of(name.begin(), name.end(), allowed);
}

// What holds of a header whichever way it came about; "" if all does.
std::string_view WhatIsWrong(const StreamHeader& header) {
  const StreamLayout& layout = header.layout;
  const auto cut = StreamLayout::Cut(layout.transfer, layout.droplet_bytes, layout.chunk_bytes);
  if (!cut.ok()) return "chunk size or count beyond the limits";
  if (*cut != layout) return "chunk count does not follow from the droplet's size";
  if (header.features.size() > kFeaturesMax) return "too many features";
  if (!std::all_of(header.features.begin(), header.features.end(), FeatureNameOk)) {
    return "a feature's name is not [a-z0-9-]{1,32}";
  }
  const auto not_ascending = [](const auto& a, const auto& b) { return a >= b; };
  if (std::adjacent_find(header.features.begin(), header.features.end(), not_ascending) !=
      header.features.end()) {
    return "features are not in ascending order";
  }
  if (header.recipients.empty() || header.recipients.size() > kRecipientsMax) {
    return "no recipient, or too many";
  }
  for (const WrappedKey& key : header.recipients) {
    if (key.wrapped.empty() || key.wrapped.size() > kWrappedKeyBytesMax) {
      return "a wrapped key of impossible length";
    }
  }
  const auto keys_not_ascending = [](const WrappedKey& a, const WrappedKey& b) {
    return a.recipient >= b.recipient;
  };
  if (std::adjacent_find(header.recipients.begin(), header.recipients.end(), keys_not_ascending) !=
      header.recipients.end()) {
    return "recipients are not in ascending order of key id";
  }
  return "";
}

std::string Body(const StreamHeader& header) {
  std::string body(kMagic);
  AppendNumber(body, header.features.size(), 1);
  for (const std::string& feature : header.features) {
    AppendNumber(body, feature.size(), 1);
    body.append(feature);
  }
  body.append(header.layout.transfer.bytes());
  body.append(header.statement_sha256.bytes());
  AppendNumber(body, header.layout.droplet_bytes, 8);
  AppendNumber(body, header.layout.chunk_bytes, 4);
  AppendNumber(body, header.layout.chunk_count, 4);
  body.append(header.key_commitment.bytes());
  AppendNumber(body, header.recipients.size(), 2);
  for (const WrappedKey& key : header.recipients) {
    body.append(key.recipient.bytes());
    AppendNumber(body, key.wrapped.size(), 2);
    body.append(key.wrapped);
  }
  return body;
}

// The reader gives zeros past the end, so values are only looked at after the caller asked ok().
crypto::Sha256Digest ReadDigest(OctetReader& reader) {
  return crypto::Sha256Digest::FromBytes(reader.Bytes(crypto::Sha256Digest::kBytes))
      .value_or(crypto::Sha256Digest());
}

StreamHeader ReadFields(OctetReader& reader) {
  StreamHeader header;
  for (uint64_t left = reader.Number(1); left > 0 && reader.ok(); --left) {
    header.features.emplace_back(reader.Bytes(reader.Number(1)));
  }
  header.layout.transfer =
      TransferId::FromBytes(reader.Bytes(TransferId::kBytes)).value_or(TransferId());
  header.statement_sha256 = ReadDigest(reader);
  header.layout.droplet_bytes = reader.Number(8);
  header.layout.chunk_bytes = static_cast<uint32_t>(reader.Number(4));
  header.layout.chunk_count = static_cast<uint32_t>(reader.Number(4));
  header.key_commitment = ReadDigest(reader);
  for (uint64_t left = reader.Number(2); left > 0 && reader.ok(); --left) {
    WrappedKey key{ReadDigest(reader), std::string(reader.Bytes(reader.Number(2)))};
    header.recipients.push_back(std::move(key));
  }
  return header;
}

}  // namespace

StatusOr<std::string> SerializeHeader(const StreamHeader& header, const ChunkSigner& sign) {
  if (const std::string_view wrong = WhatIsWrong(header); !wrong.empty()) {
    return NamedError(StatusCode::kInvalidArgument, "header-out-of-limits", wrong);
  }
  const std::string body = Body(header);
  return absl::StrCat(body, sign(absl::StrCat(ToAbsl(kDomain), body)));
}

StatusOr<StreamHeader> ParseHeader(std::string_view bytes, const ChunkVerifier& verify) {
  if (bytes.size() > kHeaderBytesMax) {
    return Refuse("header-too-large", absl::StrFormat("above %d bytes", kHeaderBytesMax));
  }
  OctetReader reader(bytes);
  const std::string_view magic = reader.Bytes(kMagic.size());
  if (!reader.ok()) return Refuse("header-truncated", "ends within its first field");
  if (magic != kMagic) return Refuse("header-bad-magic", "this is no sealed droplet stream");
  StreamHeader header = ReadFields(reader);
  const size_t body_bytes = bytes.size() - reader.remaining();
  const std::string_view signature = reader.Bytes(kSignatureBytes);
  if (!reader.ok()) return Refuse("header-truncated", "ends before its signature does");
  if (reader.remaining() != 0) return Refuse("header-malformed", "bytes after the signature");
  if (const std::string_view wrong = WhatIsWrong(header); !wrong.empty()) {
    return Refuse("header-out-of-limits", wrong);
  }
  if (!verify(signature, absl::StrCat(ToAbsl(kDomain), ToAbsl(bytes.substr(0, body_bytes))))) {
    return Refuse("header-bad-signature", "not signed by the source's agent");
  }
  if (!header.features.empty()) {
    return NamedError(StatusCode::kUnimplemented, "stream-feature-unknown",
                      absl::StrCat("the stream needs the feature \"", header.features.front(),
                                   "\", which this program lacks: update it"));
  }
  return header;
}

}  // namespace sluice::transfer

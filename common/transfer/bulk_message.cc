#include "common/transfer/bulk_message.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace sluice::transfer {
namespace {

constexpr size_t kCauseNameBytesMax = 64;
constexpr size_t kCauseMessageBytesMax = 1024;

v1::BulkMessage Message(const TransferId& transfer) {
  v1::BulkMessage message;
  message.set_transfer(std::string(transfer.bytes()));
  return message;
}

// Protobuf's strings are UTF-8, and a cut or a server's bytes may leave half a character.
std::string PlainText(absl::string_view text) {
  std::string plain(text.substr(0, kCauseMessageBytesMax));
  std::replace_if(
      plain.begin(), plain.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return plain;
}

bool IsErrorName(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !name.empty() && name.size() <= kCauseNameBytesMax &&
         std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace

v1::BulkMessage AnnounceMessage(const TransferId& transfer) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_announce();
  return message;
}

v1::BulkMessage OpenMessage(const TransferId& transfer, uint32_t target_index,
                            const ChunkSet& stored) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_open()->set_target_index(target_index);
  message.mutable_open()->set_have(stored.Encode());
  return message;
}

v1::BulkMessage HeaderMessage(const TransferId& transfer) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_header();
  return message;
}

v1::BulkMessage FetchMessage(const TransferId& transfer, const std::vector<uint32_t>& indexes) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_fetch()->mutable_indexes()->Assign(indexes.begin(), indexes.end());
  return message;
}

v1::BulkMessage CreditMessage(const TransferId& transfer, uint32_t chunks,
                              const std::vector<uint32_t>& stored) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_credit()->set_chunks(chunks);
  message.mutable_credit()->mutable_stored()->Assign(stored.begin(), stored.end());
  return message;
}

v1::BulkMessage HaveMessage(const TransferId& transfer, const std::string& map,
                            const std::vector<uint32_t>& stored) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_have()->set_map(map);
  message.mutable_have()->mutable_stored()->Assign(stored.begin(), stored.end());
  return message;
}

v1::BulkMessage FellowsMessage(const TransferId& transfer,
                               const std::vector<uint32_t>& target_indexes) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_fellows()->mutable_target_indexes()->Assign(target_indexes.begin(),
                                                              target_indexes.end());
  return message;
}

v1::BulkMessage ChunkMessage(const TransferId& transfer, uint32_t index,
                             std::string_view signature) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_chunk()->set_index(index);
  message.mutable_chunk()->set_signature(std::string(signature));
  return message;
}

v1::BulkMessage VerifiedMessage(const TransferId& transfer, const crypto::Sha256Digest& sha256,
                                uint64_t bytes) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_verified()->set_sha256(std::string(sha256.bytes()));
  message.mutable_verified()->set_bytes(bytes);
  return message;
}

v1::BulkMessage ClosedMessage(const TransferId& transfer) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_closed();
  return message;
}

v1::BulkMessage CancelMessage(const TransferId& transfer, const Status& why) {
  v1::BulkMessage message = Message(transfer);
  v1::BulkCancel& cancel = *message.mutable_cancel();
  cancel.set_code(static_cast<int32_t>(why.code()));
  cancel.set_name(ErrorName(why));
  cancel.set_message(PlainText(why.message()));
  return message;
}

v1::BulkMessage PingMessage(const TransferId& transfer) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_ping();
  return message;
}

v1::BulkMessage PongMessage(const TransferId& transfer) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_pong();
  return message;
}

v1::BulkMessage RelayJoinMessage(const TransferId& transfer, std::string_view to_foundation,
                                 uint64_t taken_bytes) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_relay_join()->set_to_foundation(std::string(to_foundation));
  message.mutable_relay_join()->set_taken_bytes(taken_bytes);
  return message;
}

Status PartedCause(const v1::RelayParted& parted) {
  const std::string name = IsErrorName(parted.name()) ? parted.name() : "relay-parted";
  return NamedError(StatusCode::kUnavailable, name, PlainText(parted.message()));
}

Status CancelCause(const v1::BulkCancel& cancel) {
  const std::string name = IsErrorName(cancel.name()) ? cancel.name() : "peer-cancelled";
  const std::string message = PlainText(cancel.message());
  const bool cancelled =
      cancel.code() == 0 || cancel.code() == static_cast<int>(StatusCode::kCancelled);
  return NamedError(cancelled ? StatusCode::kCancelled : StatusCode::kUnknown, name, message);
}

Status PeerSilent(std::string_view who, absl::Duration silence) {
  return NamedError(StatusCode::kUnavailable, "peer-silent",
                    absl::StrCat(ToAbsl(who), " of the droplet has not been heard of for ",
                                 absl::FormatDuration(silence)));
}

Status UnexpectedMessage(const v1::BulkMessage& message) {
  return NamedError(
      StatusCode::kAborted, "unexpected-message",
      absl::StrCat("the other end of the transfer sent a message (number ",
                   static_cast<int>(message.body_case()), ") that is not its to send, or not now"));
}

}  // namespace sluice::transfer

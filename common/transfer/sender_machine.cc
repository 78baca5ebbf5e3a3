#include "common/transfer/sender_machine.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/transfer/bulk_message.h"

namespace sluice::transfer {
namespace {

Status Refuse(StatusCode code, std::string_view name, std::string_view message) {
  return NamedError(code, name, absl::StrCat("a receiver of the droplet ", ToAbsl(message)));
}

}  // namespace

SenderMachine::SenderMachine(Options options, absl::Duration now)
    : options_(std::move(options)), receivers_(options_.receivers) {
  SLUICE_CHECK(!receivers_.empty());
  for (Receiver& receiver : receivers_) {
    receiver.heard_at = now;
    receiver.taken.resize(options_.layout.chunk_count);
  }
}

Effects SenderMachine::OnChunkSealed(SealedChunk chunk) {
  Effects effects;
  if (ended_) return effects;
  SLUICE_CHECK(chunk.index == sealed_);
  const uint32_t index = sealed_++;
  held_.emplace(index, Held{std::move(chunk), receivers_.size()});
  HandOut(index, effects);
  return effects;
}

void SenderMachine::HandOut(uint32_t index, Effects& effects) {
  const auto found = held_.find(index);
  if (found == held_.end()) return;
  Held& held = found->second;
  for (size_t peer = 0; peer < receivers_.size(); ++peer) {
    Receiver& receiver = receivers_[peer];
    if (receiver.asked.erase(index) == 0) continue;
    ++receiver.sent;
    MessageOut out{peer, ChunkMessage(options_.layout.transfer, index, held.chunk.signature), ""};
    // The last receiver gets the bytes themselves: with one, nothing is ever copied.
    out.payload = --held.receivers_left == 0 ? std::move(held.chunk.sealed) : held.chunk.sealed;
    effects.push_back(std::move(out));
  }
  if (held.receivers_left > 0) return;
  held_.erase(found);
  effects.push_back(ChunkReleased{index});
}

Effects SenderMachine::OnConnected(size_t peer, absl::Duration) {
  Effects effects;
  if (ended_) return effects;
  receivers_[peer].connected = true;
  effects.push_back(MessageOut{peer, AnnounceMessage(options_.layout.transfer), ""});
  return effects;
}

void SenderMachine::OnUnreachable(size_t peer, const Status& why) {
  receivers_[peer].connected = false;
  receivers_[peer].trouble = why;
}

Effects SenderMachine::OnMessage(size_t peer, const v1::BulkMessage& message, std::string,
                                 absl::Duration now) {
  if (ended_) return {};
  if (message.transfer() != options_.layout.transfer.bytes()) {
    return GiveUp(Refuse(StatusCode::kAborted, "wrong-transfer", "speaks of another transfer"));
  }
  Receiver& receiver = receivers_[peer];
  receiver.connected = true;
  receiver.heard = true;
  receiver.heard_at = now;
  switch (message.body_case()) {
    case v1::BulkMessage::kOpen:
      return OnOpen(peer, message.open());
    case v1::BulkMessage::kFetch:
      return OnFetch(peer, message.fetch());
    case v1::BulkMessage::kVerified:
      return OnVerified(peer, message.verified());
    case v1::BulkMessage::kPing: {
      Effects effects;
      effects.push_back(MessageOut{peer, PongMessage(options_.layout.transfer), ""});
      return effects;
    }
    case v1::BulkMessage::kCancel:
      // Not told to this one again: it has no connection as far as GiveUp() is concerned.
      receiver.connected = false;
      return GiveUp(CancelCause(message.cancel()));
    default:
      return GiveUp(UnexpectedMessage(message));
  }
}

bool SenderMachine::MayMeetAgain(size_t peer) const {
  const Receiver& receiver = receivers_[peer];
  return receiver.sent == 0 || receiver.sent == options_.layout.chunk_count;
}

Effects SenderMachine::OnOpen(size_t peer, const v1::BulkOpen& open) {
  if (open.target_index() != peer) {
    return GiveUp(Refuse(
        StatusCode::kAborted, "wrong-target-index",
        absl::StrFormat("calls itself number %d, and is number %d", open.target_index(), peer)));
  }
  receivers_[peer].open = true;
  Effects effects;
  effects.push_back(MessageOut{peer, HeaderMessage(options_.layout.transfer), options_.header});
  return effects;
}

Effects SenderMachine::OnFetch(size_t peer, const v1::BulkFetch& fetch) {
  Receiver& receiver = receivers_[peer];
  if (!receiver.open) {
    return GiveUp(Refuse(StatusCode::kAborted, "unexpected-message",
                         "asks for chunks before it has opened the stream"));
  }
  for (const uint32_t index : fetch.indexes()) {
    if (index >= options_.layout.chunk_count) {
      return GiveUp(
          Refuse(StatusCode::kAborted, "chunk-asked-out-of-range",
                 absl::StrFormat("asks for chunk %d of %d", index, options_.layout.chunk_count)));
    }
    if (receiver.taken[index]) {
      return GiveUp(Refuse(StatusCode::kAborted, "chunk-asked-twice",
                           absl::StrFormat("asks for chunk %d again: nothing is kept of what was "
                                           "sent; start another transfer",
                                           index)));
    }
    if (receiver.asked.size() >= kCreditChunksMax) {
      return GiveUp(
          Refuse(StatusCode::kAborted, "credit-exceeded",
                 absl::StrFormat("asks for more than %d chunks at once", kCreditChunksMax)));
    }
    receiver.taken[index] = true;
    receiver.asked.insert(index);
  }
  Effects effects;
  for (const uint32_t index : fetch.indexes()) HandOut(index, effects);
  return effects;
}

Effects SenderMachine::OnVerified(size_t peer, const v1::BulkVerified& verified) {
  Receiver& receiver = receivers_[peer];
  if (!receiver.open || receiver.sent < options_.layout.chunk_count) {
    return GiveUp(Refuse(StatusCode::kAborted, "verified-too-early",
                         "claims to have the whole droplet, and was not sent all of it"));
  }
  const auto sha256 = crypto::Sha256Digest::FromBytes(verified.sha256());
  if (!sha256.ok() || verified.bytes() != options_.layout.droplet_bytes ||
      (options_.droplet_sha256 && *sha256 != *options_.droplet_sha256)) {
    return GiveUp(Refuse(StatusCode::kDataLoss, "verified-mismatch",
                         "found another digest or length than the droplet has"));
  }
  receiver.verified = true;
  Effects effects;
  effects.push_back(MessageOut{peer, ClosedMessage(options_.layout.transfer), ""});
  for (const Receiver& other : receivers_) {
    if (!other.verified) return effects;
  }
  ended_ = true;
  effects.push_back(Ended{absl::OkStatus()});
  return effects;
}

Effects SenderMachine::OnTime(absl::Duration now) {
  if (ended_) return {};
  for (const Receiver& receiver : receivers_) {
    if (receiver.verified || now - receiver.heard_at < options_.silence_max) continue;
    if (!receiver.trouble.ok()) return GiveUp(receiver.trouble);
    return GiveUp(
        NamedError(StatusCode::kUnavailable, "peer-silent",
                   absl::StrCat("a receiver of the droplet has not been heard of for ",
                                absl::FormatDuration(options_.silence_max),
                                receiver.heard ? "" : ": it never came; see its agent's log")));
  }
  return {};
}

Effects SenderMachine::GiveUp(const Status& why) {
  SLUICE_CHECK(!why.ok());
  Effects effects;
  if (ended_) return effects;
  ended_ = true;
  held_.clear();
  for (size_t peer = 0; peer < receivers_.size(); ++peer) {
    if (!receivers_[peer].connected || receivers_[peer].verified) continue;
    effects.push_back(MessageOut{peer, CancelMessage(options_.layout.transfer, why), ""});
  }
  effects.push_back(Ended{why});
  return effects;
}

}  // namespace sluice::transfer

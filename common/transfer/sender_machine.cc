#include "common/transfer/sender_machine.h"

#include <algorithm>
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
    receiver.sent.resize(options_.layout.chunk_count);
  }
}

Effects SenderMachine::OnChunkSealed(SealedChunk chunk) {
  Effects effects;
  if (ended_) return effects;
  ordered_.erase(chunk.index);
  std::vector<size_t> peers;
  for (size_t peer = 0; peer < receivers_.size(); ++peer) {
    if (receivers_[peer].asked.erase(chunk.index) > 0) peers.push_back(peer);
  }
  for (const size_t peer : peers) receivers_[peer].sent[chunk.index] = true;
  const bool keep = WantedLater(chunk.index);
  for (const size_t peer : peers) {
    // The last one gets the bytes themselves: with one receiver, nothing is ever copied.
    const bool last = peer == peers.back() && !keep;
    effects.push_back(ChunkOut(peer, chunk, last ? std::move(chunk.sealed) : chunk.sealed));
  }
  if (keep) Keep(std::move(chunk));
  return effects;
}

bool SenderMachine::WantedLater(uint32_t index) const {
  return std::any_of(receivers_.begin(), receivers_.end(), [index](const Receiver& receiver) {
    return !receiver.verified && !receiver.sent[index];
  });
}

MessageOut SenderMachine::ChunkOut(size_t peer, const SealedChunk& chunk, std::string sealed) {
  return {peer, ChunkMessage(options_.layout.transfer, chunk.index, chunk.signature),
          std::move(sealed)};
}

void SenderMachine::Keep(SealedChunk chunk) {
  const uint32_t index = chunk.index;
  if (!kept_.emplace(index, std::move(chunk)).second) return;
  kept_order_.push_back(index);
  const uint64_t kept_max = std::max<uint64_t>(1, kKeptBytesMax / options_.layout.chunk_bytes);
  if (kept_order_.size() <= kept_max) return;
  kept_.erase(kept_order_.front());
  kept_order_.pop_front();
}

Effects SenderMachine::OnConnected(size_t peer, absl::Duration now) {
  Effects effects;
  if (ended_) return effects;
  Receiver& receiver = receivers_[peer];
  receiver.connected = true;
  receiver.open = false;
  receiver.asked.clear();
  receiver.heard_at = now;
  effects.push_back(MessageOut{peer, AnnounceMessage(options_.layout.transfer), ""});
  return effects;
}

void SenderMachine::OnUnreachable(size_t peer, const Status&) {
  receivers_[peer].connected = false;
  receivers_[peer].open = false;
  receivers_[peer].asked.clear();
}

Effects SenderMachine::OnMessage(size_t peer, const v1::BulkMessage& message, std::string,
                                 absl::Duration now) {
  if (ended_) return {};
  if (message.transfer() != options_.layout.transfer.bytes()) {
    return GiveUp(Refuse(StatusCode::kAborted, "wrong-transfer", "speaks of another transfer"));
  }
  Receiver& receiver = receivers_[peer];
  receiver.connected = true;
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

Effects SenderMachine::OnOpen(size_t peer, const v1::BulkOpen& open) {
  if (open.target_index() != peer) {
    return GiveUp(Refuse(
        StatusCode::kAborted, "wrong-target-index",
        absl::StrFormat("calls itself number %d, and is number %d", open.target_index(), peer)));
  }
  Receiver& receiver = receivers_[peer];
  receiver.open = true;
  // Who opens has no request under way: whatever it asked for before, it will ask for again.
  receiver.asked.clear();
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
  Effects effects;
  ChunksWanted wanted;
  for (const uint32_t index : fetch.indexes()) {
    if (index >= options_.layout.chunk_count) {
      return GiveUp(
          Refuse(StatusCode::kAborted, "chunk-asked-out-of-range",
                 absl::StrFormat("asks for chunk %d of %d", index, options_.layout.chunk_count)));
    }
    if (receiver.sent[index]) bytes_again_ += options_.layout.SealedBytes(index);
    if (const auto kept = kept_.find(index); kept != kept_.end()) {
      receiver.sent[index] = true;
      effects.push_back(ChunkOut(peer, kept->second, kept->second.sealed));
      continue;
    }
    receiver.asked.insert(index);
    if (receiver.asked.size() > kCreditChunksMax) {
      return GiveUp(
          Refuse(StatusCode::kAborted, "credit-exceeded",
                 absl::StrFormat("asks for more than %d chunks at once", kCreditChunksMax)));
    }
    if (ordered_.insert(index).second) wanted.indexes.push_back(index);
  }
  if (!wanted.indexes.empty()) effects.push_back(std::move(wanted));
  return effects;
}

Effects SenderMachine::OnVerified(size_t peer, const v1::BulkVerified& verified) {
  Receiver& receiver = receivers_[peer];
  const auto sha256 = crypto::Sha256Digest::FromBytes(verified.sha256());
  if (!sha256.ok() || verified.bytes() != options_.layout.droplet_bytes ||
      *sha256 != options_.droplet_sha256) {
    return GiveUp(Refuse(StatusCode::kDataLoss, "verified-mismatch",
                         "found another digest or length than the droplet has"));
  }
  receiver.verified = true;
  receiver.asked.clear();
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
  Effects effects;
  if (ended_) return effects;
  for (size_t peer = 0; peer < receivers_.size(); ++peer) {
    Receiver& receiver = receivers_[peer];
    if (!receiver.connected || now - receiver.heard_at < options_.silence_max) continue;
    receiver.connected = false;
    effects.push_back(HungUp{peer, PeerSilent("a receiver", now - receiver.heard_at)});
  }
  return effects;
}

bool SenderMachine::connected() const {
  return std::any_of(receivers_.begin(), receivers_.end(),
                     [](const Receiver& receiver) { return receiver.connected; });
}

Effects SenderMachine::GiveUp(const Status& why) {
  SLUICE_CHECK(!why.ok());
  Effects effects;
  if (ended_) return effects;
  ended_ = true;
  kept_.clear();
  for (size_t peer = 0; peer < receivers_.size(); ++peer) {
    if (!receivers_[peer].connected || receivers_[peer].verified) continue;
    effects.push_back(MessageOut{peer, CancelMessage(options_.layout.transfer, why), ""});
  }
  effects.push_back(Ended{why});
  return effects;
}

}  // namespace sluice::transfer

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
    : options_(std::move(options)), choice_(options_.layout.chunk_count, options_.receivers) {
  SLUICE_CHECK(options_.receivers > 0);
  for (size_t i = 0; i < options_.receivers; ++i) {
    receivers_.push_back(
        {.heard_at = now, .asked = {}, .sent = ChunkSet(options_.layout.chunk_count)});
  }
}

Effects SenderMachine::OnChunkSealed(SealedChunk chunk, absl::Duration now) {
  Effects effects;
  if (ended_) return effects;
  ordered_.erase(chunk.index);
  std::vector<size_t> peers;
  for (size_t peer = 0; peer < receivers_.size(); ++peer) {
    if (receivers_[peer].asked.erase(chunk.index) > 0) peers.push_back(peer);
  }
  for (const size_t peer : peers) receivers_[peer].sent.Insert(chunk.index);
  const bool keep = WantedLater(chunk.index);
  for (const size_t peer : peers) {
    // The last one gets the bytes themselves: with one receiver, nothing is ever copied.
    const bool last = peer == peers.back() && !keep;
    effects.push_back(ChunkOut(peer, chunk, last ? std::move(chunk.sealed) : chunk.sealed, now));
  }
  if (keep) Keep(std::move(chunk));
  return effects;
}

bool SenderMachine::WantedLater(uint32_t index) const {
  return std::any_of(receivers_.begin(), receivers_.end(), [index](const Receiver& receiver) {
    return !receiver.verified && !receiver.sent.Contains(index);
  });
}

MessageOut SenderMachine::ChunkOut(size_t peer, const SealedChunk& chunk, std::string sealed,
                                   absl::Duration now) {
  choice_.OnSent(peer, chunk.index, now);
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
  receiver.heard_at = now;
  CloseLine(peer);
  effects.push_back(MessageOut{peer, AnnounceMessage(options_.layout.transfer), ""});
  return effects;
}

void SenderMachine::OnUnreachable(size_t peer, const Status&) {
  receivers_[peer].connected = false;
  CloseLine(peer);
}

void SenderMachine::CloseLine(size_t peer) {
  Receiver& receiver = receivers_[peer];
  receiver.open = false;
  receiver.credit = 0;
  for (const uint32_t index : receiver.asked) choice_.TakeBack(peer, index);
  receiver.asked.clear();
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
      return OnOpen(peer, message.open(), now);
    case v1::BulkMessage::kCredit:
      return OnCredit(peer, message.credit(), now);
    case v1::BulkMessage::kFellows:
      return OnFellows(peer, message.fellows(), now);
    case v1::BulkMessage::kFetch:
      return OnFetch(peer, message.fetch(), now);
    case v1::BulkMessage::kVerified:
      return OnVerified(peer, message.verified(), now);
    case v1::BulkMessage::kPing: {
      Effects effects;
      effects.push_back(MessageOut{peer, PongMessage(options_.layout.transfer), ""});
      return effects;
    }
    case v1::BulkMessage::kClosed:
      // From its process that remembers the end, when a lost connection was dialled again.
      return receiver.verified ? Effects() : GiveUp(UnexpectedMessage(message));
    case v1::BulkMessage::kCancel:
      // Not told to this one again: it has no connection as far as GiveUp() is concerned.
      receiver.connected = false;
      return GiveUp(CancelCause(message.cancel()));
    default:
      return GiveUp(UnexpectedMessage(message));
  }
}

Effects SenderMachine::OnOpen(size_t peer, const v1::BulkOpen& open, absl::Duration now) {
  if (open.target_index() != peer) {
    return GiveUp(Refuse(
        StatusCode::kAborted, "wrong-target-index",
        absl::StrFormat("calls itself number %d, and is number %d", open.target_index(), peer)));
  }
  auto stored = ChunkSet::Decode(open.have(), options_.layout.chunk_count);
  if (!stored.ok()) return GiveUp(stored.status());
  Receiver& receiver = receivers_[peer];
  // Who opens has no credit out: whatever it allowed before, it will allow again.
  CloseLine(peer);
  receiver.open = true;
  const auto reading_at = ReadingForOthersAt(peer);
  const auto lacks = stored->FirstMissing();
  choice_.OnOpen(peer, *std::move(stored));
  // Far behind the others, it goes with them, and what they have had is read once more at the end.
  if (reading_at && lacks && *lacks + kCreditChunksMax < *reading_at) {
    choice_.Join(peer, *reading_at);
  }
  Effects effects;
  effects.push_back(MessageOut{peer, HeaderMessage(options_.layout.transfer), options_.header});
  Append(effects, HandOut(now));
  return effects;
}

std::optional<uint32_t> SenderMachine::ReadingForOthersAt(size_t peer) const {
  std::optional<uint32_t> first;
  const bool others = std::any_of(receivers_.begin(), receivers_.end(), [&](const Receiver& other) {
    return &other != &receivers_[peer] && other.open && !other.verified;
  });
  if (!others) return first;
  if (!ordered_.empty()) first = *ordered_.begin();
  if (!kept_.empty()) first = std::min(kept_.begin()->first, first.value_or(kept_.begin()->first));
  return first;
}

bool SenderMachine::CreditExceeded(size_t peer) const {
  return receivers_[peer].credit + choice_.under_way(peer) > kCreditChunksMax;
}

Effects SenderMachine::OnCredit(size_t peer, const v1::BulkCredit& credit, absl::Duration now) {
  Receiver& receiver = receivers_[peer];
  // Said in an earlier conversation: a relay brings it to the one that has begun since.
  if (!receiver.open) return {};
  const std::vector<uint32_t> stored(credit.stored().begin(), credit.stored().end());
  for (const uint32_t index : stored) {
    if (index < options_.layout.chunk_count) continue;
    return GiveUp(
        Refuse(StatusCode::kAborted, "chunk-stored-out-of-range",
               absl::StrFormat("has stored chunk %d of %d", index, options_.layout.chunk_count)));
  }
  // One that has no fellows need not say so.
  if (!std::exchange(receiver.told_fellows, true)) choice_.OnFellows(peer, {});
  choice_.OnStored(peer, stored, now);
  receiver.credit += std::min(credit.chunks(), kCreditChunksMax + 1);
  if (CreditExceeded(peer)) {
    return GiveUp(Refuse(
        StatusCode::kAborted, "credit-exceeded",
        absl::StrFormat("takes more than %d chunks that it has not stored", kCreditChunksMax)));
  }
  return HandOut(now);
}

Effects SenderMachine::OnFellows(size_t peer, const v1::BulkFellows& fellows, absl::Duration now) {
  std::set<size_t> named;
  for (const uint32_t fellow : fellows.target_indexes()) {
    if (fellow >= receivers_.size() || fellow == peer || !named.insert(fellow).second) {
      return GiveUp(Refuse(StatusCode::kAborted, "wrong-fellow",
                           absl::StrFormat("has a line to number %d of %d, itself or one twice",
                                           fellow, receivers_.size())));
    }
  }
  receivers_[peer].told_fellows = true;
  choice_.OnFellows(peer, {named.begin(), named.end()});
  return HandOut(now);
}

Effects SenderMachine::HandOut(absl::Duration now) {
  Effects effects;
  ChunksWanted wanted;
  const size_t first = first_in_turn_;
  for (bool more = true; more;) {
    more = false;
    for (size_t i = 0; i < receivers_.size(); ++i) {
      const size_t peer = (first + i) % receivers_.size();
      Receiver& receiver = receivers_[peer];
      if (!receiver.open || receiver.verified || receiver.credit == 0) continue;
      const auto index = choice_.Hand(peer);
      if (!index) continue;
      if (!options_.allowance.may_go(options_.layout.SealedBytes(*index))) {
        choice_.TakeBack(peer, *index);
        more = false;
        break;
      }
      --receiver.credit;
      Give(peer, *index, now, effects, wanted);
      first_in_turn_ = peer + 1;
      more = true;
    }
  }
  if (!wanted.indexes.empty()) effects.push_back(std::move(wanted));
  return effects;
}

void SenderMachine::Give(size_t peer, uint32_t index, absl::Duration now, Effects& effects,
                         ChunksWanted& wanted) {
  Receiver& receiver = receivers_[peer];
  if (receiver.sent.Contains(index)) bytes_again_ += options_.layout.SealedBytes(index);
  if (const auto kept = kept_.find(index); kept != kept_.end()) {
    receiver.sent.Insert(index);
    effects.push_back(ChunkOut(peer, kept->second, kept->second.sealed, now));
    return;
  }
  receiver.asked.insert(index);
  if (ordered_.insert(index).second) wanted.indexes.push_back(index);
}

Effects SenderMachine::OnFetch(size_t peer, const v1::BulkFetch& fetch, absl::Duration now) {
  Receiver& receiver = receivers_[peer];
  if (!receiver.open) return {};  // as in OnCredit()
  Effects effects;
  ChunksWanted wanted;
  for (const uint32_t index : fetch.indexes()) {
    if (index >= options_.layout.chunk_count) {
      return GiveUp(
          Refuse(StatusCode::kAborted, "chunk-asked-out-of-range",
                 absl::StrFormat("asks for chunk %d of %d", index, options_.layout.chunk_count)));
    }
    if (receiver.asked.contains(index)) continue;
    choice_.HandNamed(peer, index);
    if (CreditExceeded(peer)) {
      return GiveUp(
          Refuse(StatusCode::kAborted, "credit-exceeded",
                 absl::StrFormat("asks for more than %d chunks at once", kCreditChunksMax)));
    }
    options_.allowance.goes(options_.layout.SealedBytes(index));
    Give(peer, index, now, effects, wanted);
  }
  if (!wanted.indexes.empty()) effects.push_back(std::move(wanted));
  return effects;
}

Effects SenderMachine::OnVerified(size_t peer, const v1::BulkVerified& verified,
                                  absl::Duration now) {
  Receiver& receiver = receivers_[peer];
  const auto sha256 = crypto::Sha256Digest::FromBytes(verified.sha256());
  if (!sha256.ok() || verified.bytes() != options_.layout.droplet_bytes ||
      *sha256 != options_.droplet_sha256) {
    return GiveUp(Refuse(StatusCode::kDataLoss, "verified-mismatch",
                         "found another digest or length than the droplet has"));
  }
  receiver.verified = true;
  // It may have the droplet from elsewhere, and none of the chunks that it has not named.
  for (const uint32_t index : receiver.asked) choice_.TakeBack(peer, index);
  receiver.asked.clear();
  choice_.OnDone(peer);
  Effects effects;
  effects.push_back(MessageOut{peer, ClosedMessage(options_.layout.transfer), ""});
  for (const Receiver& other : receivers_) {
    if (!other.verified) {
      Append(effects, HandOut(now));
      return effects;
    }
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
  choice_.OnTime(now);
  Append(effects, HandOut(now));
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

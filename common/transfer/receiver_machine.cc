#include "common/transfer/receiver_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/transfer/bulk_message.h"

namespace sluice::transfer {
namespace {

// A message that is lost with a broken connection is said again after this long.
constexpr absl::Duration kRepeatEveryMax = absl::Seconds(1);
// Several signs of life fit into the silence that the other side allows.
constexpr int kSignsOfLifePerSilence = 6;
// A chunk shows only when it is whole. On a line that needs long for each, silence is measured by
// how long chunks take; the first of a connection has this time, beside the source's own reading.
constexpr int kChunkTimesPerSilence = 4;
constexpr absl::Duration kFirstChunkMax = absl::Seconds(30);
// A source that has not heard of the end by then hears it from its coordinator.
constexpr absl::Duration kVerifiedRepeatedFor = absl::Minutes(10);

Status RefuseChunk(std::string_view name, uint32_t index, std::string_view message) {
  return NamedError(StatusCode::kDataLoss, name,
                    absl::StrFormat("chunk %d: %s", index, ToAbsl(message)));
}

}  // namespace

ReceiverMachine::ReceiverMachine(Options options, absl::Duration now)
    : options_(std::move(options)),
      repeat_every_(std::min(kRepeatEveryMax, options_.silence_max / kSignsOfLifePerSilence)),
      ping_every_(options_.silence_max / kSignsOfLifePerSilence),
      heard_at_(now),
      said_at_(now),
      chunk_at_(now),
      header_(options_.header),
      chunks_(options_.layout.chunk_count, Chunk::kMissing),
      window_(options_.layout.chunk_bytes) {
  for (uint32_t index = 0; index < options_.layout.chunk_count; ++index) {
    if (options_.stored.Contains(index)) chunks_[index] = Chunk::kStored;
  }
}

Effects ReceiverMachine::Say(v1::BulkMessage message, absl::Duration now) {
  said_at_ = now;
  Effects effects;
  effects.push_back(MessageOut{0, std::move(message), ""});
  return effects;
}

Effects ReceiverMachine::OnConnected(size_t, absl::Duration now) {
  if (state_ == State::kEnded) return {};
  LoseAsked();
  connected_ = true;
  open_ = false;
  heard_at_ = now;
  window_.OnConnection();
  if (state_ == State::kVerified) {
    return Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes),
               now);
  }
  return Say(OpenMessage(options_.layout.transfer, options_.target_index), now);
}

void ReceiverMachine::OnUnreachable(size_t, const Status&) {
  connected_ = false;
  open_ = false;
  LoseAsked();
}

void ReceiverMachine::LoseAsked() {
  if (asked_ == 0) return;
  for (uint32_t index = 0; index < chunks_.size(); ++index) {
    if (chunks_[index] != Chunk::kAsked) continue;
    chunks_[index] = Chunk::kMissing;
    first_missing_ = std::min(first_missing_, index);
  }
  chunks_lost_ += asked_;
  outstanding_ -= std::exchange(asked_, 0);
}

Effects ReceiverMachine::OnHeaderOpened(absl::Duration now) {
  if (state_ != State::kOpening) return {};
  SLUICE_CHECK(!header_.empty());
  state_ = State::kReading;
  return Ask(now);
}

Effects ReceiverMachine::OnStored(const std::vector<uint32_t>& indexes, absl::Duration now) {
  for (const uint32_t index : indexes) {
    SLUICE_CHECK(chunks_[index] == Chunk::kArrived);
    chunks_[index] = Chunk::kStored;
    --outstanding_;
    window_.OnStored(index, now);
  }
  return Ask(now);
}

Effects ReceiverMachine::Ask(absl::Duration now) {
  if (state_ != State::kReading || !connected_ || !open_) return {};
  const uint32_t allowed = std::min(kCreditChunksMax, window_.chunks());
  uint32_t more = allowed > outstanding_ ? allowed - outstanding_ : 0;
  more = std::min(more, options_.credit(outstanding_, more));
  const bool idle = asked_ == 0;
  std::vector<uint32_t> indexes;
  for (; more > 0 && first_missing_ < chunks_.size(); ++first_missing_) {
    if (chunks_[first_missing_] != Chunk::kMissing) continue;
    chunks_[first_missing_] = Chunk::kAsked;
    window_.OnAsked(first_missing_, now);
    indexes.push_back(first_missing_);
    --more;
  }
  if (indexes.empty()) return {};
  asked_ += static_cast<uint32_t>(indexes.size());
  outstanding_ += static_cast<uint32_t>(indexes.size());
  if (idle) chunk_at_ = now;
  return Say(FetchMessage(options_.layout.transfer, indexes), now);
}

Effects ReceiverMachine::OnDigestHolds(const crypto::Sha256Digest& sha256, absl::Duration now) {
  if (state_ == State::kEnded) return {};
  state_ = State::kVerified;
  sha256_ = sha256;
  verified_at_ = now;
  if (!connected_) return {};
  return Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes),
             now);
}

Effects ReceiverMachine::OnMessage(size_t, const v1::BulkMessage& message, std::string payload,
                                   absl::Duration now) {
  if (state_ == State::kEnded) return {};
  if (message.transfer() != options_.layout.transfer.bytes()) {
    return GiveUp(NamedError(StatusCode::kAborted, "wrong-transfer",
                             "the source of the droplet speaks of another transfer"));
  }
  heard_at_ = now;
  switch (message.body_case()) {
    case v1::BulkMessage::kAnnounce:
      // The source is there now, and has not heard what was said before.
      return OnConnected(0, now);
    case v1::BulkMessage::kHeader:
      return OnHeader(std::move(payload), now);
    case v1::BulkMessage::kChunk:
      return OnChunk(message.chunk(), std::move(payload), now);
    case v1::BulkMessage::kPong:
      return {};
    case v1::BulkMessage::kClosed:
      return state_ == State::kVerified ? End(absl::OkStatus())
                                        : GiveUp(UnexpectedMessage(message));
    case v1::BulkMessage::kCancel:
      if (state_ == State::kVerified) return End(absl::OkStatus());
      connected_ = false;  // it knows
      return GiveUp(CancelCause(message.cancel()));
    default:
      return GiveUp(UnexpectedMessage(message));
  }
}

Effects ReceiverMachine::OnHeader(std::string bytes, absl::Duration now) {
  if (!connected_) {
    return GiveUp(NamedError(StatusCode::kAborted, "unexpected-message",
                             "the source of the droplet sent a header that nobody asked for"));
  }
  const bool first = header_.empty();
  if (!first && bytes != header_) {
    return GiveUp(NamedError(StatusCode::kAborted, "header-changed",
                             "the source of the droplet sent two different stream headers"));
  }
  open_ = true;
  if (!first) return Ask(now);
  header_ = bytes;
  Effects effects;
  effects.push_back(HeaderArrived{std::move(bytes)});
  return effects;
}

Effects ReceiverMachine::OnChunk(const v1::BulkChunk& chunk, std::string sealed,
                                 absl::Duration now) {
  const uint32_t index = chunk.index();
  if (const Status place = CheckChunkPlace(options_.layout, index, sealed.size()); !place.ok()) {
    return GiveUp(place);
  }
  if (chunks_[index] == Chunk::kMissing) {
    return GiveUp(RefuseChunk("chunk-not-asked", index, "sent without having been asked for"));
  }
  if (chunks_[index] != Chunk::kAsked) {
    return GiveUp(RefuseChunk("chunk-twice", index, "sent again"));
  }
  chunks_[index] = Chunk::kArrived;
  --asked_;
  window_.OnArrived(index, now);
  longest_chunk_time_ = std::max(now - chunk_at_, longest_chunk_time_ / 2);
  chunk_at_ = now;
  Effects effects;
  effects.push_back(ChunkArrived{SealedChunk{index, chunk.signature(), std::move(sealed)}});
  return effects;
}

absl::Duration ReceiverMachine::SilenceAllowed() const {
  if (asked_ == 0) return options_.silence_max;
  const absl::Duration chunks = longest_chunk_time_ == absl::ZeroDuration()
                                    ? kFirstChunkMax
                                    : longest_chunk_time_ * kChunkTimesPerSilence;
  return std::max(options_.silence_max, std::min(chunks, kFirstChunkMax));
}

Effects ReceiverMachine::OnTime(absl::Duration now) {
  if (state_ == State::kEnded) return {};
  if (state_ == State::kVerified && now - verified_at_ >= kVerifiedRepeatedFor) {
    return End(absl::OkStatus());
  }
  if (!connected_) return {};
  if (now - heard_at_ >= SilenceAllowed()) {
    connected_ = false;
    Effects effects;
    effects.push_back(HungUp{0, PeerSilent("the source", now - heard_at_)});
    return effects;
  }
  const absl::Duration quiet = now - said_at_;
  if (state_ == State::kVerified && quiet >= repeat_every_) {
    return Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes),
               now);
  }
  if (!open_ && state_ != State::kVerified && quiet >= repeat_every_) {
    return Say(OpenMessage(options_.layout.transfer, options_.target_index), now);
  }
  // Credit that others have given back meanwhile.
  if (Effects asked = Ask(now); !asked.empty()) return asked;
  if (quiet >= ping_every_) return Say(PingMessage(options_.layout.transfer), now);
  return {};
}

Effects ReceiverMachine::GiveUp(const Status& why) {
  SLUICE_CHECK(!why.ok());
  if (state_ == State::kEnded || state_ == State::kVerified) return {};
  return End(why);
}

Effects ReceiverMachine::End(const Status& why) {
  state_ = State::kEnded;
  Effects effects;
  if (connected_ && !why.ok()) {
    effects.push_back(MessageOut{0, CancelMessage(options_.layout.transfer, why), ""});
  }
  effects.push_back(Ended{why});
  return effects;
}

}  // namespace sluice::transfer

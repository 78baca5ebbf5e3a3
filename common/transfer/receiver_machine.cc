#include "common/transfer/receiver_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/transfer/bulk_message.h"

namespace sluice::transfer {
namespace {

// A message that is lost with a broken connection is said again after this long.
constexpr absl::Duration kRepeatEveryMax = absl::Seconds(1);
// Several signs of life fit into the silence that the other side allows.
constexpr int kSignsOfLifePerSilence = 6;

Status RefuseChunk(std::string_view name, uint32_t index, std::string_view message) {
  return NamedError(StatusCode::kDataLoss, name,
                    absl::StrFormat("chunk %d: %s", index, ToAbsl(message)));
}

}  // namespace

ReceiverMachine::ReceiverMachine(Options options, absl::Duration now)
    : options_(options),
      repeat_every_(std::min(kRepeatEveryMax, options.silence_max / kSignsOfLifePerSilence)),
      ping_every_(options.silence_max / kSignsOfLifePerSilence),
      heard_at_(now),
      said_at_(now),
      chunks_(options.layout.chunk_count, Chunk::kNotAsked) {}

Effects ReceiverMachine::Say(v1::BulkMessage message, absl::Duration now) {
  said_at_ = now;
  Effects effects;
  effects.push_back(MessageOut{0, std::move(message), ""});
  return effects;
}

Effects ReceiverMachine::OnConnected(size_t, absl::Duration now) {
  if (state_ == State::kEnded) return {};
  connected_ = true;
  if (state_ == State::kMeeting) state_ = State::kOpening;
  if (state_ == State::kVerified) {
    return Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes),
               now);
  }
  if (!MayMeetAgain(0)) {
    return GiveUp(NamedError(StatusCode::kUnavailable, "peer-unreachable",
                             "the connection to the source of the droplet broke, and chunks that "
                             "were under way are lost"));
  }
  if (state_ == State::kReading) return {};
  return Say(OpenMessage(options_.layout.transfer, options_.target_index), now);
}

bool ReceiverMachine::MayMeetAgain(size_t) const { return arrived_ == next_asked_; }

void ReceiverMachine::OnUnreachable(size_t, const Status& why) {
  connected_ = false;
  trouble_ = why;
}

void ReceiverMachine::OnHeaderOpened() {
  SLUICE_CHECK(state_ == State::kOpening && !header_.empty());
  state_ = State::kReading;
}

Effects ReceiverMachine::Grant(uint32_t used, uint32_t window, absl::Duration now) {
  SLUICE_CHECK(used <= outstanding_);
  outstanding_ -= used;
  if (state_ != State::kReading) return {};
  window = std::min(window, kCreditChunksMax);
  std::vector<uint32_t> indexes;
  while (outstanding_ < window && next_asked_ < options_.layout.chunk_count) {
    chunks_[next_asked_] = Chunk::kAsked;
    indexes.push_back(next_asked_++);
    ++outstanding_;
  }
  if (indexes.empty()) return {};
  return Say(FetchMessage(options_.layout.transfer, indexes), now);
}

Effects ReceiverMachine::OnDigestHolds(const crypto::Sha256Digest& sha256, absl::Duration now) {
  if (state_ == State::kEnded) return {};
  SLUICE_CHECK(state_ == State::kReading && next_given_ == options_.layout.chunk_count);
  state_ = State::kVerified;
  sha256_ = sha256;
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
  connected_ = true;
  heard_ = true;
  heard_at_ = now;
  switch (message.body_case()) {
    case v1::BulkMessage::kAnnounce:
      // The source is there now, and has not heard what was said before.
      return OnConnected(0, now);
    case v1::BulkMessage::kHeader:
      return OnHeader(std::move(payload));
    case v1::BulkMessage::kChunk:
      return OnChunk(message.chunk(), std::move(payload));
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

Effects ReceiverMachine::OnHeader(std::string bytes) {
  if (state_ == State::kMeeting) {
    return GiveUp(NamedError(StatusCode::kAborted, "unexpected-message",
                             "the source of the droplet sent a header that nobody asked for"));
  }
  if (!header_.empty()) {
    // The answer to an Open that was said twice.
    if (bytes == header_) return {};
    return GiveUp(NamedError(StatusCode::kAborted, "header-changed",
                             "the source of the droplet sent two different stream headers"));
  }
  header_ = bytes;
  Effects effects;
  effects.push_back(HeaderArrived{std::move(bytes)});
  return effects;
}

Effects ReceiverMachine::OnChunk(const v1::BulkChunk& chunk, std::string sealed) {
  const uint32_t index = chunk.index();
  if (const Status place = CheckChunkPlace(options_.layout, index, sealed.size()); !place.ok()) {
    return GiveUp(place);
  }
  if (chunks_[index] == Chunk::kNotAsked) {
    return GiveUp(RefuseChunk("chunk-not-asked", index, "sent without having been asked for"));
  }
  if (chunks_[index] == Chunk::kArrived) {
    return GiveUp(RefuseChunk("chunk-twice", index, "sent again"));
  }
  chunks_[index] = Chunk::kArrived;
  ++arrived_;
  early_[index] = SealedChunk{index, chunk.signature(), std::move(sealed)};
  Effects effects;
  for (auto next = early_.find(next_given_); next != early_.end();
       next = early_.find(++next_given_)) {
    effects.push_back(ChunkArrived{std::move(next->second)});
    early_.erase(next);
  }
  return effects;
}

Effects ReceiverMachine::OnTime(absl::Duration now) {
  if (state_ == State::kEnded) return {};
  if (now - heard_at_ >= options_.silence_max) {
    if (state_ == State::kVerified) return End(absl::OkStatus());
    if (!trouble_.ok()) return GiveUp(trouble_);
    return GiveUp(NamedError(StatusCode::kUnavailable, "peer-silent",
                             absl::StrCat("the source of the droplet has not been heard of for ",
                                          absl::FormatDuration(options_.silence_max),
                                          heard_ ? "" : ": it never came; see its agent's log")));
  }
  if (!connected_) return {};
  const absl::Duration quiet = now - said_at_;
  if (state_ == State::kVerified && quiet >= repeat_every_) {
    return Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes),
               now);
  }
  if (state_ == State::kOpening && header_.empty() && quiet >= repeat_every_) {
    return Say(OpenMessage(options_.layout.transfer, options_.target_index), now);
  }
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
  early_.clear();
  Effects effects;
  if (connected_ && !why.ok()) {
    effects.push_back(MessageOut{0, CancelMessage(options_.layout.transfer, why), ""});
  }
  effects.push_back(Ended{why});
  return effects;
}

}  // namespace sluice::transfer

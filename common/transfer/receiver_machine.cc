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
      here_(options_.stored),
      stored_(options_.stored),
      window_(options_.layout.chunk_bytes) {}

v1::BulkMessage ReceiverMachine::Open() {
  not_told_.clear();
  return OpenMessage(options_.layout.transfer, options_.target_index, here_);
}

Effects ReceiverMachine::Say(v1::BulkMessage message, absl::Duration now) {
  said_at_ = now;
  Effects effects;
  effects.push_back(MessageOut{0, std::move(message), ""});
  return effects;
}

Effects ReceiverMachine::OnConnected(size_t, absl::Duration now) {
  if (state_ == State::kEnded) return {};
  LoseCredit();
  connected_ = true;
  open_ = false;
  heard_at_ = now;
  window_.OnConnection();
  if (state_ == State::kVerified) {
    return Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes),
               now);
  }
  return Say(Open(), now);
}

void ReceiverMachine::OnUnreachable(size_t, const Status&) {
  connected_ = false;
  open_ = false;
  LoseCredit();
}

void ReceiverMachine::LoseCredit() { chunks_lost_ += std::exchange(credit_out_, 0); }

Effects ReceiverMachine::OnHeaderOpened(absl::Duration now) {
  if (state_ != State::kOpening) return {};
  SLUICE_CHECK(!header_.empty());
  state_ = State::kReading;
  return GiveCredit(now);
}

Effects ReceiverMachine::OnStored(const std::vector<uint32_t>& indexes, absl::Duration now) {
  for (const uint32_t index : indexes) {
    SLUICE_CHECK(here_.Contains(index) && stored_.Insert(index));
    --arrived_;
    not_told_.push_back(index);
    window_.OnStored(index, now);
  }
  return GiveCredit(now);
}

Effects ReceiverMachine::GiveCredit(absl::Duration now) {
  if (state_ != State::kReading || !connected_ || !open_) return {};
  const uint32_t allowed = std::min(kCreditChunksMax, window_.chunks());
  const uint32_t lacking = here_.chunk_count() - here_.Count();
  uint32_t more = std::min(allowed - std::min(allowed, outstanding()), lacking - credit_out_);
  more = std::min(more, options_.credit(outstanding(), more));
  if (more == 0 && not_told_.empty()) return {};
  if (credit_out_ == 0 && more > 0) chunk_at_ = now;
  credit_out_ += more;
  for (uint32_t i = 0; i < more; ++i) window_.OnCredit(now);
  return Say(CreditMessage(options_.layout.transfer, more, std::exchange(not_told_, {})), now);
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
  if (!first) return GiveCredit(now);
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
  if (here_.Contains(index)) return GiveUp(RefuseChunk("chunk-twice", index, "sent again"));
  if (credit_out_ == 0) {
    return GiveUp(RefuseChunk("chunk-not-asked", index, "sent without credit"));
  }
  here_.Insert(index);
  --credit_out_;
  ++arrived_;
  window_.OnArrived(index, now);
  longest_chunk_time_ = std::max(now - chunk_at_, longest_chunk_time_ / 2);
  chunk_at_ = now;
  Effects effects;
  effects.push_back(ChunkArrived{SealedChunk{index, chunk.signature(), std::move(sealed)}});
  return effects;
}

absl::Duration ReceiverMachine::SilenceAllowed() const {
  if (credit_out_ == 0) return options_.silence_max;
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
  if (!open_ && state_ != State::kVerified && quiet >= repeat_every_) return Say(Open(), now);
  // Credit that others have given back meanwhile.
  if (Effects credit = GiveCredit(now); !credit.empty()) return credit;
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

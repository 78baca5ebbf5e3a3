#include "common/transfer/receiver_machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/check.h"
#include "common/transfer/bulk_message.h"

namespace sluice::transfer {
namespace {

// A chunk shows only when it is whole. On a line that needs long for each, silence is measured by
// how long chunks take; the first of a connection has this time, beside the source's own reading.
constexpr int kChunkTimesPerSilence = 4;
constexpr absl::Duration kFirstChunkMax = absl::Seconds(30);
// A source that has not heard of the end by then hears it from its coordinator.
constexpr absl::Duration kVerifiedRepeatedFor = absl::Minutes(10);

// So long a target among fellows waits for any chunk before it asks the source for one by name.
constexpr absl::Duration kStarvingMin = absl::Seconds(10);

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
      window_(options_.layout.chunk_bytes),
      fellows_({.layout = options_.layout,
                .target_index = options_.target_index,
                .fellow_indexes = options_.fellows,
                .silence_max = options_.silence_max,
                .allowance = options_.allowance},
               stored_, now),
      gained_at_(now) {}

uint32_t ReceiverMachine::outstanding() const {
  const size_t here = named_.size() + arrived_of_.size();
  return credit_out_ + static_cast<uint32_t>(here) + fellows_.asked();
}

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

Effects ReceiverMachine::OnConnected(size_t peer, absl::Duration now) {
  if (state_ == State::kEnded) return {};
  if (peer > 0) return fellows_.OnConnected(peer - 1, now);
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

void ReceiverMachine::OnUnreachable(size_t peer, const Status&) {
  if (peer > 0) return fellows_.OnUnreachable(peer - 1, std::max(heard_at_, said_at_));
  connected_ = false;
  open_ = false;
  LoseCredit();
}

Effects ReceiverMachine::OnRefused(size_t peer, const Status& why) {
  if (peer == 0) return GiveUp(why);
  return fellows_.Shun(peer - 1, why);
}

void ReceiverMachine::LoseCredit() {
  chunks_again_ += std::exchange(credit_out_, 0) + named_.size();
  named_.clear();
  told_fellows_.reset();
}

Effects ReceiverMachine::OnHeaderOpened(absl::Duration now) {
  if (state_ != State::kOpening) return {};
  SLUICE_CHECK(!header_.empty());
  state_ = State::kReading;
  return AskForMore(now);
}

Effects ReceiverMachine::OnStored(const std::vector<uint32_t>& indexes, absl::Duration now) {
  for (const uint32_t index : indexes) {
    const auto arrived = arrived_of_.find(index);
    SLUICE_CHECK(arrived != arrived_of_.end() && stored_.Insert(index));
    const size_t peer = arrived->second;
    arrived_of_.erase(arrived);
    not_told_.push_back(index);
    if (peer == 0) window_.OnStored(index, now);
    if (peer > 0) fellows_.OnStored(peer - 1, index, now);
  }
  if (state_ == State::kEnded) return {};
  Effects effects = fellows_.Announce(indexes, now);
  Append(effects, AskForMore(now));
  return effects;
}

Effects ReceiverMachine::OnBadChunk(size_t peer, uint32_t index, const Status& why,
                                    absl::Duration now) {
  if (peer == 0) return GiveUp(why);
  if (state_ == State::kEnded) return {};
  here_.Remove(index);
  arrived_of_.erase(index);
  Effects effects = fellows_.Shun(peer - 1, why);
  Append(effects, AskForMore(now));
  return effects;
}

Effects ReceiverMachine::OnChunkRead(const ChunkToRead& reading, StatusOr<SealedChunk> chunk,
                                     absl::Duration now) {
  if (state_ == State::kEnded) return {};
  return fellows_.OnRead(reading, std::move(chunk), now);
}

Effects ReceiverMachine::AskForMore(absl::Duration now) {
  if (state_ != State::kReading) return {};
  Effects effects = TellFellows(now);
  const uint32_t out = outstanding();
  const uint32_t most = kCreditChunksMax - std::min(kCreditChunksMax, out);
  const uint32_t askable = fellows_.Askable(most);
  const uint32_t room = options_.credit(out, std::min(most, askable + CreditFor(kCreditChunksMax)));
  const uint32_t credit = CreditFor(room);
  Append(effects, fellows_.Ask(here_, std::min(askable, room - credit), now));
  if (connected_ && open_ && (credit > 0 || !not_told_.empty())) {
    if (credit_out_ == 0 && credit > 0) chunk_at_ = now;
    credit_out_ += credit;
    for (uint32_t i = 0; i < credit; ++i) window_.OnCredit(now);
    Append(effects,
           Say(CreditMessage(options_.layout.transfer, credit, std::exchange(not_told_, {})), now));
  }
  // What was not used is given back.
  const uint32_t used = outstanding() - out;
  if (used < room) options_.give_back(room - used);
  options_.credit(outstanding(), 0);
  return effects;
}

uint32_t ReceiverMachine::CreditFor(uint32_t room) const {
  if (!connected_ || !open_) return 0;
  uint32_t of_source = credit_out_ + static_cast<uint32_t>(named_.size());
  for (const auto& [index, peer] : arrived_of_) of_source += peer == 0 ? 1u : 0u;
  uint32_t allowed = std::min(kCreditChunksMax, window_.chunks());
  // Credit may lie at the source unused while fellows have what is lacking.
  if (fellows_.AnyOpen()) allowed = std::min(allowed, std::max(1u, (outstanding() + room) / 2));
  const uint32_t lacking = here_.chunk_count() - here_.Count();
  const uint32_t more =
      std::min(allowed - std::min(allowed, of_source), lacking - std::min(lacking, credit_out_));
  return std::min(more, room);
}

Effects ReceiverMachine::TellFellows(absl::Duration now) {
  if (options_.fellows.empty() || !connected_ || !open_) return {};
  std::vector<uint32_t> counted = fellows_.Counted(now);
  if (told_fellows_ == counted) return {};
  told_fellows_ = counted;
  return Say(FellowsMessage(options_.layout.transfer, counted), now);
}

Effects ReceiverMachine::AskByName(absl::Duration now) {
  if (options_.fellows.empty() || state_ != State::kReading || !connected_ || !open_) return {};
  const absl::Duration starving =
      std::max(kStarvingMin, kChunkTimesPerSilence * longest_chunk_time_);
  if (now - gained_at_ < starving || !named_.empty()) return {};
  for (auto index = here_.FirstMissing(); index; index = here_.FirstMissing(*index + 1)) {
    if (fellows_.IsAsked(*index)) continue;
    gained_at_ = now;
    named_.insert(*index);
    window_.OnAsked(*index, now);
    return Say(FetchMessage(options_.layout.transfer, {*index}), now);
  }
  return {};
}

Effects ReceiverMachine::OnDigestHolds(const crypto::Sha256Digest& sha256, absl::Duration now) {
  if (state_ == State::kEnded) return {};
  state_ = State::kVerified;
  sha256_ = sha256;
  verified_at_ = now;
  Effects effects;
  // One that has the droplet from elsewhere has nothing to pass on.
  if (!stored_.Complete()) effects = fellows_.Leave();
  if (!connected_) return effects;
  Append(
      effects,
      Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes), now));
  return effects;
}

Effects ReceiverMachine::StopServing(absl::Duration now) {
  if (state_ == State::kEnded) return {};
  Effects effects = fellows_.Leave();
  if (closed_ && MayLeave(now)) Append(effects, End(absl::OkStatus()));
  return effects;
}

Effects ReceiverMachine::OnMessage(size_t peer, const v1::BulkMessage& message, std::string payload,
                                   absl::Duration now) {
  if (state_ == State::kEnded) return {};
  if (peer == 0) return OnSourceMessage(message, std::move(payload), now);
  if (message.has_chunk()) return OnFellowChunk(peer, message.chunk(), std::move(payload), now);
  Effects effects = fellows_.OnMessage(peer - 1, message, now);
  const auto& stored = message.have().stored();
  const bool nothing_new = message.has_have() && message.have().map().empty() &&
                           std::all_of(stored.begin(), stored.end(), [this](uint32_t index) {
                             return index < here_.chunk_count() && here_.Contains(index);
                           });
  if (!nothing_new) Append(effects, AskForMore(now));
  return effects;
}

Effects ReceiverMachine::OnFellowChunk(size_t peer, const v1::BulkChunk& chunk, std::string sealed,
                                       absl::Duration now) {
  if (const Status place = CheckChunkPlace(options_.layout, chunk.index(), sealed.size());
      !place.ok()) {
    return fellows_.Shun(peer - 1, place);
  }
  Effects effects;
  const bool here = here_.Contains(chunk.index());
  if (here) ++chunks_again_;
  if (fellows_.TakeChunk(peer - 1, chunk.index(), here, now, effects)) {
    gained_at_ = now;
    Append(effects, Take(peer, chunk, std::move(sealed)));
  } else {
    Append(effects, AskForMore(now));
  }
  return effects;
}

Effects ReceiverMachine::Take(size_t peer, const v1::BulkChunk& chunk, std::string sealed) {
  here_.Insert(chunk.index());
  arrived_of_[chunk.index()] = peer;
  Effects effects;
  effects.push_back(
      ChunkArrived{SealedChunk{chunk.index(), chunk.signature(), std::move(sealed), {}}, peer});
  return effects;
}

Effects ReceiverMachine::OnSourceMessage(const v1::BulkMessage& message, std::string payload,
                                         absl::Duration now) {
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
      if (state_ != State::kVerified) return GiveUp(UnexpectedMessage(message));
      closed_ = true;
      return MayLeave(now) ? End(absl::OkStatus()) : Effects();
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
  if (!first) return AskForMore(now);
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
  // Among fellows it may be here already: one of them was quicker.
  if (here_.Contains(index) && options_.fellows.empty()) {
    return GiveUp(RefuseChunk("chunk-twice", index, "sent again"));
  }
  const bool named = named_.erase(index) > 0;
  if (!named && credit_out_ == 0) {
    return GiveUp(RefuseChunk("chunk-not-asked", index, "sent without credit"));
  }
  if (!named) --credit_out_;
  longest_chunk_time_ = std::max(now - chunk_at_, longest_chunk_time_ / 2);
  chunk_at_ = now;
  window_.OnArrived(index, now);
  if (here_.Contains(index)) {
    ++chunks_again_;
    return AskForMore(now);
  }
  gained_at_ = now;
  return Take(0, chunk, std::move(sealed));
}

absl::Duration ReceiverMachine::SilenceAllowed() const {
  if (credit_out_ == 0 && named_.empty()) return options_.silence_max;
  // Fellows' chunks come over the same way to here.
  const absl::Duration most = kFirstChunkMax * (1 + fellows_.busy());
  const absl::Duration chunks = longest_chunk_time_ == absl::ZeroDuration()
                                    ? most
                                    : longest_chunk_time_ * kChunkTimesPerSilence;
  return std::max(options_.silence_max, std::min(chunks, most));
}

Effects ReceiverMachine::OnTime(absl::Duration now) {
  if (state_ == State::kEnded) return {};
  // Slow fellows are served as long as they get on.
  if (state_ == State::kVerified &&
      now - std::max(verified_at_, fellows_.gained_at()) >= kVerifiedRepeatedFor) {
    return End(absl::OkStatus());
  }
  if (closed_ && MayLeave(now)) return End(absl::OkStatus());
  Effects effects = fellows_.OnTime(now);
  Append(effects, OnTimeOfSource(now));
  if (!connected_) Append(effects, AskForMore(now));
  return effects;
}

bool ReceiverMachine::MayLeave(absl::Duration now) const { return !fellows_.AnyInNeed(now); }

Effects ReceiverMachine::OnTimeOfSource(absl::Duration now) {
  if (!connected_) return {};
  if (now - heard_at_ >= SilenceAllowed()) {
    connected_ = false;
    open_ = false;
    Effects effects;
    effects.push_back(HungUp{0, PeerSilent("the source", now - heard_at_)});
    return effects;
  }
  const absl::Duration quiet = now - said_at_;
  if (state_ == State::kVerified && !closed_ && quiet >= repeat_every_) {
    return Say(VerifiedMessage(options_.layout.transfer, sha256_, options_.layout.droplet_bytes),
               now);
  }
  if (!open_ && state_ != State::kVerified && quiet >= repeat_every_) return Say(Open(), now);
  // Credit that others have given back meanwhile.
  if (Effects asked = AskForMore(now); !asked.empty()) return asked;
  if (Effects named = AskByName(now); !named.empty()) return named;
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
  if (!why.ok()) fellows_.TellEnd(why, effects);
  effects.push_back(Ended{why});
  return effects;
}

}  // namespace sluice::transfer

#include "common/transfer/fellow_lines.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_format.h"
#include "common/base/logging.h"
#include "common/transfer/bulk_message.h"

namespace sluice::transfer {
namespace {

// A chunk that takes this many times the usual is asked of another, too.
constexpr int kPatience = 4;
constexpr absl::Duration kPatienceMin = absl::Seconds(2);
// Before anything is known of how long chunks take, and for each fellow that has some under way:
// they share the way to here.
constexpr absl::Duration kFirstChunkMax = absl::Seconds(30);
// A fellow that stores nothing of what it was sent.
constexpr absl::Duration kStalledMax = absl::Minutes(2);
constexpr double kSmoothing = 1.0 / 8;
// Probed from below: many lines share one way to here, and what is under way on one is not on
// others.
constexpr uint32_t kWindowMin = 1;

size_t PeerOf(size_t line) { return line + 1; }

Status Refuse(std::string_view name, const std::string& message) {
  return NamedError(StatusCode::kAborted, name, "a fellow target " + message);
}

}  // namespace

FellowLines::Fellow::Fellow(uint32_t index, const StreamLayout& layout, absl::Duration now)
    : target_index(index),
      has(layout.chunk_count),
      window(layout.chunk_bytes, kWindowMin),
      gone_at(now),
      heard_at(now),
      said_at(now),
      came_at(now) {}

FellowLines::FellowLines(Options options, const ChunkSet& stored, absl::Duration now)
    : options_(std::move(options)),
      stored_(stored),
      server_(options_.fellow_indexes.size(), options_.layout.chunk_bytes) {
  for (const uint32_t index : options_.fellow_indexes) {
    fellows_.emplace_back(index, options_.layout, now);
  }
}

Effects FellowLines::Say(size_t line, v1::BulkMessage message, absl::Duration now) {
  fellows_[line].said_at = now;
  Effects effects;
  effects.push_back(MessageOut{PeerOf(line), std::move(message), ""});
  return effects;
}

Effects FellowLines::OnConnected(size_t line, absl::Duration now) {
  Fellow& fellow = fellows_[line];
  if (fellow.shunned) return {};
  if (left_) return Say(line, ClosedMessage(options_.layout.transfer), now);
  Close(line, now);
  fellow.connected = true;
  fellow.heard_at = now;
  return Say(line, OpenMessage(options_.layout.transfer, options_.target_index, stored_), now);
}

void FellowLines::OnUnreachable(size_t line, absl::Duration now) { Close(line, now); }

void FellowLines::Close(size_t line, absl::Duration now) {
  Fellow& fellow = fellows_[line];
  if (fellow.open) {
    fellow.gone_at = now;
    fellow.met = true;
  }
  fellow.connected = false;
  fellow.open = false;
  fellow.passed_over = false;
  fellow.asked.clear();
  fellow.window.OnConnection();
  server_.OnGone(line);
}

Effects FellowLines::Shun(size_t line, const Status& why) {
  Fellow& fellow = fellows_[line];
  Effects effects;
  if (fellow.shunned) return effects;
  if (fellow.connected) {
    effects.push_back(MessageOut{PeerOf(line), CancelMessage(options_.layout.transfer, why), ""});
  }
  Close(line, fellow.heard_at);
  fellow.shunned = true;
  effects.push_back(LineOver{PeerOf(line), why});
  return effects;
}

Effects FellowLines::OnMessage(size_t line, const v1::BulkMessage& message, absl::Duration now) {
  Fellow& fellow = fellows_[line];
  if (fellow.shunned) return {};
  if (left_ && !message.has_closed() && !message.has_cancel()) {
    return Say(line, ClosedMessage(options_.layout.transfer), now);
  }
  fellow.connected = true;
  fellow.heard_at = now;
  switch (message.body_case()) {
    case v1::BulkMessage::kAnnounce:
      // It has come over another way, and does not know what was said before.
      return OnConnected(line, now);
    case v1::BulkMessage::kOpen:
      return OnOpen(line, message.open(), now);
    case v1::BulkMessage::kHave:
      return OnHave(line, message.have(), now);
    case v1::BulkMessage::kFetch:
      return OnFetch(line, message.fetch(), now);
    case v1::BulkMessage::kPing:
      return Say(line, PongMessage(options_.layout.transfer), now);
    case v1::BulkMessage::kPong:
      return {};
    case v1::BulkMessage::kCancel:
      fellow.connected = false;  // it knows
      return Shun(line, CancelCause(message.cancel()));
    case v1::BulkMessage::kClosed:
      fellow.connected = false;
      return Shun(line, absl::OkStatus());
    default:
      return Shun(line, UnexpectedMessage(message));
  }
}

Effects FellowLines::OnOpen(size_t line, const v1::BulkOpen& open, absl::Duration now) {
  Fellow& fellow = fellows_[line];
  if (open.target_index() != fellow.target_index) {
    return Shun(line, Refuse("wrong-target-index",
                             absl::StrFormat("calls itself number %d, and is number %d",
                                             open.target_index(), fellow.target_index)));
  }
  auto has = ChunkSet::Decode(open.have(), options_.layout.chunk_count);
  if (!has.ok()) return Shun(line, has.status());
  // It has forgotten what it was asked, and what it asked for.
  Close(line, now);
  fellow.connected = true;
  fellow.open = true;
  fellow.has = *std::move(has);
  return Say(line, HaveMessage(options_.layout.transfer, stored_.Encode(), {}), now);
}

Effects FellowLines::OnHave(size_t line, const v1::BulkHave& have, absl::Duration now) {
  Fellow& fellow = fellows_[line];
  if (!have.map().empty()) {
    auto has = ChunkSet::Decode(have.map(), options_.layout.chunk_count);
    if (!has.ok()) return Shun(line, has.status());
    fellow.has = *std::move(has);
    fellow.open = true;
  }
  for (const uint32_t index : have.stored()) {
    if (index >= options_.layout.chunk_count) {
      return Shun(line, Refuse("chunk-stored-out-of-range",
                               absl::StrFormat("has stored chunk %d of %d", index,
                                               options_.layout.chunk_count)));
    }
    if (fellow.has.Insert(index)) gained_at_ = now;
    server_.OnStored(line, index, now);
  }
  return Serve(now);
}

Effects FellowLines::OnFetch(size_t line, const v1::BulkFetch& fetch, absl::Duration now) {
  std::vector<uint32_t> indexes;
  for (const uint32_t index : fetch.indexes()) {
    if (index >= options_.layout.chunk_count) {
      return Shun(
          line, Refuse("chunk-asked-out-of-range", absl::StrFormat("asks for chunk %d of %d", index,
                                                                   options_.layout.chunk_count)));
    }
    // What is not here any more is not answered: it will ask another.
    if (stored_.Contains(index)) indexes.push_back(index);
  }
  if (!server_.OnAsked(line, indexes)) {
    return Shun(line, Refuse("credit-exceeded",
                             absl::StrFormat("asks for more than %d chunks", kCreditChunksMax)));
  }
  return Serve(now);
}

Effects FellowLines::Serve(absl::Duration) {
  Effects effects;
  const auto may_go = [this](uint32_t index) {
    return options_.allowance.may_go(options_.layout.SealedBytes(index));
  };
  for (const FellowServer::Reading& reading : server_.Next(may_go)) {
    effects.emplace_back(ChunkToRead{PeerOf(reading.fellow), reading.index});
  }
  return effects;
}

Effects FellowLines::OnRead(const ChunkToRead& reading, StatusOr<SealedChunk> chunk,
                            absl::Duration now) {
  const size_t line = reading.peer - 1;
  Effects effects;
  if (server_.OnRead({line, reading.index}, chunk.ok(), now)) {
    fellows_[line].said_at = now;
    effects.push_back(MessageOut{
        reading.peer, ChunkMessage(options_.layout.transfer, chunk->index, chunk->signature),
        std::move(chunk->sealed)});
  }
  Append(effects, Serve(now));
  return effects;
}

bool FellowLines::TakeChunk(size_t line, uint32_t index, bool here, absl::Duration now,
                            Effects& effects) {
  Fellow& fellow = fellows_[line];
  if (fellow.shunned) return false;
  fellow.heard_at = now;
  if (fellow.asked.erase(index) == 0) {
    // It may have been asked twice, around an Open that was said twice.
    if (!here) Append(effects, Shun(line, Refuse("chunk-not-asked", "sent what nobody asked for")));
    return false;
  }
  fellow.passed_over = false;
  const absl::Duration way = now - fellow.came_at;
  usual_way_ =
      usual_way_ == absl::ZeroDuration() ? way : usual_way_ + (way - usual_way_) * kSmoothing;
  fellow.came_at = now;
  fellow.window.OnArrived(index, now);
  return !here;
}

void FellowLines::OnStored(size_t line, uint32_t index, absl::Duration now) {
  fellows_[line].window.OnStored(index, now);
}

Effects FellowLines::Announce(const std::vector<uint32_t>& stored, absl::Duration now) {
  Effects effects;
  for (size_t line = 0; line < fellows_.size(); ++line) {
    // Also one that has not answered Open yet, whose map has become old.
    if (!fellows_[line].connected) continue;
    Append(effects, Say(line, HaveMessage(options_.layout.transfer, "", stored), now));
  }
  return effects;
}

ChunkSet FellowLines::Needless(const ChunkSet& here) const {
  ChunkSet needless = here;
  for (const Fellow& fellow : fellows_) {
    if (fellow.passed_over) continue;
    for (const uint32_t index : fellow.asked) needless.Insert(index);
  }
  return needless;
}

uint32_t FellowLines::FreeWindow(const Fellow& fellow) const {
  if (!fellow.open || fellow.passed_over) return 0;
  const uint32_t window = std::min(kCreditChunksMax, fellow.window.chunks());
  const auto asked = static_cast<uint32_t>(fellow.asked.size());
  return window - std::min(window, asked);
}

uint32_t FellowLines::Askable(uint32_t most) const {
  uint32_t free = 0;
  for (const Fellow& fellow : fellows_) free += FreeWindow(fellow);
  return std::min(free, most);
}

Effects FellowLines::Ask(const ChunkSet& here, uint32_t chunks, absl::Duration now) {
  Effects effects;
  if (chunks == 0 || fellows_.empty()) return effects;
  ChunkSet needless = Needless(here);
  std::map<size_t, std::vector<uint32_t>> asked;
  // One of each in turn, so that what many have is asked of all of them.
  for (bool more = true; more && chunks > 0;) {
    more = false;
    for (size_t passed = 0; passed < fellows_.size() && chunks > 0; ++passed) {
      const size_t line = first_in_turn_ % fellows_.size();
      first_in_turn_ = line + 1;
      Fellow& fellow = fellows_[line];
      if (FreeWindow(fellow) == 0) continue;
      const auto index = fellow.has.FirstPresentBut(needless);
      if (!index) continue;
      needless.Insert(*index);
      if (fellow.asked.empty()) fellow.came_at = now;
      fellow.asked.insert(*index);
      fellow.window.OnAsked(*index, now);
      asked[line].push_back(*index);
      --chunks;
      more = true;
    }
  }
  for (const auto& [line, indexes] : asked) {
    Append(effects, Say(line, FetchMessage(options_.layout.transfer, indexes), now));
  }
  return effects;
}

uint32_t FellowLines::asked() const {
  size_t asked = 0;
  for (const Fellow& fellow : fellows_) asked += fellow.passed_over ? 0 : fellow.asked.size();
  return static_cast<uint32_t>(asked);
}

int FellowLines::busy() const {
  return static_cast<int>(std::count_if(fellows_.begin(), fellows_.end(), [](const Fellow& fellow) {
    return !fellow.asked.empty();
  }));
}

bool FellowLines::IsAsked(uint32_t index) const {
  return std::any_of(fellows_.begin(), fellows_.end(), [index](const Fellow& fellow) {
    return !fellow.passed_over && fellow.asked.contains(index);
  });
}

bool FellowLines::IsCounted(const Fellow& fellow, absl::Duration now) {
  const absl::Duration awaited = fellow.met ? kAwaitedAgain : kAwaitedFirst;
  return !fellow.shunned && (fellow.open || now - fellow.gone_at < awaited);
}

std::vector<uint32_t> FellowLines::Counted(absl::Duration now) const {
  std::vector<uint32_t> counted;
  for (const Fellow& fellow : fellows_) {
    if (IsCounted(fellow, now)) counted.push_back(fellow.target_index);
  }
  return counted;
}

bool FellowLines::AnyOpen() const {
  return std::any_of(fellows_.begin(), fellows_.end(),
                     [](const Fellow& fellow) { return fellow.open; });
}

bool FellowLines::AnyInNeed(absl::Duration now) const {
  if (left_) return false;
  return std::any_of(fellows_.begin(), fellows_.end(), [now](const Fellow& fellow) {
    return IsCounted(fellow, now) && !fellow.has.Complete();
  });
}

absl::Duration FellowLines::Patience() const {
  if (usual_way_ == absl::ZeroDuration()) return kFirstChunkMax * std::max(1, busy());
  return std::max(kPatienceMin, kPatience * usual_way_);
}

absl::Duration FellowLines::SilenceAllowed(const Fellow& fellow) const {
  if (fellow.asked.empty()) return options_.silence_max;
  return std::max(options_.silence_max, kFirstChunkMax * std::max(1, busy()));
}

Effects FellowLines::OnTime(absl::Duration now) {
  Effects effects;
  for (size_t line = 0; line < fellows_.size(); ++line) Append(effects, OnTimeOf(line, now));
  Append(effects, Serve(now));
  return effects;
}

Effects FellowLines::OnTimeOf(size_t line, absl::Duration now) {
  Fellow& fellow = fellows_[line];
  Effects effects;
  if (!fellow.connected) return effects;
  const absl::Duration silence = now - fellow.heard_at;
  if (silence >= SilenceAllowed(fellow) || server_.Stalled(line, now) >= kStalledMax) {
    Close(line, now);
    effects.push_back(HungUp{PeerOf(line), PeerSilent("a fellow target", silence)});
    return effects;
  }
  if (!fellow.asked.empty() && now - fellow.came_at >= Patience()) fellow.passed_over = true;
  const absl::Duration repeat_every =
      std::min(kRepeatEveryMax, options_.silence_max / kSignsOfLifePerSilence);
  const absl::Duration quiet = now - fellow.said_at;
  if (!fellow.open && quiet >= repeat_every) {
    return Say(line, OpenMessage(options_.layout.transfer, options_.target_index, stored_), now);
  }
  if (quiet >= options_.silence_max / kSignsOfLifePerSilence) {
    return Say(line, PingMessage(options_.layout.transfer), now);
  }
  return effects;
}

Effects FellowLines::Leave() {
  Effects effects;
  left_ = true;
  for (size_t line = 0; line < fellows_.size(); ++line) {
    Fellow& fellow = fellows_[line];
    if (!fellow.connected || fellow.shunned) continue;
    effects.push_back(MessageOut{PeerOf(line), ClosedMessage(options_.layout.transfer), ""});
    Close(line, fellow.heard_at);
  }
  return effects;
}

void FellowLines::TellEnd(const Status& why, Effects& effects) {
  for (size_t line = 0; line < fellows_.size(); ++line) {
    if (!fellows_[line].connected || fellows_[line].shunned) continue;
    effects.push_back(MessageOut{PeerOf(line), CancelMessage(options_.layout.transfer, why), ""});
  }
}

}  // namespace sluice::transfer

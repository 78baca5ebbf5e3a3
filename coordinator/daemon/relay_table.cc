#include "coordinator/daemon/relay_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::coordinator {
namespace {

constexpr size_t kTransferBytes = 16;
// Before a chunk has passed: as large as any may be, with its seal.
constexpr uint64_t kChunkBytesUnknown = (1 << 20) + 16;

v1::BulkMessage Message(const std::string& transfer) {
  v1::BulkMessage message;
  message.set_transfer(transfer);
  return message;
}

v1::BulkMessage PartedMessage(const std::string& transfer, const Status& why) {
  v1::BulkMessage message = Message(transfer);
  message.mutable_relay_parted()->set_name(ErrorName(why));
  message.mutable_relay_parted()->set_message(std::string(why.message()));
  return message;
}

Status OtherEndLeft() {
  return NamedError(StatusCode::kUnavailable, "relay-parted",
                    "the other end has left the relay, or was never there");
}

bool IsGrant(const v1::BulkMessage& message) { return message.has_fetch() || message.has_credit(); }

}  // namespace

RelayTable::Actions RelayTable::OnMessage(net::ConnectionId from, const std::string& foundation,
                                          v1::BulkMessage message, std::string payload,
                                          absl::Duration now) {
  if (message.has_relay_join()) return OnJoin(from, foundation, message, now);
  const auto found = places_.find(from);
  if (found == places_.end() || std::get<0>(found->second.line) != message.transfer()) {
    return Refuse(from, message.transfer(),
                  NamedError(StatusCode::kFailedPrecondition, "relay-not-joined",
                             "nothing is passed on before both ends have joined"));
  }
  const Place place = found->second;
  Line& line = lines_.at(place.line);
  line.ends[place.end].heard_at = now;
  Actions actions;
  // What was under way when the other end went is lost with it.
  if (!line.ends[1 - place.end].connection) return actions;
  if (message.has_open()) {
    line.granted_before += line.granted;
    line.granted = 0;
    line.held_indexes.clear();
    line.held_chunks = 0;
  }
  // Whatever the source said before this header, it has said by now.
  if (message.has_header()) line.granted_before = 0;
  if (IsGrant(message)) {
    OnGrant(line, place.end, std::move(message), actions);
    const bool too_much = line.held_indexes.size() + line.held_chunks > kRelayHeldChunksMax;
    if (!too_much) return actions;
  } else if (!message.has_chunk() || line.granted + line.granted_before > 0) {
    const bool chunk = message.has_chunk();
    const std::string transfer = message.transfer();
    if (chunk) {
      --(line.granted_before > 0 ? line.granted_before : line.granted);
      line.chunk_bytes = std::max<uint64_t>(line.chunk_bytes, payload.size());
    }
    Pass(line, place.end, std::move(message), std::move(payload), actions);
    if (chunk) ReleaseHeld(transfer, line, 1 - place.end, actions);
    return actions;
  }
  const Status why = NamedError(StatusCode::kResourceExhausted, "relay-credit-exceeded",
                                "more was sent, or asked for, than there is credit for");
  Actions refusal = Refuse(from, std::get<0>(place.line), why);
  Part(place, why, refusal);
  return refusal;
}

RelayTable::Actions RelayTable::OnJoin(net::ConnectionId from, const std::string& foundation,
                                       const v1::BulkMessage& message, absl::Duration now) {
  const std::string& other = message.relay_join().to_foundation();
  const LineKey key{message.transfer(), std::min(foundation, other), std::max(foundation, other)};
  const size_t end = foundation < other ? 0 : 1;
  const auto place = places_.find(from);
  const bool elsewhere =
      place != places_.end() && (place->second.line != key || place->second.end != end);
  if (message.transfer().size() != kTransferBytes || foundation == other || other.empty() ||
      elsewhere) {
    return Refuse(from, message.transfer(),
                  NamedError(StatusCode::kInvalidArgument, "relay-bad-join",
                             "a connection joins one transfer, with another foundation"));
  }
  if (place == places_.end()) {
    if (lines_.count(key) == 0 && lines_.size() >= kRelayLinesMax) {
      return Refuse(
          from, message.transfer(),
          NamedError(StatusCode::kResourceExhausted, "relay-full",
                     absl::StrCat("the relay serves ", kRelayLinesMax, " lines already")));
    }
    return Join(from, key, end, now);
  }
  Line& line = lines_.at(key);
  End& known = line.ends[end];
  known.heard_at = now;
  known.taken_bytes =
      std::clamp(message.relay_join().taken_bytes(), known.taken_bytes, known.passed_bytes);
  Actions actions;
  if (line.ends[1 - end].connection) {
    Out joined{from, Message(message.transfer()), ""};
    joined.message.mutable_relay_joined();
    actions.push_back(std::move(joined));
    ReleaseHeld(message.transfer(), line, end, actions);
  }
  return actions;
}

RelayTable::Actions RelayTable::Join(net::ConnectionId from, const LineKey& key, size_t end,
                                     absl::Duration now) {
  Actions actions;
  // The end's process has another connection now: that before is of no use.
  if (const auto known = lines_.find(key); known != lines_.end()) {
    if (const auto before = known->second.ends[end].connection) {
      actions = OnGone(*before, OtherEndLeft());
      actions.push_back(HangUp{*before});
    }
  }
  Line& line = lines_[key];
  line.ends[end] = {.connection = from, .heard_at = now};
  places_[from] = {key, end};
  ForgetCredit(line);
  figures_.lines = lines_.size();
  if (!line.ends[1 - end].connection) return actions;
  for (const End& each : line.ends) {
    Out joined{*each.connection, Message(std::get<0>(key)), ""};
    joined.message.mutable_relay_joined();
    actions.push_back(std::move(joined));
  }
  return actions;
}

void RelayTable::ForgetCredit(Line& line) {
  line.granted = line.granted_before = line.held_chunks = 0;
  line.held_indexes.clear();
}

void RelayTable::Pass(Line& line, size_t from, v1::BulkMessage message, std::string payload,
                      Actions& actions) {
  ++figures_.messages;
  figures_.payload_bytes += payload.size();
  line.ends[1 - from].passed_bytes += payload.size();
  actions.push_back(Out{*line.ends[1 - from].connection, std::move(message), std::move(payload)});
}

void RelayTable::OnGrant(Line& line, size_t from, v1::BulkMessage message, Actions& actions) {
  const std::string transfer = message.transfer();
  if (message.has_fetch()) {
    for (const uint32_t index : message.fetch().indexes()) line.held_indexes.push_back(index);
  } else {
    line.held_chunks += message.credit().chunks();
    // What has been stored is news for the source however little more may come.
    if (message.credit().stored_size() > 0) {
      message.mutable_credit()->set_chunks(0);
      Pass(line, from, std::move(message), "", actions);
    }
  }
  ReleaseHeld(transfer, line, from, actions);
}

void RelayTable::ReleaseHeld(const std::string& transfer, Line& line, size_t target,
                             Actions& actions) {
  uint64_t room = RoomForChunks(line, target);
  v1::BulkMessage fetch = Message(transfer);
  while (room > 0 && !line.held_indexes.empty()) {
    fetch.mutable_fetch()->add_indexes(line.held_indexes.front());
    line.held_indexes.pop_front();
    ++line.granted;
    --room;
  }
  if (fetch.has_fetch()) Pass(line, target, std::move(fetch), "", actions);
  const uint64_t chunks = std::min(room, line.held_chunks);
  if (chunks == 0) return;
  line.held_chunks -= chunks;
  line.granted += chunks;
  v1::BulkMessage credit = Message(transfer);
  credit.mutable_credit()->set_chunks(static_cast<uint32_t>(chunks));
  Pass(line, target, std::move(credit), "", actions);
}

uint64_t RelayTable::RoomForChunks(const Line& line, size_t target) const {
  const uint64_t chunk = line.chunk_bytes > 0 ? line.chunk_bytes : kChunkBytesUnknown;
  const uint64_t used = line.ends[target].passed_bytes - line.ends[target].taken_bytes +
                        (line.granted + line.granted_before) * chunk;
  const uint64_t window = Window();
  return used >= window ? 0 : (window - used) / chunk;
}

uint64_t RelayTable::Window() const {
  return std::clamp(kRelayBytesShared / std::max<uint64_t>(1, lines_.size()), kRelayWindowMin,
                    kRelayWindowMax);
}

RelayTable::Actions RelayTable::OnGone(net::ConnectionId connection, const Status& why) {
  Actions actions;
  const auto found = places_.find(connection);
  if (found != places_.end()) Part(Place(found->second), why, actions);
  return actions;
}

void RelayTable::Part(const Place& place, const Status& why, Actions& actions) {
  Line& line = lines_.at(place.line);
  places_.erase(*line.ends[place.end].connection);
  line.ends[place.end].connection.reset();
  const auto other = line.ends[1 - place.end].connection;
  if (!other) {
    lines_.erase(place.line);
    figures_.lines = lines_.size();
    return;
  }
  ForgetCredit(line);
  actions.push_back(Out{*other, PartedMessage(std::get<0>(place.line), why), ""});
}

RelayTable::Actions RelayTable::OnTime(absl::Duration now) {
  std::vector<net::ConnectionId> silent;
  for (const auto& [connection, place] : places_) {
    if (now - lines_.at(place.line).ends[place.end].heard_at >= kRelaySilenceMax) {
      silent.push_back(connection);
    }
  }
  Actions actions;
  for (const net::ConnectionId connection : silent) {
    Actions parted = OnGone(connection, OtherEndLeft());
    std::move(parted.begin(), parted.end(), std::back_inserter(actions));
    actions.push_back(HangUp{connection});
  }
  return actions;
}

RelayTable::Actions RelayTable::Refuse(net::ConnectionId connection, const std::string& transfer,
                                       const Status& why) {
  Actions actions;
  actions.push_back(Out{connection, PartedMessage(transfer, why), ""});
  actions.push_back(HangUp{connection});
  return actions;
}

}  // namespace sluice::coordinator

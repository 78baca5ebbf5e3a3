// What a test asks of a state machine's effects.
#pragma once

#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/transfer/stream_machine.h"

namespace sluice::transfer {

template <typename Kind>
std::vector<Kind> AllOf(const Effects& effects) {
  std::vector<Kind> found;
  for (const Effect& effect : effects) {
    if (const Kind* kind = std::get_if<Kind>(&effect)) found.push_back(*kind);
  }
  return found;
}

// The one message of these effects.
inline MessageOut OnlyMessage(const Effects& effects) {
  const auto messages = AllOf<MessageOut>(effects);
  SLUICE_CHECK(messages.size() == 1);
  return messages.front();
}

// How the transfer ended by these effects; Unknown if it did not.
inline Status EndOf(const Effects& effects) {
  const auto ends = AllOf<Ended>(effects);
  if (ends.empty()) return Status(StatusCode::kUnknown, "the transfer goes on");
  SLUICE_CHECK(ends.size() == 1 && std::get_if<Ended>(&effects.back()) != nullptr);
  return ends.front().why;
}

inline std::vector<uint32_t> IndexesOf(const MessageOut& out) {
  return {out.message.fetch().indexes().begin(), out.message.fetch().indexes().end()};
}

// How many chunks a receiver takes by this message, and what it says to have stored.
inline uint32_t CreditOf(const MessageOut& out) {
  SLUICE_CHECK(out.message.has_credit());
  return out.message.credit().chunks();
}
inline std::vector<uint32_t> StoredOf(const MessageOut& out) {
  return {out.message.credit().stored().begin(), out.message.credit().stored().end()};
}

}  // namespace sluice::transfer

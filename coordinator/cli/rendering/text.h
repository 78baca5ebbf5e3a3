// Words and amounts as people read them on a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {

// What others sent, safe to print: control characters (a terminal would obey them) and broken UTF-8
// become '?'.
std::string Printable(std::string_view text);
// Columns on a terminal: code points, not bytes.
size_t DisplayWidth(std::string_view text);

// "place: what", unless `what` says the place itself.
std::string WithPlace(std::string_view place, std::string_view what);

std::string FormatBytes(uint64_t bytes);             // "64.0 MiB"
std::string FormatRate(double bytes_per_second);     // "11.9 MiB/s"
std::string FormatSeconds(absl::Duration duration);  // "1m05s", "12s", "0.4s"
std::string FormatMilliseconds(int64_t since_1970);  // RFC 3339; "-" for 0

// "waiting", "rolled_back", ...: the protocol's names without their prefix, in lower case.
std::string StateName(v1::PromotionState state);
std::string StateName(v1::TargetState state);
std::string StateName(v1::SourceState state);
std::string WaitingName(v1::WaitingFor waiting_for);  // "" for none

}  // namespace sluice::cli

// How files of this room begin: what kind of file it is, which stream it is about, and a digest
// that tells a damaged beginning.
//
// Format: proto/sealed-stream.md, C1.
#pragma once

#include <string>
#include <string_view>

#include "common/base/status.h"
#include "common/transfer/stream_layout.h"

namespace sluice::transfer {

inline constexpr size_t kFileMagicBytes = 8;
inline constexpr size_t kLayoutRecordBytes = kFileMagicBytes + 16 + 8 + 4 + 4 + 32;

std::string SerializeLayoutRecord(std::string_view magic, const StreamLayout& layout);

// The layout, if `bytes` are a layout record with this magic that has a possible layout in it.
// DataLoss "layout-record-damaged".
StatusOr<StreamLayout> ParseLayoutRecord(std::string_view magic, std::string_view bytes);

}  // namespace sluice::transfer

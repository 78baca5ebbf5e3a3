#include "common/transfer/layout_record.h"

#include "common/base/check.h"
#include "common/crypto/digest.h"
#include "common/transfer/octets.h"

namespace sluice::transfer {

std::string SerializeLayoutRecord(std::string_view magic, const StreamLayout& layout) {
  SLUICE_CHECK(magic.size() == kFileMagicBytes);
  std::string record(magic);
  record.append(layout.transfer.bytes());
  AppendNumber(record, layout.droplet_bytes, 8);
  AppendNumber(record, layout.chunk_bytes, 4);
  AppendNumber(record, layout.chunk_count, 4);
  record.append(crypto::Sha256Of(record).bytes());
  return record;
}

StatusOr<StreamLayout> ParseLayoutRecord(std::string_view magic, std::string_view bytes) {
  const auto damaged = [] {
    return NamedError(StatusCode::kDataLoss, "layout-record-damaged",
                      "the file does not begin as it was written");
  };
  if (bytes.size() != kLayoutRecordBytes) return damaged();
  OctetReader reader(bytes.substr(magic.size()));
  const auto transfer = TransferId::FromBytes(reader.Bytes(TransferId::kBytes));
  const uint64_t droplet_bytes = reader.Number(8);
  const auto chunk_bytes = static_cast<uint32_t>(reader.Number(4));
  const auto layout = StreamLayout::Cut(*transfer, droplet_bytes, chunk_bytes);
  // There is one record for each layout, so comparing is all the checking there is.
  if (!layout.ok() || SerializeLayoutRecord(magic, *layout) != bytes) return damaged();
  return *layout;
}

}  // namespace sluice::transfer

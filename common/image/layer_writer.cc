#include "common/image/layer_writer.h"

#include <algorithm>
#include <utility>

namespace sluice::image {

StatusOr<std::unique_ptr<FileWriter>> FileWriter::Create(Files& files, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(auto file, files.OpenRandomAccess(path, FileOpening::kNew));
  return std::unique_ptr<FileWriter>(new FileWriter(std::move(file)));
}

Status FileWriter::Write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kPieceBytes) SLUICE_RETURN_IF_ERROR(Flush());
  if (bytes.size() >= kPieceBytes) {
    SLUICE_RETURN_IF_ERROR(file_->Write(flushed_bytes_, bytes));
    flushed_bytes_ += bytes.size();
    return absl::OkStatus();
  }
  buffer_ += bytes;
  return absl::OkStatus();
}

Status FileWriter::Flush() {
  if (buffer_.empty()) return absl::OkStatus();
  SLUICE_RETURN_IF_ERROR(file_->Write(flushed_bytes_, buffer_));
  flushed_bytes_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

Status FileWriter::Sync() {
  SLUICE_RETURN_IF_ERROR(Flush());
  return file_->Sync();
}

ByteReader ReadFileFrom(const RandomAccessFile& file, uint64_t offset, uint64_t bytes) {
  return [&file, offset, bytes](std::span<char> into) mutable -> StatusOr<size_t> {
    const auto wanted = static_cast<size_t>(std::min<uint64_t>(into.size(), bytes));
    SLUICE_ASSIGN_OR_RETURN(const size_t count, file.Read(offset, into.first(wanted)));
    offset += count;
    bytes -= count;
    return count;
  };
}

StatusOr<std::unique_ptr<LayerWriter>> LayerWriter::Create(Files& files, std::string folder,
                                                           std::string name) {
  SLUICE_ASSIGN_OR_RETURN(auto writer, FileWriter::Create(files, folder + "/" + name));
  return std::unique_ptr<LayerWriter>(
      new LayerWriter(files, std::move(folder), std::move(name), std::move(writer)));
}

LayerWriter::LayerWriter(Files& files, std::string folder, std::string name,
                         std::unique_ptr<FileWriter> writer)
    : files_(files),
      folder_(std::move(folder)),
      path_(folder_ + "/" + name),
      file_(std::move(writer)),
      gzip_([this](std::string_view bytes) {
        blob_hash_.Update(bytes);
        return file_->Write(bytes);
      }),
      tar_([this](std::string_view bytes) { return WriteTar(bytes); }) {}

LayerWriter::~LayerWriter() {
  if (!finished_) files_.Remove(path_).IgnoreError();  // the failure that led here is told already
}

Status LayerWriter::WriteTar(std::string_view bytes) {
  tar_hash_.Update(bytes);
  tar_bytes_ += bytes.size();
  return gzip_.Write(bytes);
}

StatusOr<ByteReader> LayerWriter::ReadBack() {
  SLUICE_RETURN_IF_ERROR(gzip_.Flush());
  SLUICE_RETURN_IF_ERROR(file_->Flush());
  auto gunzip = std::make_shared<Gunzip>(ReadFileFrom(file_->file(), 0, file_->bytes()));
  return ByteReader([gunzip](std::span<char> bytes) { return gunzip->Read(bytes); });
}

StatusOr<LayerBlob> LayerWriter::Finish() {
  SLUICE_RETURN_IF_ERROR(gzip_.Finish());
  SLUICE_RETURN_IF_ERROR(file_->Flush());
  LayerBlob blob{"", blob_hash_.Finish(), file_->bytes(), tar_hash_.Finish(), tar_bytes_};
  blob.file = folder_ + "/" + blob.digest.hex();
  SLUICE_RETURN_IF_ERROR(files_.Rename(path_, blob.file));
  finished_ = true;
  return blob;
}

}  // namespace sluice::image

#include "agent/foundation/multipart.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace sluice::foundation {

MultipartSource::MultipartSource(std::string_view field, std::string_view file_name,
                                 std::string boundary, http::BodySource& file)
    : boundary_(std::move(boundary)),
      preamble_(absl::StrCat("--", boundary_, "\r\nContent-Disposition: form-data; name=\"",
                             ToAbsl(field), "\"; filename=\"", ToAbsl(file_name),
                             "\"\r\nContent-Type: application/octet-stream\r\n\r\n")),
      epilogue_(absl::StrCat("\r\n--", boundary_, "--\r\n")),
      file_(file) {}

std::string MultipartSource::ContentType() const {
  return absl::StrCat("multipart/form-data; boundary=", boundary_);
}

uint64_t MultipartSource::ContentLength() const {
  return preamble_.size() + file_.ContentLength() + epilogue_.size();
}

StatusOr<size_t> MultipartSource::Read(std::span<char> buffer) {
  const uint64_t file_end = preamble_.size() + file_.ContentLength();
  size_t count = 0;
  if (given_bytes_ < preamble_.size() || given_bytes_ >= file_end) {
    const bool before = given_bytes_ < preamble_.size();
    std::string_view rest = before ? preamble_ : epilogue_;
    rest.remove_prefix(static_cast<size_t>(given_bytes_ - (before ? 0 : file_end)));
    count = std::min(buffer.size(), rest.size());
    std::memcpy(buffer.data(), rest.data(), count);
  } else {
    const uint64_t left = file_end - given_bytes_;
    const size_t room = static_cast<size_t>(std::min<uint64_t>(buffer.size(), left));
    StatusOr<size_t> read = file_.Read(buffer.first(room));
    if (read.ok() && (*read == 0 || *read > room)) {
      read = NamedError(StatusCode::kInternal, "body-wrong-length",
                        "the bits to upload have another length than was announced");
    }
    if (!read.ok()) {
      file_failure_ = read.status();
      return read;
    }
    count = *read;
  }
  given_bytes_ += count;
  return count;
}

}  // namespace sluice::foundation

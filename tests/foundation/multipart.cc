#include "tests/foundation/multipart.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/foundation/digests.h"
#include "tests/foundation/http_message.h"

namespace sluice::box {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr size_t kPartHeaderBytesMax = 16 * 1024;
constexpr size_t kPartsMax = 32;

// The value of name="..." in a Content-Disposition; quotes as browsers and curl write them.
std::string Parameter(const std::string& header, const std::string& name) {
  size_t at = header.find("; " + name + "=\"");
  if (at == std::string::npos) at = header.find(";" + name + "=\"");
  if (at == std::string::npos) return "";
  size_t begin = header.find('"', at) + 1;
  return header.substr(begin, header.find('"', begin) - begin);
}

size_t FindBytes(std::string_view in, std::string_view what) {
  const void* found = memmem(in.data(), in.size(), what.data(), what.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - in.data());
}

}  // namespace

std::string BoundaryOf(const std::string& content_type) {
  if (!LowerCase(content_type).starts_with("multipart/form-data")) return "";
  size_t at = content_type.find("boundary=");
  if (at == std::string::npos) return "";
  std::string boundary = content_type.substr(at + 9);
  boundary = boundary.substr(0, boundary.find(';'));
  if (boundary.size() > 1 && boundary.front() == '"') {
    boundary = boundary.substr(1, boundary.find('"', 1) - 1);
  }
  return boundary;
}

MultipartReader::MultipartReader(std::string boundary, std::string directory)
    : delimiter_("\r\n--" + std::move(boundary)),
      directory_(std::move(directory)),
      buffer_(kBufferBytes) {
  // The first boundary has no line end before it: give it one.
  buffer_[0] = '\r';
  buffer_[1] = '\n';
  end_ = 2;
}

MultipartReader::~MultipartReader() {
  if (file_ >= 0) close(file_);
}

char* MultipartReader::Space(size_t& size) {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  size = buffer_.size() - end_;
  return buffer_.data() + end_;
}

void MultipartReader::Consume(size_t size) {
  end_ += size;
  while (Step()) {
  }
}

bool MultipartReader::Step() {
  switch (state_) {
    case State::kPreamble: {
      size_t at = FindBytes(Pending(), delimiter_);
      if (at == std::string_view::npos) {
        size_t keep = std::min(Pending().size(), delimiter_.size());
        Drop(Pending().size() - keep);
        return false;
      }
      Drop(at + delimiter_.size());
      state_ = State::kHeaders;
      return true;
    }
    case State::kHeaders:
      return ReadHeaders();
    case State::kContent:
      return ReadContent();
    default:
      Drop(Pending().size());  // the epilogue, or what follows a failure
      return false;
  }
}

bool MultipartReader::ReadHeaders() {
  std::string_view pending = Pending();
  if (pending.starts_with("--")) {
    state_ = State::kEnd;
    return true;
  }
  size_t end = FindBytes(pending, "\r\n\r\n");
  if (end == std::string_view::npos) {
    if (pending.size() > kPartHeaderBytesMax) state_ = State::kMalformed;
    return state_ == State::kMalformed;
  }
  // A head of a request parses the same lines: "\r\n" after the boundary ends the first.
  auto headers = ParseResponseHead("HTTP/1.1 200 part" + std::string(pending.substr(0, end + 2)));
  if (!headers || parts_.size() >= kPartsMax) {
    state_ = State::kMalformed;
    return true;
  }
  ReceivedPart part;
  std::string disposition = headers->headers.Get("Content-Disposition").value_or("");
  part.name = Parameter(disposition, "name");
  part.file_name = Parameter(disposition, "filename");
  part.is_file = disposition.find("filename=") != std::string::npos;
  if (part.is_file) {
    part.path = directory_ + "/" + RandomHex(12);
    file_ = open(part.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file_ < 0) state_ = State::kDiskFailed;
    digests_.emplace();
  }
  parts_.push_back(part);
  Drop(end + 4);
  if (state_ == State::kHeaders) state_ = State::kContent;
  return true;
}

bool MultipartReader::ReadContent() {
  std::string_view pending = Pending();
  size_t at = FindBytes(pending, delimiter_);
  if (at != std::string_view::npos) {
    WriteContent(at);
    Drop(delimiter_.size());
    if (file_ >= 0) close(file_);
    file_ = -1;
    if (digests_) parts_.back().digests = digests_->Finish();
    digests_.reset();
    if (state_ == State::kContent) state_ = State::kHeaders;
    return true;
  }
  // Whatever could be the beginning of a delimiter stays until more is known.
  if (pending.size() >= delimiter_.size()) WriteContent(pending.size() - delimiter_.size() + 1);
  return false;
}

void MultipartReader::WriteContent(size_t size) {
  std::string_view content = Pending().substr(0, size);
  parts_.back().bytes += content.size();
  // Here, while the bytes are in the cache, and not by the job from the disk.
  if (digests_) digests_->Update(content);
  while (!content.empty() && file_ >= 0) {
    ssize_t written = write(file_, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      state_ = State::kDiskFailed;
      break;
    }
    content.remove_prefix(static_cast<size_t>(written));
  }
  Drop(size);
}

}  // namespace sluice::box

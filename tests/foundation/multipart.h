// Reads multipart/form-data as it arrives. File parts go to files, in constant memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/foundation/digests.h"

namespace sluice::box {

struct ReceivedPart {
  std::string name;
  std::string file_name;
  bool is_file = false;
  std::string path;  // of a file part's content
  uint64_t bytes = 0;
  FileDigests digests;  // of a file part, once it is whole
};

class MultipartReader {
 public:
  enum class State { kPreamble, kHeaders, kContent, kEnd, kMalformed, kDiskFailed };

  // Files are made in `directory`. `boundary` without the leading dashes.
  MultipartReader(std::string boundary, std::string directory);
  ~MultipartReader();
  MultipartReader(const MultipartReader&) = delete;
  MultipartReader& operator=(const MultipartReader&) = delete;

  // Where the next bytes of the body may be put, and how many fit.
  char* Space(size_t& size);
  // Works through `size` bytes that were put there.
  void Consume(size_t size);

  State state() const { return state_; }
  const std::vector<ReceivedPart>& parts() const { return parts_; }

 private:
  bool Step();  // true when something was used up and another step may follow
  bool ReadHeaders();
  bool ReadContent();
  void WriteContent(size_t size);
  void Drop(size_t size) { begin_ += size; }
  std::string_view Pending() const { return {buffer_.data() + begin_, end_ - begin_}; }

  std::string delimiter_;  // CRLF, two dashes, boundary
  std::string directory_;
  std::vector<char> buffer_;
  size_t begin_ = 0;  // of what is not yet used up
  size_t end_ = 0;
  State state_ = State::kPreamble;
  std::vector<ReceivedPart> parts_;
  int file_ = -1;
  std::optional<RunningDigests> digests_;  // of the file part that is being read
};

// The boundary in a multipart Content-Type, or "" when there is none.
std::string BoundaryOf(const std::string& content_type);

}  // namespace sluice::box

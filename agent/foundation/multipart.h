// A form with one file as a request body of known length (RFC 7578).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "common/base/status.h"
#include "common/http/message.h"

namespace sluice::foundation {

// Gives preamble, file and epilogue in turn. The epilogue, without which nginx passes nothing on
// to Cloud Controller, comes only after the file's source has given all its bytes.
class MultipartSource final : public http::BodySource {
 public:
  // `file` is borrowed. The boundary must not occur in the file: a random one does not.
  MultipartSource(std::string_view field, std::string_view file_name, std::string boundary,
                  http::BodySource& file);

  std::string ContentType() const;
  uint64_t ContentLength() const override;
  StatusOr<size_t> Read(std::span<char> buffer) override;

  // Why the file's source ended the upload; OK if it did not.
  const Status& file_failure() const { return file_failure_; }
  // All of the body was handed over: the request may have taken effect.
  bool GivenWhole() const { return given_bytes_ == ContentLength(); }

 private:
  const std::string boundary_;
  const std::string preamble_;
  const std::string epilogue_;
  http::BodySource& file_;
  uint64_t given_bytes_ = 0;
  Status file_failure_;
};

}  // namespace sluice::foundation

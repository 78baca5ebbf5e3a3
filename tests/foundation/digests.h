// Hashes, encodings and identifiers that Cloud Foundry's interfaces are made of.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

using EVP_MD_CTX = struct evp_md_ctx_st;

namespace sluice::box {

struct FileDigests {
  std::string sha1;    // hex
  std::string sha256;  // hex
  uint64_t bytes = 0;
};

// Both digests of bytes that come in pieces.
class RunningDigests {
 public:
  RunningDigests();
  void Update(std::string_view bytes);
  FileDigests Finish();  // once

 private:
  using Context = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;
  Context sha1_;
  Context sha256_;
  uint64_t bytes_ = 0;
};

// Reads the file once. Nullopt when it cannot be read.
std::optional<FileDigests> DigestFile(const std::string& path);

std::string Sha256Hex(std::string_view text);
std::string Md5(std::string_view text);                                  // 16 raw bytes
std::string HmacSha256(std::string_view key, std::string_view message);  // 32 raw bytes
std::string Base64Url(std::string_view bytes);                           // without padding
std::string Base64(std::string_view bytes);                              // RFC 4648, padded
std::optional<std::string> Base64Decode(std::string_view text);          // either alphabet

std::string RandomGuid();
std::string RandomHex(int bytes);

// "2026-01-02T03:04:05Z": CC shows whole seconds in UTC.
std::string Timestamp(std::time_t time);

}  // namespace sluice::box

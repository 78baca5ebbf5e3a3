// Hashes, encodings and identifiers that Cloud Foundry's interfaces are made of.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::box {

struct FileDigests {
  std::string sha1;    // hex
  std::string sha256;  // hex
  uint64_t bytes = 0;
};

// Reads the file once. Nullopt when it cannot be read.
std::optional<FileDigests> DigestFile(const std::string& path);

std::string Sha256Hex(std::string_view text);
std::string Md5(std::string_view text);                                  // 16 raw bytes
std::string HmacSha256(std::string_view key, std::string_view message);  // 32 raw bytes
std::string Base64Url(std::string_view bytes);                           // without padding
std::optional<std::string> Base64Decode(std::string_view text);          // either alphabet

std::string RandomGuid();
std::string RandomHex(int bytes);

// "2026-01-02T03:04:05Z": CC shows whole seconds in UTC.
std::string Timestamp(std::time_t time);

}  // namespace sluice::box

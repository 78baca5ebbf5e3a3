#include "tests/foundation/digests.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace sluice::box {
namespace {

constexpr size_t kReadBytes = size_t{1} << 20;

std::string Hex(const unsigned char* bytes, size_t count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (size_t i = 0; i < count; ++i) {
    hex += kDigits[bytes[i] >> 4];
    hex += kDigits[bytes[i] & 15];
  }
  return hex;
}

using DigestContext = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

DigestContext Begin(const EVP_MD* algorithm) {
  DigestContext context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  return context;
}

std::string Finish(DigestContext& context) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(context.get(), digest, &size);
  return std::string(reinterpret_cast<char*>(digest), size);
}

std::string HexOf(const std::string& raw) {
  return Hex(reinterpret_cast<const unsigned char*>(raw.data()), raw.size());
}

}  // namespace

RunningDigests::RunningDigests() : sha1_(Begin(EVP_sha1())), sha256_(Begin(EVP_sha256())) {}

void RunningDigests::Update(std::string_view bytes) {
  EVP_DigestUpdate(sha1_.get(), bytes.data(), bytes.size());
  EVP_DigestUpdate(sha256_.get(), bytes.data(), bytes.size());
  bytes_ += bytes.size();
}

FileDigests RunningDigests::Finish() {
  return {HexOf(box::Finish(sha1_)), HexOf(box::Finish(sha256_)), bytes_};
}

std::optional<FileDigests> DigestFile(const std::string& path) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  RunningDigests digests;
  std::vector<char> buffer(kReadBytes);
  ssize_t got = 0;
  while ((got = read(file, buffer.data(), buffer.size())) > 0) {
    digests.Update({buffer.data(), static_cast<size_t>(got)});
  }
  close(file);
  if (got < 0) return std::nullopt;
  return digests.Finish();
}

std::string Sha256Hex(std::string_view text) {
  DigestContext sha256 = Begin(EVP_sha256());
  EVP_DigestUpdate(sha256.get(), text.data(), text.size());
  return HexOf(Finish(sha256));
}

std::string Md5(std::string_view text) {
  DigestContext md5 = Begin(EVP_md5());
  EVP_DigestUpdate(md5.get(), text.data(), text.size());
  return Finish(md5);
}

std::string HmacSha256(std::string_view key, std::string_view message) {
  unsigned char code[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), code, &size);
  return std::string(reinterpret_cast<char*>(code), size);
}

std::string Base64Url(std::string_view bytes) {
  static constexpr char kAlphabet[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (char c : bytes) {
    bits = (bits << 8) | static_cast<unsigned char>(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      text += kAlphabet[(bits >> count) & 63];
    }
  }
  if (count > 0) text += kAlphabet[(bits << (6 - count)) & 63];
  return text;
}

std::string Base64(std::string_view bytes) {
  std::string text = Base64Url(bytes);
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.resize((text.size() + 3) / 4 * 4, '=');
  return text;
}

std::optional<std::string> Base64Decode(std::string_view text) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z')
      value = static_cast<uint32_t>(c - 'A');
    else if (c >= 'a' && c <= 'z')
      value = static_cast<uint32_t>(c - 'a') + 26;
    else if (c >= '0' && c <= '9')
      value = static_cast<uint32_t>(c - '0') + 52;
    else if (c == '+' || c == '-')
      value = 62;
    else if (c == '/' || c == '_')
      value = 63;
    else if (c == '=')
      break;
    else
      return std::nullopt;
    bits = (bits << 6) | value;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>((bits >> count) & 255);
    }
  }
  return bytes;
}

std::string RandomHex(int bytes) {
  std::vector<unsigned char> raw(static_cast<size_t>(bytes));
  RAND_bytes(raw.data(), bytes);
  return Hex(raw.data(), raw.size());
}

std::string RandomGuid() {
  std::string hex = RandomHex(16);
  hex[12] = '4';
  hex[16] = "89ab"[hex[16] & 3];
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

std::string Timestamp(std::time_t time) {
  std::tm utc{};
  gmtime_r(&time, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace sluice::box

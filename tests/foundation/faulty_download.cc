#include "tests/foundation/faulty_download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/foundation/blobstore.h"

namespace sluice::box {
namespace {

constexpr char kHtml[] =
    "<html>\r\n<head><title>Welcome</title></head>\r\n<body>Please log in.</body>\r\n</html>\r\n";
constexpr size_t kPieceBytes = 256 * 1024;

std::string DropletPath(Foundation& foundation, const std::string& droplet_guid) {
  std::lock_guard lock(foundation.store.mutex);
  const Droplet* droplet = Find(foundation.store.droplets, droplet_guid);
  if (droplet == nullptr || !droplet->sha1) return "";
  return foundation.blobstore->PathOf(Blobstore::DropletKey(droplet_guid, *droplet->sha1));
}

uint64_t FileBytes(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
}

struct Piece {
  uint64_t begin = 0;
  uint64_t end = 0;
  int64_t corrupt_at = -1;      // this byte is sent with one bit flipped
  double bytes_per_second = 0;  // 0: as fast as it goes
};

// Sleeps so long that `bytes` take their time at that rate.
void Pace(size_t bytes, double bytes_per_second) {
  if (bytes_per_second <= 0) return;
  std::this_thread::sleep_for(
      std::chrono::duration<double>(static_cast<double>(bytes) / bytes_per_second));
}

bool SendPiece(Stream& stream, const std::string& path, const Piece& piece) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  size_t piece_bytes = kPieceBytes;
  if (piece.bytes_per_second > 0) {  // in twentieths of a second
    piece_bytes = std::min(piece_bytes, static_cast<size_t>(piece.bytes_per_second / 20) + 1);
  }
  std::vector<char> buffer(piece_bytes);
  bool sent = true;
  for (uint64_t at = piece.begin; at < piece.end && sent;) {
    size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer.size(), piece.end - at));
    ssize_t got = pread(file, buffer.data(), wanted, static_cast<off_t>(at));
    if (got <= 0) break;
    int64_t corrupt = piece.corrupt_at - static_cast<int64_t>(at);
    if (corrupt >= 0 && corrupt < got) buffer[static_cast<size_t>(corrupt)] ^= 1;
    sent = stream.Write({buffer.data(), static_cast<size_t>(got)});
    Pace(static_cast<size_t>(got), piece.bytes_per_second);
    at += static_cast<uint64_t>(got);
  }
  close(file);
  return sent;
}

// One range of the form bytes=A-B or bytes=A-; everything else means the whole.
Piece RangeOf(const Request& request, uint64_t size, bool& partial) {
  Piece piece{0, size};
  std::string range = request.headers.Get("Range").value_or("");
  partial = range.starts_with("bytes=") && range.size() > 6 && range[6] >= '0' && range[6] <= '9';
  if (!partial) return piece;
  size_t dash = range.find('-');
  piece.begin = std::min<uint64_t>(size, std::stoull(range.substr(6)));
  if (dash + 1 < range.size()) {
    piece.end = std::min<uint64_t>(size, std::stoull(range.substr(dash + 1)) + 1);
  }
  return piece;
}

// Head for a piece of a file of `size` bytes; `claimed` is what Content-Length says.
void SendPieceHead(Exchange& exchange, bool partial, const Piece& piece, uint64_t size,
                   uint64_t claimed) {
  Headers headers;
  headers.Set("Content-Type", "application/octet-stream");
  headers.Set("Content-Length", std::to_string(claimed));
  headers.Set("Accept-Ranges", "bytes");
  if (partial) {
    headers.Set("Content-Range", "bytes " + std::to_string(piece.begin) + "-" +
                                     std::to_string(piece.end - 1) + "/" + std::to_string(size));
  }
  exchange.SendHead(partial ? 206 : 200, headers);
}

// How far a fault lets the body come: the parameter after_bytes counts from the file's start.
uint64_t Until(const Request& request, const Piece& piece, uint64_t size) {
  auto after = request.Query("after_bytes");
  uint64_t until = after ? std::stoull(*after) : size / 2;
  return std::clamp(until, piece.begin, piece.end);
}

void SendPartly(Exchange& exchange, const std::string& fault, const std::string& path) {
  const Request& request = exchange.request();
  Stream& stream = exchange.stream();
  uint64_t size = FileBytes(path);
  bool partial = false;
  Piece piece = RangeOf(request, size, partial);
  uint64_t length = piece.end - piece.begin;
  exchange.CloseAfterwards();
  if (fault == "download-wrong-content-length") {
    // Fewer bytes are announced than the droplet has, and exactly as many are sent.
    uint64_t missing = std::min<uint64_t>(length, 1000);
    piece.end -= missing;
    SendPieceHead(exchange, partial, piece, size - missing, length - missing);
    SendPiece(stream, path, piece);
    return;
  }
  SendPieceHead(exchange, partial, piece, size, length);
  if (fault == "download-corrupt-byte") {
    auto at = request.Query("at");
    piece.corrupt_at = at ? std::stoll(*at) : static_cast<int64_t>(size / 2);
    SendPiece(stream, path, piece);
    return;
  }
  if (fault == "download-slow") {
    piece.bytes_per_second = std::stod(request.Query("bytes_per_second").value_or("1048576"));
    SendPiece(stream, path, piece);
    return;
  }
  piece.end = Until(request, piece, size);
  SendPiece(stream, path, piece);
  if (fault == "download-reset") stream.Reset();
  if (fault == "blobstore-idle") {
    double seconds = std::stod(request.Query("seconds").value_or("3600"));
    auto deadline = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    stream.SetReadTimeout(100);  // notices a client that has gone
    char ignored = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      if (stream.Read(&ignored, 1) != Stream::kTimedOut) return;
    }
  }
}

}  // namespace

std::string FaultyDownloadUrl(Foundation& foundation, const std::string& droplet_guid) {
  for (const char* fault : {"download-truncated", "download-html-200", "download-empty",
                            "download-wrong-content-length", "download-corrupt-byte",
                            "download-reset", "download-slow", "blobstore-idle"}) {
    if (auto due = foundation.misbehaviours.Take(fault)) {
      std::string url = foundation.fault_url + "/faulty/" + fault + "/" + droplet_guid + "?x=1";
      for (const auto& [name, value] : due->parameters) {
        url += "&" + PercentEncode(name) + "=" + PercentEncode(value);
      }
      return url;
    }
  }
  return "";
}

void ServeFaultyDownload(Foundation& foundation, Exchange& exchange) {
  const std::string& path = exchange.request().path;
  size_t slash = path.rfind('/');
  if (!path.starts_with("/faulty/") || slash < 9) {
    exchange.Send(NginxErrorPage(404));
    return;
  }
  std::string fault = path.substr(8, slash - 8);
  std::string file = DropletPath(foundation, path.substr(slash + 1));
  if (fault == "download-html-200") {
    exchange.Send(TextResponse(200, "text/html", kHtml));
  } else if (fault == "download-empty") {
    exchange.Send(TextResponse(200, "application/octet-stream", ""));
  } else {
    SendPartly(exchange, fault, file);
  }
}

void SendDropletDirectly(Foundation& foundation, Exchange& exchange,
                         const std::string& droplet_guid) {
  std::string path = DropletPath(foundation, droplet_guid);
  uint64_t size = FileBytes(path);
  bool partial = false;
  Piece piece = RangeOf(exchange.request(), size, partial);
  SendPieceHead(exchange, partial, piece, size, piece.end - piece.begin);
  if (!SendPiece(exchange.stream(), path, piece)) exchange.CloseAfterwards();
}

}  // namespace sluice::box

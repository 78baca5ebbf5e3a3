#include "tests/simulation/transport.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/foundation/testing/scripted_foundation.h"
#include "common/crypto/digest.h"
#include "common/http/url.h"

namespace sluice::simulation {
namespace {

constexpr size_t kPieceBytes = 16 * 1024;

Status Cancelled() {
  return NamedError(StatusCode::kCancelled, "cancelled", "stopped while waiting");
}
Status Refused() {
  return NamedError(StatusCode::kUnavailable, "connect-failed", "nobody answers");
}
Status CutOff() {
  return NamedError(StatusCode::kUnavailable, "connection-cut", "the connection was cut");
}

// Path and query of a URL.
std::pair<std::string, std::string> PartsOf(const std::string& url) {
  const size_t host = url.find("://") + 3;
  const size_t path = url.find('/', host);
  if (path == std::string::npos) return {"/", ""};
  const size_t query = url.find('?', path);
  if (query == std::string::npos) return {url.substr(path), ""};
  return {url.substr(path, query - path), url.substr(query + 1)};
}

}  // namespace

Status SleepingWaiter::Wait(absl::Duration duration, std::stop_token stop) {
  const absl::Duration due = world_.clock.Monotonic() + duration;
  const std::stop_callback wake(stop, [this, &due] { world_.turns.Notify(&due); });
  while (!stop.stop_requested() && !world_.turns.Dying()) {
    const absl::Duration left = due - world_.clock.Monotonic();
    if (left <= absl::ZeroDuration()) return absl::OkStatus();
    world_.turns.Wait(&due, left);
  }
  return Cancelled();
}

Status Transport::Travel(std::stop_token stop) {
  absl::Duration takes = world_.Between(absl::Milliseconds(2), absl::Milliseconds(25));
  if (world_.faults.Happens(Fault::kLongDelay, 20, world_.random)) {
    takes += world_.Between(absl::Milliseconds(300), absl::Seconds(8));
  }
  SLUICE_RETURN_IF_ERROR(waiter_.Wait(takes, std::move(stop)));
  return cut_ ? CutOff() : absl::OkStatus();
}

StatusOr<http::HttpResponse> Transport::Perform(const http::HttpRequest& request,
                                                std::stop_token stop) {
  if (cut_) return Refused();
  SLUICE_RETURN_IF_ERROR(Travel(stop));
  if (world_.faults.Happens(Fault::kFoundationAway, 12, world_.random)) {
    http::FakeReply away;
    away.status = 503;
    return Pass(request, std::move(away));
  }
  const auto [path, query] = PartsOf(request.url);
  if (path.ends_with("/download")) return Download(request, std::move(stop));
  Foundation::Upload upload;
  if (path.ends_with("/upload")) {
    SLUICE_ASSIGN_OR_RETURN(upload, ReadUpload(request, stop));
  }
  http::FakeReply reply = foundation_.Serve(request.method, path, query, request.body, upload);
  if (request.method != "GET") {
    world_.trace.Note(
        absl::StrCat(foundation_.name(), ": ", request.method, " ", path, " ", reply.status));
  }
  SLUICE_RETURN_IF_ERROR(Travel(std::move(stop)));
  if (world_.faults.Happens(Fault::kLostAnswer, 25, world_.random)) return CutOff();
  return Pass(request, std::move(reply));
}

StatusOr<http::HttpResponse> Transport::Pass(const http::HttpRequest& request,
                                             http::FakeReply reply) {
  if (!believed_sha256_.empty() && reply.body.starts_with('{')) {
    nlohmann::json body = nlohmann::json::parse(reply.body);
    if (body.contains("checksum") && !body["checksum"].is_null() &&
        body["checksum"]["value"] != others_sha256_) {
      body["checksum"]["value"] = believed_sha256_;
      reply.body = body.dump();
    }
  }
  http::HttpResponse response{reply.status, reply.headers, ""};
  if (request.response_sink == nullptr) {
    response.body = std::move(reply.body);
    return response;
  }
  SLUICE_RETURN_IF_ERROR(request.response_sink->OnHeaders(reply.status, reply.headers));
  SLUICE_RETURN_IF_ERROR(request.response_sink->Write(reply.body));
  return response;
}

StatusOr<Foundation::Upload> Transport::ReadUpload(const http::HttpRequest& request,
                                                   std::stop_token stop) {
  std::string body;
  std::array<char, kPieceBytes> piece;
  const uint64_t length = request.body_source->ContentLength();
  while (body.size() < length) {
    SLUICE_ASSIGN_OR_RETURN(const size_t count, request.body_source->Read(piece));
    if (cut_) return CutOff();
    if (count == 0) {
      return NamedError(StatusCode::kInternal, "body-wrong-length", "the body ended early");
    }
    body.append(piece.data(), count);
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(absl::Milliseconds(2), stop));
    if (cut_) return CutOff();
    if (world_.faults.Happens(Fault::kLostConnection, 60, world_.random)) return CutOff();
  }
  // One file between its head and the closing boundary (RFC 7578).
  const size_t first = body.find("\r\n\r\n") + 4;
  const std::string boundary = body.substr(0, body.find("\r\n"));
  const size_t last = body.rfind(absl::StrCat("\r\n", boundary));
  const std::string file = body.substr(first, last - first);
  return Foundation::Upload{.sha256 = crypto::Sha256Of(file).hex(), .bytes = file.size()};
}

StatusOr<http::HttpResponse> Transport::Download(const http::HttpRequest& request,
                                                 std::stop_token stop) {
  const std::string& content = blob_->content;
  const std::string range = request.headers.Find("Range").value_or("");
  uint64_t first = 0;
  uint64_t last = content.size() - 1;
  if (!range.empty()) {  // "bytes=FIRST-" or "bytes=FIRST-LAST"
    char* end = nullptr;
    first = std::strtoull(range.c_str() + 6, &end, 10);
    if (*(end + 1) != '\0') last = std::strtoull(end + 1, nullptr, 10);
  }
  http::HttpHeaders headers = {{"ETag", "\"droplet\""},
                               {"Content-Length", absl::StrCat(last - first + 1)}};
  if (!range.empty()) {
    headers.Add("Content-Range", absl::StrCat("bytes ", first, "-", last, "/", content.size()));
  }
  const int status = range.empty() ? 200 : 206;
  SLUICE_RETURN_IF_ERROR(request.response_sink->OnHeaders(status, headers));
  const bool lie = world_.Has(Bug::kDigestUnchecked) ||
                   (world_.Has(Bug::kDigestLogForgotten) && later_life_) ||
                   (last > first && world_.faults.Happens(Fault::kWrongBits, 3, world_.random));
  for (uint64_t at = first; at <= last; at += kPieceBytes) {
    std::string piece = content.substr(at, std::min<uint64_t>(kPieceBytes, last + 1 - at));
    for (uint64_t wrong = (at + kWrongEvery - 1) / kWrongEvery * kWrongEvery;
         lie && wrong < at + piece.size(); wrong += kWrongEvery) {
      piece[wrong - at] ^= 0x04;
    }
    SLUICE_RETURN_IF_ERROR(request.response_sink->Write(piece));
    SLUICE_RETURN_IF_ERROR(waiter_.Wait(world_.Between({}, absl::Milliseconds(8)), stop));
    if (cut_) return CutOff();
    if (world_.faults.Happens(Fault::kLostConnection, 40, world_.random)) return CutOff();
  }
  return http::HttpResponse{status, headers, ""};
}

}  // namespace sluice::simulation

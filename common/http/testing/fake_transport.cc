#include "common/http/testing/fake_transport.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "common/http/url.h"

namespace sluice::http {
namespace {

StatusOr<std::string> Drain(const HttpRequest& request) {
  if (request.body_source == nullptr) return request.body;
  std::string body;
  std::array<char, 8192> buffer;
  while (body.size() < request.body_source->ContentLength()) {
    SLUICE_ASSIGN_OR_RETURN(const size_t count, request.body_source->Read(buffer));
    if (count == 0) {
      return NamedError(StatusCode::kInternal, "body-wrong-length", "the body ended early");
    }
    body.append(buffer.data(), count);
  }
  return body;
}

Status Cancelled() {
  return NamedError(StatusCode::kCancelled, "cancelled", "the request was cancelled");
}

}  // namespace

StatusOr<HttpResponse> FakeTransport::Perform(const HttpRequest& request, std::stop_token stop) {
  if (stop.stop_requested()) return Cancelled();
  SLUICE_RETURN_IF_ERROR(ParseUrl(request.url).status());
  SLUICE_ASSIGN_OR_RETURN(std::string body, Drain(request));
  const SeenRequest seen{request.method, request.url, request.headers, std::move(body)};
  {
    MutexLock lock(mutex_);
    seen_.push_back(seen);
  }
  SLUICE_ASSIGN_OR_RETURN(FakeReply reply, serve_(seen));
  if (stop.stop_requested()) return Cancelled();
  HttpResponse response{reply.status, reply.headers, ""};
  if (request.response_sink != nullptr) {
    SLUICE_RETURN_IF_ERROR(request.response_sink->OnHeaders(reply.status, reply.headers));
    if (!reply.body.empty()) SLUICE_RETURN_IF_ERROR(request.response_sink->Write(reply.body));
  } else if (reply.body.size() > request.response_bytes_max) {
    return NamedError(StatusCode::kResourceExhausted, "response-too-large",
                      absl::StrCat(DisplayUrl(request.url), ": the response is too large"));
  } else {
    response.body = std::move(reply.body);
  }
  SLUICE_RETURN_IF_ERROR(reply.then_fail);
  return response;
}

std::vector<SeenRequest> FakeTransport::Seen() const {
  MutexLock lock(mutex_);
  return seen_;
}

std::vector<SeenRequest> FakeTransport::Seen(std::string_view method, std::string_view part) const {
  std::vector<SeenRequest> matching;
  for (SeenRequest& request : Seen()) {
    if (request.method == method && request.url.find(part) != std::string::npos) {
      matching.push_back(std::move(request));
    }
  }
  return matching;
}

}  // namespace sluice::http

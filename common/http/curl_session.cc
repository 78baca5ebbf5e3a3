#include "common/http/curl_session.h"

#include <curl/curl.h>

#include <array>
#include <csignal>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/http/curl_error.h"

namespace sluice::http {
namespace {

// Measured on loopback with 1 GiB: below 128 KiB system calls show, above 512 KiB nothing is won.
// An upload buffer is also what must drain within the idle timeout: 256 KiB in 30 s is 9 kB/s.
constexpr long kReceiveBufferBytes = 512 * 1024;
constexpr long kUploadBufferBytes = 256 * 1024;
constexpr long kKeptConnectionsMax = 8;
// A stop wakes the poll; this only bounds what a lost wake-up could cost.
constexpr absl::Duration kPollMax = absl::Seconds(1);

bool InitializeCurl() {
  static const bool initialized = [] {
    // OpenSSL writes to sockets without MSG_NOSIGNAL: a connection that the server has closed
    // would end the process instead of the request.
    std::signal(SIGPIPE, SIG_IGN);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }();
  return initialized;
}

size_t HeaderCallback(char* bytes, size_t size, size_t count, void* call) {
  return static_cast<CurlCall*>(call)->OnHeaderLine({bytes, size * count});
}

size_t BodyCallback(char* bytes, size_t size, size_t count, void* call) {
  return static_cast<CurlCall*>(call)->OnBody({bytes, size * count});
}

size_t ReadCallback(char* buffer, size_t size, size_t count, void* call) {
  return static_cast<CurlCall*>(call)->OnRead({buffer, size * count});
}

}  // namespace

struct CurlSession::Handles {
  ~Handles() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    if (multi != nullptr) curl_multi_cleanup(multi);
    curl_slist_free_all(header_list);
  }
  CURLM* multi = nullptr;
  CURL* easy = nullptr;
  curl_slist* header_list = nullptr;
  std::array<char, CURL_ERROR_SIZE> error_text{};
};

CurlSession::CurlSession(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {}
CurlSession::~CurlSession() = default;

StatusOr<std::unique_ptr<CurlSession>> CurlSession::Open() {
  auto handles = std::make_unique<Handles>();
  if (InitializeCurl()) {
    handles->multi = curl_multi_init();
    handles->easy = curl_easy_init();
  }
  if (handles->multi == nullptr || handles->easy == nullptr) {
    return NamedError(StatusCode::kResourceExhausted, "out-of-memory", "libcurl did not start");
  }
  curl_multi_setopt(handles->multi, CURLMOPT_MAXCONNECTS, kKeptConnectionsMax);
  return std::unique_ptr<CurlSession>(new CurlSession(std::move(handles)));
}

StatusOr<HttpResponse> CurlSession::Perform(const HttpRequest& request, const Settings& settings,
                                            CurlCall& call, std::stop_token stop) {
  CURLM* multi = handles_->multi;
  Configure(request, settings, call);
  SLUICE_CHECK(curl_multi_add_handle(multi, handles_->easy) == CURLM_OK);
  StatusOr<int> result = [&]() -> StatusOr<int> {
    std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
    return Drive(call);
  }();
  curl_multi_remove_handle(multi, handles_->easy);
  curl_easy_reset(handles_->easy);  // keeps connections, forgets what was secret
  curl_slist_free_all(std::exchange(handles_->header_list, nullptr));
  if (!call.failure().ok()) return call.failure();
  if (!result.ok()) return result.status();
  if (*result != CURLE_OK && !call.RefusedEarly()) {
    return StatusFromCurl(*result, handles_->error_text.data(), call.where());
  }
  // libcurl takes a header section that the server's close cut short for a whole one.
  if (!call.HeadersComplete()) {
    return StatusFromCurl(CURLE_PARTIAL_FILE, "within the response's header", call.where());
  }
  return call.TakeResponse();
}

void CurlSession::Configure(const HttpRequest& request, const Settings& settings, CurlCall& call) {
  CURL* easy = handles_->easy;
  handles_->error_text.fill('\0');
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, handles_->error_text.data());
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  curl_easy_setopt(easy, CURLOPT_USERAGENT, settings.user_agent.c_str());
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!settings.ca_file.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, settings.ca_file.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);  // else the system's would count as well
  }
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  // A name server that does not answer must not hold up a cancelled call (curl 7.87).
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(absl::ToInt64Milliseconds(request.timeouts.connect)));
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, kReceiveBufferBytes);
  curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, kUploadBufferBytes);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, HeaderCallback);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &call);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, BodyCallback);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &call);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, ReadCallback);
  curl_easy_setopt(easy, CURLOPT_READDATA, &call);
  ConfigureBody(request);
}

void CurlSession::ConfigureBody(const HttpRequest& request) {
  CURL* easy = handles_->easy;
  const bool has_body = request.method == "POST" || request.method == "PUT" ||
                        request.method == "PATCH" || request.body_source != nullptr ||
                        !request.body.empty();
  if (has_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    if (request.body_source != nullptr) {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body_source->ContentLength()));
    } else {
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                       static_cast<curl_off_t>(request.body.size()));
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    }
  }
  if (request.method == "HEAD") {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  } else {
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  // On a kept connection that has just died libcurl repeats the request by itself, POST or not.
  if (request.method != "GET" && request.method != "HEAD") {
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  }
  curl_slist* list = nullptr;
  for (const HttpHeader& field : request.headers.fields()) {
    // "Name;" is how libcurl is told to send an empty value.
    list = curl_slist_append(list, field.value.empty()
                                       ? absl::StrCat(field.name, ";").c_str()
                                       : absl::StrCat(field.name, ": ", field.value).c_str());
  }
  list = curl_slist_append(list, "Expect:");
  if (!request.headers.Has("Content-Type")) list = curl_slist_append(list, "Content-Type:");
  handles_->header_list = list;
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
}

StatusOr<int> CurlSession::Drive(CurlCall& call) {
  for (;;) {
    int running = 0;
    const CURLMcode performed = curl_multi_perform(handles_->multi, &running);
    if (performed != CURLM_OK) {
      return NamedError(StatusCode::kInternal, "http-failed", curl_multi_strerror(performed));
    }
    if (!call.failure().ok()) return call.failure();
    if (running == 0) break;
    SLUICE_RETURN_IF_ERROR(call.CheckLimits());
    const absl::Duration pause = call.UntilNextLimit(kPollMax) + absl::Milliseconds(1);
    curl_multi_poll(handles_->multi, nullptr, 0, static_cast<int>(absl::ToInt64Milliseconds(pause)),
                    nullptr);
  }
  int queued = 0;
  const CURLMsg* message = curl_multi_info_read(handles_->multi, &queued);
  SLUICE_CHECK(message != nullptr && message->msg == CURLMSG_DONE);
  return static_cast<int>(message->data.result);
}

}  // namespace sluice::http

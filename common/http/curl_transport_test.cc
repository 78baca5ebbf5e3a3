// Goal: what HttpTransport promises holds against a real server, whatever that server does.
// Method: each connection of the server is a script. Time is a FakeClock that a script moves, so
// that a timeout passes exactly when the test says so; everything else is ordered by events.
#include "common/http/curl_transport.h"

#include <stdlib.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/mailbox.h"
#include "common/base/testing/fake_clock.h"
#include "common/base/testing/status_matchers.h"
#include "common/http/testing/script_server.h"
#include "gmock/gmock.h"

namespace sluice::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kEmptyReply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string ReplyWith(std::string_view body) {
  return absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", body.size(), "\r\n\r\n", ToAbsl(body));
}

// Bytes that repeat nowhere within a buffer's length, so that a lost or doubled piece shows.
std::string Sample(size_t bytes) {
  std::string sample(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) sample[i] = static_cast<char>((i * 2654435761u) >> 13);
  return sample;
}

class CollectingSink : public ResponseSink {
 public:
  Status OnHeaders(int status, const HttpHeaders& headers) override {
    calls.push_back(absl::StrCat("headers ", status, " ", headers.Find("X-Kind").value_or("")));
    return on_headers ? on_headers() : absl::OkStatus();
  }
  Status Write(std::string_view bytes) override {
    if (body.empty()) calls.push_back("body");
    if (on_write) SLUICE_RETURN_IF_ERROR(on_write());
    body.append(bytes);
    return absl::OkStatus();
  }
  std::function<Status()> on_headers;
  std::function<Status()> on_write;
  std::vector<std::string> calls;
  std::string body;
};

// Gives `body` in pieces, announcing `length`.
class StringSource : public BodySource {
 public:
  explicit StringSource(std::string body) : body_(std::move(body)), length(body_.size()) {}
  uint64_t ContentLength() const override { return length; }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    if (on_read) SLUICE_RETURN_IF_ERROR(on_read());
    const size_t count = std::min({buffer.size(), body_.size() - given_, size_t{10'007}});
    std::copy_n(body_.data() + given_, count, buffer.data());
    given_ += count;
    return count;
  }
  std::function<Status()> on_read;

 private:
  const std::string body_;
  size_t given_ = 0;

 public:
  uint64_t length;
};

HttpRequest RequestTo(std::string url, ResponseSink* sink = nullptr) {
  HttpRequest request;
  request.url = std::move(url);
  request.response_sink = sink;
  return request;
}

class CurlTransportTest : public ::testing::Test {
 protected:
  StatusOr<HttpResponse> Perform(const HttpRequest& request) {
    return transport_.Perform(request, stop_.get_token());
  }
  StatusOr<HttpResponse> Get(const ScriptServer& server, HttpTimeouts timeouts = {}) {
    HttpRequest request = RequestTo(server.Url("/x?signature=secret"));
    request.timeouts = timeouts;
    return Perform(request);
  }
  StatusOr<HttpResponse> Send(const ScriptServer& server, std::string method,
                              BodySource* source = nullptr) {
    HttpRequest request = RequestTo(server.Url("/x"));
    request.method = std::move(method);
    request.body_source = source;
    return Perform(request);
  }
  // A server that reads one request and sends `reply`, whatever it was asked.
  static ScriptServer::Script Answer(std::string reply) {
    return [reply = std::move(reply)](ServerConnection& connection) {
      if (!connection.ReadHead()) return;
      connection.ReadBody();
      connection.Send(reply);
    };
  }

  FakeClock clock_;
  std::stop_source stop_;
  CurlTransport transport_{{}, clock_};
};

TEST_F(CurlTransportTest, ResponseStreamsToTheSinkAfterItsHeadersOnce) {
  const std::string body = Sample(3'000'017);
  ScriptServer server(
      Answer("HTTP/1.1 102 Processing\r\nX-Kind: early\r\n\r\n"
             "HTTP/1.1 206 Partial\r\nX-Kind: final\r\nContent-Length: 3000017"
             "\r\n\r\n" +
             body));
  CollectingSink sink;
  const auto response = Perform(RequestTo(server.Url("/"), &sink));
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 206);
  EXPECT_THAT(sink.calls, ::testing::ElementsAre("headers 206 final", "body"));
  EXPECT_TRUE(sink.body == body);
  EXPECT_EQ(response->body, "");
}

TEST_F(CurlTransportTest, BodyStreamsFromTheSourceWithItsLengthAndNothingElse) {
  const std::string body = Sample(2'000'003);
  std::string head;
  std::string received;
  ScriptServer server([&](ServerConnection& connection) {
    head = connection.ReadHead().value_or("");
    received = connection.ReadBody();
    connection.Send(kEmptyReply);
  });
  StringSource source(body);
  ASSERT_THAT(Send(server, "POST", &source), IsOk());
  EXPECT_TRUE(received == body);
  EXPECT_THAT(head, HasSubstr("POST /x HTTP/1.1\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Length: 2000003"));
  EXPECT_THAT(head, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(head, Not(HasSubstr("Expect")));
  EXPECT_THAT(head, Not(HasSubstr("Content-Type"))) << "libcurl would call it a form";
}

TEST_F(CurlTransportTest, SinkThatBlocksHoldsBackTheServer) {
  constexpr size_t kBytes = 64 << 20;  // far more than both kernels' buffers take
  const std::string piece(1 << 20, 'x');
  Mailbox<size_t> stuck_after(1);
  ScriptServer server([&](ServerConnection& connection) {
    connection.ReadHead();
    connection.Send(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Length: ", kBytes, "\r\n\r\n"));
    size_t sent = 0;
    // The sink reads nothing until it has the number, so what finds no room now never will.
    for (size_t taken = 1; sent < kBytes && taken > 0; sent += taken) {
      taken = connection.SendWithoutWaiting(
          std::string_view(piece).substr(0, std::min(piece.size(), kBytes - sent)));
    }
    stuck_after.Put(sent);
    while (sent < kBytes) {
      const size_t rest = std::min(piece.size(), kBytes - sent);
      if (!connection.Send(std::string_view(piece).substr(0, rest))) return;
      sent += rest;
    }
  });
  size_t sent_while_blocked = 0;
  CollectingSink sink;
  sink.on_write = [&] {
    if (sent_while_blocked == 0) sent_while_blocked = stuck_after.WaitAndTake().value();
    return absl::OkStatus();
  };
  ASSERT_THAT(Perform(RequestTo(server.Url("/"), &sink)), IsOk());
  EXPECT_LT(sent_while_blocked, kBytes / 2);
  EXPECT_EQ(sink.body.size(), kBytes);
}

TEST_F(CurlTransportTest, StopEndsACallThatTheServerNeverAnswers) {
  Mailbox<bool> closed(1);
  ScriptServer server([&](ServerConnection& connection) {
    connection.ReadHead();
    stop_.request_stop();
    connection.ReadToTheEnd();  // ends only because the client goes away
    closed.Put(true);
  });
  const HttpTimeouts never = {.total = absl::InfiniteDuration(), .idle = absl::InfiniteDuration()};
  EXPECT_THAT(Get(server, never), HasErrorName("cancelled"));
  EXPECT_TRUE(closed.WaitAndTake().has_value());
}

TEST_F(CurlTransportTest, StopInsideAStreamedBodyEndsTheCallBothWays) {
  ScriptServer server([](ServerConnection& connection) {
    connection.ReadHead();
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun");
    connection.ReadToTheEnd();
  });
  CollectingSink sink;
  sink.on_write = [this] {
    stop_.request_stop();
    return absl::OkStatus();
  };
  EXPECT_THAT(Perform(RequestTo(server.Url("/"), &sink)), HasErrorName("cancelled"));
  std::stop_source other;
  StringSource source(Sample(1'000'000));
  source.on_read = [&other] {
    other.request_stop();
    return absl::OkStatus();
  };
  HttpRequest upload = RequestTo(server.Url("/"));
  upload.method = "POST";
  upload.body_source = &source;
  EXPECT_THAT(transport_.Perform(upload, other.get_token()), HasErrorName("cancelled"));
}

TEST_F(CurlTransportTest, CallThatIsStoppedBeforeItBeginsReachesNobody) {
  ScriptServer server(Answer(std::string(kEmptyReply)));
  stop_.request_stop();
  EXPECT_THAT(Get(server), HasErrorName("cancelled"));
  EXPECT_EQ(server.connections(), 0);
}

TEST_F(CurlTransportTest, SilenceOfTheServerEndsTheCallByTheIdleTimeout) {
  const HttpTimeouts timeouts = {.idle = absl::Milliseconds(20)};
  ScriptServer silent([this](ServerConnection& connection) {
    connection.ReadHead();
    clock_.Advance(absl::Milliseconds(20));
    connection.ReadToTheEnd();
  });
  EXPECT_THAT(Get(silent, timeouts), HasErrorName("idle-timeout"));
}

TEST_F(CurlTransportTest, TimeThatASinkOrSourceBlocksIsNotTheServersSilence) {
  ScriptServer server(Answer(ReplyWith(Sample(1'000'000))));
  CollectingSink sink;
  sink.on_write = [this] {
    clock_.Advance(absl::Hours(1));
    return absl::OkStatus();
  };
  StringSource source(Sample(1'000'000));
  source.on_read = sink.on_write;
  HttpRequest request = RequestTo(server.Url("/"), &sink);
  request.method = "POST";
  request.body_source = &source;
  EXPECT_THAT(Perform(request), IsOk());
}

TEST_F(CurlTransportTest, TotalTimeoutEndsACallThatStillMoves) {
  const HttpTimeouts timeouts = {.connect = absl::Seconds(10),
                                 .total = absl::Milliseconds(50),
                                 .idle = absl::InfiniteDuration()};
  ScriptServer server([this](ServerConnection& connection) {
    connection.ReadHead();
    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 200 && connection.Send("x"); ++i) clock_.Advance(absl::Milliseconds(1));
    connection.ReadToTheEnd();
  });
  EXPECT_THAT(Get(server, timeouts), HasErrorName("http-timeout"));
}

TEST_F(CurlTransportTest, TruncatedBodyIsACutConnectionNeverAResponse) {
  for (const char* reply : {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Le", ""}) {
    ScriptServer server(Answer(reply));
    EXPECT_THAT(Get(server), HasErrorName("connection-cut")) << reply;
  }
}

TEST_F(CurlTransportTest, PostIsNeverSentTwiceThoughAKeptConnectionDies) {
  std::atomic<int> posts{0};
  ScriptServer server([&posts](ServerConnection& connection) {
    while (const auto head = connection.ReadHead()) {
      if (absl::StartsWith(*head, "POST")) {
        ++posts;
        return;  // taken, and cut without an answer
      }
      connection.Send(kEmptyReply);
    }
  });
  ASSERT_THAT(Get(server), IsOk());  // leaves a connection that could be used again
  EXPECT_THAT(Send(server, "POST"), HasErrorName("connection-cut"));
  EXPECT_EQ(posts, 1);
  EXPECT_TRUE(MayHaveBeenSent(NamedError(StatusCode::kUnavailable, "connection-cut", "")));
}

TEST_F(CurlTransportTest, ConnectionIsKeptBetweenReadingCalls) {
  ScriptServer server([](ServerConnection& connection) {
    while (connection.ReadHead()) connection.Send(kEmptyReply);
  });
  for (int i = 0; i < 3; ++i) ASSERT_THAT(Get(server), IsOk());
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlTransportTest, RedirectIsAnAnswerAndIsNotFollowed) {
  ScriptServer server(
      Answer("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"));
  const auto response = Get(server);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->headers.Find("location"), "/elsewhere");
  EXPECT_EQ(server.connections(), 1);
}

TEST_F(CurlTransportTest, ProxyAndNetrcOfTheEnvironmentAreNotUsed) {
  std::string home = ::testing::TempDir() + "netrc-home-XXXXXX";
  ASSERT_NE(mkdtemp(home.data()), nullptr);
  const std::string command =
      absl::StrCat("printf 'machine 127.0.0.1 login me password secret\\n' > ", home, "/.netrc");
  ASSERT_EQ(system(command.c_str()), 0);
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) {
    setenv(name, "http://127.0.0.1:1", 1);
  }
  setenv("HOME", home.c_str(), 1);
  std::string head;
  ScriptServer server([&head](ServerConnection& connection) {
    head = connection.ReadHead().value_or("");
    connection.Send(kEmptyReply);
  });
  EXPECT_THAT(Get(server), IsOk());
  EXPECT_THAT(head, HasSubstr("GET /x?signature=secret HTTP/1.1"));
  EXPECT_THAT(head, Not(HasSubstr("Authorization")));
  for (const char* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) unsetenv(name);
}

TEST_F(CurlTransportTest, ResponseAtTheLimitPassesAndOneByteMoreDoesNot) {
  ScriptServer server(Answer(ReplyWith("12345")));
  HttpRequest request = RequestTo(server.Url("/"));
  request.response_bytes_max = 5;
  ASSERT_THAT(Perform(request), IsOk());
  request.response_bytes_max = 4;
  EXPECT_THAT(Perform(request), HasErrorName("response-too-large"));
}

TEST_F(CurlTransportTest, MoreHeaderFieldsThanAnybodySendsAreRefused) {
  std::string reply = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 257; ++i) absl::StrAppend(&reply, "X-", i, ": y\r\n");
  ScriptServer server(Answer(reply + "\r\n"));
  EXPECT_THAT(Get(server), HasErrorName("response-too-large"));
}

TEST_F(CurlTransportTest, RefusalBeforeTheWholeBodyWasSentIsTheAnswer) {
  ScriptServer server([](ServerConnection& connection) {
    connection.ReadHead();
    connection.Send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n");
  });
  StringSource source(Sample(16 << 20));
  const auto response = Send(server, "POST", &source);
  // The server's close may also overtake its answer: then the connection was cut, and said so.
  if (response.ok()) {
    EXPECT_EQ(response->status, 413);
  } else {
    EXPECT_THAT(response, HasErrorName("connection-cut"));
  }
}

TEST_F(CurlTransportTest, FailureOfSinkOrSourceIsWhatTheCallReturns) {
  ScriptServer server(Answer(ReplyWith("body")));
  CollectingSink sink;
  sink.on_headers = [] { return NamedError(StatusCode::kDataLoss, "not-a-droplet", "text"); };
  EXPECT_THAT(Perform(RequestTo(server.Url("/"), &sink)), HasErrorName("not-a-droplet"));
  sink.on_headers = nullptr;
  sink.on_write = [] { return NamedError(StatusCode::kDataLoss, "digest-mismatch", "text"); };
  EXPECT_THAT(Perform(RequestTo(server.Url("/"), &sink)), HasErrorName("digest-mismatch"));
  StringSource source("body");
  source.on_read = [] { return NamedError(StatusCode::kUnavailable, "starved", "text"); };
  EXPECT_THAT(Send(server, "POST", &source), HasErrorName("starved"));
}

TEST_F(CurlTransportTest, SourceThatEndsBeforeItsLengthAbortsTheRequest) {
  std::string received;
  Mailbox<bool> ended(1);
  ScriptServer server([&](ServerConnection& connection) {
    connection.ReadHead();
    received = connection.ReadBody();
    ended.Put(true);
  });
  StringSource source("12345");
  source.length = 6;
  EXPECT_THAT(Send(server, "POST", &source), HasErrorName("body-wrong-length"));
  ended.WaitAndTake();
  EXPECT_EQ(received.size(), 5u) << "the request never became whole";
}

TEST_F(CurlTransportTest, WhatIsNotHttpIsSaidToBeNone) {
  ScriptServer server(Answer("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
  EXPECT_THAT(Get(server), HasErrorName("not-http"));
}

TEST_F(CurlTransportTest, ErrorsNameTheRequestWithoutItsQuery) {
  std::string url;
  {
    ScriptServer server(Answer(""));
    url = server.Url("/droplet?signature=secret");
  }
  const auto response = Perform(RequestTo(url));
  ASSERT_THAT(response, HasErrorName("connect-failed"));
  EXPECT_THAT(Describe(response.status()), HasSubstr("GET http://127.0.0.1"));
  EXPECT_THAT(Describe(response.status()), HasSubstr("/droplet"));
  EXPECT_THAT(Describe(response.status()), Not(HasSubstr("secret")));
  EXPECT_FALSE(MayHaveBeenSent(response.status()));
}

TEST_F(CurlTransportTest, RequestThatCannotBeSentAsItIsReachesNobody) {
  EXPECT_THAT(Perform(RequestTo("http://cc.example/v3/info")), HasErrorName("plain-http-refused"));
  EXPECT_THAT(Perform(RequestTo("ftp://127.0.0.1/")), HasErrorName("bad-url"));
  ScriptServer server(Answer(std::string(kEmptyReply)));
  for (const char* value : {"a\r\nX-Injected: b", "a\n", "a\r"}) {
    HttpRequest request = RequestTo(server.Url("/"));
    request.headers.Add("X-Kind", value);
    EXPECT_THAT(Perform(request), HasErrorName("bad-header"));
  }
  EXPECT_EQ(server.connections(), 0);
}

// A certificate for 127.0.0.1 that is its own authority, and one for another host.
class CurlTlsTest : public CurlTransportTest {
 protected:
  void SetUp() override {
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    own_ = MakeCertificate("own", "IP:127.0.0.1");
    other_ = MakeCertificate("other", "DNS:other.example");
  }
  ScriptServer::Tls MakeCertificate(const std::string& name, const std::string& host) const {
    const ScriptServer::Tls files = {.certificate_file = absl::StrCat(folder_, "/", name, ".pem"),
                                     .key_file = absl::StrCat(folder_, "/", name, ".key")};
    const std::string command = absl::StrCat(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=",
        name, " -addext subjectAltName=", host, " -out ", files.certificate_file, " -keyout ",
        files.key_file, " 2> /dev/null");
    EXPECT_EQ(system(command.c_str()), 0);
    return files;
  }
  StatusOr<HttpResponse> GetTrusting(const std::string& ca_file, const ScriptServer& server) {
    CurlTransport::Options options;
    options.ca_file = ca_file;
    CurlTransport transport(options, clock_);
    return transport.Perform(RequestTo(server.Url("/")), stop_.get_token());
  }

  std::string folder_ = ::testing::TempDir() + "tls-XXXXXX";
  ScriptServer::Tls own_;
  ScriptServer::Tls other_;
};

TEST_F(CurlTlsTest, ServerOfTheConfiguredAuthorityIsTrustedAndNoOther) {
  ScriptServer server(Answer(ReplyWith("over TLS")), own_);
  const auto response = GetTrusting(own_.certificate_file, server);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "over TLS");
  EXPECT_THAT(GetTrusting(other_.certificate_file, server), HasErrorName("tls-untrusted"));
  EXPECT_THAT(GetTrusting("", server), HasErrorName("tls-untrusted"));
}

TEST_F(CurlTlsTest, CertificateForAnotherHostIsNotTrusted) {
  ScriptServer server(Answer(ReplyWith("over TLS")), other_);
  EXPECT_THAT(GetTrusting(other_.certificate_file, server), HasErrorName("tls-untrusted"));
}

TEST_F(CurlTlsTest, AuthorityFileThatCannotBeReadIsNamed) {
  ScriptServer server(Answer(ReplyWith("over TLS")), own_);
  EXPECT_THAT(GetTrusting(folder_ + "/none.pem", server), HasErrorName("ca-file-unreadable"));
}

TEST_F(CurlTlsTest, ServerWithoutTlsIsNoTlsServer) {
  ScriptServer plain([](ServerConnection& connection) {
    connection.Send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    connection.ReadToTheEnd();
  });
  const std::string url = absl::StrCat("https://127.0.0.1:", plain.port(), "/");
  EXPECT_THAT(Perform(RequestTo(url)), HasErrorName("tls-failed"));
}

}  // namespace
}  // namespace sluice::http

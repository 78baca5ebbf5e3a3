// A second opinion: the registry that Debian ships, with TLS and passwords, and skopeo beside us.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/testing/status_matchers.h"
#include "common/base/thread.h"
#include "common/http/curl_transport.h"
#include "common/http/waiter.h"
#include "common/registry/media_types.h"
#include "common/registry/registry_client.h"
#include "gtest/gtest.h"

namespace sluice::registry {
namespace {

// What a shell command writes to its standard output; it must succeed.
std::string Shell(const std::string& command) {
  FILE* output = popen(command.c_str(), "r");
  std::string text;
  std::array<char, 4096> buffer;
  while (const size_t count = fread(buffer.data(), 1, buffer.size(), output)) {
    text.append(buffer.data(), count);
  }
  EXPECT_EQ(pclose(output), 0) << command;
  return text;
}

// docker-registry on a free port of its own choice, its files in `folder`; ended with this.
class DockerRegistry {
 public:
  explicit DockerRegistry(const std::string& folder) : folder_(folder) {
    EXPECT_THAT(SystemFiles().MakeFolder(folder), IsOk());
    Shell("cd " + folder +
          " && { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
          " -subj /CN=test-ca -keyout ca.key -out ca.crt"
          " && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=127.0.0.1"
          " -keyout srv.key -out srv.csr"
          " && echo subjectAltName=IP:127.0.0.1 >names && openssl x509 -req -in srv.csr -CA ca.crt"
          " -CAkey ca.key -CAcreateserial -days 2 -out srv.crt -extfile names"
          " && htpasswd -Bbn ci cipass >htpasswd; } 2>log");
    const std::string configuration = absl::StrCat(
        "version: 0.1\nlog: {level: info, accesslog: {disabled: true}}\n"
        "storage: {filesystem: {rootdirectory: ",
        folder,
        "/data}, delete: {enabled: true}}\n"
        "http: {addr: '127.0.0.1:0', secret: test, tls: {certificate: ",
        folder, "/srv.crt, key: ", folder,
        "/srv.key}}\n"
        "auth: {htpasswd: {realm: test, path: ",
        folder, "/htpasswd}}\n");
    EXPECT_THAT(
        SystemFiles().Replace(folder + "/registry.yml", configuration, FileAccess::kOwnerOnly),
        IsOk());
    Start();
  }
  ~DockerRegistry() {
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
    draining_.reset();
    fclose(log_);
  }
  DockerRegistry(const DockerRegistry&) = delete;
  DockerRegistry& operator=(const DockerRegistry&) = delete;

  std::string host() const { return absl::StrCat("127.0.0.1:", port_); }
  std::string ca_file() const { return folder_ + "/ca.crt"; }

 private:
  void Start() {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    const std::string configuration = folder_ + "/registry.yml";
    child_ = fork();
    if (child_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGTERM);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      close(ends[1]);
      execlp("docker-registry", "docker-registry", "serve", configuration.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    log_ = fdopen(ends[0], "r");
    constexpr std::string_view kListening = "listening on 127.0.0.1:";
    std::array<char, 4096> line;
    while (port_ == 0 && fgets(line.data(), line.size(), log_) != nullptr) {
      const std::string_view text(line.data());
      const size_t at = text.find(kListening);
      if (at == std::string_view::npos) continue;
      const std::string_view rest = text.substr(at + kListening.size());
      ASSERT_TRUE(
          absl::SimpleAtoi(ToAbsl(rest.substr(0, rest.find_first_not_of("0123456789"))), &port_));
    }
    ASSERT_NE(port_, 0) << "docker-registry did not begin to listen";
    // So that it never waits for room in the pipe.
    draining_ = std::make_unique<Thread>("registry-log", [this] {
      std::array<char, 4096> ignored;
      while (fread(ignored.data(), 1, ignored.size(), log_) > 0) {
      }
    });
  }

  const std::string folder_;
  pid_t child_ = -1;
  int port_ = 0;
  FILE* log_ = nullptr;
  std::unique_ptr<Thread> draining_;
};

// Gives `bytes` of a body, then fails as if the network had gone: libcurl closes the connection.
class CutBody final : public http::BodySource {
 public:
  CutBody(http::BodySource& body, uint64_t bytes) : body_(body), left_(bytes) {}
  uint64_t ContentLength() const override { return body_.ContentLength(); }
  StatusOr<size_t> Read(std::span<char> buffer) override {
    if (left_ == 0) return NamedError(StatusCode::kUnavailable, "connection-cut", "cut");
    StatusOr<size_t> count = body_.Read(buffer.first(std::min<uint64_t>(left_, buffer.size())));
    if (count.ok()) left_ -= *count;
    return count;
  }

 private:
  http::BodySource& body_;
  uint64_t left_;
};

// Cuts the second PATCH in its middle, and counts what is asked.
class CuttingTransport final : public http::HttpTransport {
 public:
  explicit CuttingTransport(http::HttpTransport& transport) : transport_(transport) {}
  StatusOr<http::HttpResponse> Perform(const http::HttpRequest& request,
                                       std::stop_token stop) override {
    if (request.method == "POST") ++sessions;
    if (request.method != "PATCH" || ++patches_ != 2) return transport_.Perform(request, stop);
    CutBody body(*request.body_source, request.body_source->ContentLength() / 2);
    http::HttpRequest cut = request;
    cut.body_source = &body;
    return transport_.Perform(cut, stop);
  }
  int sessions = 0;

 private:
  http::HttpTransport& transport_;
  int patches_ = 0;
};

class StringSink final : public http::ByteSink {
 public:
  Status Write(std::string_view bytes) override {
    text.append(bytes);
    return absl::OkStatus();
  }
  std::string text;
};

class DockerRegistryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    registry_ =
        new DockerRegistry(::testing::TempDir() + "docker-registry-" + std::to_string(getpid()));
  }
  static void TearDownTestSuite() {
    delete registry_;
    registry_ = nullptr;
  }

  std::unique_ptr<RegistryCalls> Calls(http::HttpTransport& transport,
                                       const std::string& password = "cipass") {
    return *RegistryCalls::Open(registry_->host(), {}, {"ci", Secret(password), {}}, transport,
                                clock_, waiter_, 1);
  }
  static std::string Large() {
    std::string content;
    while (content.size() < 1'000'000) content += absl::StrCat(content.size(), " ");
    return content;
  }

  inline static DockerRegistry* registry_ = nullptr;
  SystemClock clock_;
  http::RealWaiter waiter_;
  http::CurlTransport transport_{
      {.ca_file = registry_->ca_file(), .plain_http_hosts = {}, .user_agent = "sluice"}, clock_};
};

TEST_F(DockerRegistryTest, KeepsAnImageThatSkopeoReadsByTheSameDigest) {
  const auto calls = Calls(transport_);
  RegistryClient client(*calls, "team/app");
  ASSERT_THAT(client.Ping({}), IsOk());
  MemoryBlob config(R"({"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}})");
  MemoryBlob layer(Large());
  const UploadOptions options{.whole_bytes_max = 1000, .chunk_bytes = 300'000, .mount_from = ""};
  ASSERT_THAT(client.UploadAll({&config, &layer}, options, 2, {}), IsOk());
  // Once more sends nothing.
  EXPECT_EQ(*client.UploadAll({&config, &layer}, options, 2, {}),
            (std::vector{UploadOutcome::kExisted, UploadOutcome::kExisted}));

  Manifest manifest;
  manifest.media_type = kOciManifest;
  manifest.config = {kOciConfig, config.digest(), config.size(), {}, "", {}};
  manifest.layers = {{kOciLayerGzip, layer.digest(), layer.size(), {}, "", {}}};
  const std::string bytes = *FormatManifest(manifest);
  const auto digest = client.PublishManifest(bytes, kOciManifest, "v1", {});
  ASSERT_THAT(digest, IsOk());
  EXPECT_EQ(*client.Tags({}), std::vector<std::string>{"v1"});

  StringSink sink;
  EXPECT_THAT(client.Download(manifest.layers.front(), sink, {}), IsOk());
  EXPECT_EQ(sink.text, Large());

  const std::string certificates = ::testing::TempDir() + "skopeo-certificates";
  Shell("mkdir -p " + certificates + " && cp " + registry_->ca_file() + " " + certificates);
  const std::string seen = Shell("skopeo inspect --raw --creds ci:cipass --cert-dir " +
                                 certificates + " docker://" + registry_->host() + "/team/app:v1");
  EXPECT_EQ(crypto::Sha256Of(seen), *digest);
}

TEST_F(DockerRegistryTest, AnUploadWhoseConnectionIsCutInAChunkIsFinishedAllTheSame) {
  CuttingTransport cutting(transport_);
  const auto calls = Calls(cutting);
  MemoryBlob blob(Large() + "cut");
  const UploadOptions options{.whole_bytes_max = 0, .chunk_bytes = 300'000, .mount_from = ""};
  EXPECT_EQ(*BlobUpload(*calls, "team/cut", blob, options).Run({}), UploadOutcome::kSent);
  // The registry loses the session with the chunk: the blob began again.
  EXPECT_EQ(cutting.sessions, 2);
  StringSink sink;
  const Descriptor descriptor{kOciLayerGzip, blob.digest(), blob.size(), {}, "", {}};
  EXPECT_THAT(DownloadBlob(*calls, "team/cut", descriptor, sink, {}), IsOk());
}

TEST_F(DockerRegistryTest, MountsABlobFromAnotherRepository) {
  const auto calls = Calls(transport_);
  MemoryBlob blob("to be mounted");
  ASSERT_EQ(*BlobUpload(*calls, "team/first", blob, {}).Run({}), UploadOutcome::kSent);
  UploadOptions options;
  options.mount_from = "team/first";
  EXPECT_EQ(*BlobUpload(*calls, "team/second", blob, options).Run({}), UploadOutcome::kMounted);
  options.mount_from = "team/none";
  MemoryBlob other("never seen");
  EXPECT_EQ(*BlobUpload(*calls, "team/second", other, options).Run({}), UploadOutcome::kSent);
}

TEST_F(DockerRegistryTest, HasNoReferrersApiSoThatTheTagStandsForIt) {
  const auto calls = Calls(transport_);
  RegistryClient client(*calls, "team/referred");
  MemoryBlob empty{std::string(kOciEmptyContent)};
  ASSERT_THAT(client.Upload(empty, {}, {}), IsOk());
  Manifest statement;
  statement.media_type = kOciManifest;
  statement.artifact_type = "application/vnd.sluice.test.v1";
  statement.config = {kOciEmpty, empty.digest(), empty.size(), {}, "", {}};
  statement.layers = {statement.config};
  statement.subject = Descriptor{kOciManifest, crypto::Sha256Of("subject"), 7, {}, "", {}};
  const auto digest = client.AttachManifest(*FormatManifest(statement), {});
  ASSERT_THAT(digest, IsOk());
  const auto found = client.Referrers(statement.subject->digest, statement.artifact_type, {});
  ASSERT_THAT(found, IsOk());
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().digest, *digest);
}

TEST_F(DockerRegistryTest, WrongPasswordUnknownAuthorityAndAbsenceAreToldApart) {
  EXPECT_THAT(RegistryClient(*Calls(transport_, "wrong"), "team/app").Ping({}),
              HasErrorName("registry-login-refused"));
  http::CurlTransport suspicious({.ca_file = "", .plain_http_hosts = {}, .user_agent = "sluice"},
                                 clock_);
  EXPECT_THAT(RegistryClient(*Calls(suspicious), "team/app").Ping({}),
              HasErrorName("tls-untrusted"));
  EXPECT_THAT(RegistryClient(*Calls(transport_), "team/none").GetManifest("v1", {}),
              HasErrorName("registry-not-found"));
}

}  // namespace
}  // namespace sluice::registry

#include "tests/foundation/testing/test_box.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/foundation/digests.h"

namespace sluice::box {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::chrono::seconds kPatience{60};
constexpr char kSecret[] = "a secret";
constexpr char kBoundary[] = "boundary-of-the-test";

constexpr char kServer[] = R"(import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = open("version").read() + " " + str(os.getuid()) + " " + os.environ["HOME"]
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *ignored):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
Server(("0.0.0.0", int(os.environ["PORT"])), Answer).serve_forever()
)";

std::string BasicAuthorization(const std::string& client, const std::string& secret) {
  return "Basic " + Base64(PercentEncode(client) + ":" + PercentEncode(secret));
}

struct Url {
  bool tls = false;
  std::string host;
  int port = 0;
  std::string target;
};

Url Split(const std::string& text) {
  Url url;
  url.tls = text.starts_with("https://");
  size_t host = text.find("://") + 3;
  size_t slash = std::min(text.find('/', host), text.size());
  size_t colon = text.find(':', host);
  url.host = text.substr(host, colon - host);
  url.port = std::atoi(text.substr(colon + 1, slash - colon - 1).c_str());
  url.target = slash < text.size() ? text.substr(slash) : "/";
  return url;
}

// Forks by hand: the box must not inherit the lifeline's end that the test keeps.
pid_t StartBox(std::vector<std::string> arguments, int ready, int lifeline) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_t pid = fork();
  if (pid != 0) return pid;
  fcntl(ready, F_SETFD, 0);
  fcntl(lifeline, F_SETFD, 0);
  execv(pointers[0], pointers.data());
  _exit(127);
}

}  // namespace

int Answer::code() const {
  if (!json.is_object() || !json.contains("errors")) return 0;
  return json["errors"].at(0).value("code", 0);
}

std::string ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

bool Gone(pid_t pid) {
  std::string stat = ReadWhole("/proc/" + std::to_string(pid) + "/stat");
  size_t name_end = stat.rfind(')');
  return name_end == std::string::npos || stat.substr(name_end + 2, 1) == "Z";
}

bool AwaitGone(pid_t pid) {
  // Readable once it has ended. (glibc 2.36 declares pidfd_open for C only.)
  int ended = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (ended < 0) return errno == ESRCH;
  pollfd waiting{ended, POLLIN, 0};
  bool gone = poll(&waiting, 1, std::chrono::milliseconds(kPatience).count()) == 1;
  close(ended);
  return gone;
}

TestBox::TestBox(const std::vector<std::string>& options) {
  signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to connections that the box has reset
  std::string pattern = fs::temp_directory_path() / "foundation-box-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
  int ready[2];
  int lifeline[2];
  if (pipe2(ready, O_CLOEXEC) != 0 || pipe2(lifeline, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe");
  }
  std::vector<std::string> arguments = {SLUICE_BINARY_DIR "/bin/foundation-box",
                                        "--directory",
                                        directory_ + "/box",
                                        "--name",
                                        "dev",
                                        "--ready-fd",
                                        std::to_string(ready[1]),
                                        "--lifeline-fd",
                                        std::to_string(lifeline[0])};
  arguments.insert(arguments.end(), options.begin(), options.end());
  pid_ = StartBox(std::move(arguments), ready[1], lifeline[0]);
  close(ready[1]);
  close(lifeline[0]);
  lifeline_ = lifeline[1];
  char line[6];
  bool is_ready = read(ready[0], line, sizeof line) == 6;
  close(ready[0]);
  if (!is_ready) throw std::runtime_error("foundation-box did not start");
  about_ = Json::parse(ReadWhole(directory_ + "/box/box.json"));
  tls_ = MakeClientTls(about_["ca_file"]);
  Admin("POST", "/clients",
        {{"id", "sluice"},
         {"secret", kSecret},
         {"roles",
          {{{"type", "space_developer"}, {"organization", "acme"}, {"space", "payments"}}}}});
}

TestBox::~TestBox() {
  CloseLifeline();
  WaitForEnd();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void TestBox::CloseLifeline() {
  if (lifeline_ >= 0) close(lifeline_);
  lifeline_ = -1;
}

int TestBox::WaitForEnd() {
  int status = 0;
  if (pid_ > 0) waitpid(pid_, &status, 0);
  pid_ = -1;
  return status;
}

Answer TestBox::Ask(const std::string& method, const std::string& url, const std::string& body,
                    Headers headers) {
  std::string api = about_["api_url"];
  Url target = Split(url.starts_with("/") ? api + url : url);
  ClientRequest request{.method = method, .host = target.host, .port = target.port};
  request.target = target.target;
  request.headers = std::move(headers);
  request.body = body;
  request.tls = target.tls ? tls_.get() : nullptr;
  request.timeout_ms = 30000;
  Answer answer;
  auto response = Fetch(request);
  if (!response) return answer;
  answer.status = response->status;
  answer.headers = response->headers;
  answer.body = response->body;
  answer.json = Json::parse(answer.body, nullptr, false);
  return answer;
}

Json TestBox::Admin(const std::string& method, const std::string& path, const Json& body) {
  Answer answer = Ask(method, about_["admin_url"].get<std::string>() + path, body.dump());
  if (answer.status != 200) throw std::runtime_error(method + " " + path + ": " + answer.body);
  return answer.json;
}

bool TestBox::Eventually(const std::function<bool()>& condition) {
  auto changes_after = [this](uint64_t seen) -> uint64_t {
    return Admin("GET", "/changes/" + std::to_string(seen))["changes"];
  };
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  // Counted before the condition is asked: what changes meanwhile is not missed.
  uint64_t seen = changes_after(0);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    seen = changes_after(seen);
  }
  return true;
}

Answer TestBox::TokenAnswer(const std::string& client, const std::string& secret) {
  Headers headers;
  headers.Set("Authorization", BasicAuthorization(client, secret));
  headers.Set("Content-Type", "application/x-www-form-urlencoded");
  return Ask("POST", about_["uaa_url"].get<std::string>() + "/oauth/token",
             "grant_type=client_credentials", headers);
}

std::string TestBox::Token(const std::string& client) {
  if (!tokens_.contains(client)) {
    std::string secret = client == "admin" ? about_["admin_client"]["secret"] : Json(kSecret);
    tokens_[client] = TokenAnswer(client, secret).json.at("access_token");
  }
  return tokens_[client];
}

Answer TestBox::Call(const std::string& method, const std::string& path, const Json& body,
                     const std::string& client) {
  Headers headers;
  headers.Set("Authorization", "bearer " + Token(client));
  if (!body.is_null()) headers.Set("Content-Type", "application/json");
  return Ask(method, path, body.is_null() ? "" : body.dump(), headers);
}

Answer TestBox::Route(const std::string& host, const std::string& path) {
  Headers headers;
  headers.Set("Host", host + "." + about_["apps_domain"].get<std::string>());
  return Ask("GET", about_["router_url"].get<std::string>() + path, "", headers);
}

void TestBox::Misbehave(const std::string& name, const Json& how) {
  Admin("PUT", "/misbehaviours/" + name, how);
}

Json TestBox::SeedApp(const std::string& name, const std::string& droplet_file, Json more) {
  more["organization"] = "acme";
  more["space"] = "payments";
  more["name"] = name;
  if (!droplet_file.empty()) more["droplet"] = droplet_file;
  return Admin("POST", "/apps", more);
}

std::string TestBox::CreateDroplet(const std::string& app_guid) {
  Json to_app = {{"data", {{"guid", app_guid}}}};
  return Call("POST", "/v3/droplets", {{"relationships", {{"app", to_app}}}}).json.at("guid");
}

Answer TestBox::Upload(const std::string& droplet_guid, const std::string& bits,
                       const std::string& file_name, const std::string& field,
                       const std::string& client) {
  std::string body = std::string("--") + kBoundary + "\r\nContent-Disposition: form-data; name=\"" +
                     field + "\"; filename=\"" + file_name +
                     "\"\r\nContent-Type: application/octet-stream\r\n\r\n" + bits + "\r\n--" +
                     kBoundary + "--\r\n";
  Headers headers;
  headers.Set("Authorization", "bearer " + Token(client));
  headers.Set("Content-Type", std::string("multipart/form-data; boundary=") + kBoundary);
  return Ask("POST", "/v3/droplets/" + droplet_guid + "/upload", body, headers);
}

Json TestBox::JobDone(const std::string& url) {
  Json job;
  Headers headers;
  headers.Set("Authorization", "bearer " + Token());
  bool done = Eventually([&] {
    job = Ask("GET", url, "", headers).json;
    return job.value("state", "PROCESSING") != "PROCESSING";
  });
  if (!done) throw std::runtime_error("the job does not end");
  return job;
}

std::string TestBox::UploadWhole(const std::string& app_guid, const std::string& bits) {
  std::string guid = CreateDroplet(app_guid);
  Answer answer = Upload(guid, bits);
  if (answer.status != 202) throw std::runtime_error("upload refused: " + answer.body);
  JobDone(answer.headers.Get("Location").value_or(""));
  return guid;
}

std::string TestBox::DownloadUrl(const std::string& droplet_guid) {
  Answer answer = Call("GET", "/v3/droplets/" + droplet_guid + "/download");
  return answer.headers.Get("Location").value_or("");
}

Answer TestBox::Download(const std::string& droplet_guid) {
  return Ask("GET", DownloadUrl(droplet_guid));
}

std::string TestBox::WriteFile(const std::string& name, const std::string& content) {
  std::string path = directory_ + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string TestBox::MakeDroplet(const std::string& version, const std::string& start_command) {
  std::string root = directory_ + "/droplet-" + version;
  for (const char* part : {"/app", "/deps", "/logs", "/tmp", "/profile.d"}) {
    fs::create_directories(root + part);
  }
  std::ofstream(root + "/app/version") << version;
  std::ofstream(root + "/app/server.py") << kServer;
  std::ofstream(root + "/staging_info.yml") << Json{
      {"start_command", start_command.empty()
                            ? "python3 server.py"
                            : start_command}}.dump();
  std::string file = root + ".tgz";
  if (std::system(("tar -czf " + file + " -C " + root + " .").c_str()) != 0) {
    throw std::runtime_error("tar failed");
  }
  return file;
}

}  // namespace sluice::box

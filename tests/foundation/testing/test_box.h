// A box of a test's own, and the ordinary client that talks to it.
#pragma once

#include <sys/types.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/foundation/http_client.h"
#include "tests/foundation/stream.h"

namespace sluice::box {

struct Answer {
  int status = 0;  // 0: no whole answer came
  Headers headers;
  std::string body;
  nlohmann::json json;  // discarded when the body is none
  int code() const;     // of the first of CC's errors, or 0
};

// The client "sluice" is a space developer of acme/payments.
class TestBox {
 public:
  // Starts foundation-box in a directory of its own; `options` are added to its arguments.
  explicit TestBox(const std::vector<std::string>& options = {});
  ~TestBox();  // ends the box, unless the test has, and removes the directory
  TestBox(const TestBox&) = delete;
  TestBox& operator=(const TestBox&) = delete;

  const nlohmann::json& about() const { return about_; }
  std::string directory() const { return directory_; }
  pid_t pid() const { return pid_; }
  void CloseLifeline();
  int WaitForEnd();  // the wait status

  // --- requests; a URL may be a whole one, or a path of the API ---
  Answer Ask(const std::string& method, const std::string& url, const std::string& body = "",
             Headers headers = {});
  nlohmann::json Admin(const std::string& method, const std::string& path,
                       const nlohmann::json& body = nlohmann::json::object());
  Answer Call(const std::string& method, const std::string& path,
              const nlohmann::json& body = nullptr, const std::string& client = "sluice");
  std::string Token(const std::string& client = "sluice");
  Answer TokenAnswer(const std::string& client, const std::string& secret);
  Answer Route(const std::string& host, const std::string& path = "/");

  // Whether it comes to be true within 60 s. It is asked again whenever something has changed in
  // the box, and has to follow from that alone.
  bool Eventually(const std::function<bool()>& condition);

  // --- shortcuts over many requests ---
  void Misbehave(const std::string& name, const nlohmann::json& how = nlohmann::json::object());
  nlohmann::json SeedApp(const std::string& name, const std::string& droplet_file,
                         nlohmann::json more = nlohmann::json::object());
  std::string CreateDroplet(const std::string& app_guid);
  Answer Upload(const std::string& droplet_guid, const std::string& bits,
                const std::string& file_name = "droplet.tgz", const std::string& field = "bits",
                const std::string& client = "sluice");
  // Creates, uploads and waits for the job; the droplet's guid.
  std::string UploadWhole(const std::string& app_guid, const std::string& bits);
  nlohmann::json JobDone(const std::string& url);  // once it is no longer PROCESSING
  // What the signed URL of the droplet's download gives.
  Answer Download(const std::string& droplet_guid);
  std::string DownloadUrl(const std::string& droplet_guid);

  // A file in the box's directory with that content.
  std::string WriteFile(const std::string& name, const std::string& content);
  // A droplet whose app answers with `version`; or any start command instead.
  std::string MakeDroplet(const std::string& version, const std::string& start_command = "");

 private:
  std::string directory_;
  pid_t pid_ = -1;
  int lifeline_ = -1;
  nlohmann::json about_;
  Tls tls_;
  std::map<std::string, std::string> tokens_;
};

std::string ReadWhole(const std::string& path);
bool Gone(pid_t pid);
// Waits for it, 60 s at most.
bool AwaitGone(pid_t pid);

}  // namespace sluice::box

#include "agent/foundation/testing/box_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/files.h"

extern char** environ;

namespace sluice::foundation {
namespace {

using nlohmann::json;

constexpr int kReadyFd = 10;
constexpr int kLifelineFd = 11;
constexpr size_t kAboutBytesMax = 64 * 1024;

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe OpenPipe() {
  std::array<int, 2> ends{};
  SLUICE_CHECK(pipe2(ends.data(), O_CLOEXEC) == 0);
  return {.read = ends[0], .write = ends[1]};
}

std::string MakeFolder() {
  std::string folder = (std::filesystem::temp_directory_path() / "sluice-box-XXXXXX").string();
  SLUICE_CHECK(mkdtemp(folder.data()) != nullptr);
  return folder;
}

// -1 when there is no such program. Its standard error goes to box.log in `folder`.
pid_t Spawn(const std::string& folder, const std::vector<std::string>& options, const Pipe& ready,
            const Pipe& lifeline) {
  const std::string program = absl::StrCat(SLUICE_BINARY_DIR, "/bin/foundation-box");
  std::vector<std::string> words = {program,
                                    "--directory",
                                    folder,
                                    "--name",
                                    "prod",
                                    "--ready-fd",
                                    absl::StrCat(kReadyFd),
                                    "--lifeline-fd",
                                    absl::StrCat(kLifelineFd)};
  words.insert(words.end(), options.begin(), options.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ready.write, kReadyFd);
  posix_spawn_file_actions_adddup2(&actions, lifeline.read, kLifelineFd);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO,
                                   absl::StrCat(folder, "/box.log").c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  pid_t pid = -1;
  const int failed =
      posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? pid : -1;
}

}  // namespace

BoxProcess::BoxProcess(std::string folder, pid_t pid, int lifeline)
    : folder_(std::move(folder)), pid_(pid), lifeline_(lifeline) {}

StatusOr<std::unique_ptr<BoxProcess>> BoxProcess::Start(const std::vector<std::string>& options) {
  const Pipe ready = OpenPipe();
  const Pipe lifeline = OpenPipe();
  std::string folder = MakeFolder();
  const pid_t pid = Spawn(folder, options, ready, lifeline);
  close(ready.write);
  close(lifeline.read);
  char first = 0;
  // The pipe's end without a byte means that the box has died.
  const bool is_ready = pid > 0 && read(ready.read, &first, 1) == 1;
  close(ready.read);
  if (pid < 0) {
    close(lifeline.write);
    return NamedError(StatusCode::kInternal, "no-box", "foundation-box does not start");
  }
  std::unique_ptr<BoxProcess> box(new BoxProcess(folder, pid, lifeline.write));
  SystemFiles files;
  if (!is_ready) {
    return NamedError(StatusCode::kInternal, "box-died",
                      files.Read(folder + "/box.log", kAboutBytesMax).value_or("without a word"));
  }
  SLUICE_ASSIGN_OR_RETURN(const std::string about,
                          files.Read(folder + "/box.json", kAboutBytesMax));
  box->about_ = json::parse(about);
  return box;
}

BoxProcess::~BoxProcess() {
  close(lifeline_);
  int status = 0;
  waitpid(pid_, &status, 0);
  std::error_code ignored;  // what cannot be removed lies in the temporary folder
  std::filesystem::remove_all(folder_, ignored);
}

StatusOr<json> BoxProcess::Admin(std::string_view method, std::string_view path, const json& body) {
  http::HttpRequest request{
      .method = std::string(method),
      .url = absl::StrCat(about_["admin_url"].get<std::string>(), ToAbsl(path)),
      .headers = {{"Content-Type", "application/json"}},
      .body = body.is_null() ? "" : body.dump(),
      .timeouts = {}};
  SLUICE_ASSIGN_OR_RETURN(const http::HttpResponse answer, transport_.Perform(request, {}));
  if (answer.status / 100 != 2) {
    return NamedError(
        StatusCode::kInternal, "box-refused",
        absl::StrCat(ToAbsl(method), " ", ToAbsl(path), ": ", answer.status, " ", answer.body));
  }
  return answer.body.empty() ? json() : json::parse(answer.body);
}

std::string BoxProcess::MakeDroplet(int version) {
  const std::string file = absl::StrCat(folder_, "/droplet-", version, ".tgz");
  const std::string parts = absl::StrCat(folder_, "/parts-", version);
  const std::string script = absl::StrCat(
      "set -e; mkdir -p ", parts, "/app ", parts, "/deps ", parts, "/profile.d; ", "echo ", version,
      " > ", parts, "/app/version; seq 1 150000 > ", parts, "/app/numbers; ",
      "echo '{\"detected_buildpack\":\"binary\",\"start_command\":\"exec sleep infinity\"}' > ",
      parts, "/staging_info.yml; tar -C ", parts, " -czf ", file, " .");
  SLUICE_CHECK(std::system(script.c_str()) == 0);
  return file;
}

}  // namespace sluice::foundation

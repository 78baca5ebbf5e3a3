// sluice-launcher: the entrypoint of an exported image. Linked statically, and with nothing else of
// Sluice, for the stack it wakes up in may have other libraries or none.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "common/image/launcher/launch.h"

namespace {

using sluice::image::launcher::Environment;
using sluice::image::launcher::kExitNoCommand;
using sluice::image::launcher::kExitNoShell;
using sluice::image::launcher::kLaunchRecord;
using sluice::image::launcher::kOtherTemporaryFolder;
using sluice::image::launcher::kShell;
using sluice::image::launcher::kStagingRecord;
using sluice::image::launcher::kTemporaryFolder;
using sluice::image::launcher::Launch;
using sluice::image::launcher::PrepareLaunch;
using sluice::image::launcher::Refusal;
using sluice::image::launcher::Surroundings;

// A record of process types is a few kilobytes.
constexpr size_t kRecordBytesMax = size_t{1} << 20;

struct FileContent {
  std::optional<std::string> text;  // nullopt: there is no such file
  int error = 0;                    // there is one, and it cannot be read
};

FileContent ReadFile(std::string_view path) {
  const int descriptor = open(std::string(path).c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0 && (errno == ENOENT || errno == ENOTDIR)) return {};
  if (descriptor < 0) return {std::nullopt, errno};
  FileContent content{"", 0};
  char buffer[4096];
  while (content.error == 0) {
    const ssize_t count = read(descriptor, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) content.error = errno;
    if (count <= 0) break;
    content.text->append(buffer, static_cast<size_t>(count));
    if (content.text->size() > kRecordBytesMax) content.error = EFBIG;
  }
  close(descriptor);
  return content;
}

Environment OwnEnvironment() {
  Environment environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    environment.try_emplace(std::string(text.substr(0, equals)), text.substr(equals + 1));
  }
  return environment;
}

// Of the interfaces, not of the host's name: a container's name need not resolve.
std::optional<std::string> Ipv4Address() {
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) != 0) return std::nullopt;
  std::optional<std::string> found;
  for (const ifaddrs* entry = interfaces; entry != nullptr && !found; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    if ((entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
    sockaddr_in address{};
    memcpy(&address, entry->ifa_addr, sizeof address);
    char text[INET_ADDRSTRLEN];
    if (inet_ntop(AF_INET, &address.sin_addr, text, sizeof text) != nullptr) found = text;
  }
  freeifaddrs(interfaces);
  return found;
}

// RFC 9562, version 4; zeros where the kernel has no random bytes yet, which is no reason to wait.
std::string RandomGuid() {
  unsigned char bytes[16] = {};
  if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) < 0) memset(bytes, 0, sizeof bytes);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string text;
  for (size_t index = 0; index < sizeof bytes; ++index) {
    if (index == 4 || index == 6 || index == 8 || index == 10) text += '-';
    char digits[3];
    snprintf(digits, sizeof digits, "%02x", bytes[index]);
    text += digits;
  }
  return text;
}

bool IsWritable(std::string_view folder) {
  return access(std::string(folder).c_str(), W_OK | X_OK) == 0;
}

int Refuse(int exit_code, const std::string& message) {
  fprintf(stderr, "sluice-launcher: %s\n", message.c_str());
  return exit_code;
}

// Returns only if there is no shell.
int Start(const Launch& launch) {
  std::vector<char*> arguments;
  for (const std::string& argument : launch.arguments) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  std::vector<std::string> assignments;
  for (const auto& [name, value] : launch.environment) assignments.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (const std::string& assignment : assignments) {
    environment.push_back(const_cast<char*>(assignment.c_str()));
  }
  environment.push_back(nullptr);
  execve(std::string(kShell).c_str(), arguments.data(), environment.data());
  return Refuse(kExitNoShell, "cannot start " + std::string(kShell) + ": " + strerror(errno));
}

}  // namespace

int main(int count, char** words) {
  Surroundings surroundings;
  surroundings.arguments.assign(words + (count > 0 ? 1 : 0), words + count);
  surroundings.environment = OwnEnvironment();
  for (auto [path, text] : {std::pair(kLaunchRecord, &surroundings.launch_record),
                            std::pair(kStagingRecord, &surroundings.staging_record)}) {
    FileContent content = ReadFile(path);
    if (content.error != 0) {
      return Refuse(kExitNoCommand,
                    "cannot read " + std::string(path) + ": " + strerror(content.error));
    }
    *text = std::move(content.text);
  }
  surroundings.cgroup2_limit = ReadFile("/sys/fs/cgroup/memory.max").text;
  surroundings.cgroup1_limit = ReadFile("/sys/fs/cgroup/memory/memory.limit_in_bytes").text;
  surroundings.ipv4_address = Ipv4Address();
  surroundings.temporary_folder_is_writable = IsWritable(kTemporaryFolder);
  surroundings.other_temporary_folder_is_writable = IsWritable(kOtherTemporaryFolder);
  surroundings.random_guid = RandomGuid();
  const auto prepared = PrepareLaunch(surroundings);
  if (const Refusal* refusal = std::get_if<Refusal>(&prepared)) {
    return Refuse(refusal->exit_code, refusal->message);
  }
  return Start(std::get<Launch>(prepared));
}

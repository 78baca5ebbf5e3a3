#include "common/base/logging.h"

#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/mutex.h"

namespace sluice {
namespace {

constexpr std::array kLoggableFields = {
    std::string_view("address"),       std::string_view("agent"),
    std::string_view("app"),           std::string_view("attempt"),
    std::string_view("bad_handshake"), std::string_view("bytes"),
    std::string_view("code"),          std::string_view("count"),
    std::string_view("deployment"),    std::string_view("digest"),
    std::string_view("droplet"),       std::string_view("endpoint"),
    std::string_view("error"),         std::string_view("event"),
    std::string_view("file"),          std::string_view("foundation"),
    std::string_view("from"),          std::string_view("key"),
    std::string_view("message"),       std::string_view("method"),
    std::string_view("milliseconds"),  std::string_view("name"),
    std::string_view("not_accepted"),  std::string_view("not_admitted"),
    std::string_view("not_zmtp"),      std::string_view("operator"),
    std::string_view("path"),          std::string_view("promotion"),
    std::string_view("reason"),        std::string_view("relay"),
    std::string_view("request_id"),    std::string_view("role"),
    std::string_view("sequence"),      std::string_view("session"),
    std::string_view("state"),         std::string_view("status"),
    std::string_view("target"),        std::string_view("transfer"),
    std::string_view("unfinished"),    std::string_view("version"),
};

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// Standard error, of which somebody may have stopped reading: whoever logs waits for that reader
// once, and then not until it reads again, when one line says how many were lost.
class StandardError final : public spdlog::sinks::sink {
 public:
  void log(const spdlog::details::log_msg& message) override {
    MutexLock lock(mutex_);
    if (lost_ > 0 && !TellLost()) {
      ++lost_;
      return;
    }
    if (!Write(message, kReaderPatience)) ++lost_;
  }
  void flush() override {}
  void set_pattern(const std::string& pattern) override {
    set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern));
  }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    MutexLock lock(mutex_);
    formatter_ = std::move(formatter);
  }

 private:
  static constexpr absl::Duration kReaderPatience = absl::Seconds(1);
  // What a pipe takes without waiting when poll(2) calls it writable (pipe(7), PIPE_BUF).
  static constexpr size_t kPieceBytes = 4096;

  bool TellLost() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const std::string told = absl::StrCat("\"event\":\"log-lines-lost\",\"count\":", lost_, "}");
    if (!Write({spdlog::string_view_t(), spdlog::level::warn, told}, absl::ZeroDuration())) {
      return false;
    }
    lost_ = 0;
    return true;
  }

  // False when nobody reads, within this time for each piece.
  bool Write(const spdlog::details::log_msg& message, absl::Duration patience)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    spdlog::memory_buf_t line;
    if (cut_) line.push_back('\n');
    formatter_->format(message, line);
    std::string_view rest(line.data(), line.size());
    while (!rest.empty()) {
      pollfd waited{STDERR_FILENO, POLLOUT, 0};
      const int ready = poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(patience)));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        cut_ = cut_ || rest.size() < line.size();
        return false;
      }
      const ssize_t written =
          write(STDERR_FILENO, rest.data(), std::min<size_t>(rest.size(), kPieceBytes));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return true;  // closed, or a full disk: there is nobody to tell
      rest.remove_prefix(static_cast<size_t>(written));
    }
    cut_ = false;
    return true;
  }

  Mutex mutex_;
  std::unique_ptr<spdlog::formatter> formatter_ ABSL_GUARDED_BY(mutex_) =
      std::make_unique<spdlog::pattern_formatter>();
  int64_t lost_ ABSL_GUARDED_BY(mutex_) = 0;
  bool cut_ ABSL_GUARDED_BY(mutex_) = false;  // what was written last has no end
};

void Write(LogLevel level, std::string_view event, const std::vector<LogField>& fields) {
  auto* logger = spdlog::default_logger_raw();
  if (!logger->should_log(ToSpdlog(level))) return;
  nlohmann::ordered_json line;
  line["event"] = event;
  for (const LogField& field : fields) {
    SLUICE_CHECK(std::find(kLoggableFields.begin(), kLoggableFields.end(), field.name) !=
                 kLoggableFields.end());
    if (field.is_number) {
      line[std::string(field.name)] = std::stoll(field.value);
    } else {
      line[std::string(field.name)] = field.value;
    }
  }
  // A peer's bytes may not be UTF-8: replaced, so that logging never throws.
  std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  // spdlog's pattern opens the object with time, level and program.
  logger->log(ToSpdlog(level), "{}", text.substr(1));
}

}  // namespace

void StartLogging(std::string_view program, LogLevel lowest) {
  auto logger = spdlog::default_logger();
  logger->sinks() = {std::make_shared<StandardError>()};
  logger->set_level(ToSpdlog(lowest));
  logger->set_pattern("{\"time\":\"%Y-%m-%dT%H:%M:%S.%eZ\",\"level\":\"%l\",\"program\":\"" +
                          std::string(program) + "\",%v",
                      spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::debug);
}

StatusOr<LogLevel> ParseLogLevel(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  return NamedError(StatusCode::kInvalidArgument, "bad-log-level",
                    "a log level is debug, info, warning or error");
}

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  Write(level, event, fields);
}

void LogStatus(LogLevel level, std::string_view event, const Status& status,
               std::initializer_list<LogField> fields) {
  std::vector<LogField> all(fields);
  all.emplace_back("code", absl::StatusCodeToString(status.code()));
  if (const std::string name = ErrorName(status); !name.empty()) all.emplace_back("error", name);
  all.emplace_back("message", std::string(status.message()));
  Write(level, event, all);
}

}  // namespace sluice

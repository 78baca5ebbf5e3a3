#include "common/base/logging.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/base/check.h"

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
  logger->sinks() = {std::make_shared<spdlog::sinks::stderr_sink_mt>()};
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

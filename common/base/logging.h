// Structured log lines: an event name and named fields, one JSON object a line on standard error.
//
// Fields are an allow-list: only names in kLoggableFields are written, any other name is an
// invariant broken by us. Values are never Cloud Controller bodies, URLs with a query, or secrets
// (Secret has no way in).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/status.h"

namespace sluice {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

struct LogField {
  LogField(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const char* text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, const std::string& text) : name(field_name), value(text) {}
  LogField(std::string_view field_name, int64_t number)
      : name(field_name), value(std::to_string(number)), is_number(true) {}
  std::string_view name;
  std::string value;
  bool is_number = false;
};

// Before the first line: the program's name, which every line carries, and the lowest level
// written.
void StartLogging(std::string_view program, LogLevel lowest);
// InvalidArgument "bad-log-level" unless debug, info, warning or error.
StatusOr<LogLevel> ParseLogLevel(std::string_view text);

// Thread-safe. `event` is kebab-case and stable: people search for it.
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields);
// The same with the status's code, name and message as fields.
void LogStatus(LogLevel level, std::string_view event, const Status& status,
               std::initializer_list<LogField> fields = {});

}  // namespace sluice

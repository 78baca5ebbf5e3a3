#include "common/store/statement.h"

#include <sqlite3.h>

#include <utility>

#include "common/base/check.h"
#include "common/store/sqlite_status.h"

namespace sluice::store {

Statement::Statement(Statement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), bind_error_(other.bind_error_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

// The result of finalize only repeats what Step() has reported.
Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::NoteBind(int result) {
  if (bind_error_ == SQLITE_OK) bind_error_ = result;
}

void Statement::BindInteger(int parameter, int64_t value) {
  NoteBind(sqlite3_bind_int64(statement_, parameter, value));
}

void Statement::BindText(int parameter, std::string_view text) {
  // A null pointer would bind NULL.
  NoteBind(sqlite3_bind_text64(statement_, parameter, text.empty() ? "" : text.data(), text.size(),
                               SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::BindBlob(int parameter, std::string_view bytes) {
  NoteBind(sqlite3_bind_blob64(statement_, parameter, bytes.empty() ? "" : bytes.data(),
                               bytes.size(), SQLITE_TRANSIENT));
}

StatusOr<bool> Statement::Step() {
  sqlite3* connection = sqlite3_db_handle(statement_);
  if (bind_error_ != SQLITE_OK) return SqliteError(connection, bind_error_, "bind a value for");
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return SqliteError(connection, result,
                     sqlite3_stmt_readonly(statement_) != 0 ? "read" : "write to");
}

Status Statement::Run() {
  while (true) {
    const StatusOr<bool> row = Step();
    if (row.ok() && *row) continue;
    Reset();
    return row.status();
  }
}

void Statement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  bind_error_ = SQLITE_OK;
}

void Statement::CheckColumn(int column, int type) const {
  SLUICE_CHECK(column >= 0 && column < sqlite3_data_count(statement_));
  SLUICE_CHECK(sqlite3_column_type(statement_, column) == type);
}

int64_t Statement::Integer(int column) const {
  CheckColumn(column, SQLITE_INTEGER);
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::Text(int column) const {
  CheckColumn(column, SQLITE_TEXT);
  const unsigned char* text = sqlite3_column_text(statement_, column);
  const int bytes = sqlite3_column_bytes(statement_, column);
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(bytes)};
}

std::string Statement::Blob(int column) const {
  CheckColumn(column, SQLITE_BLOB);
  // Null for an empty one.
  const void* bytes = sqlite3_column_blob(statement_, column);
  const int count = sqlite3_column_bytes(statement_, column);
  if (count == 0) return "";
  return {static_cast<const char*>(bytes), static_cast<size_t>(count)};
}

bool Statement::IsNull(int column) const {
  SLUICE_CHECK(column >= 0 && column < sqlite3_data_count(statement_));
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

}  // namespace sluice::store

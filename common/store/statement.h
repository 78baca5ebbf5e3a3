// One prepared SQL statement: values in, rows out, each with its type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/status.h"

struct sqlite3_stmt;

namespace sluice::store {

// Prepare once, use often: Reset() (or Run()) makes it ready for new values.
//
//   SLUICE_ASSIGN_OR_RETURN(Statement find, database.Prepare("SELECT size FROM t WHERE id = ?1"));
//   find.BindText(1, id);
//   SLUICE_ASSIGN_OR_RETURN(const bool found, find.Step());
//   if (found) size = find.Integer(0);
//
// Parameters count from 1 and columns from 0, as in SQLite. A failed Bind is reported by the next
// Step(). Not thread-safe; must not outlive its Database.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  void BindInteger(int parameter, int64_t value);
  void BindText(int parameter, std::string_view text);   // UTF-8, copied
  void BindBlob(int parameter, std::string_view bytes);  // copied; empty is not NULL

  // True: there is a row, valid until the next Step() or Reset(). False: no more rows.
  StatusOr<bool> Step();
  // Steps to the end, rows unread, and resets: for INSERT, UPDATE, DELETE.
  Status Run();
  // Back to the start; bound values are forgotten.
  void Reset();

  // Of the current row. A column of another type is our bug, and ends the process.
  int64_t Integer(int column) const;
  std::string Text(int column) const;
  std::string Blob(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  void NoteBind(int result);
  void CheckColumn(int column, int type) const;

  sqlite3_stmt* statement_;
  int bind_error_ = 0;  // the first failed Bind since Reset()
};

}  // namespace sluice::store

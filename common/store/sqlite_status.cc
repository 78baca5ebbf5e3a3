#include "common/store/sqlite_status.h"

#include <sqlite3.h>

#include <string>

#include "absl/strings/str_format.h"
#include "common/base/check.h"

namespace sluice::store {

Status SqliteError(sqlite3* connection, int result, std::string_view doing) {
  // Out of memory ends the process, which is built to be killed.
  SLUICE_CHECK((result & 0xff) != SQLITE_NOMEM);
  const char* filename = sqlite3_db_filename(connection, "main");
  const auto error = [&](StatusCode code, std::string_view name, std::string_view advice) {
    return NamedError(code, name,
                      absl::StrFormat("cannot %s %s: %s%s", doing, filename ? filename : "",
                                      sqlite3_errstr(result), advice));
  };
  if (result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return error(StatusCode::kAlreadyExists, "record-exists", "");
  }
  switch (result & 0xff) {
    case SQLITE_FULL:
      return error(StatusCode::kResourceExhausted, "disk-full", "; make room and try again");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return error(StatusCode::kDataLoss, "database-corrupt", "; restore a backup");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(StatusCode::kFailedPrecondition, "database-locked",
                   "; another process has it open: stop that one first");
    case SQLITE_CONSTRAINT:
      return error(StatusCode::kFailedPrecondition, "database-constraint", "");
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return error(StatusCode::kPermissionDenied, "file-not-permitted", "");
    case SQLITE_CANTOPEN:
      return error(StatusCode::kFailedPrecondition, "database-not-opened",
                   "; see that its folder exists and is ours");
    case SQLITE_IOERR:
      return error(StatusCode::kInternal, "disk-error", "");
    default:
      // Our SQL, or the way we use SQLite, is wrong; its message tells where.
      return NamedError(StatusCode::kInternal, "database-misuse",
                        absl::StrFormat("cannot %s: %s", doing, sqlite3_errmsg(connection)));
  }
}

}  // namespace sluice::store

// SQLite's result codes as statuses; only this room's .cc files use it.
#pragma once

#include <string_view>

#include "common/base/status.h"

struct sqlite3;

namespace sluice::store {

// `result` is an extended result code that is not OK; `doing` completes "cannot ...".
Status SqliteError(sqlite3* connection, int result, std::string_view doing);

}  // namespace sluice::store

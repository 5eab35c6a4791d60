#pragma once

#include <span>

#include "skill_verifier/core/result.hpp"
#include "store/sqlite.hpp"

namespace skill_verifier::store {

/// The SQL of src/store/migrations/, in order. A database that has run the first n of them has `user_version` n.
std::span<const char* const> migrations();

/// Brings the database to the newest version, each step in a transaction of its own. Errors: unavailable `store_failed`
/// (also when the file is another program's), unsupported `store_newer`.
Result<void> migrate(Database& database);

/// For a database that another process has open. Errors: unsupported `store_newer`, conflict `store_older`.
Result<void> check_version(Database& database);

}  // namespace skill_verifier::store

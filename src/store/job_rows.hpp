#pragma once

#include <set>
#include <string>
#include <vector>

#include "skill_verifier/store/job_store.hpp"
#include "store/sqlite.hpp"

/// What the SQLite store reads of jobs. Errors, beside those named: unavailable `store_failed`.
namespace skill_verifier::store {

/// not_found `job_not_found`.
Result<Job> find_job(Database& database, const std::string& id);
/// not_found `job_not_found`.
Result<JobAccess> find_access(Database& database, const std::string& id);
/// The rows of a statement that selects the columns of sql::kListAll.
Result<std::vector<JobSummary>> read_summaries(Query& query);
Result<std::vector<JobSummary>> list_jobs(Database& database, const JobFilter& filter);
Result<JobCounts> count_jobs(Database& database);
/// Those of `digests` that a job refers to.
Result<std::set<std::string>> find_collaterals(Database& database, const std::vector<std::string>& digests);
/// The first column of the first row of `sql`; 0 without one.
Result<std::int64_t> read_number(Database& database, const char* sql);

}  // namespace skill_verifier::store

#include "store/job_rows.hpp"

#include "store/columns.hpp"
#include "store/errors.hpp"
#include "store/statements.hpp"

namespace skill_verifier::store {

Result<std::vector<JobSummary>> read_summaries(Query& query) {
  std::vector<JobSummary> jobs;
  while (true) {
    SKILL_VERIFIER_TRY(const bool row, query.step());
    if (!row) return jobs;
    JobSummary job;
    job.id = query.text(0);
    job.sequence = static_cast<std::uint64_t>(query.integer(1));
    SKILL_VERIFIER_TRY(job.state, parse_job_state(query.text(2)));
    job.attempt = static_cast<int>(query.integer(3));
    job.created_at = to_time(query.integer(4));
    job.completed_at = to_time(query.maybe_integer(5));
    job.skill_id = query.text(6);
    job.owner = query.text(7);
    job.is_private = query.integer(8) != 0;
    jobs.push_back(std::move(job));
  }
}

namespace {

Result<Job> read_job(const Query& row) {
  Job job;
  job.id = row.text(0);
  job.sequence = static_cast<std::uint64_t>(row.integer(1));
  SKILL_VERIFIER_TRY(job.state, parse_job_state(row.text(2)));
  job.attempt = static_cast<int>(row.integer(3));
  job.created_at = to_time(row.integer(4));
  job.started_at = to_time(row.maybe_integer(5));
  job.completed_at = to_time(row.maybe_integer(6));
  job.skill_id = row.text(7);
  job.has_pack = row.integer(8) != 0;
  job.request = row.text(9);
  job.result = row.text(10);
  job.statement = row.text(11);
  job.error = row.text(12);
  job.owner = row.text(13);
  job.is_private = row.integer(14) != 0;
  job.tree_digest = row.text(15);
  job.archive_sha256 = row.text(16);
  job.original = row.text(17);
  return job;
}

Result<std::vector<JobSummary>> list_visible_jobs(Database& database, const JobFilter& filter,
                                                  const std::string& viewer) {
  const auto limit = to_column(std::optional<std::uint64_t>(filter.limit));
  const auto before = to_column(filter.before);
  if (filter.state) {
    const auto state = to_string(*filter.state);
    Query query(database, sql::kListVisibleState);
    query.bind(state).bind(before).bind(viewer).bind(state).bind(before).bind(limit);
    return read_summaries(query);
  }
  Query query(database, sql::kListVisible);
  query.bind(before).bind(viewer).bind(before).bind(limit);
  return read_summaries(query);
}

}  // namespace

Result<Job> find_job(Database& database, const std::string& id) {
  Query query(database, sql::kFindJob);
  query.bind(id);
  SKILL_VERIFIER_TRY(const bool found, query.step());
  if (!found) return job_not_found(id);
  return read_job(query);
}

Result<JobAccess> find_access(Database& database, const std::string& id) {
  Query query(database, sql::kAccess);
  query.bind(id);
  SKILL_VERIFIER_TRY(const bool found, query.step());
  if (!found) return job_not_found(id);
  return JobAccess{query.text(0), query.integer(1) != 0};
}

Result<std::vector<JobSummary>> list_jobs(Database& database, const JobFilter& filter) {
  if (filter.viewer) return list_visible_jobs(database, filter, *filter.viewer);
  const auto limit = to_column(std::optional<std::uint64_t>(filter.limit));
  if (filter.state) {
    Query query(database, sql::kListState);
    query.bind(to_string(*filter.state)).bind(to_column(filter.before)).bind(limit);
    return read_summaries(query);
  }
  Query query(database, sql::kListAll);
  query.bind(to_column(filter.before)).bind(limit);
  return read_summaries(query);
}

Result<JobCounts> count_jobs(Database& database) {
  JobCounts counts;
  Query query(database, sql::kCounts);
  while (true) {
    SKILL_VERIFIER_TRY(const bool row, query.step());
    if (!row) return counts;
    SKILL_VERIFIER_TRY(const JobState state, parse_job_state(query.text(0)));
    counts[state] = static_cast<std::uint64_t>(query.integer(1));
  }
}

Result<std::set<std::string>> find_collaterals(Database& database, const std::vector<std::string>& digests) {
  std::set<std::string> found;
  for (const auto& digest : digests) {
    Query query(database, sql::kCollateralInUse);
    query.bind(digest);
    SKILL_VERIFIER_TRY(const bool used, query.step());
    if (used) found.insert(digest);
  }
  return found;
}

Result<std::int64_t> read_number(Database& database, const char* sql) {
  Query query(database, sql);
  SKILL_VERIFIER_TRY(const bool row, query.step());
  return row ? query.integer(0) : 0;
}

}  // namespace skill_verifier::store

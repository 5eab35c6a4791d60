#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <unordered_map>
#include <utility>

#include "skill_verifier/store/job_store.hpp"
#include "store/errors.hpp"
#include "store/files.hpp"
#include "store/memory_outbox.hpp"

namespace skill_verifier::store {
namespace {

namespace fs = std::filesystem;

/// A fresh directory, removed with all that is in it by the destructor.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const fs::path& parent) {
    fs::create_directories(parent);
    std::string pattern = (parent / "skill-verifier-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw fs::filesystem_error("cannot make a directory", parent, {errno, std::generic_category()});
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

bool is_visible(const Job& job, const std::optional<std::string>& viewer) {
  return !viewer || !job.is_private || job.owner == *viewer;
}

JobSummary summary_of(const Job& job) {
  return {job.id,           job.sequence, job.state, job.attempt,   job.created_at,
          job.completed_at, job.skill_id, job.owner, job.is_private};
}

/// Jobs that one call of `expire` or `trim` removes, as in the other store.
constexpr std::size_t kPortion = 256;

class MemoryStore final : public JobStore {
 public:
  MemoryStore(const fs::path& parent, OutboxRules rules)
      : directory_(parent), files_(directory_.path()), outbox_(std::move(rules)) {
    if (auto opened = files_.open(); !opened)
      throw fs::filesystem_error(opened.error().message, directory_.path(), std::make_error_code(std::errc::io_error));
    for (const JobState state :
         {JobState::pending, JobState::running, JobState::completed, JobState::failed, JobState::cancelled})
      counts_[state] = 0;
  }

  fs::path spool() const override { return files_.spool(); }
  fs::path pack_path(const std::string& id) const override { return files_.pack(id); }

  awaitable<Result<Job>> insert(Job job, PackFile pack) override {
    if (auto valid = check_job_id(job.id); !valid) co_return valid.error();
    if (sequences_.contains(job.id)) co_return job_exists(job.id);
    if (!key_is_free(job)) co_return key_used();
    auto kept = pack.shared ? files_.share(pack.file, job.id) : files_.adopt(pack.file, job.id);
    if (!kept) co_return kept.error();
    co_return add(as_inserted(std::move(job)));
  }

  awaitable<Result<Job>> insert_final(Job job, JobOutcome outcome) override {
    if (auto valid = check_job_id(job.id); !valid) co_return valid.error();
    if (sequences_.contains(job.id)) co_return job_exists(job.id);
    if (!key_is_free(job)) co_return key_used();
    const Job added = add(as_inserted(std::move(job), outcome));
    outbox_.add_messages(event_of(outcome.state), added, outcome.completed_at);
    keep(added.sequence, std::move(outcome));
    co_return added;
  }

  awaitable<Result<std::optional<KeyedJob>>> find_key(std::string owner, std::string key, Time now) override {
    const auto found = keys_.find({owner, key});
    if (found == keys_.end() || found->second.expires_at <= now) co_return std::optional<KeyedJob>();
    co_return std::optional(KeyedJob{jobs_.at(found->second.sequence).id, found->second.request_sha256});
  }

  awaitable<Result<void>> expire_keys(Time now) override {
    std::erase_if(keys_, [now](const auto& entry) { return entry.second.expires_at <= now; });
    co_return Result<void>{};
  }

  awaitable<Result<std::vector<std::optional<VerdictRow>>>> verdicts(std::vector<std::string> subjects,
                                                                     std::optional<std::string> viewer) override {
    std::vector<std::optional<VerdictRow>> rows;
    rows.reserve(subjects.size());
    for (const auto& subject : subjects)
      rows.push_back(find_verdict(subject, viewer));
    co_return rows;
  }

  awaitable<Result<std::optional<Job>>> find_cached(std::string cache_key, Time since, std::string owner) override {
    for (auto it = jobs_.rbegin(); it != jobs_.rend(); ++it) {
      const auto kept = outcomes_.find(it->first);
      if (kept == outcomes_.end() || cache_key.empty() || kept->second.cache_key != cache_key) continue;
      if (it->second.completed_at >= since && is_visible(it->second, owner)) co_return std::optional(it->second);
    }
    co_return std::optional<Job>();
  }

  awaitable<Result<LogPiece>> log_piece(std::string id, std::uint64_t offset, std::uint64_t limit) override {
    const Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    const auto found = outcomes_.find(job->sequence);
    if (found == outcomes_.end()) co_return LogPiece{};
    const std::string& text = found->second.log;
    LogPiece piece;
    piece.size = text.size();
    piece.journal = found->second.journal;
    if (offset < text.size()) piece.text = text.substr(offset, limit);
    co_return piece;
  }

  awaitable<Result<Job>> find(std::string id) override {
    const Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    co_return *job;
  }

  awaitable<Result<std::vector<JobSummary>>> list(JobFilter filter) override {
    std::vector<JobSummary> found;
    auto it = filter.before ? jobs_.lower_bound(*filter.before) : jobs_.end();
    while (it != jobs_.begin() && found.size() < filter.limit) {
      --it;
      const bool wanted = !filter.state || it->second.state == *filter.state;
      if (wanted && is_visible(it->second, filter.viewer)) found.push_back(summary_of(it->second));
    }
    co_return found;
  }

  awaitable<Result<JobAccess>> access(std::string id) override {
    const Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    co_return JobAccess{job->owner, job->is_private};
  }

  awaitable<Result<JobCounts>> counts() override { co_return counts_; }

  awaitable<Result<std::uint64_t>> count_hidden(std::string viewer) override {
    const auto hidden = [&viewer](const auto& row) { return !is_visible(row.second, viewer); };
    co_return static_cast<std::uint64_t>(std::ranges::count_if(jobs_, hidden));
  }

  awaitable<Result<Job>> begin(std::string id, Time now) override {
    Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    if (auto moved = move(*job, JobState::running); !moved) co_return moved.error();
    ++job->attempt;
    job->started_at = now;
    outbox_.add_messages(kStarted, *job, now);
    co_return *job;
  }

  awaitable<Result<void>> requeue(std::string id, AttemptCounts counts) override {
    Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    if (auto moved = move(*job, JobState::pending); !moved) co_return moved;
    if (counts == AttemptCounts::no) --job->attempt;
    job->started_at.reset();
    co_return Result<void>{};
  }

  awaitable<Result<void>> finish(std::string id, JobOutcome outcome) override {
    Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    if (auto moved = move(*job, outcome.state); !moved) co_return moved;
    job->completed_at = outcome.completed_at;
    job->result = std::exchange(outcome.result, {});
    job->statement = std::exchange(outcome.statement, {});
    job->error = std::move(outcome.error);
    keep(job->sequence, std::move(outcome));
    job->has_pack = false;
    files_.discard(id);
    outbox_.add_messages(event_of(job->state), *job, *job->completed_at);
    co_return Result<void>{};
  }

  awaitable<Result<void>> remove(std::string id) override {
    const Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    if (!is_final(job->state)) co_return job_not_final(id, job->state);
    forget(job->sequence);
    co_return Result<void>{};
  }

  awaitable<Result<std::vector<JobSummary>>> recover() override {
    std::vector<JobSummary> found;
    for (auto& [sequence, job] : jobs_) {
      if (is_final(job.state)) continue;
      if (job.state == JobState::running) {
        if (auto moved = move(job, JobState::pending); !moved) co_return moved.error();
        job.started_at.reset();
      }
      found.push_back(summary_of(job));
    }
    co_return found;
  }

  awaitable<Result<std::vector<std::string>>> expire(Time time) override {
    std::vector<std::uint64_t> old;
    for (const auto& [sequence, job] : jobs_)
      if (job.completed_at && *job.completed_at < time && old.size() < kPortion) old.push_back(sequence);
    co_return forget_all(old);
  }

  /// What memory holds is not measured: only the number counts.
  awaitable<Result<std::vector<std::string>>> trim(std::uint64_t jobs, std::uint64_t /*bytes*/) override {
    std::vector<std::pair<Time, std::uint64_t>> ended;
    for (const auto& [sequence, job] : jobs_)
      if (job.completed_at) ended.emplace_back(*job.completed_at, sequence);
    std::vector<std::uint64_t> old;
    if (jobs == 0 || ended.size() <= jobs) co_return forget_all(old);
    std::ranges::sort(ended);
    ended.resize(std::min(ended.size() - jobs, kPortion));
    for (const auto& [time, sequence] : ended)
      old.push_back(sequence);
    co_return forget_all(old);
  }

  awaitable<Result<std::set<std::string>>> collaterals_in_use(std::vector<std::string> digests) override {
    std::set<std::string> used;
    for (const auto& [sequence, outcome] : outcomes_)
      if (std::ranges::find(digests, outcome.collateral) != digests.end()) used.insert(outcome.collateral);
    co_return used;
  }

  awaitable<Result<std::string>> log(std::string id) override {
    const Job* job = look_up(id);
    if (job == nullptr) co_return job_not_found(id);
    const auto found = outcomes_.find(job->sequence);
    co_return found == outcomes_.end() ? std::string() : found->second.log;
  }

  awaitable<Result<void>> check() override { co_return files_.sync_packs(); }
  Outbox& outbox() override { return outbox_; }

 private:
  struct KeyEntry {
    std::string request_sha256;
    Time expires_at{};
    std::uint64_t sequence = 0;
  };

  bool key_is_free(const Job& job) const {
    if (!job.idempotency) return true;
    const auto found = keys_.find({job.idempotency->owner, job.idempotency->key});
    return found == keys_.end() || found->second.expires_at <= job.created_at;
  }

  Job add(Job job) {
    job.sequence = ++last_sequence_;
    if (job.webhook) outbox_.add_webhook(job.sequence, *std::exchange(job.webhook, std::nullopt));
    if (const auto use = std::exchange(job.idempotency, std::nullopt))
      keys_[{use->owner, use->key}] = KeyEntry{use->request_sha256, use->expires_at, job.sequence};
    sequences_[job.id] = job.sequence;
    jobs_[job.sequence] = job;
    ++counts_[job.state];
    return job;
  }

  void keep(std::uint64_t sequence, JobOutcome outcome) {
    outcome.result.clear();
    outcome.statement.clear();
    outcomes_[sequence] = std::move(outcome);
  }

  VerdictRow verdict_of(const Job& job) const {
    VerdictRow row;
    row.id = job.id;
    row.sequence = job.sequence;
    row.state = job.state;
    row.created_at = job.created_at;
    row.completed_at = job.completed_at;
    row.skill_id = job.skill_id;
    row.tree_digest = job.tree_digest;
    row.archive_sha256 = job.archive_sha256;
    row.original = job.original;
    const auto found = outcomes_.find(job.sequence);
    if (found == outcomes_.end()) return row;
    row.verdict = found->second.verdict;
    row.result_hash = found->second.result_hash;
    return row;
  }

  std::optional<VerdictRow> find_verdict(const std::string& subject, const std::optional<std::string>& viewer) {
    if (subject.size() != kDigestDigits) {
      const Job* job = look_up(subject);
      const bool known = job != nullptr && is_visible(*job, viewer);
      return known ? std::optional(verdict_of(*job)) : std::nullopt;
    }
    // As the other store: what was judged before what was not, trees before archives, the newest first.
    for (const bool judged : {true, false})
      for (const auto digest : {&Job::tree_digest, &Job::archive_sha256})
        for (auto it = jobs_.rbegin(); it != jobs_.rend(); ++it) {
          if (it->second.*digest != subject || !is_visible(it->second, viewer)) continue;
          auto row = verdict_of(it->second);
          if (!judged || !row.verdict.empty()) return row;
        }
    return std::nullopt;
  }

  Job* look_up(const std::string& id) {
    const auto sequence = sequences_.find(id);
    return sequence == sequences_.end() ? nullptr : &jobs_.find(sequence->second)->second;
  }

  Result<void> move(Job& job, JobState to) {
    if (auto allowed = check_transition(job.id, job.state, to); !allowed) return allowed;
    --counts_[job.state];
    ++counts_[to];
    job.state = to;
    return {};
  }

  std::vector<std::string> forget_all(const std::vector<std::uint64_t>& sequences) {
    std::vector<std::string> ids;
    for (const std::uint64_t sequence : sequences) {
      ids.push_back(jobs_.at(sequence).id);
      forget(sequence);
    }
    return ids;
  }

  void forget(std::uint64_t sequence) {
    const auto job = jobs_.find(sequence);
    --counts_[job->second.state];
    sequences_.erase(job->second.id);
    outcomes_.erase(sequence);
    std::erase_if(keys_, [sequence](const auto& entry) { return entry.second.sequence == sequence; });
    outbox_.drop_webhook(sequence);
    jobs_.erase(job);
  }

  TemporaryDirectory directory_;
  StoreFiles files_;
  MemoryOutbox outbox_;
  std::map<std::uint64_t, Job> jobs_;  ///< by sequence
  std::unordered_map<std::string, std::uint64_t> sequences_;
  std::unordered_map<std::uint64_t, JobOutcome> outcomes_;  ///< what jobs_ has no place for
  std::map<std::pair<std::string, std::string>, KeyEntry> keys_;
  JobCounts counts_;
  std::uint64_t last_sequence_ = 0;
};

}  // namespace

std::unique_ptr<JobStore> open_memory_store(fs::path directory, OutboxRules rules) {
  return std::make_unique<MemoryStore>(directory, std::move(rules));
}

}  // namespace skill_verifier::store

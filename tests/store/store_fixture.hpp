#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "skill_verifier/store/job_store.hpp"
#include "support/await.hpp"

namespace skill_verifier::store {

using test::await;

inline core::Time at(std::int64_t milliseconds) {
  return core::Time(std::chrono::milliseconds(milliseconds));
}

inline Job make_job(const std::string& id = core::new_job_id()) {
  Job job;
  job.id = id;
  job.created_at = at(1'000);
  job.skill_id = "demo@1.0.0";
  job.request = R"({"version":1})";
  return job;
}

inline JobOutcome completed(core::Time time = at(3'000)) {
  JobOutcome outcome;
  outcome.state = JobState::completed;
  outcome.completed_at = time;
  outcome.result = R"({"verdict":"passed"})";
  outcome.statement = "statement bytes";
  return outcome;
}

inline JobOutcome ended(JobState state, core::Time time = at(3'000)) {
  JobOutcome outcome;
  outcome.state = state;
  outcome.completed_at = time;
  if (state == JobState::failed) outcome.error = R"({"code":"internal"})";
  return outcome;
}

/// A directory of the test's own, gone when the test is.
class ScratchDirectory {
 public:
  ScratchDirectory() : path_(std::filesystem::temp_directory_path() / ("svtest-" + core::random_hex(8))) {
    std::filesystem::create_directories(path_);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline std::string read_all(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write_all(const std::filesystem::path& file, std::string_view text) {
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream.write(text.data(), static_cast<std::streamsize>(text.size()));
}

inline std::filesystem::path make_pack(const JobStore& store, std::string_view text = "pack bytes") {
  auto file = store.spool() / core::random_hex(8);
  write_all(file, text);
  return file;
}

/// A pack of many jobs.
inline PackFile make_shared_pack(const JobStore& store, std::string_view text,
                                 std::shared_ptr<const void> keeper = std::make_shared<int>()) {
  return {make_pack(store, text), PackFile::Shared{std::move(keeper), core::sha256(core::as_bytes(text))}};
}

}  // namespace skill_verifier::store

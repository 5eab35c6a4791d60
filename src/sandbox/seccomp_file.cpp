#include "sandbox/seccomp_file.hpp"

#include <fmt/core.h>

#include <fstream>
#include <system_error>
#include <utility>

#include "sandbox/file_chunks.hpp"
#include "sandbox/seccomp_profile.hpp"
#include "skill_verifier/core/ids.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::sandbox {
namespace {

namespace fs = std::filesystem;

bool holds_profile(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(fs::symlink_status(file, error))) return false;
  const auto text = read_small_file(file, seccomp_profile().size(), "the seccomp profile");
  return text && *text == seccomp_profile();
}

/// Whoever opens it meanwhile finds the old file or the whole new one.
bool write_profile(const fs::path& file) {
  std::error_code error;
  // The engine may be another user's, whatever our umask is.
  if (fs::create_directories(file.parent_path(), error)) fs::permissions(file.parent_path(), fs::perms(0755), error);
  const fs::path made = file.parent_path() / (".new-" + core::random_hex(8));
  std::ofstream out(made, std::ios::binary);
  out << seccomp_profile();
  out.close();
  fs::permissions(made, fs::perms(0644), error);
  if (out) fs::rename(made, file, error);
  if (out && !error) return holds_profile(file);
  // Each try has a name of its own: what is left of it would stay for good.
  fs::remove(made, error);
  return false;
}

}  // namespace

SeccompFile::SeccompFile(core::WorkPool& pool, fs::path directory, fs::path seen_by_engine) : pool_(pool) {
  if (directory.empty()) return;
  const auto name = fmt::format("seccomp-{}.json", core::sha256_hex(seccomp_profile()));
  file_ = fs::absolute(directory) / name;
  seen_by_engine_ = seen_by_engine.empty() ? file_.string() : (seen_by_engine / name).string();
}

awaitable<Result<std::string>> SeccompFile::ready() {
  auto check = [file = file_] { return !file.empty() && (holds_profile(file) || write_profile(file)); };
  const bool there = co_await core::run_on(pool_, std::move(check));
  if (there) co_return seen_by_engine_;
  co_return Error{Errc::unavailable, "seccomp_unwritable",
                  "the seccomp profile cannot be written for the engine, and nothing runs without it",
                  "make the data directory writable"};
}

}  // namespace skill_verifier::sandbox

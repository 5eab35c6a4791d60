#include <cstdio>

#include "app/commands.hpp"
#include "skill_verifier/store/backup.hpp"

namespace skill_verifier::app {
namespace {

int fail(const Error& error, int code) {
  std::fprintf(stderr, "skill-verifier: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", error.hint.c_str());
  return code;
}

int report(const char* what, const Result<store::BackupSummary>& summary) {
  if (!summary) return fail(summary.error(), exit_error);
  std::printf("%s: %llu jobs (%llu unfinished), %llu files, %llu bytes\n", what,
              static_cast<unsigned long long>(summary->jobs), static_cast<unsigned long long>(summary->unfinished),
              static_cast<unsigned long long>(summary->files), static_cast<unsigned long long>(summary->bytes));
  return exit_ok;
}

}  // namespace

int backup_command(const ConfigSource& source, const BackupOptions& options) {
  const auto config = load_config(source);
  if (!config) return fail(config.error(), exit_config);
  return report("backed up", store::back_up(config->data_dir, options.directory));
}

int restore_command(const ConfigSource& source, const BackupOptions& options) {
  const auto config = load_config(source);
  if (!config) return fail(config.error(), exit_config);
  const auto occupied = options.replace ? store::Occupied::put_aside : store::Occupied::refuse;
  return report("restored", store::restore(options.directory, config->data_dir, occupied));
}

}  // namespace skill_verifier::app

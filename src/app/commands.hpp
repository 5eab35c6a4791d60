#pragma once

#include <string>
#include <vector>

#include "app/config.hpp"
#include "skill_verifier/store/key_store.hpp"

namespace skill_verifier::app {

/// Exit codes of the program.
enum Exit : int {
  exit_ok = 0,
  exit_failed = 1,
  exit_untested = 2,
  exit_error = 3,
  exit_unfinished = 75,
  exit_usage = 64,
  exit_config = 78
};

/// What the command line said about configuration.
struct ConfigSource {
  std::string file;
  std::vector<std::string> sets;  ///< `key=value`
};
/// Defaults, file, environment, flags; prints every fault on standard error.
Result<Config> load_config(const ConfigSource& source);
/// What these say, weakest first; nothing of it is checked.
Result<std::vector<Setting>> load_settings(const ConfigSource& source);
/// The configuration that they make. Errors: invalid_argument `config_invalid` with every fault of settings and
/// environment.
Result<Config> configure(const std::vector<Setting>& settings);
/// The same for a program that serves, which needs the files that keys.configured names, too.
Result<Config> configure_service(const std::vector<Setting>& settings);
/// Gives the keys that were made from those files, which are read once.
Result<Config> configure_service(const std::vector<Setting>& settings, std::vector<store::KeyRow>& keys);

int serve_command(const ConfigSource& source, bool check_only);

struct BackupOptions {
  std::string directory;  ///< of the backup
  bool replace = false;   ///< restore: a data directory that is not empty is renamed
};
int backup_command(const ConfigSource& source, const BackupOptions& options);
int restore_command(const ConfigSource& source, const BackupOptions& options);

struct VerifyOptions {
  std::string path;
  std::string nonce;
  std::string name;
  std::string version;
  bool discover = false;
};
/// One package through the same pipeline without a server; prints the predecessor's result object.
int verify_command(const ConfigSource& source, const VerifyOptions& options);

struct LintOptions {
  std::vector<std::string> paths;
  std::string profile = "registry";
  bool json = false;
};
int lint_command(const LintOptions& options);

struct ScanOptions {
  std::vector<std::string> paths;
  std::string format = "text";
  std::string fail_on = "critical";
};
/// The checks of the standard profile, without a sandbox.
int scan_command(const ScanOptions& options);

/// Parses the command line and runs the command.
int run_program(int argc, char** argv);

}  // namespace skill_verifier::app

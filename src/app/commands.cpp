#include "app/commands.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "app/check_command.hpp"
#include "app/client_commands.hpp"
#include "app/completion.hpp"
#include "app/key_texts.hpp"
#include "app/keys_command.hpp"
#include "app/program.hpp"

namespace skill_verifier::app {
namespace {

Result<std::vector<Setting>> file_settings(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error{Errc::not_found, "config_invalid", "the configuration file " + file + " cannot be read"};
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return read_settings(text, file);
}

Result<Setting> flag_setting(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return Error{Errc::invalid_argument, "config_invalid", "--set takes KEY=VALUE, not '" + core::shorten(text) + "'"};
  return flat_setting(text.substr(0, equals), std::string_view(text).substr(equals + 1), "--set");
}

void add_config_options(CLI::App& command, ConfigSource& source) {
  command.add_option("-c,--config", source.file, "YAML configuration file (config/skill-verifier.example.yaml)");
  command.add_option("--set", source.sets, "one key of the configuration: --set listen.port=8080")->take_all();
}

}  // namespace

Result<std::vector<Setting>> load_settings(const ConfigSource& source) {
  std::vector<Setting> settings;
  if (!source.file.empty()) {
    SKILL_VERIFIER_TRY(settings, file_settings(source.file));
  }
  for (Setting& setting : environment_settings([](const std::string& name) { return std::getenv(name.c_str()); }))
    settings.push_back(std::move(setting));
  for (const std::string& text : source.sets) {
    SKILL_VERIFIER_TRY(Setting setting, flag_setting(text));
    settings.push_back(std::move(setting));
  }
  return settings;
}

/// Reads the keys where somebody asks for them.
static Result<Config> configured(const std::vector<Setting>& settings, std::vector<store::KeyRow>* keys) {
  Config config = default_config();
  std::vector<std::string> faults = environment_faults(environ);
  if (auto applied = apply_settings(config, settings); !applied) faults.push_back(applied.error().message);
  if (auto checked = check_config(config); !checked) faults.push_back(checked.error().message);
  if (keys) {
    auto read = configured_keys(config);
    if (read)
      *keys = std::move(*read);
    else
      faults.push_back(read.error().message);
  }
  SKILL_VERIFIER_TRY_VOID(faults_error(faults));
  config.server.version = program_version();
  return config;
}

Result<Config> configure(const std::vector<Setting>& settings) {
  return configured(settings, nullptr);
}

Result<Config> configure_service(const std::vector<Setting>& settings) {
  std::vector<store::KeyRow> keys;
  return configured(settings, &keys);
}

Result<Config> configure_service(const std::vector<Setting>& settings, std::vector<store::KeyRow>& keys) {
  return configured(settings, &keys);
}

Result<Config> load_config(const ConfigSource& source) {
  SKILL_VERIFIER_TRY(const auto settings, load_settings(source));
  return configure(settings);
}

int run_program(int argc, char** argv) {
  CLI::App app("Runs the tests of AI-agent skills in a sandbox and attests the result.", "skill-verifier");
  app.require_subcommand(1);
  ConfigSource source;

  bool check_only = false;
  std::string port, data_dir;
  CLI::App* serve = app.add_subcommand("serve", "serve the HTTP API until SIGTERM");
  add_config_options(*serve, source);
  serve->add_option("-p,--port", port, "port to listen on (listen.port)");
  serve->add_option("--data-dir", data_dir, "where jobs are kept (data_dir)");
  serve->add_flag("--check-config", check_only, "read the configuration, report every fault, exit");

  VerifyOptions verify_options;
  CLI::App* verify = app.add_subcommand("verify", "verify one skill folder or archive and print the result as JSON");
  verify->add_option("PATH", verify_options.path, "skill folder or archive")->required();
  add_config_options(*verify, source);
  verify->add_option("--nonce", verify_options.nonce, "1 to 128 printable ASCII characters, part of the statement");
  verify->add_option("--name", verify_options.name, "name of the skill, where its manifest names none");
  verify->add_option("--version", verify_options.version, "version of the skill, where its manifest names none");
  verify->add_flag("--discover", verify_options.discover, "look for a test where the manifest declares none");
  verify->footer("Exit status: 0 passed, 1 failed, 2 untested, 3 could not be judged.");

  LintOptions lint_options;
  CLI::App* lint = app.add_subcommand("lint", "read manifests and print what is understood, and every warning");
  lint->add_option("PATH", lint_options.paths, "SKILL.md, skill folder or archive; - reads paths from standard input")
      ->required();
  lint->add_option("--profile", lint_options.profile, "registry (default), spec or lenient");
  lint->add_flag("--json", lint_options.json, "one JSON object a line");
  lint->footer("Exit status: 0 all readable, 1 at least one refused.");

  CheckOptions check_options;
  CLI::App* check = app.add_subcommand("check", "check an attestation offline: hash, quote, measurements, identity");
  add_check_options(*check, check_options);

  InspectOptions inspect_options;
  CLI::App* inspect = app.add_subcommand("inspect", "print every field of a quote");
  add_inspect_options(*inspect, inspect_options);
  ScanOptions scan_options;
  CLI::App* scan = app.add_subcommand("scan", "check skills without running anything, and say why and how to fix");
  scan->add_option("PATH", scan_options.paths, "skill folder, archive or file; - reads paths from standard input")
      ->required();
  scan->add_option("--format", scan_options.format, "text (default), json (one object a line) or sarif (2.1.0)");
  scan->add_option("--fail-on", scan_options.fail_on,
                   "lowest severity that fails: critical (default), high, medium, low, never");
  scan->footer("Exit status: 0 nothing of that severity, 1 something, 3 a path could not be read.");

  BackupOptions backup_options;
  CLI::App* backup = app.add_subcommand("backup", "copy the data directory, also while a service uses it");
  backup->add_option("DEST", backup_options.directory, "directory to make")->required();
  CLI::App* restore = app.add_subcommand("restore", "check a backup and make a data directory of it");
  restore->add_option("SRC", backup_options.directory, "what `backup` wrote")->required();
  restore->add_flag("--replace", backup_options.replace, "put a data directory that is not empty aside, renamed");
  for (CLI::App* command : {backup, restore}) {
    add_config_options(*command, source);
    command->add_option("--data-dir", data_dir, "where jobs are kept (data_dir)");
  }

  KeysOptions keys_options;
  CLI::App* keys = app.add_subcommand("keys", "make, list, revoke and rotate API keys, while the service runs or not");
  add_config_options(*keys, source);
  add_keys_options(*keys, keys_options);

  const ClientCommands client(app);
  CLI::App* completion = app.add_subcommand("completion", "print a completion script for a shell");
  std::string shell;
  completion->add_option("SHELL", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->footer("bash: source <(skill-verifier completion bash)");
  CLI::App* version = app.add_subcommand("version", "print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  if (!port.empty()) source.sets.push_back("listen.port=" + port);
  if (!data_dir.empty()) source.sets.push_back("data_dir=" + data_dir);
  if (serve->parsed()) return serve_command(source, check_only);
  if (backup->parsed()) return backup_command(source, backup_options);
  if (restore->parsed()) return restore_command(source, backup_options);
  if (keys->parsed()) {
    if (!keys_options.data_dir.empty()) source.sets.push_back("data_dir=" + keys_options.data_dir);
    return keys_command(source, keys_options);
  }
  if (verify->parsed()) return verify_command(source, verify_options);
  if (lint->parsed()) return lint_command(lint_options);
  if (check->parsed()) return check_command(check_options);
  if (inspect->parsed()) return inspect_command(inspect_options);
  if (scan->parsed()) return scan_command(scan_options);
  if (const auto exit_code = client.run()) return *exit_code;
  if (completion->parsed()) std::fputs(completion_script(app, shell).c_str(), stdout);
  if (version->parsed()) std::printf("%s\n", program_name().c_str());
  return exit_ok;
}

}  // namespace skill_verifier::app

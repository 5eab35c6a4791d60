#pragma once

#include <CLI/CLI.hpp>

#include "app/commands.hpp"

namespace skill_verifier::app {

struct KeysOptions {
  std::string data_dir;
  bool json = false;
  std::string id;  ///< of revoke and rotate
  std::string name, scopes = "submit,read", rate, quota, expires, grace = "0";
  std::string concurrency;
  CLI::App* create = nullptr;
  CLI::App* list = nullptr;
  CLI::App* revoke = nullptr;
  CLI::App* rotate = nullptr;
};

void add_keys_options(CLI::App& command, KeysOptions& options);
/// API keys of a data directory, whether a service runs on it or not.
int keys_command(const ConfigSource& source, const KeysOptions& options);

}  // namespace skill_verifier::app

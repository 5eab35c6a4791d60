#pragma once

#include <CLI/CLI.hpp>

#include "app/commands.hpp"
#include "app/key_texts.hpp"

namespace skill_verifier::app {

struct KeysOptions {
  std::string data_dir;
  bool json = false;
  std::string id;  ///< of revoke and rotate
  std::string grace = "0";
  KeyTexts texts;  ///< of create
  CLI::App* create = nullptr;
  CLI::App* list = nullptr;
  CLI::App* revoke = nullptr;
  CLI::App* rotate = nullptr;
  CLI::App* generate = nullptr;
};

void add_keys_options(CLI::App& command, KeysOptions& options);
/// API keys of a data directory, whether a service runs on it or not.
int keys_command(const ConfigSource& source, const KeysOptions& options);

}  // namespace skill_verifier::app

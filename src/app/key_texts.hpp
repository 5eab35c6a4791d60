#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/config.hpp"
#include "skill_verifier/store/key_store.hpp"

namespace skill_verifier::app {

/// An API key as somebody writes it down; empty texts stand for what is usual.
struct KeyTexts {
  std::string name, scopes = "submit,read", rate, quota, concurrency, expires;
};

/// Without an id and a secret. Errors: invalid_argument naming the member with `prefix` before it (`--` for options);
/// also for an expiry that is not after `now`.
Result<store::KeyRow> key_row(const KeyTexts& texts, std::string_view prefix, core::Time now);

/// `name=ops scope=admin key=svk_…`: an element of keys.configured. Errors: invalid_argument; no message holds a
/// secret.
Result<ConfiguredKey> parse_configured_key(std::string_view text);

/// The keys that the configuration makes, those in files read from there, with secrets hashed without a salt: rows that
/// are equal are the same keys. Blocking. Errors: invalid_argument `config_invalid`, one fault a line.
Result<std::vector<store::KeyRow>> configured_keys(const Config& config);
/// Those of them that can be had; `faults` gets what is wrong with the others.
std::vector<store::KeyRow> configured_keys(const Config& config, std::vector<std::string>& faults);

/// What is wrong with who may read or change the file of a key, to follow its name: `can be read by every user …`;
/// empty where nothing is, or where there is no such file. Blocking.
std::string exposure_of(const std::string& file);
/// The same of every key_file= of keys.configured, for a log. No fault: whether there are others is not seen from here.
std::vector<std::string> exposed_key_files(const Config& config);

/// What stands behind `sha256=` for a token.
std::string sha256_member(std::string_view id, std::string_view secret);

}  // namespace skill_verifier::app

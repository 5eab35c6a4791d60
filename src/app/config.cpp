#include "app/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/nearest.hpp"

namespace skill_verifier::app {
namespace {

std::string_view nearest_key(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Key& key : config_keys())
    names.push_back(key.name);
  return core::nearest(name, names);
}

std::string default_variable(std::string_view key) {
  std::string name = "SKILL_VERIFIER_";
  for (const char c : key)
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string_view shape_name(Key::Shape shape) {
  switch (shape) {
    case Key::Shape::scalar:
      return "one value";
    case Key::Shape::list:
      return "a list";
    case Key::Shape::map:
      return "a mapping of names to values";
  }
  return "";
}

/// What is wrong with one setting, or nothing.
std::vector<std::string> apply_one(Config& config, const Setting& setting) {
  const auto& keys = config_keys();
  const auto key = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == setting.key; });
  if (key == keys.end())
    return {fmt::format("{}: unknown key '{}'; the nearest known one is '{}'", setting.place,
                        core::shorten(setting.key), nearest_key(setting.key))};
  const bool fits = key->shape == Key::Shape::map    ? !setting.is_list
                    : key->shape == Key::Shape::list ? !setting.is_map
                                                     : !setting.is_list && !setting.is_map;
  if (!fits) return {fmt::format("{}: {} takes {}", setting.place, setting.key, shape_name(key->shape))};
  std::vector<std::string> faults;
  for (const std::string& value : setting.values)
    if (const auto applied = key->apply(config, value); !applied)
      faults.push_back(fmt::format("{}: {}: {}", setting.place, setting.key, applied.error().message));
  return faults;
}

/// The first mention of a list or map in a stronger place replaces what a weaker one said.
void clear_collections(Config& config, const std::string& key) {
  if (key == "skill_roots") config.service.skill_roots.clear();
  if (key == "tls.names") config.tls.names.clear();
  if (key == "proxies.trusted") config.server.trusted_proxies.clear();
  if (key == "keys.configured") config.configured_keys.clear();
  if (key == "runtimes") config.sandbox.images.clear();
  if (key == "webhooks.endpoints") config.service.webhooks.endpoints.clear();
  if (key == "webhooks.secrets") config.service.webhooks.secrets.clear();
  if (key == "webhooks.ports") config.service.webhooks.ports.clear();
  if (key == "webhooks.allow_addresses") config.service.webhooks.addresses.allowed.clear();
}

/// What Kubernetes puts into every pod beside a Service that is called like the program.
bool is_service_link(std::string_view name) {
  constexpr std::string_view kHost = "SKILL_VERIFIER_SERVICE_HOST", kServicePort = "SKILL_VERIFIER_SERVICE_PORT",
                             kPort = "SKILL_VERIFIER_PORT";
  return name == kHost || name == kPort || name.starts_with(kServicePort) ||
         (name.starts_with(kPort) && name.substr(kPort.size()).starts_with("_"));
}

}  // namespace

Setting flat_setting(const std::string& key, std::string_view text, std::string place) {
  Setting setting{key, {}, std::move(place), false, false};
  const auto& keys = config_keys();
  const auto known = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == key; });
  const bool many = known != keys.end() && known->shape != Key::Shape::scalar;
  while (many && text.find(',') != std::string_view::npos) {
    setting.values.emplace_back(text.substr(0, text.find(',')));
    text.remove_prefix(text.find(',') + 1);
  }
  if (!many || !text.empty()) setting.values.emplace_back(text);
  return setting;
}

std::vector<Setting> environment_settings(const std::function<const char*(const std::string&)>& lookup) {
  std::vector<Setting> settings;
  for (const Key& key : config_keys()) {
    for (const std::string& variable : {std::string(key.environment), default_variable(key.name)}) {
      const char* value = variable.empty() ? nullptr : lookup(variable);
      if (!value || !*value) continue;
      settings.push_back(flat_setting(std::string(key.name), value, "environment variable " + variable));
    }
  }
  return settings;
}

/// What the client's commands read may stand in the same environment.
static bool is_client_variable(std::string_view name) {
  return name == "SKILL_VERIFIER_SERVER" || name == "SKILL_VERIFIER_API_KEY" || name == "SKILL_VERIFIER_API_KEY_FILE";
}

std::vector<std::string> environment_faults(const char* const* environment) {
  constexpr std::string_view kPrefix = "SKILL_VERIFIER_";
  std::vector<std::string> variables;
  for (const Key& key : config_keys())
    variables.push_back(default_variable(key.name));
  const std::vector<std::string_view> known(variables.begin(), variables.end());
  std::vector<std::string> faults;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    const std::string_view name = entry.substr(0, entry.find('='));
    if (!name.starts_with(kPrefix) || name.starts_with("SKILL_VERIFIER_TEST_") || is_client_variable(name)) continue;
    if (std::find(known.begin(), known.end(), name) != known.end() || is_service_link(name)) continue;
    faults.push_back(fmt::format("environment variable {}: unknown; the nearest known one is {}", core::shorten(name),
                                 core::nearest(name, known)));
  }
  return faults;
}

Result<void> apply_settings(Config& config, const std::vector<Setting>& settings) {
  std::vector<std::string> faults;
  for (const Setting& setting : settings) {
    clear_collections(config, setting.key);
    for (std::string& fault : apply_one(config, setting))
      faults.push_back(std::move(fault));
  }
  return faults_error(faults);
}

Result<void> faults_error(const std::vector<std::string>& faults) {
  if (faults.empty()) return {};
  return Error{Errc::invalid_argument, "config_invalid", fmt::format("{}", fmt::join(faults, "\n"))};
}

}  // namespace skill_verifier::app

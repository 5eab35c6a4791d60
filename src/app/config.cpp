#include "app/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <numeric>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::app {
namespace {

/// Levenshtein distance, for "did you mean".
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string_view nearest_key(std::string_view name) {
  const auto& keys = config_keys();
  const auto best = std::min_element(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    return distance(a.name, name) < distance(b.name, name);
  });
  return best->name;
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
  if (key == "runtimes") config.sandbox.images.clear();
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

Result<void> apply_settings(Config& config, const std::vector<Setting>& settings) {
  std::string faults;
  for (const Setting& setting : settings) {
    clear_collections(config, setting.key);
    for (const std::string& fault : apply_one(config, setting))
      faults += (faults.empty() ? "" : "\n") + fault;
  }
  if (faults.empty()) return {};
  return Error{Errc::invalid_argument, "config_invalid", std::move(faults)};
}

Result<void> check_config(const Config& config) {
  std::string faults;
  const auto fault = [&](const std::string& text) { faults += (faults.empty() ? "" : "\n") + text; };
  if (config.data_dir.empty()) fault("data_dir: must name a directory");
  if (config.sandbox.images.empty()) fault("runtimes: no image is allowed, so no skill could ever run");
  if (const auto endpoint = net::parse_endpoint(config.sandbox.docker_host); !endpoint)
    fault("engine.host: " + endpoint.error().message);
  if (config.service.limits.skill_bytes + config.service.limits.tmp_bytes > config.service.limits.memory_bytes)
    fault("limits: skill_size plus tmp_size must fit into memory, which tmpfs pages count against");
  if (config.service.package.expanded_bytes > config.service.limits.skill_bytes)
    fault("package.expanded_size: a package of that size does not fit into limits.skill_size");
  if (config.server.body_bytes < config.service.package.archive_bytes)
    fault("package.archive_size: is over http.body_size, so such an upload would be refused first");
  if (config.service.attestation_required && !config.attestation_enabled)
    fault("attestation.required: contradicts attestation.enabled: false");
  if (config.sandbox.pool.min > config.sandbox.pool.max) fault("pool.min: is over pool.max");
  for (const auto& root : config.service.skill_roots)
    if (!root.is_absolute()) fault("skill_roots: '" + core::shorten(root.string()) + "' is not an absolute path");
  if (faults.empty()) return {};
  return Error{Errc::invalid_argument, "config_invalid", std::move(faults)};
}

}  // namespace skill_verifier::app

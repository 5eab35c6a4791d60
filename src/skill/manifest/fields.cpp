#include "skill/manifest/fields.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill::manifest {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_lower_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z');
}
constexpr bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_word(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}

Diagnostic invalid(std::string_view code, const Node& node, const Origin& origin, std::string_view message) {
  return diagnose(std::string(code), fmt::format("{} {}", origin.place, message), origin.file, node.at);
}

bool is_text(const Node& node) {
  return node.kind == Kind::scalar && !node.inexact;
}

/// Path components of an image name: lower-case runs joined by `.`, `_`, `__` or dashes.
bool is_image_component(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  for (std::size_t i = 0; i < text.size();) {
    if (is_lower_alnum(text[i])) {
      ++i;
      continue;
    }
    const auto end = std::min(text.find_first_not_of(text[i], i), text.size());
    const std::size_t limit = text[i] == '-' ? text.size() : text[i] == '_' ? 2 : text[i] == '.' ? 1 : 0;
    if (end - i > limit || !is_lower_alnum(text[end])) return false;
    i = end;
  }
  return true;
}

bool is_image_host(std::string_view text) {
  const auto colon = text.find(':');
  if (colon != std::string_view::npos) {
    const auto port = text.substr(colon + 1);
    if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, is_digit)) return false;
  }
  text = text.substr(0, colon);
  return !text.empty() && text.front() != '-' && text.front() != '.' && text.back() != '-' && text.back() != '.' &&
         text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; });
}

bool is_image_tag(std::string_view text) {
  return !text.empty() && text.size() <= 128 && is_word(text.front()) &&
         std::ranges::all_of(text, [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

bool is_image_reference(std::string_view text) {
  if (text.size() > 255) return false;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    constexpr std::string_view kAlgorithm = "@sha256:";
    const auto digest = text.substr(at);
    if (!digest.starts_with(kAlgorithm) || digest.size() != kAlgorithm.size() + 64) return false;
    const auto hex = digest.substr(kAlgorithm.size());
    if (!std::ranges::all_of(hex, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); })) return false;
    text = text.substr(0, at);
  }
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto host = text.substr(0, slash);
    // As Docker has it: the first component is a host when it looks like one.
    if (host == "localhost" || host.find_first_of(".:") != std::string_view::npos ||
        std::ranges::any_of(host, [](char c) { return c >= 'A' && c <= 'Z'; })) {
      if (!is_image_host(host)) return false;
      text.remove_prefix(slash + 1);
    }
  }
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    if (!is_image_tag(text.substr(colon + 1))) return false;
    text = text.substr(0, colon);
  }
  while (true) {
    const auto end = text.find('/');
    if (!is_image_component(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

Parsed<Command> exec_form(std::vector<std::string> argv, const Node& node, const Origin& origin) {
  if (argv.empty())
    return invalid("command_invalid", node, origin, "is an empty list; name a program, or remove the field");
  if (argv.front().empty()) return invalid("command_invalid", node, origin, "names an empty program");
  for (const auto& argument : argv) {
    if (argument.find('\0') != std::string::npos)
      return invalid("command_invalid", node, origin, "holds a NUL character");
  }
  return Command{.argv = std::move(argv), .shell = false};
}

std::optional<Diagnostic> add_variable(Environment& environment, std::string_view name, std::string_view value,
                                       const Node& node, const Origin& origin) {
  if (name.empty() || is_digit(name.front()) || !std::ranges::all_of(name, is_word)) {
    return invalid(
        "env_invalid", node, origin,
        fmt::format("has the name {}; letters, digits and `_` are permitted, and no digit in front", shown(name)));
  }
  if (value.find('\0') != std::string_view::npos) {
    return invalid("env_invalid", node, origin, fmt::format("has a NUL character in the value of {}", shown(name)));
  }
  if (std::ranges::any_of(environment, [&](const auto& known) { return known.first == name; })) {
    return invalid("env_invalid", node, origin, fmt::format("sets {} twice", shown(name)));
  }
  environment.emplace_back(name, value);
  return std::nullopt;
}

std::optional<Diagnostic> add_assignment(Environment& environment, std::string_view text, const Node& node,
                                         const Origin& origin) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) {
    return invalid("env_invalid", node, origin,
                   fmt::format("has {}, which is not of the form `NAME=value`", shown(text)));
  }
  return add_variable(environment, text.substr(0, equals), text.substr(equals + 1), node, origin);
}

std::optional<Diagnostic> add_lines(Environment& environment, const Node& node, const Origin& origin) {
  std::string_view rest = node.text;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const auto line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (trim(line).empty()) continue;
    if (auto refusal = add_assignment(environment, line, node, origin)) return refusal;
  }
  return std::nullopt;
}

}  // namespace

Diagnostic wrong_type(const Node& node, const Origin& origin, std::string_view expected) {
  if (node.inexact)
    return invalid("field_type", node, origin, "is a JSON number; write it in quotes, so that no digit is lost");
  return invalid("field_type", node, origin, fmt::format("is {}, expected {}", to_string(node.kind), expected));
}

Parsed<std::string> read_text(const Node& node, const Origin& origin, std::string_view code, std::size_t limit) {
  if (!is_text(node)) return wrong_type(node, origin, "text");
  const std::string_view text = trim(node.text);
  if (text.size() > limit) {
    return invalid(code, node, origin, fmt::format("has {} bytes, more than the {} permitted", text.size(), limit));
  }
  if (std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; })) {
    return invalid(code, node, origin, fmt::format("holds a control character: {}", shown(text)));
  }
  return std::string(text);
}

Parsed<Command> read_command(const Node& node, const Origin& origin) {
  if (node.kind == Kind::sequence) {
    std::vector<std::string> argv;
    for (const auto& item : node.items) {
      if (!is_text(item)) return wrong_type(item, origin, "a list of texts");
      argv.push_back(item.text);
    }
    return exec_form(std::move(argv), node, origin);
  }
  if (!is_text(node)) return wrong_type(node, origin, "text or a list of texts");
  if (auto argv = json_string_list(node.text)) return exec_form(std::move(*argv), node, origin);
  const auto text = trim(node.text);
  if (text.empty()) return invalid("command_invalid", node, origin, "is empty; write a command, or remove the field");
  if (text.find('\0') != std::string_view::npos)
    return invalid("command_invalid", node, origin, "holds a NUL character");
  return Command{.argv = {"/bin/sh", "-c", std::string(text)}, .shell = true};
}

Parsed<std::chrono::milliseconds> read_timeout(const Node& node, const Origin& origin) {
  if (!is_text(node)) return wrong_type(node, origin, "a duration such as `30s`");
  const std::string_view text = node.text;
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto unit = text.substr(digits);
  std::int64_t count = 0;
  // Nine digits of minutes fit; no policy permits more.
  if (digits > 0 && digits <= 9) std::from_chars(text.data(), text.data() + digits, count);
  const std::int64_t scale = unit == "ms" ? 1 : unit == "s" || unit.empty() ? 1'000 : unit == "m" ? 60'000 : 0;
  if (digits == 0 || digits > 9 || scale == 0 || count == 0) {
    return invalid(
        "timeout_invalid", node, origin,
        fmt::format("is {}, expected a whole number above zero with `ms`, `s` or `m` behind it", shown(text)));
  }
  return std::chrono::milliseconds(count * scale);
}

Parsed<Environment> read_environment(const Node& node, const Origin& origin) {
  Environment environment;
  std::optional<Diagnostic> refusal;
  if (node.kind == Kind::mapping) {
    for (const auto& member : node.members) {
      if (!is_text(member.value))
        return wrong_type(member.value, {origin.place + "." + member.name, origin.file}, "text");
      refusal = add_variable(environment, member.name, member.value.text, node, origin);
      if (refusal) return std::move(*refusal);
    }
  } else if (node.kind == Kind::sequence) {
    for (const auto& item : node.items) {
      if (!is_text(item)) return wrong_type(item, origin, "a list of `NAME=value`");
      refusal = add_assignment(environment, item.text, item, origin);
      if (refusal) return std::move(*refusal);
    }
  } else if (is_text(node)) {
    refusal = add_lines(environment, node, origin);
    if (refusal) return std::move(*refusal);
  } else {
    return wrong_type(node, origin, "`NAME=value` lines, a list of them, or a mapping");
  }
  std::ranges::sort(environment);
  return environment;
}

Parsed<Network> read_network(const Node& node, const Origin& origin) {
  if (!is_text(node)) return wrong_type(node, origin, "`none` or `bridge`");
  if (node.text == "none") return Network::none;
  if (node.text == "bridge") return Network::bridge;
  return invalid("network_invalid", node, origin, fmt::format("is {}, expected `none` or `bridge`", shown(node.text)));
}

Parsed<std::string> read_runtime(const Node& node, const Origin& origin) {
  if (!is_text(node)) return wrong_type(node, origin, "an image reference");
  const auto text = trim(node.text);
  if (!is_image_reference(text)) {
    return invalid("runtime_invalid", node, origin,
                   fmt::format("is {}, expected an image reference such as `python:3.11-alpine`", shown(text)));
  }
  return std::string(text);
}

std::string describe(const Command& command) {
  if (command.shell) return shown(command.argv.back());
  std::string list;
  for (const auto& argument : command.argv)
    list += (list.empty() ? "\"" : ", \"") + argument + "\"";
  return shown("[" + list + "]");
}

std::string describe(std::chrono::milliseconds timeout) {
  return fmt::format("`{}ms`", timeout.count());
}

std::string describe(const Environment& environment) {
  std::string list;
  for (const auto& [name, value] : environment)
    list += (list.empty() ? "" : " ") + name + "=" + value;
  return shown(list);
}

std::string describe(Network network) {
  return shown(to_string(network));
}
std::string describe(const std::string& text) {
  return shown(text);
}

}  // namespace skill_verifier::skill::manifest

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "skill/manifest/diagnose.hpp"
#include "skill/manifest/fields.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/core/json.hpp"
#include "skill_verifier/skill/lint.hpp"

namespace skill_verifier::skill {
namespace {

using core::OrderedJson;

void add_diagnostic(OrderedJson& json, const Diagnostic& diagnostic) {
  json["code"] = diagnostic.code;
  json["message"] = diagnostic.message;
  if (!diagnostic.file.empty()) json["file"] = diagnostic.file;
  if (diagnostic.at.line > 0) json["line"] = diagnostic.at.line;
  if (diagnostic.at.column > 0) json["column"] = diagnostic.at.column;
}

OrderedJson optional_text(const std::optional<std::string>& text) {
  return text ? OrderedJson(*text) : OrderedJson();
}

OrderedJson command_json(const std::optional<Command>& command) {
  if (!command) return nullptr;
  if (command->shell) return command->argv.back();
  return command->argv;
}

OrderedJson test_json(const TestDeclaration& test) {
  OrderedJson env = OrderedJson::object();
  for (const auto& [name, value] : test.env)
    env[name] = value;
  OrderedJson json;
  json["runtime"] = test.runtime;
  json["test_command"] = command_json(test.command);
  json["test_deps"] = command_json(test.deps);
  json["timeout_ms"] = test.timeout.count();
  json["env"] = std::move(env);
  json["network"] = to_string(test.network);
  json["declared"] = test.command.has_value() && test.declared;
  json["source"] = test.source.empty() ? OrderedJson() : OrderedJson(test.source);
  return json;
}

std::string diagnostic_text(std::string_view kind, const Diagnostic& diagnostic) {
  std::string where = diagnostic.file;
  if (diagnostic.at.line > 0) where += fmt::format(":{}", diagnostic.at.line);
  if (diagnostic.at.line > 0 && diagnostic.at.column > 0) where += fmt::format(":{}", diagnostic.at.column);
  return fmt::format("\n  {} {}{}{}: {}", kind, where, where.empty() ? "" : " ", diagnostic.code, diagnostic.message);
}

std::string command_text(std::string_view label, const std::optional<Command>& command) {
  return command ? fmt::format("\n  {} {}", label, manifest::describe(*command)) : "";
}

std::string refusal_text(const Identity& identity) {
  std::string text = "refused";
  if (identity.name) text += ", says it is " + manifest::shown(*identity.name);
  if (identity.name && identity.version) text += " version " + manifest::shown(*identity.version);
  return text;
}

std::string manifest_text(const Manifest& manifest) {
  const TestDeclaration& test = manifest.test;
  std::string text = fmt::format("ok {}", manifest::shown(manifest.name));
  if (manifest.version) text += " version " + manifest::shown(*manifest.version);
  if (!test.command) return text + ", no test declared: untested";
  text += command_text("test   ", test.command) + fmt::format(" ({})", test.source);
  text += command_text("deps   ", test.deps);
  text += fmt::format("\n  runtime {}, timeout {} ms, network {}", manifest::shown(test.runtime), test.timeout.count(),
                      to_string(test.network));
  return test.env.empty() ? text : text + "\n  env     " + manifest::describe(test.env);
}

}  // namespace

std::string to_text(const LintResult& result) {
  std::string text = core::shorten(result.path, 4096) + ": ";
  if (result.failure) return text + fmt::format("refused\n  error {}: {}", result.failure->id, result.failure->message);
  text += result.ok() ? manifest_text(*result.report.manifest) : refusal_text(result.report.refused_as);
  if (result.report.refusal) text += diagnostic_text("error", *result.report.refusal);
  for (const auto& warning : result.report.warnings)
    text += diagnostic_text("warning", warning);
  return text;
}

std::string to_json(const LintResult& result) {
  OrderedJson json;
  json["path"] = result.path;
  json["ok"] = result.ok();
  const auto& manifest = result.report.manifest;
  const auto& refused_as = result.report.refused_as;
  json["name"] = manifest ? OrderedJson(manifest->name) : optional_text(refused_as.name);
  json["version"] = optional_text(manifest ? manifest->version : refused_as.version);
  json["description"] = optional_text(manifest ? manifest->description : refused_as.description);
  json["test"] = manifest ? test_json(manifest->test) : OrderedJson();
  json["recovered"] = manifest && manifest->frontmatter_recovered;
  if (result.failure) {
    json["code"] = result.failure->id;
    json["message"] = result.failure->message;
  } else if (result.report.refusal) {
    add_diagnostic(json, *result.report.refusal);
  }
  OrderedJson warnings = OrderedJson::array();
  for (const auto& warning : result.report.warnings)
    add_diagnostic(warnings.emplace_back(OrderedJson::object()), warning);
  json["warnings"] = std::move(warnings);
  return core::dump_json(json);
}

}  // namespace skill_verifier::skill

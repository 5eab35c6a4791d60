#include "scan/claims.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "scan/matcher.hpp"
#include "scan/shell.hpp"
#include "scan/url.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::size_t kMaxNames = 2000;

/// The last two labels: `api.example.com` and `www.example.com` belong together.
std::string site_of(std::string_view host) {
  const auto dot = host.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::string(host);
  const auto before = host.rfind('.', dot - 1);
  return std::string(before == std::string_view::npos ? host : host.substr(before + 1));
}

bool is_placeholder(std::string_view host) {
  static const RE2 placeholder(
      R"((?i)^(?:localhost|127\..*|0\.0\.0\.0|10\..*|192\.168\..*|\[.*|.*[^a-z0-9.:-].*|[^.]*|.*\.(?:local|internal|test|invalid|example)|(?:.*\.)?example\.(?:com|org|net)|(?:www\.)?w3\.org|json-schema\.org|schemas?\..*)$)");
  return RE2::FullMatch(re2::StringPiece(host), placeholder);
}

/// Words at the places of a command line where a program's name stands.
void for_each_program(const Mapped& command, const std::function<void(std::string_view, std::uint32_t)>& sink) {
  const std::string_view text = command.text;
  bool expected = true;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == ' ') {
      ++at;
      continue;
    }
    if (c == '|' || c == ';' || c == '&' || c == '(' || c == '{') {
      expected = true;
      ++at;
      continue;
    }
    const auto end = std::min(text.find_first_of(" |;&()", at), text.size());
    const std::string_view word = text.substr(at, std::max(end, at + 1) - at);
    if (expected) {
      const bool wrapper = word == "sudo" || word == "exec" || word == "nohup" || word == "time" || word == "if" ||
                           word == "then" || word == "else" || word == "do" || word == "while" || word == "!" ||
                           word.find('=') != std::string_view::npos;
      expected = wrapper;
      if (!wrapper) sink(word, command.origin[at]);
    }
    at = std::max(end, at + 1);
  }
}

bool is_program_name(std::string_view word) {
  return word.size() > 1 && word.size() <= 40 && std::islower(static_cast<unsigned char>(word.front())) != 0 &&
         std::ranges::all_of(word, [](unsigned char c) {
           return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-' || c == '_' || c == '+';
         });
}

bool contains(const std::vector<std::string>& list, std::string_view name) {
  return std::ranges::find(list, name) != list.end();
}

}  // namespace

void Claims::note(Uses& uses, std::string name, const FileText& file, std::uint32_t at) {
  if (uses.size() >= kMaxNames || uses.contains(name)) return;
  const std::size_t line = line_of(file.lines, at);
  uses.emplace(std::move(name),
               Use{std::string(file.path), static_cast<int>(line + 1), static_cast<int>(at - file.lines[line] + 1)});
}

void Claims::file(const FileText& file, const std::vector<Block>& blocks) {
  for (const Block& block : blocks) {
    hosts(file, block);
    if (block.where != Where::script && (block.where != Where::code || block.language == Language::none)) continue;
    variables(file, block);
    if (block.language == Language::shell) programs(file, block);
  }
}

void Claims::variables(const FileText& file, const Block& block) {
  static const RE2 code_read(
      R"((?:os\.environ(?:\.get)?\s*[\[(]\s*["']|os\.getenv\s*\(\s*["']|process\.env\.|process\.env\[["']|Deno\.env\.get\(["']|ENV(?:\.fetch)?[\[(]["']|os\.Getenv\("|env::var\("|\$env:)([A-Z][A-Z0-9_]{2,60})\b)");
  static const RE2 shell_read(R"(\$\{?([A-Z][A-Z0-9_]{2,60})\b)");
  static const RE2 assigned(
      R"((?:^|[\s;(])(?:export |local |readonly |for |read (?:-\w+ )*)?([A-Za-z_][A-Za-z0-9_]{2,60})(?:=| in ))");
  const re2::StringPiece text(block.text.text);
  re2::StringPiece name;
  if (block.language == Language::shell) {
    for (re2::StringPiece rest = text; RE2::FindAndConsume(&rest, assigned, &name);)
      if (defined_.size() < kMaxNames) defined_.insert(name.as_string());
  }
  for (re2::StringPiece rest = text;
       RE2::FindAndConsume(&rest, block.language == Language::shell ? shell_read : code_read, &name);)
    note(env_, name.as_string(), file, block.text.origin[name.data() - text.data()]);
}

void Claims::programs(const FileText& file, const Block& block) {
  static const RE2 function(R"((?:^|\n)\s*(?:function )?([A-Za-z_][\w-]{1,60})\s*\(\s*\)\s*\{?)");
  const re2::StringPiece text(block.text.text);
  re2::StringPiece name;
  for (re2::StringPiece rest = text; RE2::FindAndConsume(&rest, function, &name);)
    if (defined_.size() < kMaxNames) defined_.insert(name.as_string());
  shell_commands(block.text, block.language, false, [&](const Mapped& command) {
    for_each_program(command, [&](std::string_view word, std::uint32_t at) {
      if (is_program_name(word)) note(bins_, std::string(word), file, at);
    });
  });
}

void Claims::hosts(const FileText& file, const Block& block) {
  for_each_url(block.text, [&](const std::string& url, MappedView raw) {
    const std::string_view host = host_of(url);
    if (is_placeholder(host)) return;
    if (block.where == Where::script) {
      note(hosts_, std::string(host), file, raw.origin[0]);
    } else if (documented_hosts_.size() < kMaxNames) {
      documented_hosts_.insert(site_of(host));
    }
  });
}

void Claims::compare(const skill::Manifest& manifest, const Source& source, Collector& out) const {
  const auto report = [&](std::string_view check, const Uses& uses, const auto& is_declared) {
    for (const auto& [name, use] : uses) {
      if (!is_declared(name)) out.add_at(check, use.file, use.line, use.column, "`" + name + "`");
    }
  };
  report("claims/env", env_, [&](const std::string& name) {
    return contains(manifest.required_env, name) || contains(rules_.list("common-env"), name) ||
           defined_.contains(name);
  });
  report("claims/bins", bins_, [&](const std::string& name) {
    const bool any = std::ranges::any_of(manifest.any_bins, [&](const auto& bins) { return contains(bins, name); });
    const bool own = std::ranges::any_of(source.files, [&](const SourceFile& file) {
      return std::string_view(file.path).substr(file.path.rfind('/') + 1) == name;
    });
    return any || own || contains(manifest.required_bins, name) || contains(rules_.list("common-bins"), name) ||
           defined_.contains(name) || name == manifest.name;
  });
  report("claims/network", hosts_, [&](const std::string& host) { return documented_hosts_.contains(site_of(host)); });
}

}  // namespace skill_verifier::scan

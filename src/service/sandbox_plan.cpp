#include "service/sandbox_plan.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace skill_verifier::service {
namespace {

using Kind = PlannedCommand::Kind;
using std::chrono::seconds;

constexpr std::size_t kMostScripts = 64;
constexpr std::size_t kMostEntries = 16;
constexpr std::uint64_t kKeptOfTest = 256u << 10;
constexpr std::uint64_t kKept = 8u << 10;

/// Nothing of the package is imported, no byte code is written.
constexpr const char* kPython = R"(import sys
path = sys.argv[1]
try:
    compile(open(path, 'rb').read(), path, 'exec', dont_inherit=True)
except SyntaxError as error:
    print(f'line {error.lineno or 0}: {error.msg}')
    sys.exit(1)
except (ValueError, RecursionError, MemoryError) as error:
    print(f'line 0: {type(error).__name__}: {error}')
    sys.exit(1)
)";
/// A file named .js may be of either kind of module, which only its user's configuration says.
constexpr const char* kNode = R"(node --check "$1" 2>/tmp/node-check && exit 0
grep -qE "outside a module|Unexpected token 'export'|await is only valid|import.meta" /tmp/node-check || { cat /tmp/node-check; exit 1; }
exec node --input-type=module --check - <"$1" 2>&1)";
constexpr const char* kProbe = R"(for name in sh bash python3 node perl ruby npm make bats; do
  command -v "$name" >/dev/null 2>&1 && echo "$name"
done
python3 -I -B -c 'import pytest' >/dev/null 2>&1 && echo pytest
:)";

PlannedCommand make(Kind kind, std::string file, std::string program, std::vector<std::string> argv,
                    std::string shown) {
  PlannedCommand made;
  made.kind = kind;
  made.file = std::move(file);
  made.program = std::move(program);
  made.shown = std::move(shown);
  made.command.spec.argv = std::move(argv);
  made.command.spec.env = {{"PYTHONDONTWRITEBYTECODE", "1"}, {"NO_COLOR", "1"}, {"TERM", "dumb"}};
  made.command.spec.timeout = seconds(kind == Kind::test ? 30 : 10);
  made.command.kept = kind == Kind::test ? kKeptOfTest : kKept;
  made.command.watch = kind == Kind::smoke;
  made.command.of_image = kind == Kind::probe;
  return made;
}

PlannedCommand syntax_of(const Script& script) {
  const std::string path = "./" + script.path;
  const auto& by = script.interpreter;
  if (by == "sh" || by == "bash")
    return make(Kind::syntax, script.path, by, {by, "-n", path}, by + " -n " + script.path);
  if (by == "python3")
    return make(Kind::syntax, script.path, by, {by, "-I", "-S", "-B", "-c", kPython, path},
                "python3 compile " + script.path);
  if (by == "node")
    return make(Kind::syntax, script.path, by, {"/bin/sh", "-c", kNode, "node", path}, "node --check " + script.path);
  if (by == "perl" || by == "ruby")
    return make(Kind::syntax, script.path, by, {by, "-c", path}, by + " -c " + script.path);
  auto made = make(Kind::syntax, script.path, by, {}, by + " " + script.path);
  made.skipped = "there is no check for scripts of " + by;
  return made;
}

bool can_run(const Script& script) {
  constexpr std::array<std::string_view, 6> kKnown{"sh", "bash", "python3", "node", "perl", "ruby"};
  return std::ranges::find(kKnown, script.interpreter) != kKnown.end();
}

void add_smoke(const Script& script, SandboxPlan& plan) {
  for (const std::string_view argument : {"--help", ""}) {
    std::vector<std::string> argv{script.interpreter, "./" + script.path};
    std::string shown = script.interpreter + " " + script.path;
    if (!argument.empty()) {
      argv.emplace_back(argument);
      shown += " " + std::string(argument);
    }
    plan.commands.push_back(make(Kind::smoke, script.path, script.interpreter, std::move(argv), std::move(shown)));
    if (!can_run(script)) plan.commands.back().skipped = "there is no " + script.interpreter + " here";
  }
}

std::string text_of(const skill::Command& command) {
  std::string text;
  for (const auto& argument : command.argv)
    text += (text.empty() ? "" : " ") + argument;
  return command.shell ? command.argv.back() : text;
}

/// What the manifest has run already is not run again.
bool is_declared(const skill::FoundTest& test, const skill::Manifest& manifest) {
  if (!manifest.test.command) return false;
  const auto declared = text_of(*manifest.test.command);
  return manifest.test.command == test.command || declared.find(test.mention) != std::string::npos;
}

void add_test(const skill::FoundTest& test, const skill::FileView& files, SandboxPlan& plan) {
  // `package.json scripts.test` is in a file, `pytest` is not.
  auto file = test.source.substr(0, test.source.find(' '));
  if (std::ranges::find(files.paths, file) == files.paths.end()) file.clear();
  plan.commands.push_back(make(Kind::test, std::move(file), test.program, test.command.argv, text_of(test.command)));
  if (test.needs_deps)
    plan.commands.back().skipped = "it needs dependencies that only `test_deps` of a declared test installs";
}

}  // namespace

std::vector<sandbox::ExamineRequest::Command> SandboxPlan::to_run() const {
  std::vector<sandbox::ExamineRequest::Command> wanted;
  for (const auto& command : commands)
    if (command.skipped.empty()) wanted.push_back(command.command);
  return wanted;
}

SandboxPlan plan_sandbox_checks(const skill::FileView& files, const skill::Manifest& manifest) {
  SandboxPlan plan;
  auto scripts = find_scripts(files);
  auto entries = find_entries(files, manifest, scripts);
  const auto tests = skill::find_tests(files);
  if (scripts.size() > kMostScripts) {
    plan.more_scripts = scripts.size() - kMostScripts;
    scripts.resize(kMostScripts);
  }
  if (entries.size() > kMostEntries) {
    plan.more_entries = entries.size() - kMostEntries;
    entries.resize(kMostEntries);
  }
  // perl -c executes BEGIN blocks: after the others, so that it cannot touch what they look at.
  std::ranges::sort(scripts, {},
                    [](const Script& script) { return std::pair(script.interpreter == "perl", script.path); });
  for (const auto& script : scripts)
    plan.commands.push_back(syntax_of(script));
  for (const auto& entry : entries)
    add_smoke(entry, plan);
  for (const auto& test : tests)
    if (!is_declared(test, manifest)) add_test(test, files, plan);
  const auto runs = [](const PlannedCommand& command) { return command.skipped.empty(); };
  if (std::ranges::any_of(plan.commands, runs))
    plan.commands.insert(plan.commands.begin(), make(Kind::probe, {}, {}, {"/bin/sh", "-c", kProbe}, {}));
  return plan;
}

}  // namespace skill_verifier::service

#include "skill/manifest/discovery.hpp"

#include <algorithm>
#include <array>

#include "skill/manifest/tree.hpp"

namespace skill_verifier::skill::manifest {
namespace {

Command shell(std::string text) {
  return {.argv = {"/bin/sh", "-c", std::move(text)}, .shell = true};
}

bool has(const FileView& files, std::string_view path) {
  return std::ranges::find(files.paths, path) != files.paths.end();
}

std::optional<std::string> read_if_present(const FileView& files, std::string_view path) {
  return has(files, path) ? files.read(path) : std::nullopt;
}

std::optional<DiscoveredTest> npm_test(const FileView& files) {
  const auto text = read_if_present(files, "package.json");
  if (!text) return std::nullopt;
  // Somebody else's file: one that is no JSON, or too large for us, declares nothing.
  const auto package = parse_json_tree(*text, "package.json");
  if (!package) return std::nullopt;
  const Node* scripts = package->find("scripts");
  const Node* test = scripts ? scripts->find("test") : nullptr;
  if (!test || test->kind != Kind::scalar || trim(test->text).empty()) return std::nullopt;
  if (test->text.find("no test specified") != std::string::npos) return std::nullopt;
  const auto lists = [&](std::string_view name) {
    const Node* node = package->find(name);
    return node && !node->members.empty();
  };
  std::optional<Command> deps;
  if (lists("dependencies") || lists("devDependencies")) {
    deps = shell(has(files, "package-lock.json") ? "npm ci" : "npm install");
  }
  return DiscoveredTest{shell("npm test"), std::move(deps), "node:20-alpine", "package.json scripts.test"};
}

std::optional<DiscoveredTest> test_script(const FileView& files) {
  const auto text = read_if_present(files, "test.sh");
  if (!text) return std::nullopt;
  const std::string_view first = std::string_view(*text).substr(0, text->find('\n'));
  const bool bash = first.starts_with("#!") && first.find("bash") != std::string_view::npos;
  return DiscoveredTest{.command = {.argv = {bash ? "bash" : "sh", "test.sh"}, .shell = false},
                        .deps = std::nullopt,
                        .runtime = bash ? "debian:12-slim" : "alpine:latest",
                        .source = "test.sh"};
}

bool is_pytest_file(std::string_view path) {
  if (path.starts_with("node_modules/") || path.find("/node_modules/") != std::string_view::npos) return false;
  const auto slash = path.rfind('/');
  const auto name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return name.ends_with("_test.py") || (name.starts_with("test_") && name.ends_with(".py"));
}

std::optional<DiscoveredTest> pytest(const FileView& files) {
  if (std::ranges::none_of(files.paths, is_pytest_file)) return std::nullopt;
  std::string deps = "pip install pytest";
  if (has(files, "requirements.txt")) deps += " -r requirements.txt";
  return DiscoveredTest{shell("python -m pytest"), shell(std::move(deps)), "python:3.11-alpine", "pytest"};
}

/// A rule whose targets include `test`, as POSIX make reads it; assignments (`test := x`) are none.
bool has_test_rule(std::string_view makefile) {
  while (!makefile.empty()) {
    const auto end = makefile.find('\n');
    std::string_view line = makefile.substr(0, end);
    makefile.remove_prefix(end == std::string_view::npos ? makefile.size() : end + 1);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || line.starts_with('\t') || line.starts_with('#')) continue;
    const auto after = line.substr(colon);
    if (after.starts_with(":=") || after.starts_with("::=") || after.starts_with(":::=")) continue;
    std::string_view targets = line.substr(0, colon);
    while (!trim(targets).empty()) {
      targets = trim(targets);
      const auto space = std::min(targets.find_first_of(" \t"), targets.size());
      if (targets.substr(0, space) == "test") return true;
      targets.remove_prefix(space);
    }
  }
  return false;
}

std::optional<DiscoveredTest> make_test(const FileView& files) {
  for (const std::string_view name : {"GNUmakefile", "makefile", "Makefile"}) {
    const auto text = read_if_present(files, name);
    if (!text) continue;
    // make reads the first of these names and no other.
    if (!has_test_rule(*text)) return std::nullopt;
    return DiscoveredTest{shell("make test"), shell("apk add --no-cache make"), "alpine:latest",
                          std::string(name) + " test"};
  }
  return std::nullopt;
}

/// What find_tests says beyond what discover_test does.
FoundTest found(DiscoveredTest test, std::string program, std::string mention, bool needs_deps) {
  FoundTest made;
  made.command = std::move(test.command);
  made.source = std::move(test.source);
  made.program = std::move(program);
  made.mention = std::move(mention);
  made.needs_deps = needs_deps;
  return made;
}

std::optional<FoundTest> bats(const FileView& files) {
  constexpr std::size_t kMost = 50;
  FoundTest test;
  test.command.argv = {"bats", "--tap"};
  for (const auto& path : files.paths) {
    if (path.ends_with(".bats") && test.command.argv.size() < kMost) test.command.argv.push_back("./" + path);
  }
  if (test.command.argv.size() == 2) return std::nullopt;
  test.source = test.program = test.mention = "bats";
  return test;
}

}  // namespace

std::optional<DiscoveredTest> discover_test(const FileView& files) {
  for (const auto look : {npm_test, test_script, pytest, make_test}) {
    if (auto found = look(files)) return found;
  }
  return std::nullopt;
}

}  // namespace skill_verifier::skill::manifest

namespace skill_verifier::skill {

std::vector<FoundTest> find_tests(const FileView& files) {
  using namespace manifest;
  const auto bundled = [](const std::string& path) { return path.starts_with("node_modules/"); };
  std::vector<FoundTest> tests;
  if (auto test = npm_test(files)) {
    const bool needs = test->deps.has_value() && std::ranges::none_of(files.paths, bundled);
    tests.push_back(found(std::move(*test), "npm", "npm", needs));
  }
  if (auto test = test_script(files)) {
    const auto shell = test->command.argv.front();
    tests.push_back(found(std::move(*test), shell, "test.sh", false));
  }
  if (auto test = pytest(files))
    tests.push_back(found(std::move(*test), "pytest", "pytest", has(files, "requirements.txt")));
  if (auto test = make_test(files)) tests.push_back(found(std::move(*test), "make", "make", false));
  if (auto test = bats(files)) tests.push_back(std::move(*test));
  return tests;
}

}  // namespace skill_verifier::skill

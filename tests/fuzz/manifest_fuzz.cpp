#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/skill/lint.hpp"

// The input is a package: NUL-separated texts of SKILL.md, the sidecars as YAML and JSON, package.json and Makefile.
namespace {

using namespace skill_verifier;
using namespace skill_verifier::skill;

constexpr std::string_view kNames[] = {"SKILL.md", "skill-verifier.yaml", "skill-verifier.json", "package.json",
                                       "Makefile"};

void require(bool condition) {
  if (!condition) std::abort();
}

void check_diagnostic(const Diagnostic& diagnostic) {
  require(!diagnostic.code.empty() && !diagnostic.message.empty());
  require(core::is_utf8(diagnostic.message) && diagnostic.message.size() < 1000);
  require(diagnostic.at.line >= 0 && diagnostic.at.column >= 0);
}

void check(const ManifestReport& report, bool sidecar, const ManifestOptions& options) {
  require(report.manifest.has_value() != report.refusal.has_value());
  if (report.refusal) check_diagnostic(*report.refusal);
  for (const auto& warning : report.warnings)
    check_diagnostic(warning);
  if (report.manifest) {
    const Manifest& manifest = *report.manifest;
    require(!manifest.name.empty() && manifest.name.find('\n') == std::string::npos);
    require(!manifest.frontmatter_recovered || options.profile == Profile::lenient);
    if (manifest.test.command) {
      require(!manifest.test.command->argv.empty() && !manifest.test.command->argv.front().empty());
      require(!manifest.test.source.empty());
      require(manifest.test.timeout.count() > 0);
      require(!manifest.frontmatter_recovered || sidecar || !manifest.test.declared);
    }
  }
  const LintResult result{.path = "x", .report = report, .failure = std::nullopt};
  require(core::is_utf8(to_json(result)));
  require(!to_text(result).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = core::as_text({data, size});
  FileView files;
  std::vector<std::string> texts;
  for (const auto name : kNames) {
    const auto end = rest.find('\0');
    files.paths.emplace_back(name);
    texts.emplace_back(rest.substr(0, end));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  // Two sidecars are always refused: the empty one of them is left out.
  if (texts.size() > 2) {
    const std::size_t empty = texts[1].empty() ? 1 : 2;
    texts.erase(texts.begin() + static_cast<std::ptrdiff_t>(empty));
    files.paths.erase(files.paths.begin() + static_cast<std::ptrdiff_t>(empty));
  }
  files.read = [&](std::string_view path) -> std::optional<std::string> {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      if (files.paths[i] == path) return texts[i];
    }
    return std::nullopt;
  };
  for (const auto profile : {Profile::registry, Profile::spec, Profile::lenient}) {
    ManifestOptions options;
    options.profile = profile;
    options.discover = profile == Profile::spec;
    check(read_manifest(files, options), texts.size() > 1, options);
  }
  check(read_manifest_text(texts.front(), "SKILL.md", {}), false, {});
  return 0;
}

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/scan/format.hpp"
#include "skill_verifier/scan/record.hpp"

// A whole package: a byte that chooses the name of a file, the file, a byte 0xFF, and so on.
namespace {

using namespace skill_verifier;

constexpr std::array<std::string_view, 16> kNames{
    "SKILL.md",       "package.json",     "package-lock.json", "npm-shrinkwrap.json", "yarn.lock",
    "pnpm-lock.yaml", "requirements.txt", "pyproject.toml",    "poetry.lock",         "uv.lock",
    "a/run.sh",       "a/package.json",   "a/logo.png",        "skill-verifier.yml",  "LICENSE",
    "a/b.pyc"};

void require(bool condition) {
  if (!condition) std::abort();
}

const scan::Profile& profile() {
  static const Result<scan::Profile> standard = scan::standard_profile();
  require(standard.has_value());
  return *standard;
}

std::map<std::string, std::string> files_of(std::string_view data) {
  std::map<std::string, std::string> files;
  while (!data.empty() && files.size() < 16) {
    const std::string name(kNames[static_cast<std::uint8_t>(data.front()) % kNames.size()]);
    const auto end = std::min(data.find('\xFF'), data.size());
    files[name] = data.substr(1, end == 0 ? 0 : end - 1);
    data.remove_prefix(std::min(end + 1, data.size()));
  }
  return files;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto files = files_of(core::as_text({data, size}));
  if (files.empty()) return 0;
  scan::Source source;
  source.modes = false;
  for (const auto& [path, text] : files)
    source.files.push_back({path, text.size(), false});
  source.read = [&](const scan::SourceFile& file) -> Result<std::string> { return files.at(file.path); };
  const auto report = scan::scan(source, profile());
  require(report.has_value());
  require(report->rows.size() == report->passed + report->warned + report->failed + report->skipped);
  for (const scan::Row& row : report->rows) {
    // A manifest that is missing is named all the same.
    require(row.file.empty() || row.file == "SKILL.md" || files.contains(row.file));
    require(core::is_utf8(row.matched) && core::is_utf8(row.note) && row.note.size() < 2000);
    require(row.utf16_column <= row.column && row.utf16_column >= 0);
  }
  const scan::Scanned scanned{"x", *report};
  require(core::is_utf8(to_json(scanned, profile())));
  require(core::is_utf8(to_sarif({&scanned, 1}, profile(), "0")));
  // What is kept says the same when it is read again.
  const std::string rows = rows_json(*report);
  const auto kept = scan::parse_rows(rows);
  require(kept && scan::rows_json(*kept) == rows && kept->flagged == report->flagged);
  return 0;
}

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/scan/format.hpp"

// The first byte chooses the name of the file; the rest is the file.
namespace {

using namespace skill_verifier;

constexpr std::string_view kNames[] = {"SKILL.md", "run.sh", "main.py", "setup.ps1", "package.json", "blob"};

void require(bool condition) {
  if (!condition) std::abort();
}

const scan::Profile& profile() {
  static const Result<scan::Profile> standard = scan::standard_profile();
  require(standard.has_value());
  return *standard;
}

void check(const scan::Row& row, std::string_view text) {
  require(core::is_utf8(row.matched) && core::is_utf8(row.excerpt) && core::is_utf8(row.note));
  require(row.excerpt.size() < 2000 && row.matched.size() < 200);
  require(row.line >= 0 && row.column >= 0 && row.caret <= row.excerpt.size());
  require(row.line <= static_cast<int>(text.size()) + 2);
  if (row.end_line == row.line && row.end_column > 0) require(row.end_column >= row.column);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string name(kNames[data[0] % std::size(kNames)]);
  const std::string text(core::as_text({data + 1, size - 1}));
  const auto report = scan::scan(scan::source_of(name, text), profile());
  require(report.has_value());
  require(report->rows.size() >= profile().checks().size());
  require(report->rows.size() == report->passed + report->warned + report->failed + report->skipped);
  for (const scan::Row& row : report->rows)
    check(row, text);
  const scan::Scanned scanned{name, *report};
  require(!to_text(scanned, profile()).empty());
  require(core::is_utf8(to_json(scanned, profile())));
  const auto again = scan::scan(scan::source_of(name, text), profile());
  require(again && to_json({name, *again}, profile()) == to_json(scanned, profile()));
  return 0;
}

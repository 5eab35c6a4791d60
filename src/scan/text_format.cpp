#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "scan/location.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/scan/format.hpp"

namespace skill_verifier::scan {
namespace {

/// Columns that a UTF-8 text takes in a terminal, near enough for a caret.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void append_excerpt(std::string& out, const Row& row) {
  if (row.excerpt.empty()) return;
  const std::string number = std::to_string(row.line);
  out += fmt::format("  {} | {}\n", number, row.excerpt);
  const std::string_view excerpt = row.excerpt;
  const std::size_t caret = std::min(row.caret, excerpt.size());
  // The match may go on in later lines: the mark ends with the excerpt.
  const std::size_t marked = std::min(columns(row.matched), columns(excerpt.substr(caret)));
  out +=
      fmt::format("  {} | {}{}\n", std::string(number.size(), ' '), std::string(columns(excerpt.substr(0, caret)), ' '),
                  "^" + std::string(marked > 1 ? marked - 1 : 0, '~'));
}

void append_row(std::string& out, const Scanned& scanned, const Row& row, const Check& check) {
  std::string where = core::shorten(location_of(scanned, row), 500);
  if (row.line > 0) where += fmt::format(":{}", row.line);
  if (row.line > 0 && row.column > 0) where += fmt::format(":{}", row.column);
  out += fmt::format("{}: {}: {} [{}]\n", where, to_string(row.severity), check.title, check.id);
  append_excerpt(out, row);
  if (!row.note.empty()) out += "  note: " + row.note + "\n";
  if (row.allowed) out += "  allowed by author\n";
}

}  // namespace

std::string to_text(const Scanned& scanned, const Profile& profile) {
  std::vector<const Row*> rows;
  for (const Row& row : scanned.report.rows)
    if (row.outcome == Outcome::failed || row.outcome == Outcome::warned) rows.push_back(&row);
  std::ranges::sort(
      rows, {}, [](const Row* row) { return std::tuple(std::string_view(row->file), row->line, row->column, row); });

  std::string out;
  std::vector<std::string_view> explained;
  for (const Row* row : rows) {
    const Check* check = profile.find(row->check);
    if (!check) continue;
    append_row(out, scanned, *row, *check);
    // What is to be said of a check is said once.
    if (std::ranges::find(explained, check->id) != explained.end()) continue;
    explained.push_back(check->id);
    out += fmt::format("  why: {}\n  fix: {}\n", check->reason, check->remedy);
    if (check->severity != Severity::critical)
      out += fmt::format("  or:  state that it is intended: metadata.skill-verifier-allow: {}\n",
                         check->id.substr(check->id.find('/') + 1));
  }
  const Report& report = scanned.report;
  return out + fmt::format("{}: {} failed, {} warned, {} passed, {} skipped [{}]{}", core::shorten(scanned.path, 500),
                           report.failed, report.warned, report.passed, report.skipped, report.profile,
                           report.flagged ? ": FLAGGED" : "");
}

}  // namespace skill_verifier::scan

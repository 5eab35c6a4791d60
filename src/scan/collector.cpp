#include "scan/collector.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "scan/matcher.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::scan {
namespace {

/// A check that hits more often than this in one skill is worth one more line, not thousands.
constexpr std::size_t kMaxRowsPerCheck = 25;
constexpr std::size_t kExcerpt = 160;
constexpr std::size_t kMatched = 120;

Outcome outcome_of(Severity severity) {
  return severity >= Severity::high ? Outcome::failed : Outcome::warned;
}

/// The line around the match, with the match in view, and where it begins in the escaped text.
void set_excerpt(Row& row, const FileText& file, std::size_t line_begin, std::uint32_t begin, std::uint32_t end) {
  std::size_t line_end = std::min(file.raw.find('\n', begin), file.raw.size());
  if (line_end > begin && file.raw[line_end - 1] == '\r') --line_end;
  std::size_t from = line_begin;
  if (begin - line_begin > kExcerpt / 2) from = begin - kExcerpt / 3;
  while (from < begin && (static_cast<unsigned char>(file.raw[from]) & 0xC0) == 0x80)
    ++from;
  while (from == line_begin && from < begin && (file.raw[from] == ' ' || file.raw[from] == '\t'))
    ++line_begin, ++from;
  const std::string before = core::shorten(file.raw.substr(from, begin - from), 4 * kExcerpt);
  line_end = std::min(line_end, std::size_t{end} + kExcerpt);
  row.caret = before.size();
  row.excerpt =
      before + core::shorten(file.raw.substr(begin, std::max<std::size_t>(line_end, begin) - begin), kExcerpt);
}

}  // namespace

void Collector::add(std::string_view short_id, std::string_view file, std::string note) {
  add_at(short_id, file, 0, 0, std::move(note));
}

void Collector::add_at(std::string_view short_id, std::string_view file, int line, int column, std::string note) {
  const auto check = rules_.check_index(short_id);
  if (!check) return;  // a profile need not have every check that we know
  Row row;
  row.file = std::string(file);
  row.line = row.end_line = line;
  row.column = row.end_column = row.utf16_column = row.utf16_end_column = column;
  row.note = std::move(note);
  row.severity = rules_.checks[*check].severity;
  keep(*check, std::move(row));
}

void Collector::add(std::string_view short_id, const FileText& file, std::uint32_t begin, std::uint32_t end,
                    std::string note) {
  if (const auto check = rules_.check_index(short_id)) add(*check, file, begin, end, std::move(note));
}

void Collector::add(std::size_t check, const FileText& file, std::uint32_t begin, std::uint32_t end, std::string note,
                    bool softened) {
  Row row;
  row.file = std::string(file.path);
  const std::size_t first = line_of(file.lines, begin);
  const std::size_t last = line_of(file.lines, std::max(begin, end - 1));
  row.line = static_cast<int>(first + 1);
  row.column = static_cast<int>(begin - file.lines[first] + 1);
  row.end_line = static_cast<int>(last + 1);
  row.end_column = static_cast<int>(end - file.lines[last] + 1);
  row.utf16_column = static_cast<int>(file.utf16.before(begin) - file.utf16.before(file.lines[first]) + 1);
  row.utf16_end_column = static_cast<int>(file.utf16.before(end) - file.utf16.before(file.lines[last]) + 1);
  row.matched = core::shorten(file.raw.substr(begin, end - begin), kMatched);
  set_excerpt(row, file, file.lines[first], begin, end);
  row.severity = rules_.checks[check].severity;
  row.note = std::move(note);
  if (softened && row.severity > Severity::medium) {
    row.severity = Severity::medium;
    row.note = "the text around it seems to warn of this";
  }
  keep(check, std::move(row));
}

void Collector::keep(std::size_t check, Row row) {
  row.check = rules_.checks[check].id;
  row.outcome = outcome_of(row.severity);
  // What fails is kept before what warns, so that filling up with the latter hides nothing.
  auto& rows = rows_[check];
  if (rows.size() >= kMaxRowsPerCheck) {
    ++more_[check];
    if (row.outcome != Outcome::failed) return;
    const auto weaker = std::ranges::find(rows, Outcome::warned, &Row::outcome);
    if (weaker == rows.end()) return;
    *weaker = std::move(row);
    return;
  }
  rows.push_back(std::move(row));
}

void Collector::skip(std::string_view prefix, std::string why) {
  skipped_.emplace_back(prefix, std::move(why));
}

void Collector::skip_file(std::string_view short_id, std::string_view file, std::string why) {
  const auto check = rules_.check_index(short_id);
  if (!check) return;
  if (rows_[*check].size() >= kMaxRowsPerCheck) {
    ++more_[*check];
    return;
  }
  Row row;
  row.check = rules_.checks[*check].id;
  row.outcome = Outcome::skipped;
  row.severity = rules_.checks[*check].severity;
  row.file = std::string(file);
  row.note = std::move(why);
  rows_[*check].push_back(std::move(row));
}

bool Collector::is_allowed(std::string_view id, const std::vector<std::string>& allows) const {
  const std::string_view short_id = id.substr(id.find('/') + 1);
  return std::ranges::any_of(allows, [&](const std::string& allow) { return allow == id || allow == short_id; });
}

Report Collector::finish(std::vector<std::string> allows) {
  Report report;
  report.profile = rules_.name;
  report.profile_digest = rules_.digest;
  for (std::size_t check = 0; check < rules_.checks.size(); ++check) {
    const Check& about = rules_.checks[check];
    auto& rows = rows_[check];
    if (rows.empty()) {
      Row row;
      row.check = about.id;
      row.severity = about.severity;
      const std::string_view short_id = std::string_view(about.id).substr(about.id.find('/') + 1);
      const auto skipped =
          std::ranges::find_if(skipped_, [&](const auto& entry) { return short_id.starts_with(entry.first); });
      if (skipped != skipped_.end()) {
        row.outcome = Outcome::skipped;
        row.note = skipped->second;
      }
      rows.push_back(std::move(row));
    }
    std::ranges::sort(rows, {},
                      [](const Row& row) { return std::tie(row.file, row.line, row.column, row.matched, row.note); });
    if (more_[check] > 0)
      rows.back().note += fmt::format("{}and {} more", rows.back().note.empty() ? "" : "; ", more_[check]);
    const bool allowed = is_allowed(about.id, allows);
    for (Row& row : rows) {
      const bool hit = row.outcome == Outcome::failed || row.outcome == Outcome::warned;
      row.allowed = hit && allowed;
      // An author cannot vouch for what only an attacker would need to excuse.
      if (row.allowed && row.severity != Severity::critical) row.outcome = Outcome::warned;
      report.flagged = report.flagged || (row.outcome == Outcome::failed && row.severity == Severity::critical);
      ++(row.outcome == Outcome::passed   ? report.passed
         : row.outcome == Outcome::failed ? report.failed
         : row.outcome == Outcome::warned ? report.warned
                                          : report.skipped);
      report.rows.push_back(std::move(row));
    }
  }
  report.allows = std::move(allows);
  return report;
}

}  // namespace skill_verifier::scan

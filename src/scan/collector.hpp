#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "scan/rules.hpp"
#include "scan/utf16.hpp"
#include "skill_verifier/scan/scan.hpp"

namespace skill_verifier::scan {

/// A text file at hand, for turning byte offsets into places.
struct FileText {
  std::string_view path;
  std::string_view raw;
  std::vector<std::uint32_t> lines;
  Utf16Index utf16{raw};
};

/// Gathers what checks find and turns it into the rows of a report.
class Collector {
 public:
  explicit Collector(const detail::Rules& rules)
      : rules_(rules), rows_(rules.checks.size()), more_(rules.checks.size()) {}

  /// A hit of the check `short_id` (without the profile's name) about a file as a whole, or the package.
  void add(std::string_view short_id, std::string_view file, std::string note);
  /// With a place, as 1-based line and column, where no bytes are at hand.
  void add_at(std::string_view short_id, std::string_view file, int line, int column, std::string note);
  /// With the bytes [begin, end) of a text.
  void add(std::size_t check, const FileText& file, std::uint32_t begin, std::uint32_t end, std::string note,
           bool softened = false);
  void add(std::string_view short_id, const FileText& file, std::uint32_t begin, std::uint32_t end, std::string note);
  /// Checks whose id begins so were not done; nothing where they have hits.
  void skip(std::string_view prefix, std::string why);
  /// The check was not done on this file.
  void skip_file(std::string_view short_id, std::string_view file, std::string why);

  /// The finished report. `allows` are short or full ids.
  Report finish(std::vector<std::string> allows);

 private:
  void keep(std::size_t check, Row row);
  bool is_allowed(std::string_view id, const std::vector<std::string>& allows) const;

  const detail::Rules& rules_;
  std::vector<std::vector<Row>> rows_;
  std::vector<std::size_t> more_;
  std::vector<std::pair<std::string, std::string>> skipped_;
};

}  // namespace skill_verifier::scan

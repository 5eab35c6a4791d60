#pragma once

#include <set>
#include <string>
#include <vector>

#include "scan/collector.hpp"
#include "scan/content.hpp"
#include "scan/pattern_set.hpp"

namespace skill_verifier::scan {

/// The `package/…` checks that look at files as wholes. Files pass by one at a time.
class PackageChecks {
 public:
  PackageChecks(const Source& source, Collector& out);

  void file(const SourceFile& file, std::string_view bytes, const Identity& identity);
  /// A text in which other files may be mentioned.
  void mentions(const SourceFile& file, std::string_view text);
  void finish();

 private:
  void kind(const SourceFile& file, const Identity& identity);
  void type(const SourceFile& file, std::string_view bytes, const Identity& identity);
  bool has_source(const std::string& path) const;

  const Source& source_;
  Collector& out_;
  std::vector<std::size_t> code_;   ///< places of code files in source_.files
  std::vector<std::string> stems_;  ///< their names in lower case, without what follows the last dot
  std::set<int> mentioned_;
  std::vector<int> found_;
  LiteralSet names_;
};

}  // namespace skill_verifier::scan

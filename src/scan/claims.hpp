#pragma once

#include <map>
#include <set>
#include <string>

#include "scan/collector.hpp"
#include "scan/document.hpp"
#include "skill_verifier/skill/manifest.hpp"

namespace skill_verifier::scan {

/// The `claims/…` checks: gathers what scripts and shell blocks use while files pass by, and compares it at the end
/// with what the manifest declares.
class Claims {
 public:
  explicit Claims(const detail::Rules& rules) : rules_(rules) {}

  void file(const FileText& file, const std::vector<Block>& blocks);
  void compare(const skill::Manifest& manifest, const Source& source, Collector& out) const;

 private:
  struct Use {
    std::string file;
    int line = 0;
    int column = 0;
  };
  using Uses = std::map<std::string, Use>;

  void variables(const FileText& file, const Block& block);
  void programs(const FileText& file, const Block& block);
  void hosts(const FileText& file, const Block& block);
  static void note(Uses& uses, std::string name, const FileText& file, std::uint32_t at);

  const detail::Rules& rules_;
  Uses env_;
  Uses bins_;
  Uses hosts_;
  std::set<std::string> documented_hosts_;
  std::set<std::string> defined_;  ///< functions and variables that a script defines itself
};

}  // namespace skill_verifier::scan

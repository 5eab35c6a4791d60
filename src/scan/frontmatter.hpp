#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace skill_verifier::scan {

struct FrontmatterFacts {
  std::vector<std::string> allows;
  std::vector<std::pair<int, std::string>> dropped_by_clawhub;  ///< line and what is lost
};

/// Reads what the manifest reader leaves aside. Only for a text that the manifest reader accepted: that bounds depth
/// and size of the YAML.
FrontmatterFacts read_frontmatter(std::string_view skill_md);

}  // namespace skill_verifier::scan

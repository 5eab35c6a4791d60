#pragma once

#include <map>
#include <string>
#include <vector>

#include "skill_verifier/scan/scan.hpp"

namespace skill_verifier::scan::test {

/// The standard profile, read once.
const Profile& standard();
/// A SKILL.md with this body and a valid frontmatter.
std::string skill_md(const std::string& body);
/// Scans files given by path; those in `executable` have the bit.
Report scan_files(const std::map<std::string, std::string>& files, const std::vector<std::string>& executable = {},
                  const std::string& name = {});
Report scan_text(const std::string& file, const std::string& text);
/// The rows of a check (without the profile's name) that are hits.
std::vector<Row> hits(const Report& report, const std::string& short_id);

}  // namespace skill_verifier::scan::test

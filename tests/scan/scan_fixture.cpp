#include "scan/scan_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

namespace skill_verifier::scan::test {

const Profile& standard() {
  static const Result<Profile> profile = standard_profile();
  if (!profile) throw std::runtime_error(profile.error().message);
  return *profile;
}

std::string skill_md(const std::string& body) {
  return "---\nname: example\ndescription: An example.\n---\n\n" + body;
}

Report scan_files(const std::map<std::string, std::string>& files, const std::vector<std::string>& executable,
                  const std::string& name) {
  Source source;
  source.name = name;
  source.loose = name.empty() && files.size() == 1;
  for (const auto& [path, text] : files)
    source.files.push_back({path, text.size(), std::ranges::find(executable, path) != executable.end()});
  source.read = [&](const SourceFile& file) -> Result<std::string> { return files.at(file.path); };
  auto report = scan(source, standard());
  EXPECT_TRUE(report.has_value()) << (report ? "" : report.error().message);
  return report ? *report : Report{};
}

Report scan_text(const std::string& file, const std::string& text) {
  return scan_files({{file, text}});
}

std::vector<Row> hits(const Report& report, const std::string& short_id) {
  std::vector<Row> found;
  for (const Row& row : report.rows) {
    if (row.check == "standard/" + short_id && (row.outcome == Outcome::failed || row.outcome == Outcome::warned))
      found.push_back(row);
  }
  return found;
}

}  // namespace skill_verifier::scan::test

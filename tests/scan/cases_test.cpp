#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "scan/scan_fixture.hpp"
#include "support/paths.hpp"

namespace skill_verifier::scan {
namespace {

namespace fs = std::filesystem;

/// Texts written to try the rules as a whole: attacks in many spellings, and their honest neighbours.
void expect_flagged(const std::string& folder, bool flagged) {
  std::size_t files = 0;
  for (const auto& entry : fs::directory_iterator(skill_verifier::test::source_dir() / "tests/scan/cases" / folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    // `45.md` is a SKILL.md, `45.setup.py` a setup.py.
    const std::string name = entry.path().filename().string();
    const std::string rest = name.substr(name.find('.') + 1);
    EXPECT_EQ(test::scan_text(rest == "md" ? "SKILL.md" : rest, text).flagged, flagged) << entry.path() << "\n" << text;
    ++files;
  }
  EXPECT_GE(files, 200U);
}

TEST(Cases, FlagsAttacksInManySpellings) {
  expect_flagged("attack", true);
}

TEST(Cases, LeavesTheirHonestNeighboursUnflagged) {
  expect_flagged("harmless", false);
}

}  // namespace
}  // namespace skill_verifier::scan

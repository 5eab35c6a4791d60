#include "skill/package_fixture.hpp"

#include <stdlib.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace skill_verifier::skill {
namespace fs = std::filesystem;

PackageTest::PackageTest() {
  std::string name = (fs::temp_directory_path() / "package_test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  dir_ = name;
  fs::create_directory(dir_ / "out");
}

PackageTest::~PackageTest() {
  std::error_code ignored;
  fs::remove_all(dir_, ignored);
}

void PackageTest::put(const fs::path& file, std::string_view bytes, bool executable) const {
  fs::create_directories((dir_ / file).parent_path());
  std::ofstream(dir_ / file, std::ios::binary) << bytes;
  if (executable) fs::permissions(dir_ / file, fs::perms::owner_exec, fs::perm_options::add);
}

Result<Package> PackageTest::import(std::string_view archive, const PackageLimits& limits, std::string name) const {
  put("archive", archive);
  fs::remove(pack());
  auto package = import_archive(dir_ / "archive", std::move(name), pack(), limits);
  const auto files = std::distance(fs::directory_iterator(dir_ / "out"), fs::directory_iterator());
  EXPECT_EQ(files, package ? 1 : 0) << "files left beside the pack";
  if (!package) {
    EXPECT_EQ(package.error().message.find(dir_.string()), std::string::npos) << package.error().message;
    EXPECT_FALSE(package.error().message.ends_with('.'));
  }
  return package;
}

std::string PackageTest::refusal(std::string_view archive, std::string_view entry, const PackageLimits& limits) const {
  const auto package = import(archive, limits);
  if (package) return "accepted";
  const std::string& message = package.error().message;
  EXPECT_NE(message.find(entry), std::string::npos) << "'" << message << "' does not name '" << entry << "'";
  const bool expected_code = package.error().code == Errc::rejected || package.error().code == Errc::too_large;
  EXPECT_TRUE(expected_code) << to_string(package.error().code) << ": " << message;
  return package.error().id;
}

std::string listing(const Package& package) {
  std::string text;
  for (const PackageEntry& entry : package.entries) {
    text += (entry.directory ? "d " : entry.executable ? "x " : "f ") + entry.path + "\n";
  }
  return text;
}

std::string notes(const Package& package) {
  std::string text;
  for (const PackageNote& note : package.notes) {
    text += note.code + " " + note.path + "\n";
  }
  return text;
}

std::string slurp(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

}  // namespace skill_verifier::skill

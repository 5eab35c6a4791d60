#include "skill_verifier/skill/package_tar.hpp"

#include <gtest/gtest.h>

#include "skill/package_fixture.hpp"

namespace skill_verifier::skill {
namespace {

namespace fs = std::filesystem;

class WriteTarGz : public PackageTest {
 protected:
  Package import_tree() const {
    auto package = import_directory(dir() / "skill", pack(), PackageLimits{});
    EXPECT_TRUE(package.has_value()) << package.error().message;
    return std::move(*package);
  }
  fs::path written(const Package& package, const std::string& name) const {
    const fs::path file = dir() / name;
    const auto done = write_tar_gz(package, file);
    EXPECT_TRUE(done.has_value()) << done.error().message;
    return file;
  }
};

TEST_F(WriteTarGz, IsReadBackAsTheSameEntriesAndDigest) {
  const std::string deep = "a-folder-whose-name-takes-forty-characters/and-another-one-below-it-that-takes-them-too";
  put("skill/SKILL.md", "hello");
  put("skill/scripts/run", "echo", true);
  put("skill/grüße.txt", std::string(70'000, 'x'));
  put("skill/" + deep + "/and-a-file-in-it-so-that-a-hundred-bytes-are-not-enough.md", "deep");
  put("skill/empty-file", "");
  put("skill/exactly-a-block", std::string(512, 'b'));
  fs::create_directory(dir() / "skill/empty");
  const Package tree = import_tree();
  const std::string archive = slurp(written(tree, "a.tar.gz"));
  const auto again = import(archive);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(listing(*again), listing(tree));
  EXPECT_EQ(again->tree_digest, tree.tree_digest);
  EXPECT_EQ(notes(*again), "");
}

TEST_F(WriteTarGz, GivesTheSameBytesWhateverTheFilesTimesAre) {
  put("skill/SKILL.md", "hello");
  put("skill/run", "x", true);
  const std::string first = slurp(written(import_tree(), "a.tar.gz"));
  fs::last_write_time(dir() / "skill/run", fs::file_time_type::clock::now() - std::chrono::hours(1000));
  const std::string second = slurp(written(import_tree(), "b.tar.gz"));
  EXPECT_EQ(first, second);
  ASSERT_GT(first.size(), 10u);
  EXPECT_EQ(first.substr(4, 4), std::string(4, '\0')) << "gzip's time stamp";
}

TEST_F(WriteTarGz, NamesNoPathOfThisHostWhenItCannotWrite) {
  put("skill/SKILL.md", "hello");
  const auto done = write_tar_gz(import_tree(), dir() / "missing" / "a.tar.gz");
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().message.find(dir().string()), std::string::npos) << done.error().message;
}

}  // namespace
}  // namespace skill_verifier::skill

#include "service/skill_path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::service {
namespace {

namespace fs = std::filesystem;

class SkillPathTest : public testing::Test {
 protected:
  SkillPathTest() : base_(fs::canonical(fs::temp_directory_path()) / ("svtest-" + core::random_hex(8))) {
    fs::create_directories(base_ / "examples" / "hello-world");
    fs::create_directories(base_ / "examples-private");
    fs::create_directories(base_ / "secret" / "inner");
    options_.skill_roots = {base_ / "examples"};
  }
  ~SkillPathTest() override {
    std::error_code ignored;
    fs::remove_all(base_, ignored);
  }
  std::string id_of(const std::string& path) {
    const auto resolved = resolve_skill_path(path, options_);
    EXPECT_FALSE(resolved) << *resolved;
    return resolved ? "resolved" : resolved.error().id;
  }

  fs::path base_;
  ServiceOptions options_;
};

TEST_F(SkillPathTest, TakesAnAbsolutePathBeneathARoot) {
  EXPECT_EQ(resolve_skill_path((base_ / "examples/hello-world").string(), options_).value(),
            base_ / "examples/hello-world");
}

TEST_F(SkillPathTest, TakesTheRootItselfAndRedundantSegments) {
  EXPECT_EQ(resolve_skill_path((base_ / "examples").string(), options_).value(), base_ / "examples");
  EXPECT_EQ(resolve_skill_path((base_ / "examples/./x/../hello-world").string(), options_).value(),
            base_ / "examples/hello-world");
}

TEST_F(SkillPathTest, LooksForARelativePathInTheRootAndBesideIt) {
  for (const char* path : {"hello-world", "./hello-world", "examples/hello-world", "./examples/hello-world"})
    EXPECT_EQ(resolve_skill_path(path, options_).value(), base_ / "examples/hello-world") << path;
}

TEST_F(SkillPathTest, LooksIntoEveryRoot) {
  fs::create_directories(base_ / "second" / "other");
  options_.skill_roots = {base_ / "examples", base_ / "absent", base_ / "second"};
  EXPECT_EQ(resolve_skill_path("other", options_).value(), base_ / "second/other");
}

TEST_F(SkillPathTest, RefusesWhatLiesOutside) {
  EXPECT_EQ(id_of((base_ / "secret/inner").string()), "skill_path_outside_roots");
  EXPECT_EQ(id_of("/etc"), "skill_path_outside_roots");
  EXPECT_EQ(id_of((base_ / "examples/../secret").string()), "skill_path_outside_roots");
  EXPECT_EQ(id_of("../../../../../../etc"), "skill_path_outside_roots");
}

TEST_F(SkillPathTest, ARootIsNoPrefixOfItsNeighbour) {
  EXPECT_EQ(id_of((base_ / "examples-private").string()), "skill_path_outside_roots");
}

TEST_F(SkillPathTest, DoesNotTellWhetherSomethingExistsOutside) {
  EXPECT_EQ(id_of((base_ / "secret/inner").string()), id_of((base_ / "secret/absent").string()));
}

TEST_F(SkillPathTest, RefusesALinkThatLeavesTheRoot) {
  fs::create_directory_symlink(base_ / "secret", base_ / "examples" / "link");
  EXPECT_EQ(id_of((base_ / "examples/link").string()), "skill_path_outside_roots");
  EXPECT_EQ(id_of((base_ / "examples/link/inner").string()), "skill_path_outside_roots");
  fs::create_directory_symlink(base_ / "examples" / "hello-world", base_ / "examples" / "alias");
  EXPECT_EQ(resolve_skill_path("alias", options_).value(), base_ / "examples/hello-world");
}

TEST_F(SkillPathTest, SaysNotFoundForWhatCouldBeThere) {
  const auto absent = resolve_skill_path((base_ / "examples/absent").string(), options_);
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().id, "skill_path_not_found");
  EXPECT_EQ(absent.error().code, Errc::not_found);
  EXPECT_EQ(id_of("absent"), "skill_path_not_found");
}

TEST_F(SkillPathTest, RefusesPathsThatAreNone) {
  EXPECT_EQ(id_of(""), "skill_path_invalid");
  EXPECT_EQ(id_of(std::string("hello-world\0/x", 14)), "skill_path_invalid");
  EXPECT_EQ(id_of(std::string(5000, 'a')), "skill_path_invalid");
}

TEST_F(SkillPathTest, IsOffWithoutRoots) {
  options_.skill_roots.clear();
  EXPECT_EQ(id_of("hello-world"), "skill_path_disabled");
  EXPECT_EQ(id_of(""), "skill_path_disabled");
}

TEST_F(SkillPathTest, TheCommandLineMayNameAnyPath) {
  options_.skill_roots.clear();
  options_.allow_any_path = true;
  EXPECT_EQ(resolve_skill_path((base_ / "secret/inner").string(), options_).value(), base_ / "secret/inner");
  EXPECT_EQ(id_of((base_ / "absent").string()), "skill_path_not_found");
}

}  // namespace
}  // namespace skill_verifier::service

#include "skill/archive_path.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace skill_verifier::skill {
namespace {

using ::testing::HasSubstr;
using namespace std::string_literals;

std::string id_of(std::string_view name) {
  auto path = normalize_path(name);
  return path ? "accepted as " + *path : path.error().id;
}

TEST(NormalizePath, KeepsAPlainRelativePath) {
  EXPECT_EQ(normalize_path("a/b.txt").value(), "a/b.txt");
}

TEST(NormalizePath, DropsLeadingDotSlashAndOneTrailingSlash) {
  EXPECT_EQ(normalize_path("./a/b/").value(), "a/b");
  EXPECT_EQ(normalize_path("././a").value(), "a");
}

TEST(NormalizePath, YieldsTheEmptyPathForTheRoot) {
  EXPECT_EQ(normalize_path(".").value(), "");
  EXPECT_EQ(normalize_path("./").value(), "");
}

TEST(NormalizePath, KeepsDotFilesAndNamesOfManyDots) {
  EXPECT_EQ(normalize_path(".env").value(), ".env");
  EXPECT_EQ(normalize_path("a/...").value(), "a/...");
  EXPECT_EQ(normalize_path("..a/b..").value(), "..a/b..");
}

TEST(NormalizePath, RefusesWhatLeavesTheRoot) {
  EXPECT_EQ(id_of("/etc/passwd"), "archive_path_absolute");
  EXPECT_EQ(id_of("/"), "archive_path_absolute");
  EXPECT_EQ(id_of("//x"), "archive_path_absolute");
  EXPECT_EQ(id_of(".."), "archive_path_escapes");
  EXPECT_EQ(id_of("../x"), "archive_path_escapes");
  EXPECT_EQ(id_of("a/../x"), "archive_path_escapes");
  EXPECT_EQ(id_of("a/.."), "archive_path_escapes");
  EXPECT_EQ(id_of("./../x"), "archive_path_escapes");
  EXPECT_EQ(id_of("a/../"), "archive_path_escapes");
}

TEST(NormalizePath, RefusesNamesThatTwoReadersWouldSplitDifferently) {
  EXPECT_EQ(id_of("a\\b"), "archive_path_backslash");
  EXPECT_EQ(id_of("..\\b"), "archive_path_backslash");
  EXPECT_EQ(id_of("a//b"), "archive_path_empty_segment");
  EXPECT_EQ(id_of("a//"), "archive_path_empty_segment");
  EXPECT_EQ(id_of(".//a"), "archive_path_empty_segment");
  EXPECT_EQ(id_of("a/./b"), "archive_path_invalid");
  EXPECT_EQ(id_of("a/."), "archive_path_invalid");
}

TEST(NormalizePath, RefusesBytesThatAreNotPlainText) {
  EXPECT_EQ(id_of(""), "archive_path_invalid");
  EXPECT_EQ(id_of("a\0b"s), "archive_path_invalid");
  EXPECT_EQ(id_of("a\nb"), "archive_path_invalid");
  EXPECT_EQ(id_of("a\x7f"), "archive_path_invalid");
  EXPECT_EQ(id_of("a\xff"), "archive_path_invalid");
  EXPECT_EQ(id_of("a\xc0\xaf"), "archive_path_invalid");
  EXPECT_EQ(id_of("a\xed\xa0\x80"), "archive_path_invalid");
  EXPECT_EQ(id_of("a\xc2\x85"), "archive_path_invalid") << "C1 control";
  EXPECT_EQ(id_of("a\xe2\x80\xa8"), "archive_path_invalid") << "line separator";
  EXPECT_EQ(id_of("txt.\xe2\x80\xae"), "archive_path_invalid") << "right-to-left override";
}

TEST(NormalizePath, KeepsTheBytesOfADecomposedName) {
  EXPECT_EQ(normalize_path("e\xcc\x81.txt").value(), "e\xcc\x81.txt");
}

TEST(NormalizePath, BoundsSegmentAndName) {
  EXPECT_TRUE(normalize_path(std::string(255, 'a')).has_value());
  EXPECT_EQ(id_of(std::string(256, 'a')), "archive_path_too_long");
  std::string deep;
  while (deep.size() <= 4096)
    deep += "abcdefg/";
  EXPECT_EQ(id_of(deep), "archive_path_too_long");
}

TEST(NormalizePath, NamesTheEntryWithoutItsControlCharacters) {
  const auto path = normalize_path("bad\nname");
  ASSERT_FALSE(path.has_value());
  EXPECT_THAT(path.error().message, HasSubstr("bad"));
  EXPECT_EQ(path.error().message.find('\n'), std::string::npos);
}

TEST(FoldedPath, MergesCaseAndNormalisation) {
  EXPECT_EQ(folded_path("README.md"), folded_path("Readme.MD"));
  EXPECT_EQ(folded_path("\xc3\x89"), folded_path("e\xcc\x81"));  // É, e + acute
  EXPECT_EQ(folded_path("stra\xc3\x9f"
                        "e"),
            folded_path("STRASSE"));  // ß
  EXPECT_NE(folded_path("a-b"), folded_path("a_b"));
}

TEST(PathDepth, CountsSegments) {
  EXPECT_EQ(path_depth(""), 0u);
  EXPECT_EQ(path_depth("a"), 1u);
  EXPECT_EQ(path_depth("a/b/c"), 3u);
}

std::string second_id(std::string_view first, PathSet::Kind first_kind, std::string_view second,
                      PathSet::Kind second_kind) {
  PathSet set(1000);
  EXPECT_TRUE(set.add(first, first_kind).has_value());
  auto added = set.add(second, second_kind);
  return added ? "accepted" : added.error().id;
}

constexpr auto kFile = PathSet::Kind::file;
constexpr auto kDirectory = PathSet::Kind::directory;

TEST(PathSet, RefusesEveryPairThatOneTreeCannotHold) {
  EXPECT_EQ(second_id("a", kFile, "a", kFile), "archive_duplicate_path");
  EXPECT_EQ(second_id("a", kDirectory, "a", kDirectory), "archive_duplicate_path");
  EXPECT_EQ(second_id("a", kFile, "A", kFile), "archive_case_duplicate");
  EXPECT_EQ(second_id("d/x", kFile, "D/y", kFile), "archive_case_duplicate");
  EXPECT_EQ(second_id("\xc3\xa9", kFile, "e\xcc\x81", kFile), "archive_case_duplicate");
  EXPECT_EQ(second_id("a", kFile, "a/b", kFile), "archive_path_conflict");
  EXPECT_EQ(second_id("a/b", kFile, "a", kFile), "archive_path_conflict");
  EXPECT_EQ(second_id("a", kFile, "a", kDirectory), "archive_path_conflict");
}

TEST(PathSet, AcceptsADirectoryNamedBeforeOrAfterItsFiles) {
  EXPECT_EQ(second_id("a", kDirectory, "a/b", kFile), "accepted");
  EXPECT_EQ(second_id("a/b", kFile, "a", kDirectory), "accepted");
  PathSet set(1000);
  ASSERT_TRUE(set.add("a", kDirectory).has_value());
  ASSERT_TRUE(set.add("a/b", kFile).has_value());
  EXPECT_EQ(set.add("a", kDirectory).error().id, "archive_duplicate_path");
}

TEST(PathSet, BoundsTheMemoryOfImpliedDirectories) {
  PathSet set(10);
  EXPECT_TRUE(set.add("a/b", kFile).has_value());
  const auto added = set.add("aaaa/bbbb", kFile);
  ASSERT_FALSE(added.has_value());
  EXPECT_EQ(added.error().code, Errc::too_large);
  EXPECT_EQ(added.error().id, "archive_too_many_files");
}

}  // namespace
}  // namespace skill_verifier::skill

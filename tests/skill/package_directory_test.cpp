#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "skill/archive_builder.hpp"
#include "skill/package_fixture.hpp"

namespace skill_verifier::skill {
namespace {

namespace fs = std::filesystem;

class ImportDirectory : public PackageTest {
 protected:
  Result<Package> import_tree(const PackageLimits& limits = {}) const {
    return import_directory(dir() / "skill", pack(), limits);
  }
  std::string refusal_of_tree(std::string_view entry, const PackageLimits& limits = {}) const {
    const auto package = import_tree(limits);
    EXPECT_EQ(fs::is_empty(dir() / "out"), !package.has_value());
    if (package) return "accepted";
    EXPECT_NE(package.error().message.find(entry), std::string::npos) << package.error().message;
    EXPECT_EQ(package.error().message.find(dir().string()), std::string::npos) << package.error().message;
    return package.error().id;
  }
};

TEST_F(ImportDirectory, ReadsFilesModesAndEmptyDirectories) {
  put("skill/SKILL.md", "hello");
  put("skill/scripts/run", "echo", true);
  put("skill/scripts/lost.sh", "#!/bin/sh\n");
  fs::create_directory(dir() / "skill/empty");
  const auto package = import_tree();
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f SKILL.md\nd empty\nd scripts\nx scripts/lost.sh\nx scripts/run\n");
  EXPECT_EQ(notes(*package), "mode_repaired scripts/lost.sh\n");
  EXPECT_FALSE(package->archive_sha256.has_value());
  EXPECT_EQ(package->archive_name, "");
}

TEST_F(ImportDirectory, GivesTheSamePackAsEveryArchiveOfTheTree) {
  const std::string large(200'000, 'l');
  put("skill/SKILL.md", "hello");
  put("skill/a/b/run.sh", "#!x", true);
  put("skill/a-large", large);
  const auto from_directory = import_tree();
  ASSERT_TRUE(from_directory.has_value()) << from_directory.error().message;
  const std::string bytes = slurp(pack());

  const std::string as_tar = tar({tar_file("./a-large", large), tar_directory("./a/"), tar_directory("./a/b/"),
                                  tar_file("./a/b/run.sh", "#!x", 0700), tar_file("./SKILL.md", "hello")});
  ZipMemberSpec script{.name = "x/a/b/run.sh", .body = "#!x"};
  ZipMemberSpec stored{.name = "x/a-large", .body = large, .deflate = false};
  const std::string as_zip = zip({script, {.name = "x/SKILL.md", .body = "hello"}, stored});
  for (const std::string& archive : {as_tar, gzip(as_tar), zstd(as_tar), as_zip}) {
    const auto package = import(archive);
    ASSERT_TRUE(package.has_value()) << package.error().message;
    EXPECT_EQ(package->tree_digest, from_directory->tree_digest);
    EXPECT_EQ(slurp(pack()), bytes);
  }
}

TEST_F(ImportDirectory, LeavesOutTheSameAsFromAnArchive) {
  put("skill/SKILL.md", "x");
  put("skill/.git/objects/aa/bb", "x");
  put("skill/sub/.git", "gitdir");
  put("skill/.DS_Store", "x");
  put("skill/_meta.json", "x");
  fs::create_symlink("/etc", dir() / "skill/.git/link");
  const auto package = import_tree();
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(listing(*package), "f SKILL.md\nd sub\n");
  EXPECT_EQ(notes(*package),
            "entry_ignored .DS_Store\nentry_ignored .git\nentry_ignored _meta.json\nentry_ignored sub/.git\n");
}

TEST_F(ImportDirectory, EntersTheOneFolderThatHoldsTheManifest) {
  put("skill/inner/SKILL.md", "x");
  put("skill/.git/config", "x");
  EXPECT_EQ(listing(*import_tree()), "f SKILL.md\n");
}

TEST_F(ImportDirectory, RefusesLinks) {
  put("skill/SKILL.md", "x");
  fs::create_symlink("SKILL.md", dir() / "skill/alias.md");
  EXPECT_EQ(refusal_of_tree("alias.md"), "archive_link");
  fs::remove(dir() / "skill/alias.md");
  fs::create_directory_symlink("/etc", dir() / "skill/sub");
  EXPECT_EQ(refusal_of_tree("sub"), "archive_link");
  fs::remove(dir() / "skill/sub");
  fs::create_hard_link(dir() / "skill/SKILL.md", dir() / "skill/twin.md");
  EXPECT_EQ(refusal_of_tree("SKILL.md"), "archive_link");
}

TEST_F(ImportDirectory, RefusesALinkToTheDirectoryItself) {
  put("real/SKILL.md", "x");
  fs::create_directory_symlink(dir() / "real", dir() / "skill");
  EXPECT_EQ(refusal_of_tree("directory"), "directory_unreadable");
  EXPECT_EQ(import_directory(dir() / "skill/", pack(), {}).error().id, "directory_unreadable");
  EXPECT_TRUE(import_directory(dir() / "real/", pack(), {}).has_value());
}

TEST_F(ImportDirectory, SaysThatTheDirectoryIsMissing) {
  EXPECT_EQ(import_tree().error().code, Errc::not_found);
  EXPECT_EQ(import_tree().error().id, "directory_unreadable");
}

TEST_F(ImportDirectory, RefusesSpecialFilesWithoutWaitingForThem) {
  put("skill/SKILL.md", "x");
  ASSERT_EQ(::mkfifo((dir() / "skill/pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal_of_tree("pipe"), "archive_special_file");
}

TEST_F(ImportDirectory, RefusesMountsInside) {
  put("skill/SKILL.md", "x");
  put("skill/mnt/placeholder", "x");
  put("outside/secret", "x");
  const fs::path target = dir() / "skill/mnt";
  if (::mount((dir() / "outside").c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    GTEST_SKIP() << "mounting is not permitted here";
  }
  EXPECT_EQ(refusal_of_tree("mnt"), "archive_special_file");
  ::umount(target.c_str());
}

TEST_F(ImportDirectory, RefusesUnsafeAndCollidingNames) {
  put("skill/a\\b", "x");
  EXPECT_EQ(refusal_of_tree("a"), "archive_path_backslash");
  fs::remove(dir() / "skill/a\\b");
  put("skill/line\nbreak", "x");
  EXPECT_EQ(refusal_of_tree("line"), "archive_path_invalid");
  fs::remove(dir() / "skill/line\nbreak");
  put("skill/not-utf8-\xff", "x");
  EXPECT_EQ(refusal_of_tree("not-utf8"), "archive_path_invalid");
  fs::remove(dir() / "skill/not-utf8-\xff");
  put("skill/A", "x");
  put("skill/a", "x");
  EXPECT_EQ(refusal_of_tree("'a'"), "archive_case_duplicate");
}

TEST_F(ImportDirectory, AppliesTheLimits) {
  PackageLimits limits;
  limits.file_bytes = 4;
  limits.files = 2;
  limits.depth = 2;
  put("skill/a/b", "1234");
  EXPECT_EQ(refusal_of_tree("", limits), "accepted");
  fs::remove(pack());
  put("skill/a/c", "12345");
  EXPECT_EQ(refusal_of_tree("a/c", limits), "archive_file_too_large");
  put("skill/a/c", "1");
  put("skill/a/d", "1");
  EXPECT_EQ(refusal_of_tree("a/d", limits), "archive_too_many_files");
  fs::remove_all(dir() / "skill/a");
  put("skill/1/2/3", "x");
  EXPECT_EQ(refusal_of_tree("1/2/3", limits), "archive_too_deep");
  fs::remove_all(dir() / "skill/1");
  for (int i = 0; i < 17; ++i) {
    put("skill/" + std::to_string(i), "");
  }
  EXPECT_EQ(refusal_of_tree("", limits), "archive_too_many_files");
  fs::remove_all(dir() / "skill");
  fs::create_directory(dir() / "skill");
  EXPECT_EQ(refusal_of_tree("", limits), "archive_empty");
}

// A writer swaps a directory for a link to the outside as fast as it can: whatever the import reads, it must never be
// the outside file.
TEST_F(ImportDirectory, NeverReadsOutsideWhileDirectoriesBecomeLinks) {
  put("skill/SKILL.md", "x");
  put("skill/sub/file", "inside");
  put("outside/file", "outside secret");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const fs::path sub = dir() / "skill/sub", parked = dir() / "parked", link = dir() / "link";
    fs::create_directory_symlink(dir() / "outside", link);
    std::error_code ignored;
    while (!stop) {
      fs::rename(sub, parked, ignored);
      fs::rename(link, sub, ignored);
      fs::rename(sub, link, ignored);
      fs::rename(parked, sub, ignored);
    }
  });
  for (int i = 0; i < 300; ++i) {
    const auto package = import_tree();
    if (package && package->find("sub/file") != nullptr) {
      EXPECT_EQ(read_file(*package, "sub/file", 100).value(), "inside");
    }
  }
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace skill_verifier::skill

#include "sandbox/init/tree.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "sandbox/pack_builder.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

namespace fs = std::filesystem;
using testing_support::PackBuilder;

/// In prepare mode nothing changes its identity, so these tests need no root.
constexpr Identity kNobody{0, 0, true};

class Tree : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "init-tree-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    fs::create_directory(root_ / "to");
    old_umask_ = ::umask(022);
  }
  void TearDown() override {
    ::umask(old_umask_);
    fs::remove_all(root_);
  }

  std::string unpack(const std::string& pack) {
    TreeWriter writer(open_directory(AT_FDCWD, (root_ / "to").c_str()));
    PackReader reader(writer);
    auto fault = reader.add(pack);
    if (!fault) fault = reader.finish();
    return fault ? std::string(fault->code) + ": " + fault->message : "";
  }

  std::string copy(TreeSize& size) {
    const Fd from = open_directory(AT_FDCWD, (root_ / "from").c_str());
    const Fd to = open_directory(AT_FDCWD, (root_ / "to").c_str());
    const auto fault = copy_tree(from.get(), to.get(), kNobody, size);
    return fault ? std::string(fault->code) + ": " + fault->message : "";
  }

  static std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  static unsigned mode_of(const fs::path& path) {
    struct stat info{};
    EXPECT_EQ(::lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  static void write(const fs::path& path, const std::string& text, fs::perms mode) {
    std::ofstream(path, std::ios::binary) << text;
    fs::permissions(path, mode);
  }

  fs::path root_;
  mode_t old_umask_ = 0;
};

TEST_F(Tree, WritesAPackWithItsModes) {
  const std::string big(200'000, 'x');
  EXPECT_EQ(unpack(PackBuilder()
                       .file("SKILL.md", "text")
                       .directory("a")
                       .directory("a/b")
                       .executable("a/b/run", "#!")
                       .file("a/c", big)
                       .file("unnamed/parents/too", "y")
                       .end()),
            "");
  EXPECT_EQ(text_of(root_ / "to/SKILL.md"), "text");
  EXPECT_EQ(text_of(root_ / "to/a/b/run"), "#!");
  EXPECT_EQ(text_of(root_ / "to/a/c"), big);
  EXPECT_EQ(text_of(root_ / "to/unnamed/parents/too"), "y");
  EXPECT_EQ(mode_of(root_ / "to/SKILL.md"), 0644u);
  EXPECT_EQ(mode_of(root_ / "to/a/b/run"), 0755u);
  EXPECT_EQ(mode_of(root_ / "to/a/b"), 0755u);
}

TEST_F(Tree, RefusesAFileUsedAsAFolder) {
  EXPECT_TRUE(unpack(PackBuilder().file("a", "x").file("a/b", "y").end()).starts_with("pack_invalid: "));
}

TEST_F(Tree, NeverWritesThroughALink) {
  fs::create_directory(root_ / "outside");
  fs::create_directory_symlink(root_ / "outside", root_ / "to/link");
  fs::create_symlink(root_ / "outside/file", root_ / "to/name");
  EXPECT_TRUE(unpack(PackBuilder().file("link/file", "x").end()).starts_with("pack_invalid: "));
  EXPECT_TRUE(unpack(PackBuilder().file("name", "x").end()).starts_with("pack_invalid: "));
  EXPECT_TRUE(fs::is_empty(root_ / "outside"));
}

TEST_F(Tree, NeverReplacesWhatIsThere) {
  write(root_ / "to/a", "old", fs::perms(0644));
  EXPECT_TRUE(unpack(PackBuilder().file("a", "new").end()).starts_with("pack_invalid: "));
  EXPECT_EQ(text_of(root_ / "to/a"), "old");
}

TEST_F(Tree, CopiesFilesFoldersAndLinks) {
  fs::create_directories(root_ / "from/node_modules/.bin");
  write(root_ / "from/data", "1", fs::perms(0600));
  write(root_ / "from/node_modules/tool", "22", fs::perms(04711));
  fs::create_symlink("../tool", root_ / "from/node_modules/.bin/tool");
  fs::create_symlink("/nowhere", root_ / "from/dangling");
  ASSERT_EQ(::mkfifo((root_ / "from/fifo").c_str(), 0644), 0);
  TreeSize size;
  EXPECT_EQ(copy(size), "");
  EXPECT_EQ(size.files, 2u);
  EXPECT_EQ(size.bytes, 3u);
  EXPECT_EQ(text_of(root_ / "to/data"), "1");
  EXPECT_EQ(mode_of(root_ / "to/data"), 0644u);
  EXPECT_EQ(mode_of(root_ / "to/node_modules/tool"), 0755u);
  EXPECT_EQ(fs::read_symlink(root_ / "to/node_modules/.bin/tool"), "../tool");
  EXPECT_EQ(fs::read_symlink(root_ / "to/dangling"), "/nowhere");
  EXPECT_FALSE(fs::exists(fs::symlink_status(root_ / "to/fifo")));
}

TEST_F(Tree, RefusesToCopyFoldersNestedTooDeep) {
  fs::path deep = root_ / "from";
  for (int level = 0; level <= kMaxDepth + 1; ++level)
    deep /= "d";
  fs::create_directories(deep);
  TreeSize size;
  EXPECT_EQ(copy(size), "pack_invalid: folders are nested too deep");
}

TEST_F(Tree, RemovesEverythingButFollowsNoLink) {
  fs::create_directories(root_ / "from/a/b");
  fs::create_directory(root_ / "outside");
  write(root_ / "outside/kept", "x", fs::perms(0644));
  fs::create_directory_symlink(root_ / "outside", root_ / "from/a/link");
  write(root_ / "from/a/b/file", "x", fs::perms(0));
  EXPECT_FALSE(remove_tree(AT_FDCWD, (root_ / "from").c_str()));
  EXPECT_FALSE(fs::exists(root_ / "from"));
  EXPECT_TRUE(fs::exists(root_ / "outside/kept"));
  EXPECT_FALSE(remove_tree(AT_FDCWD, (root_ / "from").c_str())) << "a missing one is fine";
}

}  // namespace
}  // namespace skill_verifier::sandbox::guest

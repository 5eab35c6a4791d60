#include "sandbox/seccomp_file.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "sandbox/seccomp_profile.hpp"
#include "skill_verifier/core/sha2.hpp"
#include "support/await.hpp"

namespace skill_verifier::sandbox {
namespace {

namespace fs = std::filesystem;

class SeccompFileTest : public testing::Test {
 protected:
  SeccompFileTest() {
    std::string name = (fs::temp_directory_path() / "seccomp-file-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~SeccompFileTest() override { fs::remove_all(folder_); }

  Result<std::string> ready(const fs::path& directory, const fs::path& seen_by_engine = {}) {
    SeccompFile file(pool_, directory, seen_by_engine);
    return test::await(io_, file.ready());
  }
  static std::string text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }

  fs::path folder_;
  core::WorkPool pool_{1};
  core::asio::io_context io_{1};
};

TEST_F(SeccompFileTest, HoldsTheProfileUnderItsDigestAndAnybodyMayReadIt) {
  const auto path = ready(folder_ / "made");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, (folder_ / "made" / ("seccomp-" + core::sha256_hex(seccomp_profile()) + ".json")).string());
  EXPECT_EQ(text_of(*path), seccomp_profile());
  struct stat info{};
  ASSERT_EQ(::stat(path->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
}

TEST_F(SeccompFileTest, IsInAFolderThatAnybodyMayEnterWhateverTheUmask) {
  const auto before = ::umask(077);
  const auto path = ready(folder_ / "made");
  ::umask(before);
  ASSERT_TRUE(path) << path.error().message;
  struct stat info{};
  ASSERT_EQ(::stat((folder_ / "made").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0755u);
  ASSERT_EQ(::stat(path->c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
}

TEST_F(SeccompFileTest, DoesNotChangeAFolderThatIsThere) {
  fs::permissions(folder_, fs::perms(0700));
  ASSERT_TRUE(ready(folder_));
  EXPECT_EQ(fs::status(folder_).permissions(), fs::perms(0700));
}

TEST_F(SeccompFileTest, LeavesNothingBehindWhereItCannotBePutInItsPlace) {
  const auto path = ready(folder_);
  ASSERT_TRUE(path) << path.error().message;
  fs::remove(*path);
  fs::create_directories(fs::path(*path) / "in the way");
  const auto refused = ready(folder_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "seccomp_unwritable");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1) << "the folder in the way";
}

TEST_F(SeccompFileTest, LeavesNothingBehindWhenTheDiskIsFull) {
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small{64, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto refused = ready(folder_);
  ::setrlimit(RLIMIT_FSIZE, &before);
  (void)std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SeccompFileTest, IsMadeAnewWhenSomebodyChangedOrReplacedIt) {
  const auto path = ready(folder_);
  ASSERT_TRUE(path) << path.error().message;
  std::ofstream(*path) << "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}";
  ASSERT_TRUE(ready(folder_));
  EXPECT_EQ(text_of(*path), seccomp_profile());
  fs::remove(*path);
  std::ofstream(folder_ / "other") << seccomp_profile();
  fs::create_symlink(folder_ / "other", *path);
  ASSERT_TRUE(ready(folder_));
  EXPECT_FALSE(fs::is_symlink(*path)) << "what it points to could be changed by somebody else";
}

TEST_F(SeccompFileTest, IsNamedAsTheEngineSeesIt) {
  const auto path = ready(folder_, "/srv/data/seccomp");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(path->rfind("/srv/data/seccomp/seccomp-", 0), 0u) << *path;
  EXPECT_TRUE(fs::exists(folder_ / fs::path(*path).filename()));
}

TEST_F(SeccompFileTest, SaysSoWhereItCannotBeWritten) {
  std::ofstream(folder_ / "file") << "in the way";
  for (const fs::path& directory : {folder_ / "file" / "below", fs::path()}) {
    const auto path = ready(directory);
    ASSERT_FALSE(path) << directory;
    EXPECT_EQ(path.error().id, "seccomp_unwritable");
  }
}

}  // namespace
}  // namespace skill_verifier::sandbox

#include "app/wiring.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "app/commands.hpp"
#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

unsigned mode_of(const fs::path& path) {
  struct stat info{};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 0777;
}

/// The program as `serve` builds it, under the umask that most shells and service managers give.
class WireTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(directory_); }
  void TearDown() override {
    ::umask(before_);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  std::unique_ptr<Wiring> wired(const std::string& data_dir) {
    auto config = configure_service({{"data_dir", {data_dir}, "test"}});
    EXPECT_TRUE(config) << config.error().message;
    auto made = wire(std::move(*config));
    EXPECT_TRUE(made) << made.error().message;
    return made ? std::move(*made) : nullptr;
  }
  void expect_private_files() const {
    for (const char* name : {"jobs.db", "jobs.db-wal", "jobs.db-shm", "audit.jsonl"})
      EXPECT_EQ(mode_of(data_dir() / name), 0600u) << name;
    for (const char* name : {"spool", "packs"})
      EXPECT_EQ(mode_of(data_dir() / name), 0700u) << name;
  }
  fs::path data_dir() const { return directory_ / "data"; }

  fs::path directory_ = fs::temp_directory_path() / ("svwire-" + core::random_hex(8));
  mode_t before_ = ::umask(022);
};

TEST_F(WireTest, MakesADataDirectoryForItsUserAlone) {
  const auto wiring = wired(data_dir().string());
  ASSERT_TRUE(wiring);
  EXPECT_EQ(mode_of(data_dir()), 0700u);
  expect_private_files();
}

TEST_F(WireTest, MakesOneThatIsNamedWithASlashForItsUserAlone) {
  ASSERT_TRUE(wired(data_dir().string() + "/"));
  EXPECT_EQ(mode_of(data_dir()), 0700u);
}

TEST_F(WireTest, KeepsTheFilesPrivateInADirectoryThatOthersMayRead) {
  fs::create_directories(data_dir());
  const auto wiring = wired(data_dir().string());
  ASSERT_TRUE(wiring);
  EXPECT_EQ(mode_of(data_dir()), 0755u) << "its owner chose that";
  expect_private_files();
}

TEST_F(WireTest, NamesADataDirectoryThatCannotBeMade) {
  auto config = configure_service({{"data_dir", {"/proc/none"}, "test"}});
  ASSERT_TRUE(config) << config.error().message;
  const auto made = wire(std::move(*config));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().id, "data_dir_unusable");
  EXPECT_NE(made.error().message.find("data_dir '/proc/none'"), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace skill_verifier::app

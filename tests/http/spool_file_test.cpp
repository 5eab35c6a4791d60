#include "http/spool_file.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <iterator>

#include "support/await.hpp"

namespace skill_verifier::http {
namespace {

using test::await;

class SpoolFileTest : public testing::Test {
 protected:
  SpoolFileTest() {
    std::string name = (std::filesystem::temp_directory_path() / "skill-verifier-spool-XXXXXX").string();
    directory = ::mkdtemp(name.data());
  }
  ~SpoolFileTest() override { std::filesystem::remove_all(directory); }
  bool empty() {
    pool.join();
    return std::filesystem::is_empty(directory);
  }

  core::asio::io_context io{1};
  core::WorkPool pool{1};
  std::filesystem::path directory;
};

TEST_F(SpoolFileTest, KeepsEveryByteInOrder) {
  auto file = await(io, SpoolFile::create(pool, directory));
  ASSERT_TRUE(file);
  std::string expected;
  for (std::size_t size : std::initializer_list<std::size_t>{0, 40'000, 1, 1000, 131'072, 131'071, 400'000, 7}) {
    const std::string piece(size, static_cast<char>('a' + expected.size() % 26));
    ASSERT_TRUE(await(io, file->append(piece)));
    expected += piece;
  }
  const auto path = await(io, file->finish());
  ASSERT_TRUE(path);
  std::ifstream stream(*path, std::ios::binary);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), expected);
  EXPECT_EQ(std::filesystem::status(*path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(SpoolFileTest, RemovesTheFileUnlessFinished) {
  {
    auto file = await(io, SpoolFile::create(pool, directory));
    ASSERT_TRUE(file);
    ASSERT_TRUE(await(io, file->append("bytes")));
    EXPECT_FALSE(std::filesystem::is_empty(directory));
  }
  EXPECT_TRUE(empty());
}

TEST_F(SpoolFileTest, LeavesAFinishedFileToItsOwner) {
  {
    auto file = await(io, SpoolFile::create(pool, directory));
    ASSERT_TRUE(file);
    ASSERT_TRUE(await(io, file->finish()));
  }
  EXPECT_FALSE(empty());
}

TEST_F(SpoolFileTest, SaysThatItFailedWithoutNamingThePlace) {
  const auto file = await(io, SpoolFile::create(pool, directory / "absent"));
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, Errc::unavailable);
  EXPECT_EQ(file.error().id, "spool_failed");
  EXPECT_EQ(file.error().message.find('/'), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::http

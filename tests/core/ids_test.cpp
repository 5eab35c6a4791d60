#include "skill_verifier/core/ids.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

#include "core/random_name.hpp"

namespace skill_verifier::core {
namespace {

TEST(Ids, AreWellFormedAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = new_job_id();
    EXPECT_TRUE(is_job_id(id)) << id;
    seen.insert(id);
  }
  EXPECT_EQ(seen.size(), 1000u);
  EXPECT_EQ(new_request_id().size(), 16u);
}

TEST(Ids, NamesDrawnAheadDifferInEveryThread) {
  std::mutex mutex;
  std::set<std::string> seen;
  const auto draw = [&] {
    for (int i = 0; i < 500; ++i) {
      const std::string name = random_name(static_cast<std::size_t>(1 + i % 32));
      EXPECT_EQ(name.size(), 2u * static_cast<std::size_t>(1 + i % 32));
      if (name.size() < 16) continue;
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(seen.insert(name).second) << name;
    }
  };
  std::thread other(draw);
  draw();
  other.join();
}

TEST(Ids, AnythingElseIsNoJobId) {
  for (const char* text : {"", "abc", "0123456789abcdef0123456789abcdeF", "0123456789abcdef0123456789abcde/",
                           "0123456789abcdef0123456789abcdef0"})
    EXPECT_FALSE(is_job_id(text)) << text;
}

}  // namespace
}  // namespace skill_verifier::core

#include "skill_verifier/core/ids.hpp"

#include <gtest/gtest.h>

#include <set>

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

TEST(Ids, AnythingElseIsNoJobId) {
  for (const char* text : {"", "abc", "0123456789abcdef0123456789abcdeF", "0123456789abcdef0123456789abcde/",
                           "0123456789abcdef0123456789abcdef0"})
    EXPECT_FALSE(is_job_id(text)) << text;
}

}  // namespace
}  // namespace skill_verifier::core

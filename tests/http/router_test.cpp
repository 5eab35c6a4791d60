#include "http/router.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::http {
namespace {

const Route* route(std::string_view method, std::string_view path) {
  const auto match = match_path(path);
  return match ? find_route(*match, method) : nullptr;
}

TEST(Router, FindsEveryRowByItsOwnPath) {
  for (const Route& row : routes()) {
    std::string path(row.path);
    if (const auto hole = path.find("{jobId}"); hole != std::string::npos) path.replace(hole, 7, "abc");
    EXPECT_EQ(route(row.method, path), &row) << path;
  }
}

TEST(Router, TakesTheJobIdOutOfThePath) {
  EXPECT_EQ(match_path("/verify/abc")->job_id, "abc");
  EXPECT_EQ(match_path("/verify/abc/logs")->job_id, "abc");
  EXPECT_EQ(match_path("/verify")->job_id, "");
}

TEST(Router, KnowsNoOtherPath) {
  for (const char* path : {"", "//", "/verify/", "/verify//logs", "/verify/a/b", "/verify/a/", "/verify/a/logs/",
                           "/VERIFY", "/health/", "/jobs/x", "/openapi", "/verifyx", "/%76erify"})
    EXPECT_FALSE(match_path(path)) << path;
}

TEST(Router, AnswersHeadWhereGetIs) {
  EXPECT_EQ(route("HEAD", "/health"), route("GET", "/health"));
  EXPECT_EQ(route("HEAD", "/verify"), nullptr);
}

TEST(Router, NamesTheMethodsOfAPath) {
  EXPECT_EQ(allowed_methods(*match_path("/health")), "GET, HEAD, OPTIONS");
  EXPECT_EQ(allowed_methods(*match_path("/verify")), "POST, OPTIONS");
  EXPECT_EQ(allowed_methods(*match_path("/verify/abc")), "GET, HEAD, DELETE, OPTIONS");
  EXPECT_EQ(allowed_methods(*match_path("*")), "GET, HEAD, POST, DELETE, OPTIONS");
}

}  // namespace
}  // namespace skill_verifier::http

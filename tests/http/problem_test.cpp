#include "http/problem.hpp"

#include <gtest/gtest.h>

#include <set>

namespace skill_verifier::http {
namespace {

TEST(Problem, MapsEveryErrorCodeToAStatus) {
  const std::pair<Errc, int> expected[] = {
      {Errc::invalid_argument, 400}, {Errc::not_found, 404},   {Errc::conflict, 409},   {Errc::rejected, 422},
      {Errc::too_large, 413},        {Errc::unsupported, 415}, {Errc::overloaded, 503}, {Errc::unavailable, 503},
      {Errc::timed_out, 504},        {Errc::cancelled, 503},   {Errc::internal, 500}};
  for (const auto& [code, status] : expected) {
    const Problem problem(Error(code, "some_id", "what happened", "what to do"));
    EXPECT_EQ(problem.status, status);
    EXPECT_EQ(problem.code, "some_id");
    EXPECT_EQ(problem.detail, "what happened");
    EXPECT_EQ(problem.error, "what happened");
    EXPECT_EQ(problem.hint, "what to do");
    EXPECT_EQ(problem.retry_after > 0, status == 503);
  }
}

TEST(ReasonPhrase, IsKnownForEveryStatusThatIsSent) {
  for (const int status :
       {100, 200, 202, 204, 302, 400, 404, 405, 409, 411, 413, 415, 417, 422, 429, 431, 500, 503, 504, 505})
    EXPECT_NE(reason_phrase(status), "Unknown") << status;
  EXPECT_EQ(reason_phrase(299), "Unknown");
}

}  // namespace
}  // namespace skill_verifier::http

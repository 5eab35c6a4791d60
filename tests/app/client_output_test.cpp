#include "app/client_output.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace skill_verifier::app {
namespace {

using core::Json;

Json job_with(Json passed) {
  return Json{{"jobId", "j"}, {"status", "completed"}, {"result", {{"result", {{"passed", std::move(passed)}}}}}};
}

TEST(ExitOfJob, IsTheVerdictAndNothingElseIsAPass) {
  EXPECT_EQ(exit_of_job(job_with(true)), 0);
  EXPECT_EQ(exit_of_job(job_with(false)), 1);
  EXPECT_EQ(exit_of_job(job_with(nullptr)), 2);
  EXPECT_EQ(exit_of_job(job_with("yes")), 3);
  EXPECT_EQ(exit_of_job(Json{{"status", "completed"}}), 3);
  EXPECT_EQ(exit_of_job(Json{{"status", "completed"}, {"result", Json::object()}}), 3);
  EXPECT_EQ(exit_of_job(Json{{"status", "failed"}}), 3);
  EXPECT_EQ(exit_of_job(Json{{"status", "cancelled"}}), 3);
  EXPECT_EQ(exit_of_job(Json{{"status", "running"}}), 75);
  EXPECT_EQ(exit_of_job(Json{{"status", 7}}), 75);
}

TEST(Printable, KeepsTextAndWritesOutWhatSteersATerminal) {
  EXPECT_EQ(printable("a\tb\ngrüße ✓"), "a\tb\ngrüße ✓");
  EXPECT_EQ(printable("\x1b[2J\r\x7f"), "\\u001b[2J\\u000d\\u007f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u009b31m");
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\u202eb");
  EXPECT_EQ(printable("\xc2"), "\xc2");
}

TEST(JobSummary, LetsNothingThroughThatSteersATerminal) {
  const Json job{{"jobId", "\x1b[1m"}, {"status", "failed"}, {"error", "\x1b[2J"}, {"code", "x"}, {"hint", "\r"}};
  EXPECT_EQ(job_summary(job).find_first_of("\x1b\r"), std::string::npos);
  EXPECT_EQ(job_table(Json::array({{{"id", "\x1b"}, {"status", "\r"}}})).find_first_of("\x1b\r"), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::app

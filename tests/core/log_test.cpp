#include "skill_verifier/core/log.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace skill_verifier::core {
namespace {

class Log : public testing::Test {
 protected:
  void TearDown() override { log::configure(log::Level::info, log::Format::text); }
};

TEST_F(Log, JsonLinesParseWhateverTheValueHolds) {
  log::configure(log::Level::info, log::Format::json);
  testing::internal::CaptureStderr();
  log::info("job \"started\"\n", {{"job", "a\"b\nc\xff"}, {"attempt", 2}, {"warm", true}});
  const auto line = nlohmann::json::parse(testing::internal::GetCapturedStderr());
  EXPECT_EQ(line["event"], "job \"started\"\n");
  EXPECT_EQ(line["job"], "a\"b\\x0ac\\xff");
  EXPECT_EQ(line["attempt"], 2);
  EXPECT_EQ(line["warm"], true);
  EXPECT_EQ(line["level"], "info");
  EXPECT_TRUE(line.contains("time"));
}

TEST_F(Log, AnOutsideValueCannotStartALineOfItsOwn) {
  log::configure(log::Level::info, log::Format::text);
  testing::internal::CaptureStderr();
  log::warn("refused", {{"name", "x\n2026-01-01T00:00:00Z I forged"}});
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST_F(Log, LevelsBelowTheConfiguredOneAreSilent) {
  log::configure(log::Level::warn, log::Format::text);
  testing::internal::CaptureStderr();
  log::info("quiet");
  log::debug("quieter");
  log::error("loud");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_EQ(text.find("quiet"), std::string::npos);
  EXPECT_NE(text.find("loud"), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::core

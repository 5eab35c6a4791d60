#include "service/job_request.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::service {
namespace {

using core::Json;

JobRequest full_request() {
  JobRequest request;
  request.archive_name = "demo.tar.gz";
  request.archive_sha256 = std::string(64, 'a');
  request.tree_digest = std::string(64, 'b');
  request.pack_bytes = 1234;
  request.nonce = "n 1~";
  request.request_id = "req-1";
  auto& manifest = request.manifest;
  manifest.name = "demö";
  manifest.description = "two\nlines";
  manifest.version = "1.0";
  manifest.entrypoint = "run.sh";
  manifest.file = "SKILL.md";
  manifest.sha256.fill(0x5a);
  manifest.frontmatter_recovered = true;
  manifest.test.runtime = "node:20-alpine";
  manifest.test.deps = skill::Command{{"/bin/sh", "-c", "npm install"}, true};
  manifest.test.command = skill::Command{{"npm", "test"}, false};
  manifest.test.timeout = std::chrono::milliseconds(45'000);
  manifest.test.env = {{"A", "1"}, {"B", "x=y"}};
  manifest.test.network = skill::Network::bridge;
  manifest.test.declared = false;
  manifest.test.source = "package.json scripts.test";
  request.warnings.push_back({"crlf", "line ends are CR LF", "SKILL.md", {3, 7}});
  request.notes.push_back({"mode_repaired", "run.sh", "made executable"});
  return request;
}

TEST(JobRequest, IsReadBackAsItWasWritten) {
  const auto text = to_json(full_request());
  const auto parsed = parse_job_request(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(to_json(*parsed), text);
  EXPECT_EQ(parsed->manifest.test.command->argv, (std::vector<std::string>{"npm", "test"}));
  EXPECT_TRUE(parsed->manifest.test.deps->shell);
  EXPECT_EQ(parsed->manifest.test.timeout, std::chrono::milliseconds(45'000));
  EXPECT_EQ(parsed->manifest.test.env[1].second, "x=y");
  EXPECT_EQ(parsed->manifest.test.network, skill::Network::bridge);
  EXPECT_EQ(parsed->manifest.sha256, full_request().manifest.sha256);
  EXPECT_EQ(parsed->warnings[0].at.column, 7);
  EXPECT_EQ(parsed->notes[0].path, "run.sh");
  EXPECT_EQ(parsed->nonce, "n 1~");
  EXPECT_EQ(parsed->request_id, "req-1");
}

TEST(JobRequest, KeepsWhatIsAbsentAbsent) {
  JobRequest request = full_request();
  request.archive_sha256.reset();
  request.nonce.reset();
  request.manifest.version.reset();
  request.manifest.description.reset();
  request.manifest.test.command.reset();
  request.manifest.test.deps.reset();
  const auto parsed = parse_job_request(to_json(request));
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->archive_sha256);
  EXPECT_FALSE(parsed->nonce);
  EXPECT_FALSE(parsed->manifest.version);
  EXPECT_FALSE(parsed->manifest.description);
  EXPECT_FALSE(parsed->manifest.test.command);
  EXPECT_FALSE(parsed->manifest.test.deps);
}

TEST(JobRequest, RefusesTextThatIsNoRequest) {
  for (const char* text : {"", "null", "[]", "{}", "{\"version\":1}", "not json"}) {
    const auto parsed = parse_job_request(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().id, "request_unreadable");
    EXPECT_EQ(parsed.error().code, Errc::internal);
  }
}

TEST(JobRequest, RefusesEveryMissingMember) {
  const Json whole = Json::parse(to_json(full_request()));
  for (const auto& item : whole.items()) {
    if (item.key() == "requestId" || item.key() == "traceId") continue;
    Json part = whole;
    part.erase(item.key());
    EXPECT_FALSE(parse_job_request(part.dump())) << item.key();
  }
  for (const auto& item : whole["manifest"].items()) {
    Json part = whole;
    part["manifest"].erase(item.key());
    EXPECT_FALSE(parse_job_request(part.dump())) << item.key();
  }
}

TEST(JobRequest, NeedsNoRequestIdAndNoTraceId) {
  Json older = Json::parse(to_json(full_request()));
  older.erase("requestId");
  older.erase("traceId");
  const auto parsed = parse_job_request(older.dump());
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->request_id, "");
  EXPECT_EQ(parsed->trace_id, "");
}

TEST(JobRequest, RefusesMembersOfAnotherKind) {
  const std::vector<std::function<void(Json&)>> mutations{
      [](Json& j) { j["version"] = 2; },
      [](Json& j) { j["packBytes"] = 0; },
      [](Json& j) { j["packBytes"] = "1234"; },
      [](Json& j) { j["nonce"] = 5; },
      [](Json& j) { j["requestId"] = 5; },
      [](Json& j) { j["warnings"] = Json::object(); },
      [](Json& j) { j["warnings"][0] = "text"; },
      [](Json& j) { j["manifest"]["timeoutMs"] = 0; },
      [](Json& j) { j["manifest"]["timeoutMs"] = 1.5; },
      [](Json& j) { j["manifest"]["command"]["argv"] = Json::array(); },
      [](Json& j) { j["manifest"]["command"]["argv"][0] = 1; },
      [](Json& j) { j["manifest"]["command"] = "npm test"; },
      [](Json& j) { j["manifest"]["env"][0] = Json::array({"A"}); },
      [](Json& j) { j["manifest"]["network"] = "host"; },
      [](Json& j) { j["manifest"]["sha256"] = "00"; },
      [](Json& j) { j["manifest"]["declared"] = nullptr; },
  };
  for (std::size_t i = 0; i < mutations.size(); ++i) {
    Json json = Json::parse(to_json(full_request()));
    mutations[i](json);
    EXPECT_FALSE(parse_job_request(json.dump())) << "mutation " << i;
  }
}

}  // namespace
}  // namespace skill_verifier::service

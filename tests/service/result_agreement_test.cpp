#include "service/service_fixture.hpp"

namespace skill_verifier::service {
namespace {

/// A service that gives verdicts again.
class ResultAgreementTest : public ServiceTest {
 protected:
  void SetUp() override {
    start_with_cache();
    path_ = make_skill();
  }
  store::Job again() {
    Submission made;
    made.skill_path = path_;
    auto job = await(service_->submit(std::move(made)));
    EXPECT_TRUE(job) << job.error().message;
    return job ? *job : store::Job{};
  }
  store::Job first() { return wait(again().id); }

  std::string path_;
};

TEST_F(ResultAgreementTest, AResultThatSaysSomethingElseThanItsStatementIsRunAnew) {
  sandbox_.runs.push_back(FakeSandbox::step(FakeSandbox::exited(0, "ok 1 - a\nok 2 - b\n1..2\n", "err")));
  const auto one = first();
  const auto set = [](const char* pointer, nlohmann::json value) {
    return std::pair(std::string(pointer), std::move(value));
  };
  const auto is = parse(one.result);
  ASSERT_EQ(is["tests"]["cases"].size(), 2u);
  const std::vector<std::pair<std::string, nlohmann::json>> changes = {
      set("/verdict", "failed"),
      set("/verdict", "untested"),
      set("/warnings", {{{"code", "output_truncated"}, {"message", "x"}}}),
      set("/skillId", "other@1.0.0"),
      set("/subject/treeDigest", std::string(64, '1')),
      set("/subject/archiveSha256", std::string(64, '1')),
      set("/declared", false),
      set("/phase", nullptr),
      set("/phase", "test_deps"),
      set("/result/passed", false),
      set("/result/passed", nullptr),
      set("/result/exitCode", 1),
      set("/result/stdout", "other"),
      set("/result/stderr", ""),
      set("/outcome", "timeout"),
      set("/truncated", true),
      set("/attempt", 2),
      set("/image/reference", "alpine:3"),
      set("/image/id", "sha256:" + std::string(64, '1')),
      set("/image/preparedId", "sha256:" + std::string(64, '1')),
      set("/tests/cases/0/outcome", "failed"),
      set("/tests/cases/1/name", "c"),
      set("/checkRows", nlohmann::json::array()),
      set("/sandboxRows", nlohmann::json::array()),
      set("/result/checks/flagged", false),
      set("/result/checks/sandbox/imageId", "sha256:" + std::string(64, '1')),
  };
  for (const auto& [pointer, value] : changes) {
    // Only the row of the run that is judged above: those that follow say something else.
    store_->tamper = [&](store::Job& job) {
      auto result = is;
      result[nlohmann::json::json_pointer(pointer)] = value;
      job.result = result.dump();
      job.statement = one.statement;
    };
    EXPECT_EQ(wait(again().id).original, "") << pointer << " " << value;
  }
  store_->tamper = [&](store::Job& job) {
    job.result = is.dump();
    job.statement = one.statement;
  };
  EXPECT_NE(again().original, "") << "unchanged";
}

TEST_F(ResultAgreementTest, OutputThatCannotBeComparedWithItsDigestIsNotGivenAgain) {
  sandbox_.runs.push_back(FakeSandbox::step(FakeSandbox::exited(0, "\xff")));
  auto cut = FakeSandbox::exited(0, "head");
  cut.out.tail = "tail";
  cut.out.total = 100;
  cut.out.truncated = true;
  sandbox_.runs.push_back(FakeSandbox::step(cut));
  first();
  EXPECT_EQ(wait(again().id).original, "");
  EXPECT_EQ(wait(again().id).original, "");
  EXPECT_NE(again().original, "") << "of the third, which wrote nothing";
}

}  // namespace
}  // namespace skill_verifier::service

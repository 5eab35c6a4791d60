#include "skill_verifier/attest/statement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "support/paths.hpp"

namespace skill_verifier::attest {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const fs::path kVectors = skill_verifier::test::source_dir() / "tests" / "attest" / "vectors";
const fs::path kFixtures = skill_verifier::test::shared_fixtures();

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

Annotations read_annotations(const json& object) {
  Annotations annotations;
  for (const auto& [name, value] : object.items()) {
    if (value.is_boolean()) {
      annotations[name] = value.get<bool>();
    } else if (value.is_number()) {
      annotations[name] = value.get<std::int64_t>();
    } else if (value.is_array()) {
      annotations[name] = value.get<std::vector<std::string>>();
    } else {
      annotations[name] = value.get<std::string>();
    }
  }
  return annotations;
}

StatementInput::Run read_run(const json& object) {
  const auto out = object["stdout"].get<std::string>();
  const auto err = object["stderr"].get<std::string>();
  StatementInput::Run run;
  run.attempt = object["attempt"];
  if (!object["exitCode"].is_null()) run.exit_code = object["exitCode"].get<int>();
  run.outcome = object["outcome"];
  run.stdout_bytes = out.size();
  run.stderr_bytes = err.size();
  run.truncated = object["truncated"];
  run.output_sha256 = output_digest(out, err);
  return run;
}

StatementInput read_input(const fs::path& path) {
  const auto spec = json::parse(read(path));
  StatementInput input;
  input.skill_id = spec["skillId"];
  if (spec.contains("archive")) {
    input.archive_name = spec["archive"]["name"];
    input.archive_sha256 = spec["archive"]["sha256"].get<std::string>();
  }
  input.tree_digest = spec["treeDigest"];
  const auto verdict = spec["verdict"].get<std::string>();
  input.verdict = verdict == "PASSED"   ? StatementInput::Verdict::passed
                  : verdict == "FAILED" ? StatementInput::Verdict::failed
                                        : StatementInput::Verdict::warned;
  input.manifest_sha256 = spec["manifest"]["sha256"];
  input.manifest = read_annotations(spec["manifest"]["annotations"]);
  if (spec.contains("image")) {
    input.image_reference = spec["image"]["reference"];
    input.image_id = spec["image"]["id"];
  }
  if (spec.contains("preparedImageId")) input.prepared_image_id = spec["preparedImageId"].get<std::string>();
  input.sandbox_limits = read_annotations(spec["sandbox"]["limits"]);
  input.sandbox = read_annotations(spec["sandbox"]["annotations"]);
  input.verifier = spec["verifier"]["uri"];
  input.verifier_sha256 = spec["verifier"]["sha256"];
  if (spec.contains("nonce")) input.nonce = spec["nonce"].get<std::string>();
  if (spec.contains("run")) input.run = read_run(spec["run"]);
  input.passed_tests = spec["passedTests"];
  input.warned_tests = spec["warnedTests"];
  input.failed_tests = spec["failedTests"];
  return input;
}

StatementInput valid() {
  return read_input(kVectors / "passed-archive" / "input.json");
}

template <class Change>
std::string refusal(Change change) {
  auto input = valid();
  change(input);
  const auto statement = build_statement(input);
  if (statement) return "accepted";
  EXPECT_EQ(statement.error().code, Errc::invalid_argument);
  return statement.error().id + ": " + statement.error().message;
}

TEST(BuildStatement, GivesTheBytesOfEveryVector) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(kVectors)) {
    if (!entry.is_directory()) continue;
    const auto statement = build_statement(read_input(entry.path() / "input.json"));
    ASSERT_TRUE(statement) << entry.path() << statement.error().message;
    EXPECT_EQ(*statement, read(entry.path() / "statement.json")) << entry.path();
    EXPECT_EQ(result_hash(*statement), read(entry.path() / "result_hash")) << entry.path();
    const auto data = report_data(kResultTag, result_hash(*statement));
    EXPECT_EQ(core::to_hex(data), read(entry.path() / "report_data")) << entry.path();
    ++count;
  }
  EXPECT_EQ(count, 4);
}

TEST(BuildStatement, TakesImageIdsWithAndWithoutPrefix) {
  auto input = valid();
  const auto with_prefix = build_statement(input);
  input.image_id = input.image_id.substr(7);
  input.prepared_image_id = input.prepared_image_id->substr(7);
  const auto without = build_statement(input);
  ASSERT_TRUE(with_prefix && without);
  EXPECT_EQ(*with_prefix, *without);
}

TEST(BuildStatement, RefusesDigestsThatAreNotLowerCaseHex) {
  const std::string good(64, 'a');
  for (const auto& bad : {std::string(), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'),
                          std::string(64, 'g'), "0x" + std::string(62, 'a')}) {
    EXPECT_THAT(refusal([&](auto& i) { i.tree_digest = bad; }), HasSubstr("statement_invalid: tree_digest is"));
    EXPECT_THAT(refusal([&](auto& i) { i.manifest_sha256 = bad; }), HasSubstr("manifest_sha256"));
    EXPECT_THAT(refusal([&](auto& i) { i.verifier_sha256 = bad; }), HasSubstr("verifier_sha256"));
    EXPECT_THAT(refusal([&](auto& i) { i.archive_sha256 = bad; }), HasSubstr("archive_sha256"));
    EXPECT_THAT(refusal([&](auto& i) { i.image_id = bad; }), HasSubstr("image_id"));
    EXPECT_THAT(refusal([&](auto& i) { i.prepared_image_id = bad; }), HasSubstr("prepared_image_id"));
    EXPECT_THAT(refusal([&](auto& i) { i.run->output_sha256 = bad; }), HasSubstr("run.output_sha256"));
  }
  EXPECT_EQ(refusal([&](auto& i) { i.tree_digest = good; }), "accepted");
}

TEST(BuildStatement, RefusesWhatContradictsItself) {
  EXPECT_THAT(refusal([](auto& i) { i.run->exit_code.reset(); }), HasSubstr("'exited' without an exit code"));
  EXPECT_THAT(refusal([](auto& i) { i.run->outcome = "EXITED"; }), HasSubstr("run.outcome is 'EXITED'"));
  EXPECT_THAT(refusal([](auto& i) { i.run->attempt = 0; }), HasSubstr("run.attempt is 0"));
  EXPECT_THAT(refusal([](auto& i) { i.run.reset(); }), HasSubstr("a prepared image without a run"));
  EXPECT_THAT(refusal([](auto& i) { i.image_reference.clear(); }), HasSubstr("a run without an image"));
  EXPECT_THAT(refusal([](auto& i) { i.skill_id.clear(); }), HasSubstr("skill_id is empty"));
  EXPECT_THAT(refusal([](auto& i) { i.verifier.clear(); }), HasSubstr("verifier is empty"));
}

TEST(BuildStatement, RefusesNoncesOutsideOfPrintableAscii) {
  for (const auto& bad : {std::string(), std::string(129, 'n'), std::string("a\nb"), std::string("\x7f"),
                          std::string("ż"), std::string(1, '\0')}) {
    EXPECT_THAT(refusal([&](auto& i) { i.nonce = bad; }), HasSubstr("statement_invalid: nonce '"));
  }
  EXPECT_EQ(refusal([](auto& i) { i.nonce = std::string(128, '~'); }), "accepted");
  EXPECT_EQ(refusal([](auto& i) { i.nonce = " "; }), "accepted");
}

TEST(BuildStatement, RefusesWhatCanonicalJsonCannotHold) {
  EXPECT_THAT(refusal([](auto& i) { i.skill_id = "\xff"; }), HasSubstr("json_not_canonical"));
  EXPECT_THAT(refusal([](auto& i) { i.manifest["n"] = std::int64_t{1} << 53; }), HasSubstr("json_not_canonical"));
  EXPECT_THAT(refusal([](auto& i) { i.manifest["ż"] = true; }), HasSubstr("json_not_canonical"));
  EXPECT_THAT(refusal([](auto& i) { i.sandbox_limits["ż"] = true; }), HasSubstr("json_not_canonical: sandbox_limits"));
  EXPECT_THAT(refusal([](auto& i) { i.run->stdout_bytes = UINT64_MAX; }), HasSubstr("json_not_canonical"));
}

TEST(ComparableCore, IsTheStatementWithoutNonceAndRun) {
  for (const auto& entry : fs::directory_iterator(kVectors)) {
    if (!entry.is_directory()) continue;
    const auto core = comparable_core(read(entry.path() / "statement.json"));
    ASSERT_TRUE(core) << entry.path() << core.error().message;
    EXPECT_EQ(*core, read(entry.path() / "core.json")) << entry.path();
  }
}

TEST(ComparableCore, IsEqualForTwoVerifiersThatAgree) {
  auto input = valid();
  const auto first = build_statement(input);
  input.nonce = "another";
  input.prepared_image_id = std::string(64, 'e');
  input.run->attempt = 2;
  input.run->stdout_bytes += 1;
  const auto second = build_statement(input);
  input.verdict = StatementInput::Verdict::failed;
  const auto other = build_statement(input);
  ASSERT_TRUE(first && second && other);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(comparable_core(*first).value(), comparable_core(*second).value());
  EXPECT_NE(comparable_core(*first).value(), comparable_core(*other).value());
}

TEST(ComparableCore, RefusesWhatIsNotACanonicalTestResult) {
  const auto good = read(kVectors / "untested" / "statement.json");
  for (const auto& bad : {std::string(), std::string("[]"), std::string("{}"), good + "\n", " " + good,
                          std::string(R"({"predicate":{"configuration":{}}})"), std::string(R"({"predicate":[]})"),
                          std::string(R"({"predicate":null})"), good.substr(1)}) {
    const auto core = comparable_core(bad);
    ASSERT_FALSE(core) << bad;
    EXPECT_EQ(core.error().id, "statement_invalid");
  }
}

TEST(ComparableCore, KeepsEntriesThatItDoesNotKnow) {
  const auto core = comparable_core(R"({"predicate":{"configuration":[1,{"name":2},{"name":"run"},{"x":"run"}]}})");
  ASSERT_TRUE(core) << core.error().message;
  EXPECT_EQ(*core, R"({"predicate":{"configuration":[1,{"name":2},{"x":"run"}]}})");
}

TEST(ReportData, IsDstacksTaggedSha512) {
  // Upstream's own unit test vector.
  EXPECT_EQ(core::to_hex(report_data("app-data", "test content")),
            "7ea0b744ed5e9c0c83ff9f575668e1697652cd349f2027cdf26f918d4c53e8cd"
            "50b5ea9b449b4c3d50e20ae00ec29688d5a214e8daff8a10041f5d624dae8a01");
  const auto path = kFixtures / "dstack" / "report-data-vectors.json";
  if (!fs::exists(path)) GTEST_SKIP() << "no fixtures beside the source tree";
  const auto vectors = json::parse(read(path));
  int compared = 0;
  for (const auto& vector : vectors["tagged"]) {
    if (vector["hash"] != "sha512") continue;
    const auto content = core::parse_hex(vector["content_hex"].get<std::string>());
    ASSERT_TRUE(content);
    const auto data = report_data(vector["tag"].get<std::string>(), core::as_text(*content));
    EXPECT_EQ(core::to_hex(data), vector["report_data"].get<std::string>());
    ++compared;
  }
  EXPECT_EQ(compared, 3);
}

TEST(ReportData, SeparatesItsTags) {
  const std::string hash(64, 'a');
  EXPECT_NE(report_data(kResultTag, hash), report_data(kServiceTag, hash));
  EXPECT_NE(report_data("a", "b:c"), report_data("a", "b:d"));
}

TEST(OutputDigest, SeparatesTheStreams) {
  EXPECT_EQ(output_digest("", ""), core::sha256_hex(std::string_view("\0", 1)));
  EXPECT_EQ(output_digest("ab", "c"), core::sha256_hex(std::string_view("ab\0c", 4)));
  EXPECT_NE(output_digest("ab", "c"), output_digest("a", "bc"));
}

}  // namespace
}  // namespace skill_verifier::attest

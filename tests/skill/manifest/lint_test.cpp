#include "skill_verifier/skill/lint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "skill/manifest/reading.hpp"

namespace skill_verifier::skill::manifest {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

class Lint : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "lint-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path write(const std::string& name, std::string_view text) const {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  static json lint(const fs::path& path, Profile profile = Profile::registry) {
    return json::parse(to_json(lint_path(path, profile)));
  }

  fs::path folder_;
};

/// A ustar archive of one file.
std::string tar_of(const std::string& name, const std::string& text) {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& value) { header.replace(at, value.size(), value); };
  const auto octal = [](std::size_t value, int width) {
    std::string digits(static_cast<std::size_t>(width), '0');
    for (auto digit = digits.rbegin(); value > 0; value /= 8, ++digit)
      *digit = static_cast<char>('0' + value % 8);
    return digits;
  };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, octal(text.size(), 11));
  put(136, octal(0, 11));
  put(148, "        ");
  put(156, "0");
  put(257, std::string("ustar\0"
                       "00",
                       8));
  std::size_t sum = 0;
  for (const char c : header)
    sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + std::string("\0 ", 2));
  std::string body = text;
  body.resize((text.size() + 511) / 512 * 512);
  return header + body + std::string(1024, '\0');
}

const std::string kManifest = skill_md(
    "name: my-skill\ndescription: d\nmetadata:\n  version: 1.0.0\n  test_command: npm test\n  test_env: A=1\n");

TEST_F(Lint, DescribesASingleFile) {
  const fs::path path = write("SKILL.md", kManifest);
  const json result = lint(path);
  EXPECT_EQ(result.at("path"), path.string());
  EXPECT_EQ(result.at("ok"), true);
  EXPECT_EQ(result.at("name"), "my-skill");
  EXPECT_EQ(result.at("version"), "1.0.0");
  EXPECT_EQ(result.at("description"), "d");
  EXPECT_EQ(result.at("test"),
            json::parse(R"({"runtime":"alpine:latest","test_command":"npm test","test_deps":null,"timeout_ms":30000,
      "env":{"A":"1"},"network":"none","declared":true,"source":"metadata.test_command"})"));
  EXPECT_EQ(result.at("recovered"), false);
  EXPECT_TRUE(result.at("warnings").empty());
  EXPECT_FALSE(result.contains("code"));
}

TEST_F(Lint, ReadsASingleFileWithoutItsSidecar) {
  write("skill-verifier.yaml", "test_command: x\n");
  const json result = lint(write("SKILL.md", skill_md("name: x\n")));
  EXPECT_EQ(result.at("test").at("test_command"), nullptr);
  EXPECT_EQ(result.at("test").at("declared"), false);
}

TEST_F(Lint, ReadsAFolderWithItsSidecar) {
  write("p/SKILL.md", skill_md("name: x\n"));
  write("p/skill-verifier.yaml", "test:\n  command: [a, b]\n");
  const json result = lint(folder_ / "p");
  EXPECT_EQ(result.at("test").at("test_command"), json({"a", "b"})) << result;
}

TEST_F(Lint, ReadsAnArchive) {
  const json result = lint(write("a.tar", tar_of("SKILL.md", kManifest)));
  EXPECT_EQ(result.at("name"), "my-skill") << result;
}

TEST_F(Lint, SaysOfARefusedManifestWhatItsFrontmatterSays) {
  const std::string head = "name: a\ndescription: b\nversion: 1.0\n";
  const json conflict = lint(write("SKILL.md", skill_md(head + "test_command: x\nmetadata:\n  test_command: y\n")));
  EXPECT_EQ(conflict.at("code"), "manifest_conflict");
  EXPECT_EQ(conflict.at("name"), "a");
  EXPECT_EQ(conflict.at("description"), "b");
  EXPECT_EQ(conflict.at("version"), "1.0");
  EXPECT_EQ(conflict.at("test"), nullptr);
  const json nameless = lint(write("SKILL.md", skill_md("description: b\nmetadata:\n  version: 2.0.0\n")));
  EXPECT_EQ(nameless.at("code"), "name_missing");
  EXPECT_EQ(nameless.at("name"), nullptr);
  EXPECT_EQ(nameless.at("description"), "b");
  EXPECT_EQ(nameless.at("version"), "2.0.0");
  const json list = lint(write("SKILL.md", skill_md("name: [a]\n")));
  EXPECT_EQ(list.at("name"), nullptr);
  const json broken = lint(write("SKILL.md", skill_md("name: a\ndescription: b: c\n")));
  EXPECT_EQ(broken.at("code"), "yaml_unquoted_colon");
  EXPECT_EQ(broken.at("name"), nullptr);
  EXPECT_NE(to_text(lint_path(write("SKILL.md", skill_md(head + "test_command: ''\n")), Profile::registry))
                .find(": refused, says it is `a` version `1.0`"),
            std::string::npos);
}

TEST_F(Lint, ReportsRefusalsWithTheirPlace) {
  const json result = lint(write("SKILL.md", skill_md("name: x\ndescription: a: b\n")));
  EXPECT_EQ(result.at("ok"), false);
  EXPECT_EQ(result.at("code"), "yaml_unquoted_colon");
  EXPECT_EQ(result.at("line"), 3);
  EXPECT_EQ(result.at("column"), 15);
  EXPECT_EQ(result.at("name"), nullptr);
  EXPECT_EQ(result.at("test"), nullptr);
}

TEST_F(Lint, ReportsWarningsWithTheirPlace) {
  const json result = lint(write("SKILL.md", skill_md("name: x\ndescription: a\nversion: 1.0\n")));
  ASSERT_EQ(result.at("warnings").size(), 2u);
  EXPECT_EQ(result.at("warnings")[0].at("code"), "spec_invalid");
  EXPECT_EQ(result.at("warnings")[0].at("line"), 4);
}

TEST_F(Lint, HonoursTheProfile) {
  const fs::path path = write("SKILL.md", skill_md("name: x\ndescription: a: b\n"));
  EXPECT_EQ(lint(path, Profile::lenient).at("recovered"), true);
  EXPECT_EQ(lint(path, Profile::spec).at("ok"), false);
}

TEST_F(Lint, FailsForPathsItCannotRead) {
  EXPECT_EQ(lint(folder_ / "missing").at("code"), "path_not_found");
  EXPECT_EQ(lint("/dev/null").at("code"), "path_unreadable");
  EXPECT_EQ(lint(write("big", std::string((1u << 20) + 1, 'x'))).at("code"), "manifest_too_large");
  EXPECT_EQ(lint(write("empty", "")).at("code"), "no_frontmatter");
  EXPECT_FALSE(lint(write("bad.zip", std::string("PK\x03\x04 and no more"))).at("ok"));
  fs::create_directories(folder_ / "nothing");
  EXPECT_FALSE(lint(folder_ / "nothing").at("ok"));
}

TEST_F(Lint, PrintsTextForAPerson) {
  const std::string good = to_text(lint_path(write("SKILL.md", kManifest), Profile::registry));
  EXPECT_THAT(good, HasSubstr("SKILL.md: ok `my-skill` version `1.0.0`"));
  EXPECT_THAT(good, HasSubstr("`npm test` (metadata.test_command)"));
  const std::string bad =
      to_text(lint_path(write("b.md", skill_md("name: x\ndescription: a: b\n")), Profile::registry));
  EXPECT_THAT(bad, HasSubstr("refused\n  error b.md:3:15 yaml_unquoted_colon: "));
  EXPECT_THAT(to_text(lint_path(folder_ / "missing", Profile::registry)), HasSubstr("error path_not_found: "));
  EXPECT_THAT(to_text(lint_path(write("c.md", skill_md("name: x\n")), Profile::registry)), HasSubstr("untested"));
}

TEST_F(Lint, EscapesWhatATerminalWouldObey) {
  const std::string text = to_text(lint_path(folder_ / "a\x1B[31m", Profile::registry));
  EXPECT_EQ(text.find('\x1B'), std::string::npos);
  const std::string name = to_text(
      lint_path(write("SKILL.md", skill_md("name: x\ndescription: y\nmetadata:\n  test_command: \"a\\e[31m\"\n")),
                Profile::registry));
  EXPECT_EQ(name.find('\x1B'), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::skill::manifest

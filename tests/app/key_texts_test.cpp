#include "app/key_texts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "skill_verifier/auth/api_key.hpp"
#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::app {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kId = "0123456789abcdef";
const std::string kSecret(64, 'b');
const std::string kToken = "svk_" + kId + "_" + kSecret;

class ConfiguredKeys : public testing::Test {
 protected:
  ConfiguredKeys() : directory_(std::filesystem::temp_directory_path() / ("svkeys-" + core::random_hex(8))) {
    std::filesystem::create_directories(directory_);
  }
  ~ConfiguredKeys() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::string file(const std::string& text) const { return file("key", text); }
  std::string other_file(const std::string& text) const { return file("other", text); }
  std::string file(const std::string& name, const std::string& text) const {
    const auto path = directory_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  static Result<std::vector<store::KeyRow>> keys(const std::vector<std::string>& elements) {
    Config config = default_config();
    SKILL_VERIFIER_TRY_VOID(apply_settings(config, {Setting{"keys.configured", elements, "--set", true, false}}));
    return configured_keys(config);
  }
  static std::string fault(const std::vector<std::string>& elements) {
    const auto made = keys(elements);
    return made ? "" : made.error().message;
  }

  std::filesystem::path directory_;
};

TEST_F(ConfiguredKeys, AreTheSameInEachOfTheirForms) {
  const auto plain = keys({"name=ops scope=admin key=" + kToken});
  ASSERT_TRUE(plain) << plain.error().message;
  ASSERT_EQ(plain->size(), 1u);
  EXPECT_EQ(plain->front().id, kId);
  EXPECT_EQ(plain->front().scopes, "admin");
  EXPECT_EQ(plain->front().secret.hash, auth::salted_hash("", kSecret));
  for (const std::string& form : {"key_file=" + file(kToken + "\r\n"), "sha256=" + sha256_member(kId, kSecret)}) {
    const auto other = keys({"name=ops scope=admin " + form});
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ(*other, *plain) << form;
  }
}

TEST_F(ConfiguredKeys, HaveTheMembersOfAKeyThatIsMade) {
  const auto made = keys(
      {"  name=ci  scope=submit+read rate=10/s quota=5/d concurrency=2 expires=2001-01-01T00:00:00Z key=" + kToken});
  ASSERT_TRUE(made) << made.error().message;
  const store::KeyRow& row = made->front();
  EXPECT_EQ(row.name, "ci");
  EXPECT_EQ(row.scopes, "read,submit");
  EXPECT_EQ(row.rate, "10/s");
  EXPECT_EQ(row.quota, "5/d");
  EXPECT_EQ(row.concurrency, 2);
  EXPECT_EQ(row.expires_at, core::parse_rfc3339("2001-01-01T00:00:00Z")) << "expired, which is no reason not to start";
  EXPECT_EQ(keys({"name=ci key=" + kToken})->front().scopes, "read,submit") << "as keys create has it";
}

TEST_F(ConfiguredKeys, ComeFromAVariable) {
  const std::string second = "svk_fedcba9876543210_" + std::string(64, 'c');
  Config config = default_config();
  const std::string text = "name=a scope=submit+read key=" + kToken + ",name=b key=" + second;
  ASSERT_TRUE(apply_settings(config, environment_settings([&text](const std::string& name) {
                               return name == "SKILL_VERIFIER_KEYS_CONFIGURED" ? text.c_str() : nullptr;
                             })));
  ASSERT_EQ(configured_keys(config)->size(), 2u);
  EXPECT_EQ(configured_keys(config)->back().name, "b");
}

TEST_F(ConfiguredKeys, OfAFileThatCannotBeReadAreLeftOutWhereThatIsEnough) {
  Config config = default_config();
  const std::vector<std::string> elements = {"name=lost key_file=" + (directory_ / "none").string(),
                                             "name=ci key=" + kToken};
  ASSERT_TRUE(apply_settings(config, {Setting{"keys.configured", elements, "--set", true, false}}));
  std::vector<std::string> faults;
  const auto rows = configured_keys(config, faults);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.front().name, "ci");
  EXPECT_THAT(faults, testing::ElementsAre(HasSubstr("key_file of 'lost': cannot be read")));
}

TEST_F(ConfiguredKeys, FaultsSayWhatIsWrongAndNeverTheSecret) {
  const std::string good = "name=a key=" + kToken;
  const std::vector<std::pair<std::vector<std::string>, std::string>> faults = {
      {{"name=a"}, "needs one of key=, key_file= and sha256="},
      {{good + " sha256=" + sha256_member(kId, kSecret)}, "needs one of key=, key_file= and sha256="},
      {{"key=" + kToken}, "name: '' is not 1 to 100 bytes"},
      {{good + " scope=sumbit"}, "scope: 'sumbit' is no scope"},
      {{good + " rate=fast"}, "rate: "},
      {{good + " concurrency=0"}, "concurrency: '0' is no number from 1 to 1024"},
      {{good + " expires=90d"}, "expires: '90d' is no time like"},
      {{good + " key=" + kToken}, "key= is given twice"},
      {{"name=a " + kToken}, "a word is none of name=, scope="},
      {{"name=a kee=" + kToken}, "a word is none of name=, scope="},
      {{"name=a,key=" + kToken}, "name= holds more than its value; members are parted by spaces"},
      {{"name=a\tkey=" + kToken}, "name= holds more than its value"},
      {{"name=a-" + kToken + " sha256=" + sha256_member(kId, kSecret)}, "name= holds more than its value"},
      {{"name=a scope=admin,key=" + kToken}, "scope= holds more than its value"},
      {{"name=a key=" + kToken.substr(1)}, "key: is no key of the form svk_ID_SECRET"},
      {{"name=a sha256=" + kSecret}, "sha256: is not 16 hex digits"},
      {{"name=a sha256=" + kId + ":" + kSecret.substr(1)}, "sha256: is not 16 hex digits"},
      {{"name=a key_file=" + (directory_ / "none").string()}, "key_file of 'a': cannot be read, or is empty"},
      {{"name=a key_file=" + file(kSecret)}, "key_file of 'a': is no key of the form"},
      {{good, "name=b key=" + kToken}, "--set: keys.configured: the id " + kId + " is given to two keys"},
      {{good, "name=b key_file=" + other_file(kToken)}, "the id " + kId + " is given to two keys"}};
  for (const auto& [elements, wanted] : faults) {
    const std::string message = fault(elements);
    EXPECT_THAT(message, HasSubstr(wanted));
    EXPECT_THAT(message, HasSubstr("keys.configured: "));
    EXPECT_THAT(message, Not(HasSubstr(std::string(20, 'b'))));
    EXPECT_THAT(message, Not(HasSubstr(directory_.string())));
  }
}

}  // namespace
}  // namespace skill_verifier::app

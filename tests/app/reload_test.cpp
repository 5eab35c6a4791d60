#include "app/reload.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "skill_verifier/core/ids.hpp"

namespace skill_verifier::app {
namespace {

std::vector<Setting> settings(std::string_view yaml) {
  auto read = read_settings(yaml, "test.yaml");
  EXPECT_TRUE(read) << read.error().message;
  return read ? std::move(*read) : std::vector<Setting>{};
}

using Names = std::vector<std::string>;

TEST(Reload, KnowsOnlyKeysThatThereAre) {
  for (const std::string& name : reloadable_keys())
    EXPECT_TRUE(std::ranges::any_of(config_keys(), [&](const Key& key) { return key.name == name; })) << name;
}

TEST(Reload, SaysForEachChangedKeyWhetherItWasApplied) {
  Reloader reloader({}, settings("workers: 2\nlisten: {port: 3000}\npool: {max: 1}\nlog: {level: info}\n"));
  const auto reload = reloader.compare(settings("workers: 5\nlisten: {port: 4000}\npool: {max: 1}\nretention: 1h\n"));
  ASSERT_TRUE(reload) << reload.error().message;
  EXPECT_EQ(reload->applied, (Names{"log.level", "retention", "workers"}));
  EXPECT_EQ(reload->needs_restart, (Names{"listen.port"}));
  EXPECT_EQ(reload->config.service.workers, 5u);
  EXPECT_EQ(reload->config.service.retention, std::chrono::hours(1));
  EXPECT_EQ(reload->config.server.port, 3000) << "the running program goes on with what it has";
  EXPECT_EQ(reload->config.log_level, log::Level::info) << "a key that is gone has its default";
}

TEST(Reload, NamesAKeyThatNeedsARestartEveryTime) {
  Reloader reloader({}, settings("data_dir: a\n"));
  for (int i = 0; i < 2; ++i) {
    auto reload = reloader.compare(settings("data_dir: b\nworkers: 3\n"));
    ASSERT_TRUE(reload);
    reloader.took_on(*reload);
    EXPECT_EQ(reload->needs_restart, (Names{"data_dir"}));
    EXPECT_EQ(reload->applied, i == 0 ? Names{"workers"} : Names{}) << "what is in force is no change";
  }
}

TEST(Reload, ABadFileChangesNothing) {
  Reloader reloader({}, settings("workers: 2\n"));
  const auto refused = reloader.compare(settings("workers: many\nretention: 1h\n"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "config_invalid");
  const auto reload = reloader.compare(settings("workers: 2\n"));
  ASSERT_TRUE(reload);
  EXPECT_EQ(reload->applied, Names{});
}

TEST(Reload, WhatWasReadIsNotRunningUntilItIsTakenOn) {
  Reloader reloader({}, settings("workers: 2\n"));
  ASSERT_TRUE(reloader.compare(settings("workers: 3\n")));
  auto again = reloader.compare(settings("workers: 3\n"));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->applied, Names{"workers"}) << "somebody had a reason not to";
  reloader.took_on(*again);
  const auto reload = reloader.compare(settings("workers: 3\n"));
  ASSERT_TRUE(reload);
  EXPECT_EQ(reload->applied, Names{});
}

/// A configuration with a key in a file.
class KeyFile : public testing::Test {
 protected:
  KeyFile() : directory_(std::filesystem::temp_directory_path() / ("svreload-" + core::random_hex(8))) {
    std::filesystem::create_directories(directory_);
    write("workers: 2");
    std::ofstream(key()) << "svk_0123456789abcdef_" << std::string(64, 'b');
  }
  ~KeyFile() override {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  std::string key() const { return (directory_ / "key").string(); }
  ConfigSource source() const { return {(directory_ / "c.yaml").string(), {}}; }
  void write(const std::string& more) const {
    std::ofstream(directory_ / "c.yaml") << more << "\nkeys: {configured: ['name=ci key_file=" << key() << "']}\n";
  }

  std::filesystem::path directory_;
};

TEST_F(KeyFile, ThatIsGoneRefusesTheWholeReload) {
  Reloader reloader(source(), *load_settings(source()));
  write("workers: 3");
  std::filesystem::rename(key(), key() + ".away");
  const auto refused = reloader.read();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "config_invalid");
  EXPECT_EQ(refused.error().message, "keys.configured: key_file of 'ci': cannot be read, or is empty");
  std::filesystem::rename(key() + ".away", key());
  const auto reload = reloader.read();
  ASSERT_TRUE(reload) << reload.error().message;
  EXPECT_EQ(reload->applied, Names{"workers"}) << "nothing of it was in force";
  ASSERT_EQ(reload->keys.size(), 1u);
  EXPECT_EQ(reload->keys[0].id, "0123456789abcdef");
}

TEST_F(KeyFile, ThatOthersCanReadOrChangeIsWarnedOf) {
  namespace fs = std::filesystem;
  const Reloader reloader(source(), *load_settings(source()));
  const std::pair<int, const char*> modes[] = {
      {0644, "keys.configured: key_file of 'ci' can be read by every user of this machine (mode 0644): chmod o= it"},
      {0666,
       "keys.configured: key_file of 'ci' can be changed by every user of this machine (mode 0666): chmod o= it"}};
  for (const auto& [mode, warning] : modes) {
    fs::permissions(key(), fs::perms(mode));
    const auto reload = reloader.read();
    ASSERT_TRUE(reload) << reload.error().message;
    EXPECT_EQ(reload->exposed, Names{warning});
  }
  for (const int mode : {0600, 0400, 0640}) {
    fs::permissions(key(), fs::perms(mode));
    const auto reload = reloader.read();
    ASSERT_TRUE(reload) << reload.error().message;
    EXPECT_EQ(reload->exposed, Names{}) << mode;
  }
}

TEST_F(KeyFile, IsReadOnlyByAProgramThatServes) {
  std::filesystem::remove(key());
  const auto others = load_config(source());
  ASSERT_TRUE(others) << others.error().message;
  EXPECT_EQ(others->service.workers, 2u);
  write("pool: {min: 2, max: 1}");
  const auto serves = configure_service(*load_settings(source()));
  ASSERT_FALSE(serves);
  EXPECT_EQ(serves.error().message,
            "pool.min: is over pool.max\nkeys.configured: key_file of 'ci': cannot be read, or is empty")
      << "all faults together";
}

TEST(Reload, MapsAndListsNeedARestart) {
  Reloader reloader({}, settings("runtimes: {'alpine:latest': 'a'}\nskill_roots: ['/a']\n"));
  const auto reload = reloader.compare(settings("runtimes: {'alpine:latest': 'b'}\nskill_roots: ['/a', '/b']\n"));
  ASSERT_TRUE(reload);
  EXPECT_EQ(reload->needs_restart, (Names{"runtimes", "skill_roots"}));
  EXPECT_EQ(reload->config.sandbox.images.at("alpine:latest"), "a");
}

TEST(ReloadState, IsShownByItsUsualNames) {
  ReloadState state;
  state.tried(true, core::Time(std::chrono::seconds(7)));
  state.tried(false, core::Time(std::chrono::seconds(9)));
  core::MetricsText text;
  state.write(text);
  EXPECT_NE(text.text().find("skill_verifier_config_last_reload_successful 0\n"), std::string::npos);
  EXPECT_NE(text.text().find("skill_verifier_config_last_reload_success_timestamp_seconds 7\n"), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::app

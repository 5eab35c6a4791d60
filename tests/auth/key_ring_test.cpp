#include "skill_verifier/auth/key_ring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>

#include "skill_verifier/core/ids.hpp"
#include "support/await.hpp"
#include "support/fake_clock.hpp"

namespace skill_verifier::auth {
namespace {

using namespace std::chrono_literals;

/// A ring over a real store, beside a second connection that changes what is stored, as the command does.
class KeyRingTest : public testing::Test {
 protected:
  KeyRingTest() : directory_(std::filesystem::temp_directory_path() / ("svkeys-" + core::random_hex(8))) {
    others_ = std::move(*store::open_key_store(directory_));
    make_ring(core::Duration::zero());
  }
  ~KeyRingTest() override {
    ring_.reset();
    others_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  void make_ring(core::Duration refresh) {
    KeyRingOptions options;
    options.refresh = refresh;
    options.hash = [this](std::string_view salt, std::string_view secret) {
      ++hashes_;
      return salted_hash(salt, secret);
    };
    ring_ =
        std::make_unique<KeyRing>(io_.get_executor(), clock_, std::move(*store::open_key_store(directory_)), options);
  }

  std::string create(std::optional<core::Time> expires_at = std::nullopt) {
    const Token token = new_token(core::random_hex(8));
    store::KeyRow row;
    row.id = token.id;
    row.name = "a test";
    row.scopes = "read,submit";
    row.created_at = clock_.now();
    row.expires_at = expires_at;
    row.secret = store_secret(token.secret);
    EXPECT_TRUE(others_->insert(row));
    return to_string(token);
  }
  Result<KeyRing::KeyPtr> authenticate(const std::string& token) {
    return test::await(io_, ring_->authenticate(token));
  }
  std::string id_of(const std::string& token) { return parse_token(token)->id; }

  std::filesystem::path directory_;
  test::FakeClock clock_;
  core::asio::io_context io_{1};
  std::unique_ptr<store::KeyStore> others_;
  std::unique_ptr<KeyRing> ring_;
  int hashes_ = 0;
};

TEST_F(KeyRingTest, KnowsAKeyByItsWholeToken) {
  const std::string token = create();
  const auto key = authenticate(token);
  ASSERT_TRUE(key);
  EXPECT_EQ((*key)->id, id_of(token));
  EXPECT_TRUE((*key)->scopes.has(Scope::submit));
  EXPECT_EQ(ring_->find(id_of(token))->name, "a test");
  EXPECT_EQ(ring_->find("0000000000000000"), nullptr);
}

TEST_F(KeyRingTest, KnowsKeysThatAreInNoStoreForAsLongAsItIsGivenThem) {
  const std::string stored = create();
  const Token token = new_token("0123456789abcdef"), next = new_token(token.id);
  store::KeyRow row;
  row.id = token.id;
  row.name = "configured";
  row.scopes = "admin";
  row.secret = {"", salted_hash("", token.secret)};
  ring_->configure({row});
  ASSERT_TRUE(authenticate(to_string(token)));
  EXPECT_EQ(ring_->find(token.id)->name, "configured");
  EXPECT_TRUE(authenticate(stored));
  row.secret.hash = salted_hash("", next.secret);
  ring_->configure({row});
  EXPECT_FALSE(authenticate(to_string(token)));
  EXPECT_TRUE(authenticate(to_string(next)));
  ring_->configure({});
  EXPECT_FALSE(authenticate(to_string(next)));
  EXPECT_TRUE(authenticate(stored));
}

TEST_F(KeyRingTest, WhatItIsGivenGoesBeforeWhatIsStored) {
  const std::string stored = create();
  const Token other = new_token(id_of(stored));
  store::KeyRow row;
  row.id = other.id;
  row.scopes = "read";
  row.secret = {"", salted_hash("", other.secret)};
  ring_->configure({row});
  EXPECT_FALSE(authenticate(stored));
  EXPECT_TRUE(authenticate(to_string(other)));
}

TEST_F(KeyRingTest, IdsOfStoredKeysAreNotForTheConfiguration) {
  const std::string live = create(), expired = create(clock_.now() + 1h), revoked = create();
  ASSERT_TRUE(others_->revoke(id_of(revoked), clock_.now()));
  clock_.advance(2h);
  std::vector<store::KeyRow> rows;
  for (const std::string& id : {std::string("0123456789abcdef"), id_of(revoked)})
    rows.emplace_back().id = id;
  EXPECT_TRUE(test::await(io_, ring_->check_not_stored(rows))) << "a revoked one does not come back";
  for (const std::string& token : {live, expired}) {
    rows.emplace_back().id = id_of(token);
    rows.back().name = "the new one";
  }
  const auto refused = test::await(io_, ring_->check_not_stored(rows));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().id, "key_stored");
  EXPECT_EQ(refused.error().code, Errc::conflict);
  EXPECT_THAT(refused.error().message,
              testing::EndsWith(": " + id_of(live) + " ('the new one'), " + id_of(expired) + " ('the new one')"));
  EXPECT_THAT(refused.error().hint,
              testing::HasSubstr("keys revoke ID, ID being " + id_of(live) + " " + id_of(expired)));
  for (const std::string& token : {live, expired})
    ASSERT_TRUE(others_->revoke(id_of(token), clock_.now()));
  EXPECT_TRUE(test::await(io_, ring_->check_not_stored(rows)));
}

class BrokenStore final : public store::KeyStore {
 public:
  static Error broken() { return {Errc::unavailable, "store_failed", "the disk is gone"}; }
  Result<void> insert(const store::KeyRow&) override { return broken(); }
  Result<std::vector<store::KeyRow>> list() override { return broken(); }
  Result<store::KeyRow> find(const std::string&) override { return broken(); }
  Result<void> revoke(const std::string&, core::Time) override { return broken(); }
  Result<void> rotate(const std::string&, const store::KeySecret&, core::Time) override { return broken(); }
  Result<std::int64_t> changes() override { return broken(); }
};

TEST(CheckNotStored, TakesNothingForAbsentThatCannotBeLookedUp) {
  BrokenStore store;
  store::KeyRow row;
  row.id = "0123456789abcdef";
  const auto unknown = check_not_stored(store, {row});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().id, "store_failed");
  EXPECT_TRUE(check_not_stored(store, {})) << "nothing is asked";
}

TEST_F(KeyRingTest, NothingTellsApartTheKeysThatAreRefused) {
  const std::string good = create(), revoked = create(), expired = create(clock_.now() + 1h), other = create();
  ASSERT_TRUE(others_->revoke(id_of(revoked), clock_.now()));
  const std::string rotated = create();
  ASSERT_TRUE(others_->rotate(id_of(rotated), store_secret(new_token({}).secret), clock_.now()));
  clock_.advance(1h);
  ASSERT_TRUE(authenticate(good));
  std::string wrong = good;
  wrong.replace(21, 64, parse_token(other)->secret);
  hashes_ = 0;
  int expected = 0;
  const auto reference = authenticate(to_string(new_token(core::random_hex(8))));
  ASSERT_FALSE(reference) << "an unknown id";
  EXPECT_EQ(hashes_, expected += 2);
  for (const std::string& token :
       {wrong, revoked, expired, rotated, std::string("svk_"), std::string(), std::string(5000, 'x')}) {
    const auto answer = authenticate(token);
    ASSERT_FALSE(answer) << token;
    EXPECT_EQ(hashes_, expected += 2) << "the same work for " << token;
    EXPECT_EQ(answer.error().id, "key_invalid");
    EXPECT_EQ(answer.error().message, reference.error().message);
    EXPECT_EQ(answer.error().hint, reference.error().hint);
  }
  ASSERT_TRUE(authenticate(good));
  EXPECT_EQ(hashes_, expected += 2) << "nor does a good key cost another amount";
}

TEST_F(KeyRingTest, ChangesOfAnotherProcessCount) {
  EXPECT_FALSE(authenticate(to_string(new_token("0123456789abcdef"))));
  const std::string token = create();
  EXPECT_TRUE(authenticate(token));
  ASSERT_TRUE(others_->revoke(id_of(token), clock_.now()));
  EXPECT_FALSE(authenticate(token));
  EXPECT_EQ(others_->revoke(id_of(token), clock_.now()).error().id, "key_revoked");
  EXPECT_EQ(others_->revoke("0123456789abcdef", clock_.now()).error().id, "key_not_found");
}

TEST_F(KeyRingTest, WithinTheRefreshTimeNothingIsRead) {
  make_ring(1h);
  const std::string before = create();
  EXPECT_TRUE(authenticate(before));
  const std::string after = create();
  EXPECT_FALSE(authenticate(after));
  EXPECT_TRUE(authenticate(before));
}

TEST_F(KeyRingTest, AnEarlierSecretIsGoodUntilItsGraceEnds) {
  const std::string before = create();
  const Token now = new_token(id_of(before));
  ASSERT_TRUE(others_->rotate(now.id, store_secret(now.secret), clock_.now() + 10min));
  EXPECT_TRUE(authenticate(before));
  EXPECT_TRUE(authenticate(to_string(now)));
  clock_.advance(10min);
  EXPECT_FALSE(authenticate(before));
  EXPECT_TRUE(authenticate(to_string(now)));
  ASSERT_TRUE(others_->revoke(now.id, clock_.now()));
  EXPECT_FALSE(authenticate(to_string(now)));
  EXPECT_EQ(others_->rotate(now.id, store_secret("x"), clock_.now()).error().id, "key_revoked");
}

TEST_F(KeyRingTest, TheDataDirectoryHoldsNoSecret) {
  const std::string token = create();
  const std::string secret = parse_token(token)->secret;
  std::size_t looked_at = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(directory_)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    looked_at += bytes.find(id_of(token)) != std::string::npos ? 1 : 0;
    EXPECT_EQ(bytes.find(secret), std::string::npos) << file.path();
  }
  EXPECT_GT(looked_at, 0u) << "the key is in none of the files: this test looks in the wrong place";
}

}  // namespace
}  // namespace skill_verifier::auth

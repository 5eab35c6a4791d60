#include "skill_verifier/auth/api_key.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::auth {
namespace {

TEST(ParseScopes, ReadsNamesInAnyOrder) {
  const auto scopes = parse_scopes("submit, read");
  ASSERT_TRUE(scopes);
  EXPECT_EQ(to_string(*scopes), "read,submit");
  EXPECT_TRUE(scopes->has(Scope::read));
  EXPECT_FALSE(scopes->has(Scope::cancel));
  EXPECT_FALSE(scopes->has(Scope::admin));
}

TEST(ParseScopes, AdminMayDoEverything) {
  const auto scopes = parse_scopes("admin");
  for (const Scope scope : {Scope::read, Scope::submit, Scope::cancel, Scope::admin})
    EXPECT_TRUE(scopes->has(scope));
  EXPECT_EQ(to_string(*scopes), "admin");
}

TEST(ParseScopes, RefusesOthersAndNone) {
  EXPECT_THAT(parse_scopes("read,sumbit").error().message, testing::HasSubstr("'sumbit'"));
  EXPECT_FALSE(parse_scopes(""));
  EXPECT_FALSE(parse_scopes(" , "));
  EXPECT_FALSE(parse_scopes("Read"));
}

TEST(Token, IsReadBack) {
  const Token token = new_token("0123456789abcdef");
  EXPECT_EQ(token.secret.size(), 64u);
  EXPECT_NE(new_token("0123456789abcdef").secret, token.secret);
  const auto read = parse_token(to_string(token));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->id, token.id);
  EXPECT_EQ(read->secret, token.secret);
}

TEST(Token, OtherFormsAreNone) {
  const std::string good = to_string(new_token("0123456789abcdef"));
  EXPECT_FALSE(parse_token(""));
  EXPECT_FALSE(parse_token(good + "0"));
  EXPECT_FALSE(parse_token(good.substr(1)));
  for (const std::size_t place : {0u, 4u, 20u, 21u, 84u}) {
    std::string bad = good;
    bad[place] = 'X';
    EXPECT_FALSE(parse_token(bad)) << place;
  }
}

TEST(SaltedHash, IsSha256OverSaltAndSecret) {
  EXPECT_EQ(salted_hash("salt", "secret"), core::sha256_hex("saltsecret"));
}

TEST(StoreSecret, KeepsNothingOfTheSecretAndSaltsEachTime) {
  const std::string secret = new_token("0123456789abcdef").secret;
  const auto first = store_secret(secret), second = store_secret(secret);
  EXPECT_EQ(first.salt.size(), 32u);
  EXPECT_NE(first.salt, second.salt);
  EXPECT_NE(first.hash, second.hash);
  EXPECT_EQ(first.hash, salted_hash(first.salt, secret));
  EXPECT_EQ(first.hash.find(secret.substr(0, 8)), std::string::npos);
}

TEST(EqualInConstantTime, ComparesAllOfIt) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("abc", "abcd"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
}

TEST(ToApiKey, RefusesARowOfAnotherForm) {
  store::KeyRow row;
  row.id = "0123456789abcdef";
  row.scopes = "read";
  row.rate = "10/s";
  EXPECT_EQ(to_api_key(row)->rate, (Rate{10, std::chrono::seconds(1)}));
  EXPECT_FALSE(to_api_key(row)->quota);
  row.scopes = "everything";
  EXPECT_EQ(to_api_key(row).error().id, "key_unreadable");
}

}  // namespace
}  // namespace skill_verifier::auth

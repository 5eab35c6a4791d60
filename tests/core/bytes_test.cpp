#include "skill_verifier/core/bytes.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::core {
namespace {

TEST(Hex, RoundTripsEveryByte) {
  Bytes bytes(256);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(i);
  const auto parsed = parse_hex(to_hex(bytes));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, bytes);
}

TEST(Hex, AcceptsPrefixAndUpperCase) {
  const auto parsed = parse_hex("0xDEADbeef");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(to_hex(*parsed), "deadbeef");
}

TEST(Hex, RefusesOddLengthAndForeignCharacters) {
  for (const char* text : {"abc", "0x1", "zz", "0g", "g0", "0x0x", " 1", "+1"}) {
    const auto parsed = parse_hex(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().id, "hex_invalid");
  }
}

TEST(Hex, NamesThePositionOfTheForeignCharacter) {
  EXPECT_NE(parse_hex("00x0").error().message.find("'x' is no hex digit (position 2)"), std::string::npos);
}

TEST(Base64, MatchesTheVectorsOfRfc4648) {
  const std::pair<std::string_view, std::string_view> vectors[] = {{"", ""},
                                                                   {"f", "Zg=="},
                                                                   {"fo", "Zm8="},
                                                                   {"foo", "Zm9v"},
                                                                   {"foob", "Zm9vYg=="},
                                                                   {"fooba", "Zm9vYmE="},
                                                                   {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(to_base64(as_bytes(plain)), encoded);
    const auto parsed = parse_base64(encoded);
    ASSERT_TRUE(parsed) << encoded;
    EXPECT_EQ(as_text(*parsed), plain);
  }
}

TEST(Base64, RefusesEverySecondSpellingOfAValue) {
  for (const char* text : {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm-_", "=Zg="})
    EXPECT_FALSE(parse_base64(text)) << text;
}

TEST(Utf8, AcceptsTheEdgesOfEachRange) {
  for (const char* text : {"", "a", "\x7f", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(text)) << to_hex(as_bytes(text));
}

TEST(Utf8, RefusesOverlongSurrogateTruncatedAndTooLarge) {
  for (const char* text : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xE2\x82",
                           "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"})
    EXPECT_FALSE(is_utf8(text)) << to_hex(as_bytes(text));
}

TEST(Shorten, KeepsShortPrintableText) {
  EXPECT_EQ(shorten("naïve/…"), "naïve/…");
}

TEST(Shorten, EscapesControlsMalformedBytesAndDirectionOverrides) {
  EXPECT_EQ(shorten("a\nb\x1b\xff"), "a\\x0ab\\x1b\\xff");
  EXPECT_EQ(shorten("x\xE2\x80\xAEy"), "x\\xe2\\x80\\xaey");
  EXPECT_EQ(shorten("\xC2\x85"), "\\xc2\\x85");
}

TEST(Shorten, CutsAtACharacterAndSaysSo) {
  EXPECT_EQ(shorten("abcdef", 3), "abc…");
  EXPECT_EQ(shorten("aé", 2), "a…");
}

}  // namespace
}  // namespace skill_verifier::core

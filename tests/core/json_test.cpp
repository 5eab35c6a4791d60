#include "skill_verifier/core/json.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace skill_verifier::core {
namespace {

TEST(ParseJson, ReadsAnOrdinaryDocument) {
  const auto value = parse_json(R"({"a":[1,-2,true,null,"é"],"b":{}})");
  ASSERT_TRUE(value);
  EXPECT_EQ((*value)["a"][1], -2);
  EXPECT_EQ((*value)["a"][4], "é");
}

TEST(ParseJson, RefusesADuplicateName) {
  const auto value = parse_json(R"({"x":{"test":1,"b":2,"test":3}})");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().id, "json_invalid");
  EXPECT_NE(value.error().message.find("'test' stands twice"), std::string::npos);
}

TEST(ParseJson, SameNameInDifferentObjectsIsFine) {
  EXPECT_TRUE(parse_json(R"([{"a":1},{"a":{"a":2}}])"));
}

TEST(ParseJson, RefusesDeepNestingWithoutRecursion) {
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(parse_json(std::string(65, '[') + std::string(65, ']')));
  const std::string bomb(500'000, '[');
  EXPECT_NE(parse_json(bomb).error().message.find("deeper than 64"), std::string::npos);
}

TEST(ParseJson, RefusesANulAndWhatIsHiddenBehindIt) {
  EXPECT_FALSE(parse_json(std::string_view("{}\0", 3)));
  EXPECT_FALSE(parse_json(std::string_view("{}\0{\"a\":1}", 9)));
}

TEST(ParseJson, RefusesMalformedTrailingAndOversized) {
  for (const char* text : {"", "{", "{} x", "{\"a\":1,}", "'a'", "NaN", "\"\xff\"", "01", "{\"a\" 1}"})
    EXPECT_EQ(parse_json(text).error().id, "json_invalid") << text;
  EXPECT_EQ(parse_json("[1,2,3]", {.depth = 64, .bytes = 6}).error().code, Errc::too_large);
}

TEST(DumpJson, NeverThrowsOnMalformedText) {
  EXPECT_EQ(dump_json(Json("a\xff")), "\"a\xEF\xBF\xBD\"");
}

TEST(CanonicalJson, SortsNamesAndDropsWhiteSpace) {
  const auto text = canonical_json(Json::parse(R"({ "b" : [ 3 , 1 ] , "a" : { "z" : null , "B" : true } })"));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, R"({"a":{"B":true,"z":null},"b":[3,1]})");
}

// RFC 8785 §3.2.2.2: only the two-character escapes and \u00XX for controls; everything else as it is.
TEST(CanonicalJson, EscapesOnlyWhatMustBe) {
  const auto text = canonical_json(Json(std::string("\"\\/\b\f\n\r\t\x01\x1f\x7f€")));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f€\"");
}

TEST(CanonicalJson, HoldsIntegersUpToTwoToThe53) {
  EXPECT_EQ(*canonical_json(Json(9007199254740991)), "9007199254740991");
  EXPECT_EQ(*canonical_json(Json(-9007199254740991)), "-9007199254740991");
  EXPECT_FALSE(canonical_json(Json(9007199254740992)));
  EXPECT_FALSE(canonical_json(Json(-9007199254740992)));
  EXPECT_FALSE(canonical_json(Json(18446744073709551615ull)));
}

TEST(CanonicalJson, RefusesFractionsForeignNamesAndMalformedText) {
  EXPECT_FALSE(canonical_json(Json(1.5)));
  EXPECT_FALSE(canonical_json(Json{{"é", 1}}));
  const auto bad = canonical_json(Json{{"outer", Json{{"inner", "\xff"}}}});
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("/outer/inner"), std::string::npos);
}

}  // namespace
}  // namespace skill_verifier::core

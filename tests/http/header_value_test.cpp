#include "http/header_value.hpp"

#include <gtest/gtest.h>

namespace skill_verifier::http {
namespace {

TEST(ParseHeaderValue, ReadsValueAndParameters) {
  const auto value = parse_header_value(R"(  Multipart/Form-Data ; Boundary=abc;charset="utf 8" )");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->value, "multipart/form-data");
  EXPECT_EQ(value->parameter("boundary"), "abc");
  EXPECT_EQ(value->parameter("charset"), "utf 8");
  EXPECT_EQ(value->parameter("absent"), std::nullopt);
}

TEST(ParseHeaderValue, UnescapesOnlyQuotesAndBackslashes) {
  const auto value = parse_header_value(R"(form-data; filename="C:\dir\a \"b\" \\.zip")");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->parameter("filename"), R"(C:\dir\a "b" \.zip)");
}

TEST(ParseHeaderValue, ToleratesEmptyParameters) {
  const auto value = parse_header_value("a/b; ; c=d;");
  ASSERT_TRUE(value);
  EXPECT_EQ(value->parameter("c"), "d");
}

TEST(ParseHeaderValue, RefusesWhatIsMalformed) {
  for (const char* text : {"", ";", "a b", "a/", "/b", "a/b c", "a; =b", "a; b", "a; b=", "a; b= c", "a; b=\"c",
                           "a; b=\"c\\\"", "a; b=c; B=d", "a; b=c d", "a; b=\"c\"d", "a,b"}) {
    const auto value = parse_header_value(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().id, "header_value_invalid") << text;
  }
}

}  // namespace
}  // namespace skill_verifier::http

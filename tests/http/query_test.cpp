#include "http/query.hpp"

#include <gtest/gtest.h>

#include "http/form.hpp"

namespace skill_verifier::http {
namespace {

TEST(Query, DecodesNamesAndValues) {
  const auto query = Query::parse("a=b%20c&d=+e&f&g%3D=h=i&&");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->find("a"), "b c");
  EXPECT_EQ(query->find("d"), " e");
  EXPECT_EQ(query->find("f"), "");
  EXPECT_EQ(query->find("g="), "h=i");
  EXPECT_EQ(query->find("x"), std::nullopt);
  EXPECT_EQ(query->pairs().size(), 4u);
}

TEST(Query, IsEmptyForNoText) {
  const auto query = Query::parse("");
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->pairs().empty());
}

TEST(Query, RefusesBrokenEscapesAndRepeatedNames) {
  for (const char* text : {"a=%", "a=%2", "a=%zz", "a=%00", "a=1&a=2", "a=1&%61=2"}) {
    const auto query = Query::parse(text);
    ASSERT_FALSE(query) << text;
    EXPECT_EQ(query.error().id, "query_invalid") << text;
  }
}

TEST(Query, RefusesTooManyPairs) {
  std::string text;
  for (int i = 0; i < 33; ++i)
    text += "a" + std::to_string(i) + "=1&";
  EXPECT_FALSE(Query::parse(text));
}

TEST(ParseNumber, KeepsToItsRange) {
  EXPECT_EQ(parse_number("limit", "1", 1, 500), 1u);
  EXPECT_EQ(parse_number("limit", "500", 1, 500), 500u);
  for (const char* text : {"", "0", "501", "-1", "+1", " 1", "1 ", "1.5", "0x1", "99999999999999999999"}) {
    const auto number = parse_number("limit", text, 1, 500);
    ASSERT_FALSE(number) << text;
    EXPECT_EQ(number.error().id, "query_invalid") << text;
  }
}

TEST(ParseFlag, KnowsTwoValues) {
  for (const char* text : {"true", "1", "on", "yes"})
    EXPECT_EQ(parse_flag("f", text), true) << text;
  for (const char* text : {"false", "0", "off", "no"})
    EXPECT_EQ(parse_flag("f", text), false) << text;
  for (const char* text : {"", "TRUE", "2", "y"})
    EXPECT_FALSE(parse_flag("f", text)) << text;
}

TEST(SetMember, SetsEachKnownMemberOnce) {
  SubmissionForm form;
  EXPECT_TRUE(set_member(form, "nonce", "n", MemberPlace::json));
  EXPECT_TRUE(set_member(form, "version", "v", MemberPlace::json));
  EXPECT_TRUE(set_member(form, "name", "m", MemberPlace::json));
  EXPECT_EQ(form.nonce, "n");
  EXPECT_EQ(form.version, "v");
  EXPECT_EQ(form.name, "m");
  EXPECT_EQ(set_member(form, "nonce", "o", MemberPlace::json).error().id, "member_duplicate");
  EXPECT_EQ(set_member(form, "nonse", "o", MemberPlace::json).error().id, "member_unknown");
  EXPECT_EQ(form.nonce, "n");
}

TEST(CheckMember, NamesTheNearestOfItsPlace) {
  EXPECT_NE(check_member("skilPath", MemberPlace::json).error().message.find("one is skillPath"), std::string::npos);
  EXPECT_NE(check_member("skillPath", MemberPlace::form).error().message.find("one is skill"), std::string::npos);
  EXPECT_NE(check_member("fileName", MemberPlace::query).error().message.find("one is filename"), std::string::npos);
  EXPECT_EQ(
      check_member("filename", MemberPlace::json).error().hint,
      "the members here are skillPath, nonce, version, name, discover, fresh, visibility, webhook, webhookSecret");
  EXPECT_NE(check_member("webhookSecret", MemberPlace::query).error().message.find("proxies log"), std::string::npos);
  EXPECT_EQ(check_member(std::string(60'000, 'n'), MemberPlace::json).error().id, "member_unknown");
}

TEST(SetTextMember, TreatsABlankFieldAsAbsent) {
  SubmissionForm form;
  for (const char* name : {"nonce", "version", "name", "discover", "webhook", "webhookSecret"})
    EXPECT_TRUE(set_text_member(form, name, "", MemberPlace::form)) << name;
  EXPECT_FALSE(form.nonce || form.version || form.name || form.discover);
  EXPECT_TRUE(set_text_member(form, "discover", "on", MemberPlace::form));
  EXPECT_EQ(form.discover, true);
  EXPECT_EQ(set_text_member(form, "discover", "on", MemberPlace::form).error().id, "member_duplicate");
  EXPECT_EQ(set_text_member(form, "other", "", MemberPlace::form).error().id, "member_unknown");
}

TEST(SetTextMember, RefusesAFlagThatIsNone) {
  SubmissionForm form;
  EXPECT_EQ(set_text_member(form, "discover", "maybe", MemberPlace::form).error().id, "query_invalid");
}

}  // namespace
}  // namespace skill_verifier::http

#include "http/multipart.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace skill_verifier::http {
namespace {

struct Field {
  std::string name;
  std::optional<std::string> filename;
  std::string data;
  bool operator==(const Field&) const = default;
};

/// Feeds `body` in pieces of `size` bytes and collects the fields.
Result<std::vector<Field>> parse(std::string_view body, std::size_t size, std::string_view boundary = "B",
                                 MultipartLimits limits = {}) {
  MultipartParser parser(boundary, limits);
  std::vector<Field> fields;
  bool open = false;
  for (std::size_t at = 0; at < body.size(); at += size) {
    const std::string piece(body.substr(at, size));
    parser.feed(piece);
    while (true) {
      SKILL_VERIFIER_TRY(const MultipartEvent event, parser.next());
      if (event.kind == MultipartEvent::Kind::need_more) break;
      if (event.kind == MultipartEvent::Kind::part) {
        EXPECT_FALSE(open);
        open = true;
        fields.push_back({event.part.name, event.part.filename, {}});
      }
      if (event.kind == MultipartEvent::Kind::data) {
        EXPECT_TRUE(open);
        EXPECT_FALSE(event.data.empty());
        fields.back().data += event.data;
      }
      if (event.kind == MultipartEvent::Kind::part_end) {
        EXPECT_TRUE(open);
        open = false;
      }
    }
  }
  if (auto ended = parser.finish(); !ended) return ended.error();
  EXPECT_FALSE(open);
  return fields;
}

std::string part(const std::string& name, const std::string& data) {
  return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + data + "\r\n";
}

const std::string kTwoFields =
    "--B\r\nContent-Disposition: form-data; name=\"skill\"; filename=\"a.tgz\"\r\nContent-Type: "
    "application/gzip\r\n\r\n"
    "bytes\r\n--\r\n--b\r\n\r\n--A more\r\n--B\r\ncontent-disposition: form-data; name=nonce\r\n\r\n\r\n--B--\r\n";

TEST(MultipartParser, FindsTheSameFieldsHoweverTheBodyIsCut) {
  const std::string body =
      part("skill", "bytes\r\n--\r\n--A\r\n-- B\r") + part("nonce", "") + part("x", "--B") + "--B--\r\n";
  const auto whole = parse(body, body.size());
  ASSERT_TRUE(whole) << whole.error().message;
  ASSERT_EQ(whole->size(), 3u);
  EXPECT_EQ((*whole)[0].data, "bytes\r\n--\r\n--A\r\n-- B\r");
  EXPECT_EQ((*whole)[1].data, "");
  EXPECT_EQ((*whole)[2].data, "--B");
  for (std::size_t size = 1; size < 40; ++size) {
    const auto cut = parse(body, size);
    ASSERT_TRUE(cut) << size;
    EXPECT_EQ(*cut, *whole) << size;
  }
}

TEST(MultipartParser, ReadsNameAndFilename) {
  const auto fields = parse(kTwoFields, 7);
  ASSERT_TRUE(fields) << fields.error().message;
  ASSERT_EQ(fields->size(), 2u);
  EXPECT_EQ((*fields)[0].name, "skill");
  EXPECT_EQ((*fields)[0].filename, "a.tgz");
  EXPECT_EQ((*fields)[1].name, "nonce");
  EXPECT_EQ((*fields)[1].filename, std::nullopt);
}

TEST(MultipartParser, SkipsPreambleAndEpilogue) {
  const auto fields = parse("hello\r\nworld\r\n" + part("a", "1") + "--B--\r\nepilogue\r\n--B\r\n", 3);
  ASSERT_TRUE(fields) << fields.error().message;
  ASSERT_EQ(fields->size(), 1u);
  EXPECT_EQ((*fields)[0].data, "1");
}

TEST(MultipartParser, AcceptsWhiteSpaceAfterABoundaryAndNoLineBreakAtTheEnd) {
  const auto fields = parse("--B \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--", 2);
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_EQ((*fields)[0].data, "1");
}

TEST(MultipartParser, AcceptsAFormWithoutFields) {
  const auto fields = parse("--B--\r\n", 1);
  ASSERT_TRUE(fields) << fields.error().message;
  EXPECT_TRUE(fields->empty());
}

TEST(MultipartParser, HoldsBackNoMoreThanADelimiter) {
  MultipartParser parser("B");
  parser.feed(part("a", "").substr(0, part("a", "").size() - 2));
  ASSERT_EQ(parser.next()->kind, MultipartEvent::Kind::part);
  std::size_t given = 0;
  const std::string block(1000, 'x');
  for (int i = 0; i < 1000; ++i) {
    parser.feed(block);
    for (auto event = parser.next(); event->kind != MultipartEvent::Kind::need_more; event = parser.next())
      given += event->data.size();
    EXPECT_GE(given + 8, static_cast<std::size_t>(i + 1) * block.size());
  }
}

struct Bad {
  const char* what;
  std::string body;
  const char* id;
};
class BadMultipart : public testing::TestWithParam<Bad> {};

TEST_P(BadMultipart, IsRefusedHoweverItIsCut) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{5}, GetParam().body.size() + 1}) {
    const auto fields = parse(GetParam().body, size);
    ASSERT_FALSE(fields) << GetParam().what;
    EXPECT_EQ(fields.error().id, GetParam().id) << fields.error().message;
  }
}

const std::string kDisposition = "Content-Disposition: form-data; name=a\r\n";

std::string parts(int number) {
  std::string body;
  for (int i = 0; i < number; ++i)
    body += part("a", "1");
  return body + "--B--\r\n";
}

INSTANTIATE_TEST_SUITE_P(
    All, BadMultipart,
    testing::Values(
        Bad{"nothing", "x", "multipart_invalid"},
        Bad{"other boundary", "--C\r\n" + kDisposition + "\r\n1\r\n--C--\r\n", "multipart_invalid"},
        Bad{"no end", part("a", "1"), "multipart_invalid"},
        Bad{"cut in the last boundary", part("a", "1") + "--B-", "multipart_invalid"},
        Bad{"cut in a header", "--B\r\nContent-Disp", "multipart_invalid"},
        Bad{"text after a boundary", "--Bx\r\n" + kDisposition + "\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"bare line feeds", "--B\nContent-Disposition: form-data; name=a\n\n1\n--B--\n", "multipart_invalid"},
        Bad{"padding without end", "--B" + std::string(40, ' ') + "\r\n" + kDisposition + "\r\n--B--\r\n",
            "multipart_invalid"},
        Bad{"no header", "--B\r\n\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"no disposition", "--B\r\nX: y\r\n\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"two dispositions", "--B\r\n" + kDisposition + kDisposition + "\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"not form-data", "--B\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--B--\r\n",
            "multipart_invalid"},
        Bad{"no name", "--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"open quote", "--B\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"two names", "--B\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n--B--\r\n",
            "multipart_invalid"},
        Bad{"base64", "--B\r\n" + kDisposition + "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--B--\r\n",
            "multipart_invalid"},
        Bad{"header without colon", "--B\r\n" + kDisposition + "junk\r\n\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"folded header", "--B\r\n" + kDisposition + " more: x\r\n\r\n1\r\n--B--\r\n", "multipart_invalid"},
        Bad{"long header", "--B\r\nX: " + std::string(5000, 'x') + "\r\n" + kDisposition + "\r\n1\r\n--B--",
            "multipart_header_too_large"},
        Bad{"endless header", "--B\r\nX: " + std::string(5000, 'x'), "multipart_header_too_large"},
        Bad{"endless preamble", std::string(3000, 'x') + "\r\n" + part("a", "1") + "--B--", "multipart_invalid"},
        Bad{"too many parts", parts(17), "multipart_too_many_parts"}));

TEST(MultipartParser, AcceptsAHeaderOfExactlyTheLimitHoweverItIsCut) {
  const std::string begin = "Content-Disposition: form-data; name=a\r\nX: ";
  const std::string header = begin + std::string(4096 - begin.size(), 'x');
  for (std::size_t size = 1; size < 20; ++size) {
    EXPECT_TRUE(parse("--B\r\n" + header + "\r\n\r\n1\r\n--B--", size)) << size;
    EXPECT_FALSE(parse("--B\r\n" + header + "x\r\n\r\n1\r\n--B--", size)) << size;
  }
}

TEST(MultipartParser, AcceptsAsManyPartsAsAllowed) {
  EXPECT_TRUE(parse(parts(16), 100));
}

TEST(MultipartBoundary, IsTakenFromTheContentType) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=----WebKit7MA4"), "----WebKit7MA4");
  EXPECT_EQ(multipart_boundary("multipart/form-data; charset=utf-8; boundary=\"a b:c\""), "a b:c");
}

TEST(MultipartBoundary, IsRefusedWhenMalformed) {
  for (const std::string& type :
       {std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"\""), std::string("multipart/form-data; boundary=\"a \""),
        std::string("multipart/form-data; boundary=\"a\tb\""), std::string("multipart/form-data; boundary=\"a;b\""),
        "multipart/form-data; boundary=" + std::string(71, 'a'),
        std::string("multipart/form-data; boundary=a; boundary=b")}) {
    const auto boundary = multipart_boundary(type);
    ASSERT_FALSE(boundary) << type;
    EXPECT_EQ(boundary.error().id, "multipart_invalid");
  }
}

}  // namespace
}  // namespace skill_verifier::http

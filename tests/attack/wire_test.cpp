#include <gmock/gmock.h>

#include "attack/attacked.hpp"

/// What is sent, byte for byte, and what must come back. Whatever is smuggled behind the first message asks for
/// /openapi.json, so that an answer to it would be seen.
namespace skill_verifier::attack {
namespace {

const std::string kSecond = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kId(32, 'a');

std::string post(const std::string& headers, const std::string& body) {
  return "POST /verify HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n" + body;
}
std::string chunked(const std::string& body) {
  return post("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n", body);
}
std::string json(const std::string& body) {
  return post("Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n", body);
}
std::string form(const std::string& type, const std::string& body) {
  return post("Content-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n", body);
}
std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
}
std::string many(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i)
    all += text;
  return all;
}
std::string part(const std::string& disposition, const std::string& body) {
  return "--B\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + body + "\r\n";
}

struct Case {
  std::string name;
  std::string sent;
  int status;
  std::string code;
  bool closes = true;  ///< the connection ends with the answer, so nothing behind it is read
};

std::vector<Case> smuggling() {
  return {
      {"length and chunked", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n" + kSecond), 400,
       "framing_ambiguous"},
      {"chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n" + kSecond), 400,
       "framing_ambiguous"},
      {"two lengths", post("Content-Length: 0\r\nContent-Length: 40\r\n", kSecond), 400, "header_duplicate"},
      {"listed lengths", post("Content-Length: 0, 40\r\n", kSecond), 400, "content_length_invalid"},
      {"signed length", post("Content-Length: +0\r\n", kSecond), 400, "content_length_invalid"},
      {"length beyond 64 bits", post("Content-Length: 18446744073709551616\r\n", kSecond), 400,
       "content_length_invalid"},
      {"space before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + kSecond), 400, "header_invalid"},
      {"coding that is nearly chunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n" + kSecond), 400,
       "transfer_encoding_unsupported"},
      {"coding listed twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n" + kSecond), 400,
       "transfer_encoding_unsupported"},
      {"coding hidden by a vertical tab", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n" + kSecond), 400,
       "head_invalid"},
      {"folded coding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n" + kSecond), 400, "header_folded"},
      {"bare line feed in the head", "POST /verify HTTP/1.1\r\nHost: a\nContent-Length: 3\r\n\r\n" + kSecond, 400,
       "head_invalid"},
      {"bare carriage return in the head", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n" + kSecond, 400, "head_invalid"},
      {"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + kSecond, 400, "header_duplicate"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_unsupported"},
      {"proxying", "GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 404,
       "not_found"},
      {"tunnel", "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "target_invalid"},
  };
}

/// A broken chunk ends the connection; an answer before that is welcome but must be a refusal.
std::vector<std::string> broken_chunks() {
  return {"FFFFFFFFFFFFFFFFF\r\n" + kSecond,
          "-1\r\n" + kSecond,
          "0x5\r\nhello\r\n0\r\n\r\n" + kSecond,
          "5\nhello\r\n0\r\n\r\n" + kSecond,
          "5\r\nhelloXX0\r\n\r\n" + kSecond,
          " 5\r\nhello\r\n0\r\n\r\n" + kSecond,
          "5;" + std::string(100'000, 'x') + "\r\nhello\r\n0\r\n\r\n" + kSecond,
          "5;" + std::string(100'000, 'x'),
          "5;a=\n\r\nhello\r\n0\r\n\r\n" + kSecond,
          std::string(200'000, '0'),
          "0\r\n" + many("X: y\r\n", 20'000) + "\r\n" + kSecond,
          "0\r\nX: " + std::string(70'000, 'y') + "\r\n\r\n" + kSecond,
          "0\r\n " + std::string(200'000, 'y')};
}

std::vector<Case> heads() {
  return {
      {"a thousand headers", "GET / HTTP/1.1\r\nHost: a\r\n" + many("X-A: b\r\n", 1000) + "\r\n", 431,
       "too_many_headers"},
      {"a header of a megabyte", "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n", 431,
       "head_too_large"},
      {"a target of a megabyte", get("/" + std::string(1 << 20, 'x')), 431, "head_too_large"},
      {"NUL in a value", std::string("GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 33), 400, "head_invalid"},
  };
}

std::vector<Case> paths() {
  const std::string none = "not_found";
  return {{"upwards", get("/verify/../jobs"), 404, none},
          {"upwards, escaped", get("/verify/%2e%2e/jobs"), 404, none},
          {"a file of the host", get("/verify/..%2f..%2fetc%2fpasswd"), 404, "job_not_found"},
          {"double slash", get("//jobs"), 404, none},
          {"NUL in an id", get("/verify/" + kId + "%00"), 404, "job_not_found"},
          {"id in capitals", get("/verify/" + std::string(32, 'A')), 404, "job_not_found"},
          {"id of a kilobyte", get("/verify/" + std::string(1024, 'a')), 404, "job_not_found"},
          {"SQL in an id", get("/verify/'%20OR%201=1--"), 404, "job_not_found"},
          {"split answer", get("/verify/%0d%0aSet-Cookie:%20a=b"), 404, "job_not_found"},
          {"an id and a way out", get("/verify/" + kId + "/../../../etc/passwd"), 404, none},
          // Who may not know of a job learns nothing else about the request either.
          {"wait beyond every limit", get("/verify/" + kId + "?wait=99999999999999999999"), 404, "job_not_found"},
          {"limit beyond every number", get("/jobs?limit=99999999999999999999"), 400, "query_invalid"},
          {"cursor that is SQL", get("/jobs?cursor=1;drop%20table"), 400, "query_invalid"},
          {"broken escape", get("/jobs?status=%zz"), 400, "query_invalid"}};
}

std::vector<Case> bodies() {
  const std::string skill = "name=skill; filename=a.zip";
  return {
      {"a length of ten tebibytes", post("Content-Type: application/gzip\r\nContent-Length: 10995116277760\r\n", ""),
       413, "body_too_large"},
      {"arrays sixty thousand deep", json(std::string(60'000, '[')), 400, "json_invalid", false},
      {"a JSON text of a megabyte", json(std::string(1 << 20, '[')), 413, "body_too_large"},
      {"objects a thousand deep", json(many("{\"a\":", 1000) + "1" + std::string(1000, '}')), 400, "json_invalid",
       false},
      {"a member twice", json(R"({"skillPath":"a","skillPath":"b"})"), 400, "json_invalid", false},
      {"a number of ten thousand digits", json("{\"skillPath\":" + std::string(10'000, '9') + "}"), 400, "", false},
      {"malformed UTF-8", json("{\"skillPath\":\"\xff\xfe\"}"), 400, "json_invalid", false},
      {"a lone surrogate", json(R"({"skillPath":"\ud800"})"), 400, "json_invalid", false},
      {"text behind the value", json(R"({"skillPath":"a"}{"skillPath":"b"})"), 400, "json_invalid", false},
      {"an unknown member", json(R"({"skillPath":"a","__proto__":{}})"), 400, "member_unknown", false},
      {"a form without a boundary", form("multipart/form-data", "x"), 400, "multipart_invalid", false},
      {"a boundary of a kilobyte", form("multipart/form-data; boundary=" + std::string(1024, 'b'), "x"), 400,
       "multipart_invalid", false},
      {"a form that does not end", form("multipart/form-data; boundary=B", part(skill, "zip")), 400,
       "multipart_invalid", false},
      {"a package twice",
       form("multipart/form-data; boundary=B", part(skill, "one") + part(skill, "two") + "--B--\r\n"), 400,
       "member_duplicate", false},
      {"a thousand parts", form("multipart/form-data; boundary=B", many(part("name=name", "x"), 1000) + "--B--\r\n"),
       400, "", false},
      {"a field of a megabyte",
       form("multipart/form-data; boundary=B", part("name=nonce", std::string(1 << 20, 'n')) + "--B--\r\n"), 413,
       "field_too_large", false},
      {"a file in another field",
       form("multipart/form-data; boundary=B", part("name=x; filename=\"../../etc/cron.d/x\"", "a") + "--B--\r\n"), 400,
       "skill_missing", false},
      {"a type that is not known", form("text/html", "<script>"), 415, "content_type_unsupported", false},
  };
}

class Wire : public Attacked {
 protected:
  static void expect_every(const std::vector<Case>& cases) {
    for (const Case& attack : cases) {
      SCOPED_TRACE(attack.name);
      test::Client client(port());
      client.send(attack.sent);
      try {
        const auto answer = client.read();
        EXPECT_EQ(answer.status, attack.status) << answer.body;
        if (!attack.code.empty()) EXPECT_EQ(code_of(answer), attack.code) << answer.body;
        EXPECT_EQ(answer.header("Set-Cookie"), "");
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
      if (attack.closes) EXPECT_TRUE(client.closed()) << "what came behind it was answered";
    }
  }
};

TEST_F(Wire, RequestsSmuggledBehindAnotherAreNotSeen) {
  expect_every(smuggling());
}

TEST_F(Wire, BrokenChunksEndTheConnection) {
  for (const std::string& body : broken_chunks()) {
    SCOPED_TRACE(body.substr(0, 20));
    test::Client client(port());
    client.send(chunked(body));
    const auto answer = client.read();
    EXPECT_EQ(answer.status, 400) << answer.body;
    EXPECT_THAT(answer.body, testing::HasSubstr("\"body_malformed\""));
    EXPECT_TRUE(client.closed()) << "what came behind it was answered";
  }
}

TEST_F(Wire, ABodyWhereNoneIsExpectedIsNoSecondRequest) {
  test::Client client(port());
  const auto answer = client.exchange("GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
                                      std::to_string(kSecond.size()) + "\r\n\r\n" + kSecond);
  EXPECT_THAT(answer.status, testing::AnyOf(200, 400, 413));
  EXPECT_TRUE(client.closed());
}

TEST_F(Wire, FloodsOfHeadersAreRefused) {
  expect_every(heads());
}
TEST_F(Wire, TricksInPathsAndQueriesReachNothing) {
  expect_every(paths());
}
TEST_F(Wire, BodiesThatAreTooMuchOrTwoThingsAtOnceAreRefused) {
  expect_every(bodies());
}

TEST_F(Wire, WhatIsSentNeverBecomesALineOfTheLog) {
  const std::string forged = "level=error msg=forged";
  const std::string evil = "%0d%0a" + forged + "%1b[2J%e2%80%ae";
  test::get(port(), "/verify/" + evil);
  test::get(port(), "/" + evil + "?a=" + evil);
  for (const std::string& member : {"filename", "name", "version", "nonce"}) {
    test::Client client(port());
    client.exchange("POST /verify?" + std::string(member) + "=" + "%0a" + "level=error%20msg=forged%1b[2J" +
                    " HTTP/1.1\r\nHost: a\r\nContent-Type: application/gzip\r\nContent-Length: 4\r\n"
                    "User-Agent: \t" +
                    forged + "\r\n\r\nabcd");
  }
  std::istringstream lines(daemon_->process().log());
  for (std::string line; std::getline(lines, line);) {
    EXPECT_FALSE(line.starts_with("level=error msg=forged")) << line;
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
    EXPECT_EQ(line.find("\xe2\x80\xae"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace skill_verifier::attack

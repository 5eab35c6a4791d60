#include <expat.h>

#include <memory>

#include "scan/test_report_parts.hpp"

namespace skill_verifier::scan {
namespace {

std::string attribute(const XML_Char** attributes, std::string_view name) {
  for (; *attributes != nullptr; attributes += 2)
    if (name == attributes[0]) return attributes[1];
  return {};
}

/// Listens to expat; nothing is built of the document but the tests themselves.
class Listener {
 public:
  explicit Listener(XML_Parser parser) : parser_(parser) {
    XML_SetUserData(parser, this);
    XML_SetElementHandler(
        parser,
        [](void* self, const XML_Char* name, const XML_Char** attributes) {
          static_cast<Listener*>(self)->begin(name, attributes);
        },
        [](void* self, const XML_Char* name) { static_cast<Listener*>(self)->end(name); });
    // Reports have no document type; entities come only with one.
    XML_SetStartDoctypeDeclHandler(parser, [](void* self, const XML_Char*, const XML_Char*, const XML_Char*, int) {
      XML_StopParser(static_cast<Listener*>(self)->parser_, XML_FALSE);
    });
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() = default;

  std::vector<TestCase> take() { return std::move(tests_); }

 private:
  void begin(std::string_view name, const XML_Char** attributes) {
    if (name == "testcase") {
      const std::string owner = attribute(attributes, "classname");
      const std::string own = attribute(attributes, "name");
      // Node gives every test the class `test`.
      open_ = {owner.empty() || owner == "test" ? own : owner + " > " + own, TestOutcome::passed};
      in_test_ = true;
    } else if (in_test_ && name == "skipped") {
      open_.outcome = TestOutcome::skipped;
    } else if (in_test_ && (name == "failure" || name == "error") && open_.outcome == TestOutcome::passed) {
      open_.outcome = TestOutcome::failed;
    }
  }
  void end(std::string_view name) {
    if (name != "testcase" || !in_test_) return;
    in_test_ = false;
    if (tests_.size() < kMaxParsedTests) tests_.push_back(std::move(open_));
  }

  XML_Parser parser_;
  std::vector<TestCase> tests_;
  TestCase open_;
  bool in_test_ = false;
};

}  // namespace

std::vector<TestCase> read_junit(std::string_view text) {
  const auto suite = text.find("<testsuite");
  if (suite == std::string_view::npos) return {};
  // The declaration names the encoding; the report begins with it where it stands right before.
  const auto declaration = text.rfind("<?xml", suite);
  const auto begin = declaration != std::string_view::npos && suite - declaration < 200 ? declaration : suite;
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate(nullptr), XML_ParserFree);
  if (!parser) return {};
  Listener listener(parser.get());
  // What follows the report, or cuts it short, is an error that comes after every test before it.
  constexpr std::size_t chunk = 1u << 20;
  for (std::string_view rest = text.substr(begin); !rest.empty(); rest.remove_prefix(std::min(chunk, rest.size()))) {
    const std::string_view part = rest.substr(0, chunk);
    if (XML_Parse(parser.get(), part.data(), static_cast<int>(part.size()), XML_FALSE) != XML_STATUS_OK) break;
  }
  return listener.take();
}

}  // namespace skill_verifier::scan

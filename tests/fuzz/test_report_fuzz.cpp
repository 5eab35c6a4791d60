#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/scan/test_report.hpp"

// What a test command wrote: whatever it is, names are short and printable, and what is not kept is counted.
namespace {

using namespace skill_verifier;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view output = core::as_text({data, size});
  const scan::TestReport report = scan::read_test_report(output);
  require(report.format.empty() == report.tests.empty());
  require(report.tests.size() <= scan::kMaxReportedTests);
  require(report.left_out == 0 || report.tests.size() == scan::kMaxReportedTests);
  require(report.tests.size() + report.left_out <= size);
  for (const scan::TestCase& test : report.tests) {
    require(!test.name.empty() && test.name.size() < 1000 && core::is_utf8(test.name));
    require(std::ranges::none_of(test.name, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }));
  }
  require(scan::read_test_report(output).tests == report.tests);
  return 0;
}

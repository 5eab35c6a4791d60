// Runs a file of verification cases and prints agreements, disagreements and the time of each.
#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "dcap-cases/cases.hpp"

namespace {

int run(const char* file) {
  const auto cases = dcap_cases::read_cases(file);
  std::size_t disagreements = 0;
  double total = 0;
  for (const auto& wanted : cases) {
    const auto answer = dcap_cases::answer(wanted);
    const auto difference = dcap_cases::disagreement(wanted, answer);
    total += answer.microseconds;
    const auto said = answer.ok ? answer.status : answer.code;
    fmt::print("{:<10} {:>8.0f} us  {}  {}\n", difference.empty() ? "agree" : "DISAGREE", answer.microseconds,
               wanted.name, difference.empty() ? said : difference);
    if (!difference.empty()) ++disagreements;
  }
  fmt::print("{} cases, {} agree, {} disagree, {:.0f} us each on average\n", cases.size(), cases.size() - disagreements,
             disagreements, cases.empty() ? 0 : total / static_cast<double>(cases.size()));
  return disagreements == 0 && !cases.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || std::string_view(argv[1]).starts_with("-")) {
    fmt::print(stderr, "usage: dcap-cases CASES.json\n");
    return 64;
  }
  try {
    return run(argv[1]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "dcap-cases: {}\n", error.what());
    return 1;
  }
}

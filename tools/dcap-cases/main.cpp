// dcap-cases CASES.json: exit code 0 when every verdict is the expected one, 1 when not, 2 when the file cannot be
// read.
#include <chrono>
#include <cstdio>
#include <exception>

#include "dcap-cases/cases.hpp"

namespace {

int run_all(const char* file) {
  using Clock = std::chrono::steady_clock;
  const auto cases = dcap_cases::read_cases(file);
  int disagreements = 0;
  double total = 0;
  for (const auto& one : cases) {
    const auto begin = Clock::now();
    const auto outcome = dcap_cases::run(one);
    const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    total += milliseconds;
    const auto difference = dcap_cases::disagreement(one, outcome);
    disagreements += difference.empty() ? 0 : 1;
    std::printf("%-9s %7.3f ms  %s  %s\n", difference.empty() ? "agrees" : "DISAGREES", milliseconds, one.name.c_str(),
                difference.empty() ? outcome.code.c_str() : difference.c_str());
  }
  std::printf("%zu cases, %zu agreements, %d disagreements, %.3f ms a case\n", cases.size(),
              cases.size() - static_cast<std::size_t>(disagreements), disagreements,
              cases.empty() ? 0.0 : total / static_cast<double>(cases.size()));
  return disagreements == 0 && !cases.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: dcap-cases CASES.json\n", stderr);
    return 2;
  }
  try {
    return run_all(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dcap-cases: %s\n", error.what());
    return 2;
  }
}

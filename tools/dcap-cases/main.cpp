// dcap-cases CASES.json: exit code 0 when every verdict is the expected one, 1 when not, 2 when the file cannot be
// read. dcap-cases --verdicts CASES.json prints the verdicts alone, for comparison with another verifier: name, code
// or `ok`, status, advisories, a tab between each.
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

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

int print_verdicts(const char* file) {
  for (const auto& one : dcap_cases::read_cases(file)) {
    const auto outcome = dcap_cases::run(one);
    const auto& found = outcome.verification;
    const std::string status(found.status ? skill_verifier::dcap::to_string(*found.status) : "");
    std::string advisories;
    for (const auto& id : found.advisory_ids)
      advisories += (advisories.empty() ? "" : " ") + id;
    std::printf("%s\t%s\t%s\t%s\n", one.name.c_str(), outcome.ok ? "ok" : outcome.code.c_str(), status.c_str(),
                advisories.c_str());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const bool verdicts = argc == 3 && std::string_view(argv[1]) == "--verdicts";
  if (argc != 2 && !verdicts) {
    std::fputs("usage: dcap-cases [--verdicts] CASES.json\n", stderr);
    return 2;
  }
  try {
    return verdicts ? print_verdicts(argv[2]) : run_all(argv[1]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "dcap-cases: %s\n", error.what());
    return 2;
  }
}

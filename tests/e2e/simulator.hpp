#pragma once

#include <memory>
#include <string>
#include <vector>

#include "e2e/harness.hpp"

namespace skill_verifier::e2e {

/// The simulator on a socket of its own.
class Simulator {
 public:
  explicit Simulator(std::vector<std::string> options = {}) {
    std::vector<std::string> argv = {program("dstack-simulator").string(), "--socket", socket(), "--state-dir",
                                     state("").string()};
    argv.insert(argv.end(), options.begin(), options.end());
    process_ = std::make_unique<Process>(argv, std::map<std::string, std::string>{}, directory_.path() / "log");
    process_->wait_for_line("listening on");
  }
  std::string socket() const { return (directory_.path() / "dstack.sock").string(); }
  /// A file that it left for those who check its quotes.
  fs::path state(const std::string& name) const { return directory_.path() / "state" / name; }

 private:
  TempDir directory_;
  std::unique_ptr<Process> process_;
};

}  // namespace skill_verifier::e2e

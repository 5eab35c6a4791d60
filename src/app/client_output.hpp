#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "skill_verifier/core/json.hpp"

namespace skill_verifier::app {

/// How far a command is, on standard error: one line that is rewritten on a terminal, else a line for every change.
class Progress {
 public:
  enum class Kind { silent, lines, terminal };
  explicit Progress(Kind kind) : kind_(kind) {}
  ~Progress() { end(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `what` is printed when it changed; `detail` (a share, a time) is shown on a terminal only.
  void show(std::string_view what, std::string_view detail);
  void show(std::string_view what) { show(what, ""); }
  /// A line that stays.
  void note(std::string_view text);
  /// Takes the rewritten line away, before something else is printed.
  void end();
  bool rewrites() const { return kind_ == Kind::terminal; }

 private:
  Kind kind_;
  std::string shown_;
  bool open_ = false;
};

/// A finished job in a few lines for a person; the first word is its verdict, or the state of a job that was not
/// judged.
std::string job_summary(const core::Json& job);
/// Jobs of GET /jobs, one a line.
std::string job_table(const core::Json& jobs);
/// Text of a skill as it may reach a terminal: line ends and tabs stay, other control characters and text-direction
/// marks are written out.
std::string printable(std::string_view text);

/// 0 passed, 1 failed, 2 untested, 3 not judged, 75 not finished.
int exit_of_job(const core::Json& job);

}  // namespace skill_verifier::app

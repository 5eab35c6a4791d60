#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"

namespace skill_verifier::scan {

namespace detail {
struct Rules;
}

/// How much a hit matters. Critical and high ones fail their row, the others warn; a critical one flags the skill.
enum class Severity { low, medium, high, critical };
std::string_view to_string(Severity severity);
Result<Severity> parse_severity(std::string_view text);

/// A snippet that a rule has to find, or has to leave alone, when it stands in a file of that name.
struct Example {
  std::string file;
  std::string text;
  bool hit = false;
};

/// One check of a profile and what there is to say about it, whatever the skill. Rules are checks that are data.
struct Check {
  std::string id;  ///< `<profile>/<group>/<name>`, e.g. `standard/lure/archive-password`
  Severity severity = Severity::low;
  std::string title;   ///< what was found, one line
  std::string reason;  ///< why it matters
  std::string remedy;  ///< what an author can do
  std::string owasp;   ///< of the OWASP Agentic Skills Top 10: AST01 to AST10
  bool rule = false;
  std::vector<Example> examples;  ///< of a rule
  int sample_malicious = -1;      ///< measured hits on the labelled half of the sample; -1: not measured
  int sample_unlabelled = -1;     ///< and on the other half
};

/// A file of a profile: `path` is relative to the folder of the profile.
struct ProfileFile {
  std::string path;
  std::string text;
};

/// A named, versioned list of checks with its rules compiled. Cheap to copy, immutable, usable from several threads.
class Profile {
 public:
  /// `standard-v1`.
  const std::string& name() const;
  /// Lower-case hex SHA-256 over a line `<hex sha256>  <path>\n` per file of the profile, sorted by path: the same
  /// digest means the same checks.
  const std::string& digest() const;
  /// In the order in which a report has their rows.
  const std::vector<Check>& checks() const;
  const Check* find(std::string_view id) const;

  const detail::Rules& rules() const { return *rules_; }
  explicit Profile(std::shared_ptr<const detail::Rules> rules) : rules_(std::move(rules)) {}

 private:
  std::shared_ptr<const detail::Rules> rules_;
};

/// Reads a profile from its files; the first one is the profile itself, the others are the rules that it lists.
/// Errors: invalid_argument `profile_invalid`, naming file and key.
Result<Profile> load_profile(std::span<const ProfileFile> files);

/// The files of profiles/standard-v1.yaml, which are part of the program, and the profile read from them.
std::span<const ProfileFile> standard_profile_files();
Result<Profile> standard_profile();

/// profiles/sandbox-v1.yaml, which describes the checks that run something. They are the service's; `scan` knows none.
Result<Profile> sandbox_profile();

}  // namespace skill_verifier::scan

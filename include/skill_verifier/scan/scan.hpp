#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "skill_verifier/core/result.hpp"
#include "skill_verifier/scan/profile.hpp"
#include "skill_verifier/skill/package.hpp"

namespace skill_verifier::scan {

enum class Outcome { passed, failed, warned, skipped };
std::string_view to_string(Outcome outcome);

/// What one check has to say: one row *passed* or *skipped*, or one row per hit.
struct Row {
  std::string check;  ///< id of the check
  Outcome outcome = Outcome::passed;
  Severity severity = Severity::low;  ///< of this hit; below the check's where `note` says why
  std::string file;                   ///< empty where the row is about the package as a whole
  int line = 0;                       ///< 1-based; 0: the file as a whole
  int column = 0;                     ///< 1-based, in bytes of the file
  int end_line = 0;
  int end_column = 0;        ///< past the last byte
  int utf16_column = 0;      ///< `column` in UTF-16 code units, as SARIF and editors count
  int utf16_end_column = 0;  ///< and `end_column`
  std::string matched;       ///< the bytes in question, shortened and escaped
  std::string excerpt;       ///< the line around them, shortened and escaped
  std::size_t caret = 0;     ///< where `matched` begins in `excerpt`, in bytes
  std::string note;          ///< what is particular to this hit, or why the check was skipped
  bool allowed = false;      ///< the author declared in metadata.skill-verifier-allow that this is intended
};

struct Report {
  std::string profile;              ///< name of the profile
  std::string profile_digest;       ///< its digest
  std::vector<Row> rows;            ///< by the profile's order of checks, then by file, line and column
  std::vector<std::string> allows;  ///< what metadata.skill-verifier-allow lists, as written
  std::size_t passed = 0;
  std::size_t warned = 0;
  std::size_t failed = 0;
  std::size_t skipped = 0;
  bool flagged = false;  ///< a critical row failed; what an author allows does not change it
};

/// A file as the scanner sees it.
struct SourceFile {
  std::string path;
  std::uint64_t size = 0;
  bool executable = false;
};

/// What is scanned. `files` are sorted by path; `read` gives the bytes of one of them and is called at most a few times
/// per file, never for two at once.
struct Source {
  std::string name;    ///< of the folder; empty where there is none to compare with
  bool loose = false;  ///< one file on its own, with no skill around it
  bool modes = true;   ///< whether SourceFile::executable says anything
  std::vector<SourceFile> files;
  std::function<Result<std::string>(const SourceFile& file)> read;
};
/// A package with what its author sees beside the bytes: the folder's name and the files' modes.
Source source_of(const skill::Package& package, std::string name);
/// A package by nothing but what its tree digest is over, so that the same digest gives the same rows wherever the
/// files came from: the checks of names and modes are skipped.
Source attested_source_of(const skill::Package& package);
/// One file on its own.
Source source_of(std::string path, std::string text);

/// Applies every check of the profile. Depends on nothing but its arguments: no clock, no network, no model, so that
/// the same bytes and the same profile give the same rows anywhere. Needs memory of a few times the largest file that
/// is read: a file of more than 10 MiB is not, and `package/file-size` has a skipped row that names it.
/// Errors: those of `source.read`.
Result<Report> scan(const Source& source, const Profile& profile);

}  // namespace skill_verifier::scan

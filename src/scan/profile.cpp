#include "skill_verifier/scan/profile.hpp"

#include <algorithm>
#include <array>

#include "scan/profile_reader.hpp"
#include "skill_verifier/core/sha2.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::array<std::string_view, 4> kSeverities{"low", "medium", "high", "critical"};

std::string digest_of(std::span<const ProfileFile> files) {
  std::vector<std::string> lines;
  std::vector<const ProfileFile*> sorted;
  for (const ProfileFile& file : files)
    sorted.push_back(&file);
  std::ranges::sort(sorted, {}, &ProfileFile::path);
  std::string listing;
  for (const ProfileFile* file : sorted)
    listing += core::sha256_hex(file->text) + "  " + file->path + "\n";
  return core::sha256_hex(listing);
}

/// `whole`: with the patterns that are compiled when they are first needed.
Result<Profile> load(std::span<const ProfileFile> files, bool whole) {
  if (files.empty()) return Error{Errc::invalid_argument, "profile_invalid", "a profile has at least one file"};
  auto rules = std::make_shared<detail::Rules>();
  try {
    read_profile(files, *rules);
    if (whole) compile_all(*rules);
  } catch (const std::exception& error) {
    return Error{Errc::invalid_argument, "profile_invalid", "the profile " + files.front().path + ": " + error.what()};
  }
  rules->digest = digest_of(files);
  return Profile(std::move(rules));
}

}  // namespace

namespace detail {

std::optional<std::size_t> Rules::check_index(std::string_view short_id) const {
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const std::string_view id = checks[i].id;
    if (id.substr(id.find('/') + 1) == short_id) return i;
  }
  return std::nullopt;
}

const std::vector<std::string>& Rules::list(std::string_view list_name) const {
  static const std::vector<std::string> none;
  const auto found = lists.find(list_name);
  return found == lists.end() ? none : found->second;
}

}  // namespace detail

std::string_view to_string(Severity severity) {
  return kSeverities[static_cast<std::size_t>(severity)];
}

Result<Severity> parse_severity(std::string_view text) {
  const auto found = std::ranges::find(kSeverities, text);
  if (found == kSeverities.end())
    return Error{Errc::invalid_argument, "severity_invalid",
                 "a severity is low, medium, high or critical, not '" + core::shorten(text) + "'"};
  return static_cast<Severity>(found - kSeverities.begin());
}

const std::string& Profile::name() const {
  return rules_->name;
}
const std::string& Profile::digest() const {
  return rules_->digest;
}
const std::vector<Check>& Profile::checks() const {
  return rules_->checks;
}
const Check* Profile::find(std::string_view id) const {
  const auto found = std::ranges::find(rules_->checks, id, &Check::id);
  return found == rules_->checks.end() ? nullptr : &*found;
}

Result<Profile> load_profile(std::span<const ProfileFile> files) {
  return load(files, true);
}

Result<Profile> standard_profile() {
  // What is part of the program was compiled as a whole by its tests.
  return load(standard_profile_files(), false);
}

Result<Profile> sandbox_profile() {
  return load(sandbox_profile_files(), false);
}

}  // namespace skill_verifier::scan

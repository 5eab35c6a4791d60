#include "skill_verifier/scan/scan.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <memory>

#include "scan/claims.hpp"
#include "scan/collector.hpp"
#include "scan/conformance.hpp"
#include "scan/dependencies.hpp"
#include "scan/fold.hpp"
#include "scan/matcher.hpp"
#include "scan/package_checks.hpp"
#include "scan/relations.hpp"
#include "scan/text_checks.hpp"

namespace skill_verifier::scan {
namespace {

/// What is read of one file, for the memory it takes. Intake allows as much unless it is told to allow more.
constexpr std::uint64_t kMaxFileBytes = 10u << 20;

/// What is read of a manifest for the addresses in it.
constexpr std::size_t kMaxManifestText = 1u << 20;

class Scanner {
 public:
  Scanner(const Source& source, const detail::Rules& rules)
      : source_(source), rules_(rules), collector_(rules), package_(source, collector_), claims_(rules) {}

  Result<Report> run() {
    const ManifestFacts facts = check_conformance(source_, collector_);
    SKILL_VERIFIER_TRY(const Relations relations, relations_of(facts));
    for (const SourceFile& file : source_.files) {
      if (file.size > kMaxFileBytes) {
        check_name(file.path, file.path, collector_);
        collector_.skip_file(
            "package/file-size", file.path,
            fmt::format("{} bytes, and files of more than {} are not looked into", file.size, kMaxFileBytes));
        continue;
      }
      SKILL_VERIFIER_TRY(const std::string bytes, source_.read(file));
      look(file, bytes, relations);
    }
    package_.finish();
    SKILL_VERIFIER_TRY_VOID(check_dependencies(source_, collector_));
    if (facts.manifest) claims_.compare(*facts.manifest, source_, collector_);
    return collector_.finish(facts.allows);
  }

 private:
  Result<Relations> relations_of(const ManifestFacts& facts) const {
    const auto file = std::ranges::find(source_.files, facts.file, &SourceFile::path);
    if (file == source_.files.end() || file->size > kMaxFileBytes) return Relations(rules_);
    SKILL_VERIFIER_TRY(const std::string bytes, source_.read(*file));
    // Broken frontmatter is still one that agents read; a document without any is not a skill.
    if (!facts.manifest && !bytes.starts_with("---")) return Relations(rules_);
    return Relations(rules_, facts.name, std::string_view(bytes).substr(0, kMaxManifestText));
  }

  void look(const SourceFile& file, const std::string& bytes, const Relations& relations) {
    const Identity identity = identify(bytes);
    package_.file(file, bytes, identity);
    check_name(file.path, file.path, collector_);
    if (identity.content != Content::text) return;
    package_.mentions(file, bytes);
    const FileText text{file.path, bytes, line_starts(bytes)};
    check_text(text, collector_);
    const Mapped folded = fold(bytes);
    const std::vector<Block> blocks = file_blocks(file.path, folded);
    for (const RuleHit& hit : match_rules(rules_, relations, bytes, blocks))
      collector_.add(hit.check, text, hit.begin, hit.end, {}, hit.softened);
    claims_.file(text, blocks);
  }

  const Source& source_;
  const detail::Rules& rules_;
  Collector collector_;
  PackageChecks package_;
  Claims claims_;
};

}  // namespace

std::string_view to_string(Outcome outcome) {
  constexpr std::array<std::string_view, 4> names{"passed", "failed", "warned", "skipped"};
  return names[static_cast<std::size_t>(outcome)];
}

Source source_of(const skill::Package& package, std::string name) {
  Source source;
  source.name = std::move(name);
  for (const skill::PackageEntry& entry : package.entries) {
    if (!entry.directory) source.files.push_back({entry.path, entry.size, entry.executable});
  }
  source.read = [package](const SourceFile& file) { return skill::read_file(package, file.path, kMaxFileBytes); };
  return source;
}

Source attested_source_of(const skill::Package& package) {
  Source source = source_of(package, {});
  source.modes = false;
  return source;
}

Source source_of(std::string path, std::string text) {
  Source source;
  source.loose = true;
  source.modes = false;
  source.files.push_back({std::move(path), text.size(), false});
  const auto shared = std::make_shared<const std::string>(std::move(text));
  source.read = [shared](const SourceFile&) -> Result<std::string> { return *shared; };
  return source;
}

Result<Report> scan(const Source& source, const Profile& profile) {
  return Scanner(source, profile.rules()).run();
}

}  // namespace skill_verifier::scan

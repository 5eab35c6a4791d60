#include "scan/conformance.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>

#include "scan/document.hpp"
#include "scan/frontmatter.hpp"
#include "scan/text_checks.hpp"

namespace skill_verifier::scan {
namespace {

constexpr std::uint64_t kMaxManifest = 1u << 20;
constexpr std::size_t kLongBody = 500;
constexpr std::size_t kEmptyBody = 20;

/// Which check a remark of the manifest reader belongs to.
std::string_view check_of(std::string_view code) {
  static const std::map<std::string_view, std::string_view> checks{
      {"name_invalid", "conformance/agentskills-name"},
      {"description_missing", "conformance/agentskills-description"},
      {"description_too_long", "conformance/agentskills-description"},
      {"spec_unknown_field", "conformance/agentskills-fields"},
      {"spec_flow_style", "conformance/agentskills-fields"},
      {"spec_metadata_value", "conformance/agentskills-fields"},
      {"compatibility_invalid", "conformance/agentskills-fields"},
      {"bom", "conformance/encoding"},
      {"crlf", "conformance/encoding"},
      {"dashes_in_value", "conformance/encoding"},
      {"version_not_semver", "conformance/version"},
      {"claims_unreadable", "conformance/clawhub-dropped"}};
  const auto found = checks.find(code);
  return found == checks.end() ? std::string_view{} : found->second;
}

/// ClawHub publishes these and leaves all their declarations out; the others it refuses or reads.
bool clawhub_drops(std::string_view code) {
  return code == "no_frontmatter" || code == "unterminated_frontmatter" || code.starts_with("yaml_") ||
         code.starts_with("frontmatter_");
}

skill::FileView view_of(const Source& source) {
  skill::FileView view;
  for (const SourceFile& file : source.files)
    view.paths.push_back(file.path);
  view.read = [&source](std::string_view path) -> std::optional<std::string> {
    const auto file = std::ranges::find(source.files, path, &SourceFile::path);
    if (file == source.files.end() || file->size > kMaxManifest) return std::nullopt;
    auto bytes = source.read(*file);
    if (!bytes) return std::nullopt;
    return std::move(*bytes);
  };
  return view;
}

std::size_t body_begin(std::string_view text) {
  if (!text.starts_with("---")) return 0;
  const auto end = text.find("\n---", 3);
  if (end == std::string_view::npos) return 0;
  return std::min(text.find('\n', end + 1), text.size());
}

std::size_t visible(std::string_view body) {
  const auto is_visible = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '-'; };
  return static_cast<std::size_t>(std::ranges::count_if(body, is_visible));
}

/// Files that come with any package and say nothing of what this one does.
bool is_wrapping(const SourceFile& file) {
  const std::string_view name = std::string_view(file.path).substr(file.path.rfind('/') + 1);
  return file.size == 0 || name.starts_with('.') || name.starts_with("LICENSE") || name.starts_with("LICENCE") ||
         name == "_meta.json";
}

void check_body(std::string_view text, const std::string& file, Collector& out) {
  const std::string_view body = text.substr(body_begin(text));
  if (visible(body) < kEmptyBody) out.add("conformance/empty-body", file, "nothing stands below the frontmatter");
  const auto lines = static_cast<std::size_t>(std::ranges::count(body, '\n'));
  if (lines > kLongBody) out.add("conformance/long-body", file, fmt::format("{} lines", lines));
}

class Checker {
 public:
  Checker(const Source& source, Collector& out) : source_(source), out_(out), files_(view_of(source)) {}

  ManifestFacts run() {
    // One file on its own is a manifest if it is a document.
    single_ = source_.loose && kind_of(source_.files.front().path, {}) == FileKind::document;
    if (source_.name.empty()) out_.skip("conformance/name-is-folder", "there is no folder's name to compare with");
    if (single_) text_ = files_.read(source_.files.front().path);
    const skill::ManifestReport report = read(skill::Profile::spec);
    for (const skill::Diagnostic& warning : report.warnings) {
      if (const auto check = check_of(warning.code); !check.empty())
        out_.add_at(check, warning.file, warning.at.line, warning.at.column, warning.message);
      if (warning.code == "bom")
        out_.add_at("conformance/clawhub-dropped", warning.file, 1, 1,
                    "a byte order mark comes before the frontmatter");
    }
    if (report.refusal) refused(*report.refusal);
    if (is_placeholder(report)) out_.add("package/placeholder", report.manifest ? report.manifest->file : "", {});
    ManifestFacts facts{report.manifest, {}, {}, {}};
    facts.file = report.manifest ? report.manifest->file : report.refusal ? report.refusal->file : "";
    facts.name = report.manifest ? report.manifest->name : report.refused_as.name.value_or("");
    if (facts.manifest) {
      readable(*facts.manifest, facts);
    } else if (single_ && text_) {
      check_body(*text_, source_.files.front().path, out_);
    }
    return facts;
  }

 private:
  skill::ManifestReport read(skill::Profile profile) const {
    skill::ManifestOptions options;
    options.profile = profile;
    if (single_) return skill::read_manifest_text(text_.value_or(""), source_.files.front().path, options);
    return skill::read_manifest(files_, options);
  }

  /// Whether a frontmatter is all that there is: no text, no other file, no test.
  bool is_placeholder(const skill::ManifestReport& report) const {
    if (report.manifest && (report.manifest->test.command || report.manifest->description.value_or("").empty()))
      return false;
    const auto manifest =
        std::ranges::find_if(source_.files, [](const SourceFile& file) { return !is_wrapping(file); });
    if (manifest == source_.files.end() || kind_of(manifest->path, {}) != FileKind::document) return false;
    if (std::any_of(std::next(manifest), source_.files.end(),
                    [](const SourceFile& file) { return !is_wrapping(file); }))
      return false;
    const auto text = files_.read(manifest->path);
    return text && body_begin(*text) > 0 && visible(std::string_view(*text).substr(body_begin(*text))) == 0;
  }

  void refused(const skill::Diagnostic& refusal) {
    if (source_.loose && !single_) {
      out_.skip("conformance/", "a file without a skill around it");
      out_.skip("claims/", "a file without a skill around it");
      return;
    }
    out_.add_at("conformance/manifest", refusal.file, refusal.at.line, refusal.at.column, refusal.message);
    if (clawhub_drops(refusal.code))
      out_.add_at("conformance/clawhub-dropped", refusal.file, refusal.at.line, refusal.at.column,
                  "everything that the frontmatter declares: " + refusal.message);
    if (const auto guess = read(skill::Profile::lenient); guess.manifest && guess.manifest->frontmatter_recovered)
      out_.add_at("conformance/openclaw-recovered", refusal.file, refusal.at.line, refusal.at.column,
                  "name and description are taken line by line: `" + guess.manifest->name + "`");
    out_.skip("claims/", "the manifest cannot be read");
  }

  void readable(const skill::Manifest& manifest, ManifestFacts& facts) {
    check_name(manifest.name, manifest.file, out_);
    if (!source_.name.empty() && manifest.name != source_.name)
      out_.add("conformance/name-is-folder", manifest.file,
               fmt::format("the folder is `{}`, the skill `{}`", source_.name, manifest.name));
    const auto text = single_ ? text_ : files_.read(manifest.file);
    if (!text) return;
    check_body(*text, manifest.file, out_);
    const FrontmatterFacts front = read_frontmatter(*text);
    facts.allows = front.allows;
    for (const auto& [line, what] : front.dropped_by_clawhub)
      out_.add_at("conformance/clawhub-dropped", manifest.file, line, 1, what);
  }

  const Source& source_;
  Collector& out_;
  skill::FileView files_;
  bool single_ = false;
  std::optional<std::string> text_;
};

}  // namespace

ManifestFacts check_conformance(const Source& source, Collector& out) {
  return Checker(source, out).run();
}

}  // namespace skill_verifier::scan

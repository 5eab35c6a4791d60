#include "scan/package_checks.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "scan/document.hpp"

namespace skill_verifier::scan {
namespace {

constexpr double kRandom = 7.2;
constexpr std::size_t kMinBlob = 1024;
/// Bounds the table of names to what its 16-bit states can count.
constexpr std::size_t kMaxStem = 60;

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string stem_of(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  if (const auto dot = name.rfind('.'); dot != std::string_view::npos && dot > 0) name = name.substr(0, dot);
  return lower(name.substr(0, kMaxStem));
}

bool is_code(std::string_view path) {
  constexpr std::array<std::string_view, 16> code_names{"sh", "bash", "py",  "js",  "mjs", "cjs", "ts",  "rb",
                                                        "pl", "php",  "ps1", "bat", "cmd", "lua", "zsh", "applescript"};
  return std::ranges::find(code_names, lower(extension(path))) != code_names.end();
}

std::vector<std::string> code_stems(const Source& source, std::vector<std::size_t>& places) {
  std::vector<std::string> stems;
  for (std::size_t i = 0; i < source.files.size() && stems.size() < 1000; ++i) {
    if (!is_code(source.files[i].path)) continue;
    stems.push_back(stem_of(source.files[i].path));
    places.push_back(i);
  }
  return stems;
}

bool is_media_name(std::string_view ext) {
  constexpr std::array<std::string_view, 22> media_names{"png",   "jpg", "jpeg", "gif",  "webp", "bmp", "ico", "pdf",
                                                         "mp3",   "mp4", "wav",  "ogg",  "flac", "ttf", "otf", "woff",
                                                         "woff2", "mov", "docx", "xlsx", "pptx", "heic"};
  return std::ranges::find(media_names, ext) != media_names.end();
}
bool is_office_name(std::string_view ext) {
  return ext == "docx" || ext == "xlsx" || ext == "pptx" || ext == "jar" || ext == "whl" || ext == "epub" ||
         ext == "odt";
}
bool is_text_name(std::string_view ext) {
  constexpr std::array<std::string_view, 18> text_names{"md", "txt",  "json", "yaml", "yml", "toml",
                                                        "py", "js",   "ts",   "sh",   "mjs", "cjs",
                                                        "rb", "html", "css",  "csv",  "xml", "svg"};
  return std::ranges::find(text_names, ext) != text_names.end();
}

}  // namespace

PackageChecks::PackageChecks(const Source& source, Collector& out)
    : source_(source), out_(out), stems_(code_stems(source, code_)), names_(stems_) {}

void PackageChecks::file(const SourceFile& file, std::string_view bytes, const Identity& identity) {
  kind(file, identity);
  type(file, bytes, identity);
  if (identity.content == Content::data && bytes.size() >= kMinBlob) {
    if (const double bits = entropy(bytes); bits > kRandom)
      out_.add("package/high-entropy", file.path,
               fmt::format("{:.2f} bits per byte over {} bytes", bits, bytes.size()));
  }
  if (source_.modes && identity.content == Content::text && file.executable && !bytes.starts_with("#!"))
    out_.add("package/no-shebang", file.path, {});
}

void PackageChecks::kind(const SourceFile& file, const Identity& identity) {
  const std::string ext = lower(extension(file.path));
  if (identity.content == Content::executable) out_.add("package/executable", file.path, std::string(identity.name));
  if (identity.content == Content::bytecode && !has_source(file.path))
    out_.add("package/bytecode", file.path, std::string(identity.name));
  if (identity.content != Content::archive) return;
  if (identity.encrypted) {
    out_.add("package/archive-encrypted", file.path, std::string(identity.name));
  } else if (!is_office_name(ext)) {
    out_.add("package/archive-inside", file.path, std::string(identity.name));
  }
}

void PackageChecks::type(const SourceFile& file, std::string_view bytes, const Identity& identity) {
  const std::string ext = lower(extension(file.path));
  const auto mismatch = [&](std::string_view found) {
    out_.add("package/type-mismatch", file.path, fmt::format("named .{}, but it is {}", ext, found));
  };
  if (bytes.empty()) return;
  if (is_media_name(ext)) {
    const bool office = is_office_name(ext) && identity.name == "zip";
    const bool program = identity.content == Content::executable || identity.content == Content::bytecode;
    if (program || (identity.content == Content::archive && !office) || identity.content == Content::text)
      mismatch(identity.name);
  } else if (is_text_name(ext) && identity.content != Content::text) {
    mismatch(identity.name);
  }
}

/// `__pycache__/a.cpython-312.pyc` and `a.pyc` come from `a.py`, `A$1.class` from `A.java`.
bool PackageChecks::has_source(const std::string& path) const {
  std::string stem = stem_of(path);
  stem = stem.substr(0, stem.find_first_of(".$"));
  return std::ranges::any_of(source_.files, [&](const SourceFile& file) {
    const std::string ext = lower(extension(file.path));
    return (ext == "py" || ext == "java" || ext == "kt") && stem_of(file.path) == stem;
  });
}

void PackageChecks::mentions(const SourceFile& file, std::string_view text) {
  if (stems_.empty()) return;
  names_.find(text, found_);
  for (const int index : found_) {
    if (source_.files[code_[static_cast<std::size_t>(index)]].path != file.path) mentioned_.insert(index);
  }
}

void PackageChecks::finish() {
  if (!source_.modes) out_.skip("package/no-shebang", "modes are no part of what is checked");
  if (source_.files.size() < 2) return;
  for (std::size_t i = 0; i < stems_.size(); ++i) {
    if (!mentioned_.contains(static_cast<int>(i))) out_.add("package/undocumented", source_.files[code_[i]].path, {});
  }
}

}  // namespace skill_verifier::scan

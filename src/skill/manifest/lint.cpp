#include "skill_verifier/skill/lint.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "skill/manifest/diagnose.hpp"

namespace skill_verifier::skill {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxManifestBytes = 1u << 20;

/// A folder of our own that is gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    const fs::path base = fs::temp_directory_path(error);
    std::string name = ((error ? fs::path("/tmp") : base) / "skill-verifier-lint-XXXXXX").string();
    if (::mkdtemp(name.data())) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  bool good() const { return !path_.empty(); }
  fs::path operator/(std::string_view name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// The first bytes of every archive format that intake knows.
bool looks_like_archive(std::string_view head) {
  using namespace std::string_view_literals;
  return head.starts_with("PK\x03\x04"sv) || head.starts_with("PK\x05\x06"sv) || head.starts_with("\x1F\x8B"sv) ||
         head.starts_with("\x28\xB5\x2F\xFD"sv) || (head.size() > 262 && head.substr(257, 5) == "ustar"sv);
}

Error unreadable() {
  return {Errc::unavailable, "path_unreadable", "the path cannot be read"};
}

Result<ManifestReport> lint_package(const fs::path& path, bool folder, const ManifestOptions& options) {
  const TemporaryFolder temporary;
  if (!temporary.good()) {
    return Error{Errc::unavailable, "temporary_folder_unavailable", "no temporary folder can be made"};
  }
  const fs::path pack = temporary / "pack";
  auto package = folder ? import_directory(path, pack, PackageLimits{})
                        : import_archive(path, path.filename().string(), pack, PackageLimits{});
  if (!package) return std::move(package).error();
  return read_manifest(view_of(*package), options);
}

Result<ManifestReport> lint_file(const fs::path& path, const ManifestOptions& options) {
  std::ifstream stream(path, std::ios::binary);
  std::string text(512, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size())) && !stream.eof()) return unreadable();
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (looks_like_archive(text)) return lint_package(path, false, options);

  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return unreadable();
  if (size > kMaxManifestBytes) {
    return Error{Errc::too_large, "manifest_too_large",
                 "the file is neither an archive nor a manifest of at most 1 MiB"};
  }
  text.append(std::istreambuf_iterator<char>(stream), {});
  return read_manifest_text(text, path.filename().string(), options);
}

Result<ManifestReport> lint_any(const fs::path& path, const ManifestOptions& options) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return Error{Errc::not_found, "path_not_found", "there is no such file or folder"};
  }
  if (error) return unreadable();
  if (fs::is_directory(status)) return lint_package(path, true, options);
  if (!fs::is_regular_file(status)) return unreadable();
  return lint_file(path, options);
}

}  // namespace

LintResult lint_path(const fs::path& path, Profile profile) {
  LintResult result{.path = path.string(), .report = {}, .failure = std::nullopt};
  ManifestOptions options;
  options.profile = profile;
  auto report = lint_any(path, options);
  if (report) {
    result.report = std::move(*report);
  } else {
    result.failure = std::move(report).error();
  }
  return result;
}

}  // namespace skill_verifier::skill

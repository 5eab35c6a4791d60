#include "app/scan_paths.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace skill_verifier::app {
namespace {

namespace fs = std::filesystem;

/// What intake allows one file of a package to have.
constexpr std::uintmax_t kMaxFileBytes = 10u << 20;

/// A folder of our own that is gone at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    std::string name = (fs::temp_directory_path(error) / "skill-verifier-scan-XXXXXX").string();
    if (!error && ::mkdtemp(name.data())) path_ = name;
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

bool looks_like_archive(std::string_view head) {
  using namespace std::string_view_literals;
  return head.starts_with("PK\x03\x04"sv) || head.starts_with("PK\x05\x06"sv) || head.starts_with("\x1F\x8B"sv) ||
         head.starts_with("\x28\xB5\x2F\xFD"sv) || (head.size() > 262 && head.substr(257, 5) == "ustar"sv);
}

Error unreadable() {
  return {Errc::unavailable, "path_unreadable", "the path cannot be read"};
}

Result<scan::Report> scan_package(const fs::path& path, bool folder, const scan::Profile& profile) {
  const TemporaryFolder temporary;
  if (!temporary.good())
    return Error{Errc::unavailable, "temporary_folder_unavailable", "no temporary folder can be made"};
  const fs::path pack = temporary / "pack";
  auto package = folder ? skill::import_directory(path, pack, skill::PackageLimits{})
                        : skill::import_archive(path, path.filename().string(), pack, skill::PackageLimits{});
  if (!package) return std::move(package).error();
  std::error_code error;
  const fs::path name = folder ? fs::weakly_canonical(path, error).filename() : fs::path();
  return scan::scan(scan::source_of(*package, name.string()), profile);
}

}  // namespace

Result<scan::Report> scan_path(const std::string& path, const scan::Profile& profile) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return Error{Errc::not_found, "path_not_found", "there is no such file or folder"};
  if (error) return unreadable();
  if (fs::is_directory(status)) return scan_package(path, true, profile);
  if (!fs::is_regular_file(status)) return unreadable();

  std::ifstream stream(path, std::ios::binary);
  std::string text(512, '\0');
  if (!stream.read(text.data(), static_cast<std::streamsize>(text.size())) && !stream.eof()) return unreadable();
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (looks_like_archive(text)) return scan_package(path, false, profile);
  const auto size = fs::file_size(path, error);
  if (error) return unreadable();
  if (size > kMaxFileBytes) return Error{Errc::too_large, "file_too_large", "the file has more than 10 MiB"};
  std::array<char, 16384> piece{};
  for (std::streamsize got = 1; got > 0;) {
    got = stream.rdbuf()->sgetn(piece.data(), piece.size());
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return scan::scan(scan::source_of(fs::path(path).filename().string(), std::move(text)), profile);
}

}  // namespace skill_verifier::app

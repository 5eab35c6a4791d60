#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "skill_verifier/skill/package.hpp"

// Any bytes as an archive. What is accepted must be a package by every rule of package.hpp, must read the same from its
// pack, and must hold the same files as libarchive finds in it, where that finds no fault.
namespace {

namespace fs = std::filesystem;
using namespace skill_verifier;

using Tree = std::map<std::string, std::string>;

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

const fs::path& work_dir() {
  static const struct Directory {
    Directory() {
      const fs::path base = fs::is_directory("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
      std::string name = (base / "archive_fuzz-XXXXXX").string();
      demand(::mkdtemp(name.data()) != nullptr, "a working directory");
      path = name;
    }
    ~Directory() {
      std::error_code ignored;
      fs::remove_all(path, ignored);
    }
    fs::path path;
  } directory;
  return directory.path;
}

std::string plain_path(std::string path) {
  while (path.starts_with("./")) {
    path.erase(0, 2);
  }
  return path;
}

/// The regular files as libarchive sees them; nothing where it reports an error or a doubt.
std::optional<Tree> read_with_libarchive(std::string_view bytes) {
  struct Free {
    void operator()(archive* reader) const { archive_read_free(reader); }
  };
  const std::unique_ptr<archive, Free> reader(archive_read_new());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip_seekable(reader.get());
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) return std::nullopt;
  Tree tree;
  while (true) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) return tree;
    if (status != ARCHIVE_OK || archive_entry_pathname(entry) == nullptr) return std::nullopt;
    std::string body;
    char buffer[4096];
    la_ssize_t count = 0;
    while ((count = archive_read_data(reader.get(), buffer, sizeof buffer)) > 0) {
      body.append(buffer, static_cast<std::size_t>(count));
    }
    if (count < 0) return std::nullopt;
    if (archive_entry_filetype(entry) == AE_IFREG) tree[plain_path(archive_entry_pathname(entry))] = std::move(body);
  }
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_left_out(const skill::Package& package, const std::string& prefix, const std::string& path) {
  return std::ranges::any_of(package.notes, [&](const skill::PackageNote& note) {
    return note.code == "entry_ignored" &&
           (path == note.path || path == prefix + note.path || path.starts_with(note.path + "/") ||
            path.starts_with(prefix + note.path + "/"));
  });
}

void compare_with_libarchive(const skill::Package& package, std::string_view bytes) {
  const std::optional<Tree> theirs = read_with_libarchive(bytes);
  if (!theirs) return;
  std::string prefix;
  for (const skill::PackageNote& note : package.notes) {
    if (note.code == "folder_entered") prefix = note.path + "/";
  }
  // libarchive rewrites other names.
  if (!std::ranges::all_of(*theirs, [](const auto& file) { return is_ascii(file.first); })) return;
  for (const skill::PackageEntry& entry : package.entries) {
    if (entry.directory) continue;
    const auto other = theirs->find(prefix + entry.path);
    demand(other != theirs->end(), "libarchive finds the same file");
    demand(skill::read_file(package, entry.path, 1u << 20).value() == other->second, "libarchive finds the same bytes");
  }
  for (const auto& [path, body] : *theirs) {
    const bool ours = path.starts_with(prefix) && package.find(path.substr(prefix.size())) != nullptr;
    demand(ours || is_left_out(package, prefix, path), "libarchive finds no other file");
  }
}

void check_package(const skill::Package& package, const skill::PackageLimits& limits) {
  std::string previous;
  std::uint64_t sum = 0;
  for (const skill::PackageEntry& entry : package.entries) {
    const std::string& path = entry.path;
    demand(previous < path, "entries are sorted and unique");
    demand(!path.starts_with('/') && !path.ends_with('/') && path.size() <= limits.path_bytes, "paths are plain");
    demand(("/" + path + "/").find("/../") == path.npos && ("/" + path + "/").find("/./") == path.npos,
           "no dot segments");
    demand(path.find_first_of(std::string_view("\\\0\n", 3)) == path.npos, "no separators of other systems");
    demand(entry.size <= limits.file_bytes, "files are bounded");
    sum += entry.size;
    previous = path;
  }
  demand(sum == package.content_bytes && sum <= limits.expanded_bytes, "the sum is bounded");
  const auto again = skill::open_pack(package.pack);
  demand(again.has_value(), "the pack can be read");
  demand(again->tree_digest == package.tree_digest && again->pack_bytes == package.pack_bytes,
         "the pack reads the same");
}

void import_bytes(std::string_view bytes) {
  const fs::path archive = work_dir() / "archive", pack = work_dir() / "pack";
  std::ofstream(archive, std::ios::binary | std::ios::trunc) << bytes;
  skill::PackageLimits limits;
  limits.expanded_bytes = 1u << 20;
  limits.file_bytes = 1u << 19;
  limits.files = 32;
  const auto package = skill::import_archive(archive, "fuzz", pack, limits);
  if (package) {
    check_package(*package, limits);
    compare_with_libarchive(*package, bytes);
    fs::remove(pack);
  } else {
    const auto& error = package.error();
    demand(error.code == Errc::rejected || error.code == Errc::too_large, "a refusal is about the archive");
    demand(error.message.find(work_dir().string()) == std::string::npos, "a refusal names no path of this host");
  }
  demand(fs::directory_iterator(work_dir()) != fs::directory_iterator(), "the archive is still there");
  demand(std::distance(fs::directory_iterator(work_dir()), fs::directory_iterator()) == 1, "nothing is left behind");
}

/// Mutated tar headers would all stop at their check sum.
std::string with_repaired_tar_headers(std::string_view bytes) {
  std::string repaired(bytes);
  for (std::size_t at = 0; at + 512 <= repaired.size(); at += 512) {
    if (repaired.compare(at + 257, 5, "ustar") != 0) continue;
    repaired.replace(at + 148, 8, 8, ' ');
    unsigned sum = 0;
    for (std::size_t i = 0; i < 512; ++i) {
      sum += static_cast<unsigned char>(repaired[at + i]);
    }
    char text[8];
    std::snprintf(text, sizeof text, "%06o", sum);
    repaired.replace(at + 148, 7, text, 7);
  }
  return repaired;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  ::uselocale(utf8);
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  import_bytes(bytes);
  const std::string repaired = with_repaired_tar_headers(bytes);
  if (repaired != bytes) import_bytes(repaired);
  return 0;
}

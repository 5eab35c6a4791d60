#include "skill/archive_path.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

constexpr std::size_t kMaxSegmentBytes = 255;  // NAME_MAX of every file system that a sandbox could have
constexpr std::size_t kMaxNameBytes = 4096;    // PATH_MAX

Error refuse(std::string id, std::string_view name, std::string_view why) {
  return Error(Errc::rejected, std::move(id), "entry '" + core::shorten(name) + "' " + std::string(why));
}

// Characters that end or reorder a line of text: they would let a path show as another one in a log or a digest list.
bool is_unprintable(utf8proc_int32_t character) {
  const utf8proc_category_t category = utf8proc_category(character);
  if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP) {
    return true;
  }
  return character == 0x200E || character == 0x200F || (character >= 0x202A && character <= 0x202E) ||
         (character >= 0x2066 && character <= 0x2069);
}

bool has_unprintable(std::string_view text) {
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t character = 0;
    const utf8proc_ssize_t used = utf8proc_iterate(at, left, &character);
    if (used <= 0 || is_unprintable(character)) return true;
    at += used;
    left -= used;
  }
  return false;
}

Result<void> check_characters(std::string_view name) {
  if (name.find('\0') != name.npos) return refuse("archive_path_invalid", name, "has a NUL byte in its name");
  if (!core::is_utf8(name)) return refuse("archive_path_invalid", name, "has a name that is not UTF-8");
  if (has_unprintable(name)) {
    return refuse("archive_path_invalid", name, "has a control or text-direction character in its name");
  }
  if (name.find('\\') != name.npos) {
    return refuse("archive_path_backslash", name, "has a backslash in its name; segments are separated by '/'");
  }
  return {};
}

Result<void> check_segment(std::string_view segment, std::string_view name) {
  if (segment.empty()) return refuse("archive_path_empty_segment", name, "has an empty path segment ('//')");
  if (segment == "..") return refuse("archive_path_escapes", name, "has '..' in its path");
  if (segment == ".") return refuse("archive_path_invalid", name, "has '.' inside its path");
  if (segment.size() > kMaxSegmentBytes) {
    return Error(Errc::rejected, "archive_path_too_long",
                 "entry '" + core::shorten(name) + "' has a path segment of " + std::to_string(segment.size()) +
                     " bytes, limit is " + std::to_string(kMaxSegmentBytes));
  }
  return {};
}

}  // namespace

Result<std::string> normalize_path(std::string_view name) {
  const std::string_view whole = name;
  if (name.empty()) return Error(Errc::rejected, "archive_path_invalid", "an entry has an empty name");
  if (name.size() > kMaxNameBytes) {
    return Error(Errc::rejected, "archive_path_too_long",
                 "entry '" + core::shorten(name) + "' has a name of " + std::to_string(name.size()) +
                     " bytes, limit is " + std::to_string(kMaxNameBytes));
  }
  if (auto checked = check_characters(name); !checked) return checked.error();
  if (name.starts_with('/')) return refuse("archive_path_absolute", whole, "has an absolute path");
  while (name.starts_with("./"))
    name.remove_prefix(2);
  if (name.empty() || name == ".") return std::string();
  if (name.ends_with('/')) name.remove_suffix(1);

  std::string path(name);
  while (true) {
    const std::size_t slash = name.find('/');
    if (auto checked = check_segment(name.substr(0, slash), whole); !checked) return checked.error();
    if (slash == name.npos) return path;
    name.remove_prefix(slash + 1);
  }
}

std::string folded_path(std::string_view path) {
  if (std::ranges::all_of(path, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    std::string folded(path);
    std::ranges::transform(folded, folded.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return folded;
  }
  utf8proc_uint8_t* folded = nullptr;
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
  const utf8proc_ssize_t length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(path.data()),
                                               static_cast<utf8proc_ssize_t>(path.size()), &folded, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(folded, &std::free);
  if (length == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (length < 0) return std::string(path);
  return std::string(reinterpret_cast<const char*>(folded), static_cast<std::size_t>(length));
}

std::size_t path_depth(std::string_view path) {
  return path.empty() ? 0 : 1 + static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

Result<void> PathSet::add(std::string_view path, Kind kind) {
  for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
    if (auto added = add_one(path.substr(0, slash), Kind::directory, true); !added) return added;
  }
  return add_one(path, kind, false);
}

Result<void> PathSet::add_one(std::string_view path, Kind kind, bool implied) {
  std::string key = folded_path(path);
  const auto known = by_folded_.find(key);
  if (known == by_folded_.end()) {
    bytes_ += path.size();
    if (bytes_ > max_bytes_) {
      return Error(Errc::too_large, "archive_too_many_files",
                   "entry '" + core::shorten(path) + "': the paths of all entries together are longer than " +
                       std::to_string(max_bytes_) + " bytes");
    }
    by_folded_.emplace(std::move(key), Known{std::string(path), kind, implied});
    return {};
  }
  Known& other = known->second;
  if (other.path != path) {
    return refuse("archive_case_duplicate", path,
                  "differs from '" + core::shorten(other.path) + "' only in letter case or Unicode normalisation");
  }
  if (other.kind != kind) return refuse("archive_path_conflict", path, "is both a file and a directory");
  if (!implied && !other.implied) return refuse("archive_duplicate_path", path, "is in the archive twice");
  other.implied = other.implied && implied;
  return {};
}

}  // namespace skill_verifier::skill

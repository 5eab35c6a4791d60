#include "skill/tree_builder.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "skill/archive_reader.hpp"
#include "skill/package_pack.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

// A folder around the package makes every path longer and deeper; the configured limits are for what is inside it.
constexpr std::size_t kFolderBytes = 256;
constexpr std::size_t kFolderDepth = 1;
constexpr std::size_t kMaxPathBytes = 1u << 20;  // of all paths together: this bounds the memory

Error about(Errc code, std::string id, std::string_view path, const std::string& why) {
  return Error(code, std::move(id), "entry '" + core::shorten(path) + "' " + why);
}

std::string_view first_segment(std::string_view path) {
  return path.substr(0, path.find('/'));
}

/// Left out wherever it is: never part of what a skill's author means to publish, and different on every machine.
bool is_ignored_anywhere(std::string_view segment) {
  return segment == ".git" || segment == ".DS_Store";
}

/// Left out at the root: what registries and archivers add (ClawHub's metadata, macOS resource forks).
bool is_ignored_at_root(std::string_view segment) {
  constexpr std::array<std::string_view, 4> names{"_meta.json", ".clawhub", ".clawdhub", "__MACOSX"};
  return std::ranges::find(names, segment) != names.end();
}

bool is_manifest_name(std::string_view name) {
  const std::string folded = folded_path(name);
  return folded == "skill.md" || folded == "skills.md";
}

/// The part of `path` up to a segment that is left out.
std::optional<std::string_view> ignored_part(std::string_view path) {
  if (is_ignored_at_root(first_segment(path))) return first_segment(path);
  std::size_t begin = 0;
  while (true) {
    const std::size_t slash = path.find('/', begin);
    if (is_ignored_anywhere(path.substr(begin, slash - begin))) return path.substr(0, slash);
    if (slash == path.npos) return std::nullopt;
    begin = slash + 1;
  }
}

std::string count_of(std::size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace

TreeBuilder::TreeBuilder(std::filesystem::path pack, const PackageLimits& limits)
    : pack_(std::move(pack)), limits_(limits), paths_(kMaxPathBytes) {}

bool TreeBuilder::leave_out(std::string_view path) {
  const auto part = ignored_part(path);
  if (!part) return false;
  const auto known = left_out_.find(*part);
  if (known == left_out_.end()) {
    left_out_.emplace(*part, 1);
  } else {
    ++known->second;
  }
  return true;
}

/// The normalised path, or an empty one for the root.
Result<std::string> TreeBuilder::admit(std::string_view name, PathSet::Kind kind) {
  if (++entries_ > max_archive_entries(limits_)) {
    return about(Errc::too_large, "archive_too_many_files", name,
                 "is one too many: more than " + std::to_string(max_archive_entries(limits_)) + " entries");
  }
  SKILL_VERIFIER_TRY(std::string path, normalize_path(name));
  if (path.empty()) {
    if (kind == PathSet::Kind::file)
      return about(Errc::rejected, "archive_path_invalid", name, "is a file without a name");
    return path;
  }
  if (path.size() > limits_.path_bytes + kFolderBytes) {
    return about(Errc::rejected, "archive_path_too_long", path,
                 "has a path of " + count_of(path.size(), "byte") + ", limit is " + std::to_string(limits_.path_bytes));
  }
  if (path_depth(path) > limits_.depth + kFolderDepth) {
    return about(Errc::rejected, "archive_too_deep", path,
                 "is " + count_of(path_depth(path), "level") + " deep, limit is " + std::to_string(limits_.depth));
  }
  if (auto added = paths_.add(path, kind); !added) return added.error();
  return path;
}

Result<void> TreeBuilder::add_directory(std::string_view name) {
  SKILL_VERIFIER_TRY(std::string path, admit(name, PathSet::Kind::directory));
  if (path.empty() || leave_out(path)) return {};
  Item item;
  item.path = std::move(path);
  item.directory = true;
  items_.push_back(std::move(item));
  return {};
}

Result<void> TreeBuilder::check_announced_size(std::string_view path, std::uint64_t size) {
  if (size > limits_.file_bytes) {
    return about(Errc::too_large, "archive_file_too_large", path,
                 "has " + count_of(size, "byte") + ", limit is " + std::to_string(limits_.file_bytes));
  }
  if (size > limits_.expanded_bytes - std::min(scratch_size_, limits_.expanded_bytes)) {
    return about(Errc::too_large, "archive_too_large", path,
                 "brings the package above " + count_of(limits_.expanded_bytes, "byte"));
  }
  // One file beside the manifest's folder may still turn out to be left out, so the exact count comes at the end.
  if (files_ > limits_.files) {
    return about(Errc::too_large, "archive_too_many_files", path,
                 "is one too many: more than " + count_of(limits_.files, "file"));
  }
  return {};
}

Result<void> TreeBuilder::begin_file(std::string_view name, bool executable, std::uint64_t size) {
  SKILL_VERIFIER_TRY(std::string path, admit(name, PathSet::Kind::file));
  written_ = 0;
  announced_ = size;
  if (leave_out(path)) {
    if (size > limits_.expanded_bytes - std::min(ignored_size_, limits_.expanded_bytes)) {
      return about(
          Errc::too_large, "archive_too_large", path,
          "and what else is left out of the package are larger than " + count_of(limits_.expanded_bytes, "byte"));
    }
    ignored_size_ += size;
    current_ = Current::ignored;
    return {};
  }
  const std::size_t slash = path.find('/');
  const bool doubtful =
      slash != path.npos && is_ignored_at_root(first_segment(std::string_view(path).substr(slash + 1)));
  if (!doubtful) ++files_;
  if (auto checked = check_announced_size(path, size); !checked) return checked;
  Item item;
  item.path = std::move(path);
  item.executable = executable;
  item.size = size;
  item.scratch_offset = scratch_size_;
  items_.push_back(std::move(item));
  hash_ = core::Sha256();
  current_ = Current::kept;
  return {};
}

Result<void> TreeBuilder::write(ByteView bytes) {
  written_ += bytes.size();
  if (written_ > announced_) {
    return Error(Errc::rejected, "archive_unreadable", "an entry holds more bytes than it announces");
  }
  if (current_ != Current::kept || bytes.empty()) return {};
  Item& item = items_.back();
  if (written_ == bytes.size()) item.shebang = core::as_text(bytes).starts_with("#!");
  hash_.update(bytes);
  scratch_size_ += bytes.size();
  return put_aside(bytes);
}

Result<void> TreeBuilder::put_aside(ByteView bytes) {
  if (!scratch_ && scratch_size_ <= kInMemory) {
    memory_.insert(memory_.end(), bytes.begin(), bytes.end());
    return {};
  }
  if (!scratch_) {
    SKILL_VERIFIER_TRY(scratch_, make_scratch_file(pack_));
    const Bytes kept = std::exchange(memory_, {});
    if (auto moved = write_all(scratch_.get(), kept, "the scratch file of an import"); !moved) return moved;
  }
  return write_all(scratch_.get(), bytes, "the scratch file of an import");
}

Result<void> TreeBuilder::end_file() {
  if (written_ != announced_) {
    return Error(Errc::rejected, "archive_unreadable", "an entry holds fewer bytes than it announces");
  }
  if (std::exchange(current_, Current::none) == Current::kept) items_.back().sha256 = hash_.finish();
  return {};
}

/// The one top-level folder to enter, with a slash; empty to stay.
std::string TreeBuilder::find_root() const {
  std::set<std::string_view> tops;
  std::set<std::string_view> manifests;  // folders that hold one; "" is the root
  for (const Item& item : items_) {
    const std::string_view path = item.path;
    const std::string_view top = first_segment(path);
    tops.insert(top);
    const bool nested = top.size() < path.size();
    const std::string_view name = nested ? path.substr(top.size() + 1) : path;
    if (!item.directory && is_manifest_name(name)) manifests.insert(nested ? top : std::string_view());
  }
  if (manifests.contains("") || tops.size() != 1 || !manifests.contains(*tops.begin())) return {};
  return std::string(*tops.begin()) + "/";
}

void TreeBuilder::enter(const std::string& root) {
  if (root.empty()) return;
  std::vector<Item> inside;
  for (Item& item : items_) {
    if (item.path.size() < root.size()) continue;  // the folder's own entry
    item.path.erase(0, root.size());
    if (!leave_out(item.path)) inside.push_back(std::move(item));
  }
  items_ = std::move(inside);
  const std::string folder = root.substr(0, root.size() - 1);
  notes_.push_back(
      {"folder_entered", folder, "the package is the folder '" + core::shorten(folder) + "' of the archive"});
}

void TreeBuilder::add_implied_directories() {
  std::set<std::string, std::less<>> missing;
  for (const Item& item : items_) {
    const std::string_view path = item.path;
    for (std::size_t slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1)) {
      if (!missing.contains(path.substr(0, slash))) missing.emplace(path.substr(0, slash));
    }
  }
  for (const Item& item : items_) {
    if (item.directory) missing.erase(item.path);
  }
  for (const std::string& path : missing) {
    Item item;
    item.path = path;
    item.directory = true;
    items_.push_back(std::move(item));
  }
  std::ranges::sort(items_, {}, &Item::path);
}

Result<void> TreeBuilder::check_limits() const {
  std::size_t files = 0, directories = 0;
  for (const Item& item : items_) {
    ++(item.directory ? directories : files);
    if (item.path.size() > limits_.path_bytes) {
      return about(
          Errc::rejected, "archive_path_too_long", item.path,
          "has a path of " + count_of(item.path.size(), "byte") + ", limit is " + std::to_string(limits_.path_bytes));
    }
    if (path_depth(item.path) > limits_.depth) {
      return about(
          Errc::rejected, "archive_too_deep", item.path,
          "is " + count_of(path_depth(item.path), "level") + " deep, limit is " + std::to_string(limits_.depth));
    }
    if (files > limits_.files || directories > limits_.files) {
      return about(Errc::too_large, "archive_too_many_files", item.path,
                   "is one too many: more than " + count_of(limits_.files, "file") + " or as many directories");
    }
  }
  if (files == 0) return Error(Errc::rejected, "archive_empty", "the package has no files");
  return {};
}

void TreeBuilder::repair_modes() {
  for (Item& item : items_) {
    if (!item.shebang || item.executable) continue;
    item.executable = true;
    notes_.push_back({"mode_repaired", item.path, "begins with '#!' and was made executable"});
  }
}

Result<void> TreeBuilder::copy_body(int pack, const Item& item) const {
  std::array<std::uint8_t, kCopyBytes> buffer;
  for (std::uint64_t done = 0; done < item.size;) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), item.size - done));
    const auto part = std::span(buffer).first(wanted);
    SKILL_VERIFIER_TRY(const std::size_t count, read_at(scratch_.get(), item.scratch_offset + done, part));
    if (count != wanted) return Error(Errc::internal, "io_error", "the scratch file of an import became shorter");
    if (auto written = write_all(pack, part, "the package file"); !written) return written;
    done += count;
  }
  return {};
}

Result<Package> TreeBuilder::write_pack() {
  SKILL_VERIFIER_TRY(NewFile file, NewFile::create(pack_));
  PackLayout layout;
  std::string pending(kPackMagic);
  for (const Item& item : items_) {
    PackageEntry entry{item.path, item.directory, item.executable, item.size, 0, item.sha256};
    pending += encode_pack_header(entry);
    layout.add(std::move(entry));
    if (!scratch_) {
      const auto at = static_cast<std::size_t>(item.scratch_offset);
      pending += core::as_text(ByteView(memory_).subspan(at, static_cast<std::size_t>(item.size)));
    }
    const bool body_follows = scratch_ && item.size > 0;
    if (!body_follows && pending.size() < kCopyBytes) continue;
    if (auto written = write_all(file.fd(), core::as_bytes(pending), "the package file"); !written)
      return written.error();
    pending.clear();
    if (!body_follows) continue;
    if (auto copied = copy_body(file.fd(), item); !copied) return copied.error();
  }
  pending += kPackEnd;
  if (auto written = write_all(file.fd(), core::as_bytes(pending), "the package file"); !written)
    return written.error();
  if (auto published = file.publish(); !published) return published.error();
  Package package = std::move(layout).finish();
  package.pack = pack_;
  return package;
}

Result<Package> TreeBuilder::finish() {
  enter(find_root());
  add_implied_directories();
  if (auto checked = check_limits(); !checked) return checked.error();
  repair_modes();
  for (const auto& [path, count] : left_out_) {
    notes_.push_back(
        {"entry_ignored", path, "left out of the package with everything in it (" + std::to_string(count) + " seen)"});
  }
  SKILL_VERIFIER_TRY(Package package, write_pack());
  package.notes = std::move(notes_);
  return package;
}

}  // namespace skill_verifier::skill

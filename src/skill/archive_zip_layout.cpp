#include "skill/archive_zip_layout.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "skill/package_file.hpp"
#include "skill_verifier/core/bytes.hpp"

// PKWARE APPNOTE 6.3.10: §4.3.7 local header, §4.3.9 data descriptor, §4.3.12 directory, §4.3.14-16 end records,
// §4.5.3 zip64 extra field, §4.6.9 Unicode path extra field. All numbers are little-endian.

namespace skill_verifier::skill {
namespace {

constexpr std::uint32_t kLocalSignature = 0x04034b50, kDirectorySignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50,
                        kDescriptorSignature = 0x08074b50;
constexpr std::size_t kLocalBytes = 30, kDirectoryBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr std::uint16_t kEncrypted = 1 << 0, kDescriptor = 1 << 3, kStrongEncryption = 1 << 6, kUtf8 = 1 << 11;
constexpr std::uint16_t kMaskedHeaders = 1 << 13;
constexpr std::uint16_t kCompressionLevel = 3 << 1;  // deflate's, of no consequence to a reader
constexpr std::uint16_t kKnownFlags = kCompressionLevel | kDescriptor | kUtf8;
constexpr std::uint16_t kZip64Extra = 0x0001, kUnicodePathExtra = 0x7075, kAesExtra = 0x9901;
constexpr std::uint16_t kStored = 0, kDeflated = 8, kAesMethod = 99;
constexpr std::uint8_t kUnix = 3, kDarwin = 19;  // hosts whose attributes hold a Unix mode
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;
constexpr std::size_t kMaxNameBytes = 4096;
constexpr std::uint64_t kMaxDirectoryBytes = 4u << 20;

Error refuse(std::string id, std::string message) {
  return Error(Errc::rejected, std::move(id), std::move(message));
}
Error unreadable(std::string message) {
  return refuse("archive_unreadable", std::move(message));
}
Error about(std::string id, std::string_view name, std::string_view why) {
  return refuse(std::move(id), "entry '" + core::shorten(name) + "' " + std::string(why));
}

template <class T>
T number_at(ByteView bytes, std::size_t offset) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = static_cast<T>(value | static_cast<T>(T{bytes[offset + i]} << (8 * i)));
  return value;
}
std::uint16_t u16(ByteView bytes, std::size_t offset) {
  return number_at<std::uint16_t>(bytes, offset);
}
std::uint32_t u32(ByteView bytes, std::size_t offset) {
  return number_at<std::uint32_t>(bytes, offset);
}
std::uint64_t u64(ByteView bytes, std::size_t offset) {
  return number_at<std::uint64_t>(bytes, offset);
}

Result<Bytes> read_exactly(int fd, std::uint64_t offset, std::size_t count) {
  Bytes bytes(count);
  SKILL_VERIFIER_TRY(const std::size_t got, read_at(fd, offset, bytes));
  if (got != count) return unreadable("the zip file ends inside a header");
  return bytes;
}

/// Where the directory is, from the end records.
struct Directory {
  std::uint64_t entries = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Finds the end record from behind. A comment after it is allowed as long as it holds no second one.
Result<std::uint64_t> find_end(int fd, std::uint64_t size) {
  const std::uint64_t tail_size = std::min<std::uint64_t>(size, kEndBytes + 0xFFFF);
  if (tail_size < kEndBytes) return unreadable("the zip file has no end record; was the upload cut short?");
  SKILL_VERIFIER_TRY(const Bytes tail, read_exactly(fd, size - tail_size, static_cast<std::size_t>(tail_size)));
  for (std::size_t at = tail.size() - 3; at-- > 0;) {
    if (u32(tail, at) != kEndSignature) continue;
    if (tail.size() - at < kEndBytes || u16(tail, at + 20) != tail.size() - at - kEndBytes) {
      return unreadable(
          "the zip file does not end where its end record says; other data follow or its comment holds "
          "a second end record");
    }
    return size - tail_size + at;
  }
  return unreadable("the zip file has no end record; was the upload cut short?");
}

/// The zip64 end record must stand directly before its locator, and repeat what the old record can express.
Result<Directory> read_end64(int fd, std::uint64_t end, const Directory& old) {
  if (end < kLocator64Bytes + kEnd64Bytes) return unreadable("the zip64 end record is missing");
  const std::uint64_t locator_at = end - kLocator64Bytes, record_at = locator_at - kEnd64Bytes;
  SKILL_VERIFIER_TRY(const Bytes bytes, read_exactly(fd, record_at, kEnd64Bytes + kLocator64Bytes));
  const ByteView record = ByteView(bytes).first(kEnd64Bytes), locator = ByteView(bytes).subspan(kEnd64Bytes);
  if (u32(record, 0) != kEnd64Signature || u64(record, 4) != kEnd64Bytes - 12 || u64(locator, 8) != record_at) {
    return unreadable("the zip64 end record is not where its locator says");
  }
  if (u32(record, 16) != 0 || u32(record, 20) != 0 || u32(locator, 4) != 0 || u32(locator, 16) > 1) {
    return refuse("archive_unsupported", "the zip file is part of a split archive");
  }
  Directory full{u64(record, 32), u64(record, 48), u64(record, 40)};
  if (u64(record, 24) != full.entries || (old.entries != 0xFFFF && old.entries != full.entries) ||
      (old.offset != kIn64 && old.offset != full.offset) || (old.size != kIn64 && old.size != full.size)) {
    return unreadable("the two end records of the zip file contradict each other");
  }
  if (full.offset > record_at || full.size != record_at - full.offset) {
    return unreadable("the zip directory does not reach to its end record");
  }
  return full;
}

Result<Directory> find_directory(int fd, std::uint64_t size) {
  SKILL_VERIFIER_TRY(const std::uint64_t end, find_end(fd, size));
  SKILL_VERIFIER_TRY(const Bytes record, read_exactly(fd, end, kEndBytes));
  const Directory directory{u16(record, 10), u32(record, 16), u32(record, 12)};
  if (end >= kLocator64Bytes) {
    SKILL_VERIFIER_TRY(const Bytes locator, read_exactly(fd, end - kLocator64Bytes, 4));
    if (u32(locator, 0) == kLocator64Signature) return read_end64(fd, end, directory);
  }
  if (u16(record, 4) != 0 || u16(record, 6) != 0 || u16(record, 8) != directory.entries) {
    return refuse("archive_unsupported", "the zip file is part of a split archive");
  }
  if (directory.offset > end || directory.size != end - directory.offset) {
    return unreadable("the zip directory does not reach to its end record; was something put before or after it?");
  }
  return directory;
}

/// The parts of an extra field that could say something else than the header does.
struct Extra {
  std::optional<ByteView> zip64;
  std::optional<ByteView> unicode_path;
  bool aes = false;
};

Result<Extra> parse_extra(ByteView bytes, std::string_view name) {
  Extra extra;
  while (!bytes.empty()) {
    if (bytes.size() < 4 || u16(bytes, 2) > bytes.size() - 4) {
      return about("archive_unreadable", name, "has a malformed extra field");
    }
    const std::uint16_t id = u16(bytes, 0), length = u16(bytes, 2);
    const ByteView body = bytes.subspan(4, length);
    if (id == kAesExtra) extra.aes = true;
    if (id == kZip64Extra || id == kUnicodePathExtra) {
      auto& slot = id == kZip64Extra ? extra.zip64 : extra.unicode_path;
      if (slot) return about("archive_unreadable", name, "has the same extra field twice");
      slot = body;
    }
    bytes = bytes.subspan(4u + length);
  }
  return extra;
}

bool is_unix(std::uint8_t host) {
  return host == kUnix || host == kDarwin;
}

/// Names without the UTF-8 mark are in a DOS code page by the letter of the format. Programs on Unix write the bytes of
/// their file system and set no mark (Info-ZIP, macOS): those are taken as they are.
Result<void> check_name(std::string_view name, std::uint16_t flags, std::uint8_t host, const Extra& extra) {
  if (name.empty()) return refuse("archive_path_invalid", "a zip entry has an empty name");
  if (name.size() > kMaxNameBytes) {
    return about("archive_path_too_long", name, "has a name of " + std::to_string(name.size()) + " bytes");
  }
  const bool ascii = std::ranges::all_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  // Version 1, CRC-32 of the header's name, then the name itself (§4.6.9).
  const bool repeated =
      extra.unicode_path && extra.unicode_path->size() > 5 && core::as_text(extra.unicode_path->subspan(5)) == name;
  if (extra.unicode_path && !repeated) {
    return about("archive_unreadable", name, "has a second, different name in its extra field");
  }
  if (!ascii && (flags & kUtf8) == 0 && !repeated && !is_unix(host)) {
    return about("archive_path_invalid", name, "has a non-ASCII name that is not marked as UTF-8");
  }
  return {};
}

Result<void> check_flags(std::uint16_t flags, std::uint16_t method, const Extra& extra, std::string_view name) {
  if ((flags & (kEncrypted | kStrongEncryption | kMaskedHeaders)) != 0 || method == kAesMethod || extra.aes) {
    return about("archive_encrypted", name, "is encrypted");
  }
  if ((flags & ~kKnownFlags) != 0) return about("archive_unsupported", name, "uses an unusual zip feature");
  if (method != kStored && method != kDeflated) {
    return about("archive_unsupported", name,
                 "is compressed by method " + std::to_string(method) + "; only stored and deflated are read");
  }
  return {};
}

/// A directory entry with where its local header is.
struct Listed {
  ZipMember member;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint8_t host = 0;
  std::uint64_t header_offset = 0;
};

/// Unix type and mode stand in the upper half of the external attributes; DOS knows a directory bit.
Result<void> apply_attributes(std::uint8_t host, std::uint32_t attributes, ZipMember& member) {
  constexpr std::uint32_t dos_directory = 0x10;
  const std::uint32_t mode = attributes >> 16, type = mode & S_IFMT;
  member.directory = member.name.ends_with('/');
  if (type == S_IFLNK) return about("archive_link", member.name, "is a symbolic link");
  if (type != 0 && type != S_IFREG && type != S_IFDIR) {
    return about("archive_special_file", member.name, "is neither a file nor a directory");
  }
  const bool says_directory = type == S_IFDIR || (attributes & dos_directory) != 0;
  const bool says_file = type == S_IFREG;
  if ((member.directory && says_file) || (!member.directory && says_directory)) {
    return about("archive_unreadable", member.name, "is a directory by its name or its mode, but not by both");
  }
  member.executable = is_unix(host) && (mode & S_IXUSR) != 0;
  return {};
}

/// Replaces sizes and offset that the old fields cannot hold. The extra field holds only those, in this order.
Result<void> apply_zip64(const Extra& extra, std::span<std::uint64_t*> fields, std::string_view name) {
  std::size_t used = 0;
  for (std::uint64_t* value : fields) {
    if (*value != kIn64) continue;
    if (!extra.zip64 || extra.zip64->size() < used + 8) {
      return about("archive_unreadable", name, "lacks a zip64 size or offset");
    }
    *value = u64(*extra.zip64, used);
    used += 8;
  }
  return {};
}

Result<Listed> take_listed(ByteView& bytes) {
  if (bytes.size() < kDirectoryBytes || u32(bytes, 0) != kDirectorySignature) {
    return unreadable("the zip directory holds something else than entries");
  }
  const std::size_t name_size = u16(bytes, 28), extra_size = u16(bytes, 30), comment_size = u16(bytes, 32);
  const std::size_t total = kDirectoryBytes + name_size + extra_size + comment_size;
  if (total > bytes.size()) return unreadable("the zip directory ends inside an entry");
  Listed listed;
  ZipMember& member = listed.member;
  member.name = core::as_text(bytes.subspan(kDirectoryBytes, name_size));
  SKILL_VERIFIER_TRY(const Extra extra,
                     parse_extra(bytes.subspan(kDirectoryBytes + name_size, extra_size), member.name));
  listed.flags = u16(bytes, 8);
  listed.method = u16(bytes, 10);
  listed.host = static_cast<std::uint8_t>(u16(bytes, 4) >> 8);
  if (auto checked = check_name(member.name, listed.flags, listed.host, extra); !checked) return checked.error();
  if (auto checked = check_flags(listed.flags, listed.method, extra, member.name); !checked) return checked.error();
  if (u16(bytes, 34) != 0) return refuse("archive_unsupported", "the zip file is part of a split archive");
  if (auto applied = apply_attributes(listed.host, u32(bytes, 38), member); !applied) return applied.error();
  member.deflated = listed.method == kDeflated;
  member.crc = u32(bytes, 16);
  member.stored_size = u32(bytes, 20);
  member.expanded_size = u32(bytes, 24);
  listed.header_offset = u32(bytes, 42);
  std::array<std::uint64_t*, 3> fields{&member.expanded_size, &member.stored_size, &listed.header_offset};
  if (auto applied = apply_zip64(extra, fields, member.name); !applied) return applied.error();
  if (!member.deflated && member.stored_size != member.expanded_size) {
    return about("archive_unreadable", member.name, "is stored with two different sizes");
  }
  if (member.directory && member.expanded_size != 0) {
    return about("archive_unreadable", member.name, "is a directory with data");
  }
  bytes = bytes.subspan(total);
  return listed;
}

Result<std::vector<Listed>> read_directory(int fd, const Directory& directory, std::size_t max_entries) {
  if (directory.entries > max_entries) {
    return Error(
        Errc::too_large, "archive_too_many_files",
        "the zip file has " + std::to_string(directory.entries) + " entries, limit is " + std::to_string(max_entries));
  }
  if (directory.size > kMaxDirectoryBytes) {
    return Error(Errc::too_large, "archive_too_large", "the zip directory is larger than 4 MiB");
  }
  SKILL_VERIFIER_TRY(const Bytes bytes, read_exactly(fd, directory.offset, static_cast<std::size_t>(directory.size)));
  ByteView rest(bytes);
  std::vector<Listed> entries;
  while (!rest.empty()) {
    if (entries.size() == directory.entries) return unreadable("the zip directory is longer than its entry count");
    SKILL_VERIFIER_TRY(Listed listed, take_listed(rest));
    entries.push_back(std::move(listed));
  }
  if (entries.size() != directory.entries) return unreadable("the zip directory is shorter than its entry count");
  std::ranges::sort(entries, {}, &Listed::header_offset);
  return entries;
}

/// Whether the bytes between a member's data and the next header are a data descriptor that repeats the directory. Its
/// signature and the width of its sizes are both optional.
bool is_descriptor_of(ByteView bytes, const ZipMember& member) {
  if (bytes.size() == 16 || bytes.size() == 24) {
    if (u32(bytes, 0) != kDescriptorSignature) return false;
    bytes = bytes.subspan(4);
  }
  if (bytes.size() == 12) {
    return u32(bytes, 0) == member.crc && u32(bytes, 4) == member.stored_size && u32(bytes, 8) == member.expanded_size;
  }
  return bytes.size() == 20 && u32(bytes, 0) == member.crc && u64(bytes, 4) == member.stored_size &&
         u64(bytes, 12) == member.expanded_size;
}

/// Compares the local header at `listed.header_offset` with the directory; its fields may be 0 where a descriptor
/// follows.
Result<void> check_local_header(ByteView header, ByteView extra_bytes, const Listed& listed) {
  const ZipMember& member = listed.member;
  const bool descriptor = (listed.flags & kDescriptor) != 0;
  SKILL_VERIFIER_TRY(const Extra extra, parse_extra(extra_bytes, member.name));
  if (auto checked = check_name(member.name, listed.flags, listed.host, extra); !checked) return checked;
  std::uint64_t stored = u32(header, 18), expanded = u32(header, 22);
  std::array<std::uint64_t*, 2> fields{&expanded, &stored};
  if (auto applied = apply_zip64(extra, fields, member.name); !applied) return applied;
  const auto agrees = [&](std::uint64_t local, std::uint64_t central) {
    return local == central || (descriptor && local == 0);
  };
  if (u16(header, 6) != listed.flags || u16(header, 8) != listed.method || !agrees(u32(header, 14), member.crc) ||
      !agrees(stored, member.stored_size) || !agrees(expanded, member.expanded_size)) {
    return about("archive_unreadable", member.name, "is described differently by the zip directory and its own header");
  }
  // Where a stored member ends could only be guessed by a program that reads from the front.
  if (descriptor && !member.deflated && member.stored_size != 0) {
    return about("archive_unsupported", member.name, "is stored with its size behind it");
  }
  return {};
}

/// Checks the member whose bytes are [header_offset, end) and sets its data offset.
Result<void> place_member(int fd, Listed& listed, std::uint64_t end) {
  ZipMember& member = listed.member;
  const auto gap = [&] {
    return about("archive_unreadable", member.name, "does not fill the zip file up to the next header");
  };
  if (end - listed.header_offset < kLocalBytes) return gap();
  SKILL_VERIFIER_TRY(const Bytes header, read_exactly(fd, listed.header_offset, kLocalBytes));
  if (u32(header, 0) != kLocalSignature) return gap();
  const std::size_t name_size = u16(header, 26), extra_size = u16(header, 28);
  if (end - listed.header_offset - kLocalBytes < name_size + extra_size) return gap();
  SKILL_VERIFIER_TRY(const Bytes names, read_exactly(fd, listed.header_offset + kLocalBytes, name_size + extra_size));
  if (core::as_text(ByteView(names).first(name_size)) != member.name) {
    return about("archive_unreadable", member.name, "has another name in its own header");
  }
  if (auto checked = check_local_header(header, ByteView(names).subspan(name_size), listed); !checked) return checked;
  member.data_offset = listed.header_offset + kLocalBytes + name_size + extra_size;
  if (end - member.data_offset < member.stored_size) return gap();
  const std::uint64_t rest = end - member.data_offset - member.stored_size;
  if ((listed.flags & kDescriptor) == 0) return rest == 0 ? Result<void>() : gap();
  if (rest > 24) return gap();
  SKILL_VERIFIER_TRY(const Bytes descriptor, read_exactly(fd, end - rest, static_cast<std::size_t>(rest)));
  if (!is_descriptor_of(descriptor, member)) return gap();
  return {};
}

}  // namespace

Result<std::vector<ZipMember>> read_zip_layout(int fd, std::uint64_t size, std::size_t max_entries) {
  SKILL_VERIFIER_TRY(const Directory directory, find_directory(fd, size));
  SKILL_VERIFIER_TRY(std::vector<Listed> entries, read_directory(fd, directory, max_entries));
  const std::uint64_t first = entries.empty() ? directory.offset : entries.front().header_offset;
  if (first != 0) return unreadable("the zip file does not begin with its first entry");
  std::vector<ZipMember> members;
  members.reserve(entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::uint64_t end = i + 1 < entries.size() ? entries[i + 1].header_offset : directory.offset;
    if (end > directory.offset) return unreadable("the zip directory points behind itself");
    if (auto placed = place_member(fd, entries[i], end); !placed) return placed.error();
    members.push_back(std::move(entries[i].member));
  }
  return members;
}

}  // namespace skill_verifier::skill

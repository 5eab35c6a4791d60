#include "skill/archive_tar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "skill/package_file.hpp"
#include "skill_verifier/core/bytes.hpp"

// Header (POSIX.1-2017 pax, "ustar Interchange Format"; offset, length): name 0,100; mode 100,8; size 124,12;
// chksum 148,8; typeflag 156,1; linkname 157,100; magic 257,6; version 263,2; prefix 345,155.

namespace skill_verifier::skill {
namespace {

constexpr std::size_t kBlock = kTarBlockBytes;
constexpr std::size_t kCommonBytes = 345;                   // of a header, in all dialects
constexpr std::uint64_t kMaxMetadataBytes = 64u << 10;      // of one extended header, and the allowance at the start
constexpr std::uint64_t kMetadataBytesPerEntry = 4u << 10;  // that every member adds to the allowance
constexpr std::uint64_t kMaxTrailingBytes = 1u << 20;       // zeros after the end; writers pad to 10 KiB, tapes to more

using Block = std::array<std::uint8_t, kBlock>;
using BlockView = std::span<const std::uint8_t, kBlock>;

Error refuse(std::string id, std::string message) {
  return Error(Errc::rejected, std::move(id), std::move(message));
}
Error unreadable(std::string message) {
  return refuse("archive_unreadable", std::move(message));
}
Error about(std::string id, std::string_view name, std::string_view why) {
  return refuse(std::move(id), "entry '" + core::shorten(name) + "' " + std::string(why));
}

std::string_view field(BlockView block, std::size_t offset, std::size_t length) {
  return core::as_text(block.subspan(offset, length));
}
std::string_view until_nul(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

bool is_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

/// Octal digits between optional spaces and a terminator of spaces or NULs; GNU's base-256 form for non-negative
/// numbers. An empty field is 0.
std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  if (!text.empty() && static_cast<unsigned char>(text.front()) == 0x80) {
    for (const char c : text.substr(1)) {
      if (value >> 55 != 0) return std::nullopt;
      value = value << 8 | static_cast<unsigned char>(c);
    }
    return value;
  }
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '7'; ++digits) {
    value = value << 3 | static_cast<std::uint64_t>(text[digits] - '0');  // twelve digits at most: cannot overflow
  }
  if (!std::ranges::all_of(text.substr(digits), [](char c) { return c == ' ' || c == '\0'; })) return std::nullopt;
  return value;
}

/// The numbers that nobody needs here. A reader that looks at them would take the file for no tar archive, and might
/// find one of another format in it.
bool has_numbers_only(BlockView block) {
  constexpr std::pair<std::size_t, std::size_t> kIgnored[] = {{108, 8}, {116, 8}, {136, 12}, {329, 8}, {337, 8}};
  return std::ranges::all_of(kIgnored, [&block](const auto& place) {
    const std::string_view text = field(block, place.first, place.second);
    return static_cast<unsigned char>(text.front()) == 0xff || parse_number(text).has_value();  // 0xff: negative
  });
}

enum class Dialect { v7, posix, gnu };

struct Header {
  std::string name;
  char type = '0';
  std::uint64_t mode = 0;
  std::uint64_t size = 0;
};

Result<Header> parse_header(const Block& block) {
  const std::string_view name = until_nul(field(block, 0, 100));
  const std::string_view magic = field(block, 257, 6);
  Dialect dialect = Dialect::v7;
  if (magic == std::string_view("ustar\0", 6)) dialect = Dialect::posix;
  if (magic == "ustar ") dialect = Dialect::gnu;
  // What follows in GNU's own headers are times and sparse maps, which some programs honour whatever the type is.
  const bool known = dialect != Dialect::v7 || is_zero(core::as_bytes(magic));
  if (!known || (dialect != Dialect::posix && !is_zero(ByteView(block).subspan(kCommonBytes)))) {
    return about("archive_unsupported", name, "has a tar header of an unknown dialect or an incremental archive");
  }
  Header header;
  header.type = static_cast<char>(block[156]);
  const auto mode = parse_number(field(block, 100, 8));
  const auto size = parse_number(field(block, 124, 12));
  if (!mode || !size) return about("archive_unreadable", name, "has a tar header whose mode or size is not a number");
  if (!has_numbers_only(block))
    return about("archive_unreadable", name, "has a tar header whose owner, time or device is not a number");
  header.mode = *mode;
  header.size = *size;
  const std::string_view prefix = until_nul(field(block, 345, 155));
  if (dialect == Dialect::posix && !prefix.empty()) header.name = std::string(prefix) + "/";
  header.name += name;
  return header;
}

struct PaxRecord {
  std::string_view key;
  std::string_view value;
};

/// Takes one "length key=value\n" off the front.
Result<PaxRecord> take_pax_record(std::string_view& text) {
  const char* const begin = text.data();
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(begin, begin + text.size(), length);
  const auto digits = static_cast<std::size_t>(end - begin);
  if (error != std::errc() || length > text.size() || length < digits + 3 || text[digits] != ' ' ||
      text[length - 1] != '\n') {
    return unreadable("a pax header holds a malformed record");
  }
  const std::string_view record = text.substr(digits + 1, length - digits - 2);
  const std::size_t equals = record.find('=');
  if (equals == 0 || equals == record.npos) return unreadable("a pax header holds a record without a key");
  text.remove_prefix(length);
  return PaxRecord{record.substr(0, equals), record.substr(equals + 1)};
}

/// What extended headers say about the member after them.
struct Overrides {
  std::optional<std::string> path;
  std::optional<std::uint64_t> size;
  bool pax = false;
  bool gnu_name = false;
  bool gnu_link = false;
  bool sparse = false;

  bool any() const { return pax || gnu_name || gnu_link; }
};

bool is_sparse_key(std::string_view key) {
  return key.starts_with("GNU.sparse.") || key == "SCHILY.realsize";
}

Result<void> apply_pax_record(const PaxRecord& record, Overrides& overrides) {
  if (is_sparse_key(record.key)) overrides.sparse = true;
  if (record.key == "hdrcharset" && record.value != "ISO-IR 10646 2000 UTF-8") {
    return refuse("archive_unsupported",
                  "a pax header declares the character set '" + core::shorten(record.value) + "'; names must be UTF-8");
  }
  if (record.key == "path") {
    if (record.value.empty()) return unreadable("a pax header sets an empty path");
    overrides.path = std::string(record.value);
  }
  if (record.key == "size") {
    std::uint64_t size = 0;
    const char* const begin = record.value.data();
    const char* const end = begin + record.value.size();
    const auto [stop, error] = std::from_chars(begin, end, size);
    if (error != std::errc() || stop != end) return unreadable("a pax header sets a size that is not a number");
    overrides.size = size;
  }
  return {};
}

Result<void> parse_pax(std::string_view text, Overrides& overrides) {
  std::set<std::string_view> seen;
  while (!text.empty()) {
    SKILL_VERIFIER_TRY(const PaxRecord record, take_pax_record(text));
    if (!seen.insert(record.key).second) {
      return unreadable("a pax header sets '" + core::shorten(record.key) + "' twice");
    }
    if (auto applied = apply_pax_record(record, overrides); !applied) return applied;
  }
  return {};
}

class TarReader final : public ArchiveReader {
 public:
  explicit TarReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  Result<std::optional<ArchiveEntry>> next() override;
  Result<std::size_t> read(std::span<std::uint8_t> out) override;

 private:
  /// False at the end of the stream.
  Result<bool> read_block(Block& block);
  Result<void> skip_body();
  Result<std::string> read_metadata(const Header& header);
  Result<void> read_extension(const Header& header, Overrides& overrides);
  Result<void> check_end();
  Result<ArchiveEntry> make_entry(Header header, Overrides overrides);

  std::unique_ptr<ByteSource> source_;
  std::uint64_t body_left_ = 0;
  std::uint64_t padding_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t metadata_bytes_ = 0;
  bool started_ = false;
  std::string current_;
};

Result<bool> TarReader::read_block(Block& block) {
  SKILL_VERIFIER_TRY(const std::size_t count, source_->read(block));
  if (count == 0) return false;
  if (count == kBlock) return true;
  if (!started_) return refuse("archive_unsupported", "the data are not a tar archive");
  return unreadable("the tar archive ends inside a block; was the upload cut short?");
}

Result<std::size_t> TarReader::read(std::span<std::uint8_t> out) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), body_left_));
  if (wanted == 0) return std::size_t{0};
  SKILL_VERIFIER_TRY(const std::size_t count, source_->read(out.first(wanted)));
  if (count < wanted) {
    return about("archive_unreadable", current_, "is cut short: the tar archive ends inside it");
  }
  body_left_ -= count;
  return count;
}

Result<void> TarReader::skip_body() {
  std::vector<std::uint8_t> buffer;
  if (body_left_ > 0) buffer.resize(kCopyBytes);
  while (body_left_ > 0) {
    SKILL_VERIFIER_TRY([[maybe_unused]] const std::size_t count, read(buffer));
  }
  Block block;
  const auto padding = std::span(block).first(static_cast<std::size_t>(std::exchange(padding_, 0)));
  if (padding.empty()) return {};
  SKILL_VERIFIER_TRY(const std::size_t count, source_->read(padding));
  if (count < padding.size()) return about("archive_unreadable", current_, "is cut short: its padding is missing");
  return {};
}

Result<std::string> TarReader::read_metadata(const Header& header) {
  metadata_bytes_ += kBlock + header.size;
  const std::uint64_t allowed = kMaxMetadataBytes + entries_ * kMetadataBytesPerEntry;
  if (header.size > kMaxMetadataBytes || metadata_bytes_ > allowed) {
    return Error(Errc::too_large, "archive_too_large",
                 "the tar headers before entry " + std::to_string(entries_ + 1) + " take more than " +
                     std::to_string(std::min(allowed, kMaxMetadataBytes)) + " bytes");
  }
  std::string text(static_cast<std::size_t>(header.size), '\0');
  body_left_ = header.size;
  padding_ = (kBlock - header.size % kBlock) % kBlock;
  current_ = header.name;
  const std::span<std::uint8_t> out(reinterpret_cast<std::uint8_t*>(text.data()), text.size());
  SKILL_VERIFIER_TRY([[maybe_unused]] const std::size_t count, read(out));
  if (auto skipped = skip_body(); !skipped) return skipped.error();
  return text;
}

Result<void> TarReader::read_extension(const Header& header, Overrides& overrides) {
  SKILL_VERIFIER_TRY(std::string text, read_metadata(header));
  if (header.type == 'g') {
    Overrides global;
    if (auto parsed = parse_pax(text, global); !parsed) return parsed;
    if (global.path || global.size || global.sparse) {
      return unreadable("a global pax header renames or resizes the entries after it");
    }
    return {};
  }
  bool& seen = header.type == 'x' ? overrides.pax : header.type == 'L' ? overrides.gnu_name : overrides.gnu_link;
  if (seen) return unreadable("two extended headers of type '" + std::string(1, header.type) + "' precede one entry");
  seen = true;
  if (header.type == 'x') return parse_pax(text, overrides);
  if (header.type == 'K') return {};  // what follows is a link, and refused under its own name
  if (text.ends_with('\0')) text.pop_back();
  overrides.path = std::move(text);
  return {};
}

Result<void> TarReader::check_end() {
  std::vector<std::uint8_t> buffer(kCopyBytes);
  std::uint64_t total = 0;
  while (true) {
    SKILL_VERIFIER_TRY(const std::size_t count, source_->read(buffer));
    if (count == 0) return {};
    if (!is_zero(std::span(buffer).first(count))) return unreadable("other data follow the end of the tar archive");
    total += count;
    if (total > kMaxTrailingBytes) {
      return Error(Errc::too_large, "archive_too_large", "more than 1 MiB of zeros follow the end of the tar archive");
    }
  }
}

Result<ArchiveEntry> TarReader::make_entry(Header header, Overrides overrides) {
  if (overrides.pax && overrides.gnu_name) {
    return about("archive_unreadable", header.name, "has both a pax header and a GNU long name");
  }
  if (overrides.path) header.name = std::move(*overrides.path);
  if (overrides.sparse) return about("archive_special_file", header.name, "is a sparse file");
  if (overrides.size && *overrides.size != header.size) {
    return about("archive_unreadable", header.name,
                 "has two sizes: " + std::to_string(header.size) + " in its tar header, " +
                     std::to_string(*overrides.size) + " in its pax header");
  }
  const bool directory = header.type == '5';
  switch (header.type) {
    case '0':
    case '\0':
    case '5':
      break;
    case '1':
      return about("archive_link", header.name, "is a hard link");
    case '2':
      return about("archive_link", header.name, "is a symbolic link");
    case '3':
    case '4':
      return about("archive_special_file", header.name, "is a device");
    case '6':
      return about("archive_special_file", header.name, "is a FIFO");
    case 'S':
      return about("archive_special_file", header.name, "is a sparse file");
    default:
      return about("archive_special_file", header.name,
                   "has the tar type '" + core::shorten(std::string(1, header.type)) + "'");
  }
  if (directory && header.size != 0) return about("archive_unreadable", header.name, "is a directory with data");
  if (!directory && header.name.ends_with('/')) {
    return about("archive_path_invalid", header.name, "is a file whose name ends in '/'");
  }
  if (overrides.gnu_link) return about("archive_unreadable", header.name, "has a link target but is no link");
  return ArchiveEntry{std::move(header.name), directory, (header.mode & 0100) != 0, header.size};
}

Result<std::optional<ArchiveEntry>> TarReader::next() {
  if (auto skipped = skip_body(); !skipped) return skipped.error();
  Overrides overrides;
  while (true) {
    Block block;
    SKILL_VERIFIER_TRY(const bool more, read_block(block));
    if (!more) return unreadable("the tar archive has no end marker; was the upload cut short?");
    if (is_zero(block)) {
      if (overrides.any()) return unreadable("the tar archive ends after an extended header");
      if (auto checked = check_end(); !checked) return checked.error();
      return std::optional<ArchiveEntry>();
    }
    if (!is_tar_header(block)) {
      if (!started_) return refuse("archive_unsupported", "the data are not a tar archive");
      return about("archive_unreadable", current_, "is followed by a tar header with a wrong check sum");
    }
    started_ = true;
    SKILL_VERIFIER_TRY(Header header, parse_header(block));
    if (header.type == 'x' || header.type == 'g' || header.type == 'L' || header.type == 'K') {
      if (auto applied = read_extension(header, overrides); !applied) return applied.error();
      continue;
    }
    SKILL_VERIFIER_TRY(ArchiveEntry entry, make_entry(std::move(header), std::move(overrides)));
    ++entries_;
    body_left_ = entry.size;
    padding_ = (kBlock - entry.size % kBlock) % kBlock;
    current_ = entry.name;
    return std::optional(std::move(entry));
  }
}

}  // namespace

bool is_tar_header(BlockView block) {
  constexpr std::size_t checksum_at = 148, checksum_bytes = 8;  // counted as spaces in its own sum
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    sum += i >= checksum_at && i < checksum_at + checksum_bytes ? std::uint8_t{' '} : block[i];
  }
  return parse_number(field(block, checksum_at, checksum_bytes)) == sum;
}

std::unique_ptr<ArchiveReader> make_tar_reader(std::unique_ptr<ByteSource> source) {
  return std::make_unique<TarReader>(std::move(source));
}

}  // namespace skill_verifier::skill

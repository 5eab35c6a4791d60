#include "skill/package_pack.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <system_error>
#include <utility>

#include "skill/archive_path.hpp"
#include "skill/archive_stream.hpp"
#include "skill/package_file.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

constexpr std::size_t kHeaderBytes = 12;

Error corrupt(std::string why) {
  return Error(Errc::internal, "pack_corrupt", "the stored package is damaged: " + std::move(why),
               "submit the skill again");
}

std::uint64_t big_endian(ByteView bytes) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) {
    value = value << 8 | byte;
  }
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xFF);
  }
}

/// Reads a pack from its first byte to its last, and believes none of them.
class PackReader {
 public:
  PackReader(int fd, std::uint64_t size) : size_(size), source_(open_source(fd, size, Compression::none)) {}

  Result<Package> read();

 private:
  Result<void> fill(std::span<std::uint8_t> out);
  Result<PackageEntry> read_header(char type);
  Result<core::Digest256> hash_body(std::uint64_t size);
  Result<void> check_place(const PackageEntry& entry);

  std::uint64_t size_;
  std::uint64_t offset_ = 0;
  std::unique_ptr<ByteSource> source_;
  std::string previous_;
  std::set<std::string, std::less<>> directories_;
};

Result<void> PackReader::fill(std::span<std::uint8_t> out) {
  SKILL_VERIFIER_TRY(const std::size_t count, source_->read(out));
  offset_ += count;
  if (count != out.size()) return corrupt("it ends early");
  return {};
}

/// The rest of a header whose first byte was `type`.
Result<PackageEntry> PackReader::read_header(char type) {
  std::array<std::uint8_t, kHeaderBytes - 1> fixed{};
  if (auto filled = fill(fixed); !filled) return filled.error();
  std::string path(static_cast<std::size_t>(big_endian(ByteView(fixed).subspan(1, 2))), '\0');
  if (auto filled = fill({reinterpret_cast<std::uint8_t*>(path.data()), path.size()}); !filled) return filled.error();
  PackageEntry entry;
  entry.path = std::move(path);
  entry.directory = type == 'D';
  entry.executable = fixed[0] == 1;
  entry.size = big_endian(ByteView(fixed).subspan(3));
  const bool known = (type == 'D' && fixed[0] == 0 && entry.size == 0) || (type == 'F' && fixed[0] <= 1);
  if (!known || entry.size > size_ - offset_) return corrupt("entry '" + core::shorten(entry.path) + "' is malformed");
  return entry;
}

Result<core::Digest256> PackReader::hash_body(std::uint64_t size) {
  std::array<std::uint8_t, kCopyBytes> buffer;
  core::Sha256 hash;
  while (size > 0) {
    const auto part = std::span(buffer).first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size)));
    if (auto filled = fill(part); !filled) return filled.error();
    hash.update(part);
    size -= part.size();
  }
  return hash.finish();
}

Result<void> PackReader::check_place(const PackageEntry& entry) {
  const auto normalized = normalize_path(entry.path);
  const std::size_t slash = entry.path.rfind('/');
  const bool has_parent = slash == entry.path.npos || directories_.contains(entry.path.substr(0, slash));
  if (!normalized || *normalized != entry.path || entry.path <= previous_ || !has_parent) {
    return corrupt("entry '" + core::shorten(entry.path) + "' is not where or what it should be");
  }
  previous_ = entry.path;
  if (entry.directory) directories_.insert(entry.path);
  return {};
}

Result<Package> PackReader::read() {
  std::array<std::uint8_t, kPackMagic.size()> magic{};
  if (auto filled = fill(magic); !filled) return filled.error();
  if (core::as_text(magic) != kPackMagic) return corrupt("it has another format");
  PackLayout layout;
  while (true) {
    std::array<std::uint8_t, 1> type{};
    if (auto filled = fill(type); !filled) return filled.error();
    if (core::as_text(type) == kPackEnd) break;
    SKILL_VERIFIER_TRY(PackageEntry entry, read_header(static_cast<char>(type[0])));
    if (auto checked = check_place(entry); !checked) return checked.error();
    if (!entry.directory) {
      SKILL_VERIFIER_TRY(entry.sha256, hash_body(entry.size));
    }
    layout.add(std::move(entry));
  }
  if (offset_ != size_) return corrupt("other data follow its end");
  return std::move(layout).finish();
}

}  // namespace

std::string encode_pack_header(const PackageEntry& entry) {
  std::string header;
  header += entry.directory ? 'D' : 'F';
  header += static_cast<char>(entry.executable ? 1 : 0);
  append_big_endian(header, entry.path.size(), 2);
  append_big_endian(header, entry.size, 8);
  return header + entry.path;
}

void PackLayout::add(PackageEntry entry) {
  entry.offset = offset_ + kHeaderBytes + entry.path.size();
  offset_ = entry.offset + entry.size;
  package_.content_bytes += entry.size;
  if (entry.directory) {
    entry.offset = 0;
  } else {
    tree_.update(core::as_bytes(core::to_hex(entry.sha256) + "  " + entry.path + "\n"));
  }
  package_.entries.push_back(std::move(entry));
}

Package PackLayout::finish() && {
  package_.pack_bytes = offset_ + kPackEnd.size();
  package_.tree_digest = core::to_hex(tree_.finish());
  return std::move(package_);
}

Result<Package> open_pack(const std::filesystem::path& pack) {
  const FileDescriptor file(::open(pack.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return corrupt("it cannot be opened: " + std::generic_category().message(errno));
  }
  PackReader reader(file.get(), static_cast<std::uint64_t>(status.st_size));
  SKILL_VERIFIER_TRY(Package package, reader.read());
  package.pack = pack;
  return package;
}

Result<std::string> read_file(const Package& package, std::string_view path, std::uint64_t limit) {
  const PackageEntry* entry = package.find(path);
  if (entry == nullptr || entry->directory) {
    return Error(Errc::not_found, "file_not_found", "the package has no file '" + core::shorten(path) + "'");
  }
  if (entry->size > limit) {
    return Error(Errc::too_large, "file_too_large",
                 "file '" + core::shorten(path) + "' has " + std::to_string(entry->size) + " bytes, limit is " +
                     std::to_string(limit));
  }
  const FileDescriptor file(::open(package.pack.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return corrupt("it cannot be opened: " + std::generic_category().message(errno));
  std::string bytes(static_cast<std::size_t>(entry->size), '\0');
  SKILL_VERIFIER_TRY(const std::size_t count,
                     read_at(file.get(), entry->offset, {reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()}));
  if (count != bytes.size()) return corrupt("file '" + core::shorten(path) + "' ends early");
  return bytes;
}

const PackageEntry* Package::find(std::string_view path) const {
  const auto found = std::ranges::lower_bound(entries, path, {},
                                              [](const PackageEntry& entry) -> std::string_view { return entry.path; });
  return found != entries.end() && found->path == path ? &*found : nullptr;
}

}  // namespace skill_verifier::skill

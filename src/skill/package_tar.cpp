#include "skill_verifier/skill/package_tar.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string>

#include "skill/package_file.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameField = 100;
constexpr std::string_view kWhat = "the archive to be sent";

struct CloseGzip {
  void operator()(gzFile file) const { gzclose(file); }
};
using Gzip = std::unique_ptr<gzFile_s, CloseGzip>;

/// Writes `value` as octal digits that fill the field but for its NUL.
void put_octal(std::string& block, std::size_t at, std::size_t width, std::uint64_t value) {
  std::array<char, 24> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, 8);
  const auto length = static_cast<std::size_t>(end - digits.data());
  block.replace(at, width - 1, width - 1, '0');
  block.replace(at + width - 1 - length, length, digits.data(), length);
}

/// POSIX.1-2017 pax, "ustar Interchange Format"; the offsets are those at the top of archive_tar.cpp.
std::string header_block(std::string_view name, char type, unsigned mode, std::uint64_t size) {
  std::string block(kBlock, '\0');
  name = name.substr(0, kNameField);
  block.replace(0, name.size(), name);
  put_octal(block, 100, 8, mode);
  put_octal(block, 108, 8, 0);
  put_octal(block, 116, 8, 0);
  put_octal(block, 124, 12, size);
  put_octal(block, 136, 12, 0);
  block.replace(148, 8, 8, ' ');
  block[156] = type;
  block.replace(257, 6, std::string_view("ustar\0", 6));
  block.replace(263, 2, "00");
  std::uint64_t sum = 0;
  for (const char c : block)
    sum += static_cast<unsigned char>(c);
  put_octal(block, 148, 7, sum);
  return block;
}

/// `LENGTH path=NAME\n`, whose length counts its own digits.
std::string path_record(const std::string& name) {
  const std::size_t rest = std::string_view(" path=\n").size() + name.size();
  std::size_t length = rest + 1;
  while (rest + std::to_string(length).size() != length)
    length = rest + std::to_string(length).size();
  return std::to_string(length) + " path=" + name + "\n";
}

std::string padding(std::uint64_t size) {
  return std::string(static_cast<std::size_t>((kBlock - size % kBlock) % kBlock), '\0');
}

std::string entry_head(const PackageEntry& entry) {
  const std::string name = entry.directory ? entry.path + "/" : entry.path;
  std::string head;
  if (name.size() > kNameField) {
    const std::string record = path_record(name);
    head = header_block("pax", 'x', 0644, record.size()) + record + padding(record.size());
  }
  const unsigned mode = entry.directory || entry.executable ? 0755 : 0644;
  return head + header_block(name, entry.directory ? '5' : '0', mode, entry.size);
}

Result<void> put(gzFile file, std::string_view bytes) {
  if (bytes.empty()) return {};
  errno = 0;
  if (gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) > 0) return {};
  return file_error(kWhat, errno);
}

Result<void> put_body(gzFile file, int pack, const PackageEntry& entry) {
  std::array<std::uint8_t, kCopyBytes> buffer{};
  for (std::uint64_t done = 0; done < entry.size;) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), entry.size - done));
    const std::span<std::uint8_t> piece(buffer.data(), count);
    SKILL_VERIFIER_TRY(const std::size_t got, read_at(pack, entry.offset + done, piece));
    if (got != count) return Error(Errc::internal, "pack_corrupt", "the stored package ends early");
    SKILL_VERIFIER_TRY_VOID(put(file, core::as_text(ByteView(piece))));
    done += count;
  }
  return put(file, padding(entry.size));
}

}  // namespace

Result<void> write_tar_gz(const Package& package, const std::filesystem::path& target) {
  const FileDescriptor pack(::open(package.pack.c_str(), O_RDONLY | O_CLOEXEC));
  if (!pack) return file_error("the package", errno);
  SKILL_VERIFIER_TRY(NewFile file, NewFile::create(target));
  const int copy = ::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return file_error(kWhat, errno);
  Gzip gzip(gzdopen(copy, "wb"));
  if (!gzip) {
    ::close(copy);
    return file_error(kWhat, ENOMEM);
  }
  for (const PackageEntry& entry : package.entries) {
    SKILL_VERIFIER_TRY_VOID(put(gzip.get(), entry_head(entry)));
    if (entry.directory) continue;
    SKILL_VERIFIER_TRY_VOID(put_body(gzip.get(), pack.get(), entry));
  }
  SKILL_VERIFIER_TRY_VOID(put(gzip.get(), std::string(2 * kBlock, '\0')));
  errno = 0;
  if (gzclose(gzip.release()) != Z_OK) return file_error(kWhat, errno);
  return file.publish();
}

}  // namespace skill_verifier::skill

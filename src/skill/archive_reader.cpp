#include "skill/archive_reader.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "skill/archive_stream.hpp"
#include "skill/archive_tar.hpp"
#include "skill/archive_zip.hpp"
#include "skill/package_file.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view format;
};
// clang-format off
constexpr std::array kForeign{
    Magic{"7z\xBC\xAF\x27\x1C"sv, "7-Zip"}, Magic{"Rar!\x1A\x07"sv, "RAR"}, Magic{"BZh"sv, "bzip2"},
    Magic{"\xFD" "7zXZ\0"sv, "xz"}, Magic{"MSCF"sv, "Cabinet"}, Magic{"\x1F\x9D"sv, "compress"},
    Magic{"!<arch>\n"sv, "ar"}, Magic{"0707"sv, "cpio"}};
// clang-format on

}  // namespace

std::size_t max_archive_entries(const PackageLimits& limits) {
  return limits.files * 8;
}

Result<std::unique_ptr<ArchiveReader>> open_archive(int fd, std::uint64_t size, const PackageLimits& limits) {
  std::array<std::uint8_t, kTarBlockBytes> front{};
  SKILL_VERIFIER_TRY(const std::size_t count, read_at(fd, 0, front));
  const std::string_view start = core::as_text(ByteView(front).first(count));
  if (size == 0 || count == 0) return Error(Errc::rejected, "archive_empty", "the archive has no bytes");
  if (start.starts_with("PK\x03\x04"sv) || start.starts_with("PK\x05\x06"sv)) {
    return open_zip(fd, size, max_archive_entries(limits));
  }
  if (start.starts_with("\x1F\x8B"sv)) return make_tar_reader(open_source(fd, size, Compression::gzip));
  if (start.starts_with("\x28\xB5\x2F\xFD"sv)) return make_tar_reader(open_source(fd, size, Compression::zstd));
  // A tar begins with a file name, which may look like anything.
  const bool is_tar = count == front.size() && is_tar_header(front);
  for (const Magic& magic : kForeign) {
    if (!is_tar && start.starts_with(magic.bytes)) {
      return Error(Errc::rejected, "archive_unsupported",
                   "the archive is in the format " + std::string(magic.format) + ", which is not read",
                   "send tar, tar.gz, tar.zst or zip");
    }
  }
  return make_tar_reader(open_source(fd, size, Compression::none));
}

}  // namespace skill_verifier::skill

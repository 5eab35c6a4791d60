#include "skill/archive_builder.hpp"

#include <zlib.h>
#include <zstd.h>

#include <cstdio>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace skill_verifier::skill {
namespace {

constexpr std::size_t kBlock = 512;

std::string octal(std::uint64_t value, int width) {
  std::string digits(static_cast<std::size_t>(width), '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value >>= 3)
    *digit = static_cast<char>('0' + (value & 7));
  return digits;
}

void place(std::string& block, std::size_t offset, std::string_view text) {
  block.replace(offset, text.size(), text);
}

std::string pad(std::string text) {
  text.resize((text.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return text;
}

template <class T>
std::string le(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}
std::string le16(std::uint16_t value) {
  return le(value);
}
std::string le32(std::uint64_t value) {
  return le(static_cast<std::uint32_t>(value));
}
std::string le64(std::uint64_t value) {
  return le(value);
}

std::string deflate_all(std::string_view bytes, int window_bits) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2 failed");
  }
  std::string out(deflateBound(&stream, bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate failed");
  return out;
}

}  // namespace

std::string tar_member(const TarMember& member) {
  std::string header(kBlock, '\0');
  place(header, 0, member.name);
  place(header, 100, octal(member.mode, 7));
  place(header, 108, octal(0, 7));
  place(header, 116, octal(0, 7));
  place(header, 124, member.size_field.value_or(octal(member.body.size(), 11)));
  place(header, 136, octal(0, 11));
  place(header, 148, "        ");
  header[156] = member.type;
  place(header, 157, member.link_target);
  place(header, 257, member.magic);
  place(header, 345, member.prefix);
  place(header, member.other.first, member.other.second);
  const auto sum = std::accumulate(header.begin(), header.end(), 0u,
                                   [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
  place(header, 148, octal(sum, 6) + std::string("\0 ", 2));
  return header + pad(member.body);
}

std::string tar_file(std::string name, std::string body, unsigned mode) {
  TarMember member;
  member.name = std::move(name);
  member.body = std::move(body);
  member.mode = mode;
  return tar_member(member);
}

std::string tar_directory(std::string name) {
  TarMember member;
  member.name = std::move(name);
  member.type = '5';
  member.mode = 0755;
  return tar_member(member);
}

std::string tar_pax(const std::vector<std::pair<std::string, std::string>>& records, char type) {
  TarMember member;
  member.name = "PaxHeaders/x";
  member.type = type;
  for (const auto& [key, value] : records) {
    const std::size_t rest = key.size() + value.size() + 3;
    std::size_t length = rest + 1;
    while (std::to_string(length).size() + rest != length)
      ++length;
    member.body += std::to_string(length) + " " + key + "=" + value + "\n";
  }
  return tar_member(member);
}

std::string tar_end() {
  return std::string(2 * kBlock, '\0');
}

std::string tar(const std::vector<std::string>& members) {
  return std::accumulate(members.begin(), members.end(), std::string()) + tar_end();
}

std::string gzip(std::string_view bytes) {
  return deflate_all(bytes, MAX_WBITS + 16);
}

std::string zstd(std::string_view bytes, int window_log) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  // Streaming with a set window, so that the frame declares it instead of the content's size.
  if (window_log != 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  if (window_log != 0) ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  std::string out(ZSTD_compressBound(bytes.size()) + 64, '\0');
  ZSTD_outBuffer to{out.data(), out.size(), 0};
  ZSTD_inBuffer nothing{nullptr, 0, 0}, from{bytes.data(), bytes.size(), 0};
  ZSTD_compressStream2(context, &to, &from, ZSTD_e_continue);
  const std::size_t left = ZSTD_compressStream2(context, &to, &nothing, ZSTD_e_end);
  ZSTD_freeCCtx(context);
  if (left != 0) throw std::runtime_error("zstd failed");
  out.resize(to.pos);
  return out;
}

std::string zip_extra(std::uint16_t id, std::string_view body) {
  return le16(id) + le16(static_cast<std::uint16_t>(body.size())) + std::string(body);
}

std::string zip(const std::vector<ZipMemberSpec>& members, const ZipTail& tail) {
  std::string file = tail.prefix, directory;
  const auto size16 = [](const std::string& text) { return le16(static_cast<std::uint16_t>(text.size())); };
  for (const ZipMemberSpec& member : members) {
    const std::string data = (member.deflate ? deflate_all(member.body, -MAX_WBITS) : member.body) + member.after_data;
    const std::uint64_t crc = member.crc.value_or(
        static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(member.body.data()), member.body.size())));
    const std::uint64_t size = member.size.value_or(static_cast<std::uint32_t>(member.body.size()));
    const auto flags = static_cast<std::uint16_t>(member.flags | (member.descriptor ? 8 : 0));
    const std::uint16_t method = member.method.value_or(member.deflate ? 8 : 0);
    const std::string extra64 = member.zip64 ? zip_extra(1, le64(size) + le64(data.size())) : "";
    const std::string extra = extra64 + member.extra;
    const std::string sizes = member.zip64 ? le32(0xFFFFFFFF) + le32(0xFFFFFFFF) : le32(data.size()) + le32(size);
    const std::string local_name = member.local_name.value_or(member.name);
    const std::uint64_t offset = file.size() - tail.prefix.size();

    file += le32(0x04034b50) + le16(20) + le16(member.local_flags.value_or(flags)) + le16(method) + le32(0);
    if (member.descriptor && !member.zip64) {
      file += le32(0) + le32(0) + le32(0);
    } else if (member.local_size) {
      file += le32(crc) + le32(data.size()) + le32(*member.local_size);
    } else {
      file += le32(crc) + sizes;
    }
    file += size16(local_name) + size16(extra) + local_name + extra + data;
    if (member.descriptor) {
      if (member.descriptor_signature) file += le32(0x08074b50);
      file += le32(crc) + (member.zip64 ? le64(data.size()) + le64(size) : le32(data.size()) + le32(size));
    }
    file += member.gap;
    directory += le32(0x02014b50) + le16(member.made_by) + le16(20) + le16(flags) + le16(method) + le32(0) + le32(crc) +
                 sizes + size16(member.name) + size16(extra) + le16(0) + le16(0) + le16(0) + le32(member.attributes) +
                 le32(offset) + member.name + extra;
  }
  const std::uint64_t directory_at = file.size() - tail.prefix.size();
  const std::uint64_t count = members.size() + static_cast<std::uint64_t>(tail.extra_entries);
  file += directory;
  if (tail.zip64) {
    const std::uint64_t record_at = file.size();
    file += le32(0x06064b50) + le64(44) + le16(45) + le16(45) + le32(0) + le32(0) + le64(count) + le64(count) +
            le64(directory.size()) + le64(directory_at);
    file += le32(0x07064b50) + le32(0) + le64(record_at) + le32(1);
  }
  file += tail.before_end;
  const auto count16 = tail.zip64 ? std::uint16_t{0xFFFF} : static_cast<std::uint16_t>(count);
  file += le32(0x06054b50) + le16(tail.disk) + le16(tail.disk) + le16(count16) + le16(count16) +
          le32(tail.zip64 ? 0xFFFFFFFF : directory.size()) + le32(tail.zip64 ? 0xFFFFFFFF : directory_at) +
          size16(tail.comment) + tail.comment + tail.after;
  return file;
}

}  // namespace skill_verifier::skill

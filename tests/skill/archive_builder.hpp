#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Archives made by hand, byte by byte, so that a test can break one thing at a time. Independent of the readers.
namespace skill_verifier::skill {

struct TarMember {
  std::string name;
  std::string body;
  char type = '0';
  unsigned mode = 0644;
  std::string prefix;
  std::string link_target;
  std::string magic = std::string(
      "ustar\0"
      "00",
      8);
  std::optional<std::string> size_field = {};      ///< raw bytes instead of the body's length
  std::pair<std::size_t, std::string> other = {};  ///< raw bytes at some other place of the header
};

/// One member: header, body, padding.
std::string tar_member(const TarMember& member);
std::string tar_file(std::string name, std::string body, unsigned mode = 0644);
std::string tar_directory(std::string name);
/// An extended header ('x' or 'g') with these records, whose lengths are computed.
std::string tar_pax(const std::vector<std::pair<std::string, std::string>>& records, char type = 'x');
std::string tar_end();
/// The members with an end marker.
std::string tar(const std::vector<std::string>& members);

std::string gzip(std::string_view bytes);
std::string zstd(std::string_view bytes, int window_log = 0);

struct ZipMemberSpec {
  std::string name;
  std::string body;
  bool deflate = true;
  bool descriptor = false;
  bool descriptor_signature = true;
  bool zip64 = false;                    ///< sizes in zip64 extra fields
  std::uint16_t flags = 0;               ///< added to both headers
  std::uint16_t made_by = 3u << 8 | 20;  ///< Unix
  std::uint32_t attributes = 0100644u << 16;
  std::string extra = {};  ///< added to both headers
  std::optional<std::uint16_t> method = {};
  std::optional<std::uint32_t> crc = {};
  std::optional<std::uint32_t> size = {};      ///< expanded size that both headers state
  std::optional<std::string> local_name = {};  ///< what the local header says instead
  std::optional<std::uint32_t> local_size = {};
  std::optional<std::uint16_t> local_flags = {};
  std::string after_data = {};  ///< raw bytes behind the compressed data, counted as compressed data
  std::string gap = {};         ///< raw bytes before the next header
};

struct ZipTail {
  std::string prefix;
  std::string comment;
  std::string after;
  bool zip64 = false;
  int extra_entries = 0;  ///< what the end record claims beyond the truth
  std::uint16_t disk = 0;
  std::string before_end;  ///< raw bytes between directory and end record
};

std::string zip(const std::vector<ZipMemberSpec>& members, const ZipTail& tail = {});
/// An extra field.
std::string zip_extra(std::uint16_t id, std::string_view body);

}  // namespace skill_verifier::skill

#include "scan/content.hpp"

#include <array>
#include <cmath>
#include <cstdint>

namespace skill_verifier::scan {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::size_t at;
  std::string_view bytes;
  Content content;
  std::string_view name;
};

constexpr std::array kMagic{
    Magic{0,
          "\x7F"
          "ELF"sv,
          Content::executable, "ELF"},
    Magic{0, "MZ"sv, Content::executable, "PE"},
    Magic{0, "\xFE\xED\xFA\xCE"sv, Content::executable, "Mach-O"},
    Magic{0, "\xFE\xED\xFA\xCF"sv, Content::executable, "Mach-O"},
    Magic{0, "\xCE\xFA\xED\xFE"sv, Content::executable, "Mach-O"},
    Magic{0, "\xCF\xFA\xED\xFE"sv, Content::executable, "Mach-O"},
    Magic{0, "\0asm"sv, Content::executable, "WebAssembly"},
    Magic{0, "dex\n0"sv, Content::executable, "dex"},
    Magic{0, "!<arch>\n"sv, Content::archive, "ar"},
    Magic{0, "PK\x03\x04"sv, Content::archive, "zip"},
    Magic{0, "PK\x05\x06"sv, Content::archive, "zip"},
    Magic{0, "\x1F\x8B"sv, Content::archive, "gzip"},
    Magic{0, "BZh"sv, Content::archive, "bzip2"},
    Magic{0,
          "\xFD"
          "7zXZ"sv,
          Content::archive, "xz"},
    Magic{0, "\x28\xB5\x2F\xFD"sv, Content::archive, "zstd"},
    Magic{0, "7z\xBC\xAF\x27\x1C"sv, Content::archive, "7z"},
    Magic{0, "Rar!\x1A\x07"sv, Content::archive, "rar"},
    Magic{257, "ustar"sv, Content::archive, "tar"},
    Magic{0, "MSCF"sv, Content::archive, "cab"},
    Magic{0, "\x89PNG\r\n"sv, Content::media, "PNG"},
    Magic{0, "\xFF\xD8\xFF"sv, Content::media, "JPEG"},
    Magic{0, "GIF8"sv, Content::media, "GIF"},
    Magic{8, "WEBP"sv, Content::media, "WebP"},
    Magic{8, "WAVE"sv, Content::media, "WAV"},
    Magic{4, "ftyp"sv, Content::media, "MP4"},
    Magic{0, "ID3"sv, Content::media, "MP3"},
    Magic{0, "OggS"sv, Content::media, "Ogg"},
    Magic{0, "fLaC"sv, Content::media, "FLAC"},
    Magic{0, "\0\0\x01\0"sv, Content::media, "ICO"},
    Magic{0, "wOFF"sv, Content::media, "WOFF"},
    Magic{0, "wOF2"sv, Content::media, "WOFF2"},
    Magic{0, "\0\x01\0\0\0"sv, Content::media, "TrueType"},
    Magic{0, "OTTO"sv, Content::media, "OpenType"},
    Magic{0, "%PDF-"sv, Content::document, "PDF"},
    Magic{0, "SQLite format 3"sv, Content::document, "SQLite"},
    Magic{0, "\xD0\xCF\x11\xE0"sv, Content::document, "OLE"},
};

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4 && at + i < bytes.size(); ++i)
    value = (value << 8) | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

/// Fat Mach-O and Java classes begin alike: the former counts its few architectures, the latter a version above 44.
Identity cafebabe(std::string_view bytes) {
  return big_endian(bytes, 4) < 40 ? Identity{Content::executable, "Mach-O"}
                                   : Identity{Content::bytecode, "Java class"};
}

bool zip_encrypted(std::string_view bytes) {
  for (std::size_t at = 0; (at = bytes.find("PK\x03\x04"sv, at)) != std::string_view::npos; at += 4) {
    if (at + 6 < bytes.size() && (bytes[at + 6] & 1) != 0) return true;
  }
  return false;
}

bool rar_encrypted(std::string_view bytes) {
  if (bytes.size() < 16) return false;
  if (bytes[6] == 0) return (bytes[10] & 0x80) != 0;  // version 4: flags of the main header
  return bytes[13] == 4 || bytes[12] == 4;            // version 5: an encryption header comes first
}

/// CPython writes a number and CR LF first.
bool is_pyc(std::string_view bytes) {
  return bytes.size() > 16 && bytes[2] == '\r' && bytes[3] == '\n' && static_cast<unsigned char>(bytes[1]) == 0x0D &&
         (bytes.find('\0') < 16);
}

bool is_text(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, 64u << 10);
  std::size_t odd = 0;
  for (const char c : head) {
    const auto value = static_cast<unsigned char>(c);
    if (value == 0) return false;
    if (value < 9 || (value > 13 && value < 32 && value != 27)) ++odd;
  }
  return odd * 100 <= head.size();
}

}  // namespace

Identity identify(std::string_view bytes) {
  if (bytes.starts_with("\xCA\xFE\xBA\xBE")) return cafebabe(bytes);
  for (const Magic& magic : kMagic) {
    if (bytes.size() < magic.at + magic.bytes.size() || bytes.substr(magic.at, magic.bytes.size()) != magic.bytes)
      continue;
    // Two letters may begin a text as well.
    if (magic.bytes.size() < 4 && is_text(bytes)) continue;
    Identity found{magic.content, magic.name};
    if (magic.name == "zip") found.encrypted = zip_encrypted(bytes);
    if (magic.name == "rar") found.encrypted = rar_encrypted(bytes);
    return found;
  }
  if (is_pyc(bytes)) return {Content::bytecode, "Python byte code"};
  if (is_text(bytes)) return {Content::text, "text"};
  return {Content::data, "data"};
}

double entropy(std::string_view bytes) {
  if (bytes.empty()) return 0;
  std::array<std::size_t, 256> counts{};
  for (const char c : bytes)
    ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const std::size_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(bytes.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

}  // namespace skill_verifier::scan

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>

#include "dcap/evidence/cbor.hpp"
#include "dcap/evidence/fixed_bytes.hpp"
#include "skill_verifier/dcap/os_image.hpp"

namespace skill_verifier::dcap {
namespace {

Error measurement_error(std::string message) {
  return Error{Errc::invalid_argument, "measurement_invalid", "the image's measurement document: " + message};
}

/// Calls `member` with each name of a map. Every name must be one of `names`, and all of them must come.
Result<void> each_member(CborReader& reader, std::string_view where, const std::set<std::string_view>& names,
                         const std::function<Result<void>(std::string_view)>& member) {
  const auto count = reader.map();
  if (!count) return measurement_error(fmt::format("{} is not a map", where));
  if (*count != names.size()) {
    return measurement_error(fmt::format("{} has {} members, not {}", where, *count, names.size()));
  }
  std::set<std::string> seen;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = reader.text();
    if (!name || !names.contains(*name)) {
      return measurement_error(fmt::format("{} has an unknown member {}", where, name ? core::shorten(*name) : ""));
    }
    if (!seen.insert(*name).second) return measurement_error(fmt::format("{} has {} twice", where, *name));
    SKILL_VERIFIER_TRY_VOID(member(*name));
  }
  return {};
}

Result<void> digest(CborReader& reader, std::string_view name, core::Digest384& out) {
  const auto bytes = reader.bytes();
  const auto value = bytes ? fixed<48>(*bytes) : std::nullopt;
  if (!value) return measurement_error(fmt::format("{} is not 48 bytes", name));
  out = *value;
  return {};
}

/// The root file system's hash in the command line is what makes an image's identity reach its files.
bool names_one_rootfs(std::string_view cmdline) {
  constexpr std::string_view kKey = "dstack.rootfs_hash=";
  int count = 0;
  for (std::size_t begin = 0; begin < cmdline.size();) {
    const auto end = std::min(cmdline.find(' ', begin), cmdline.size());
    const auto word = cmdline.substr(begin, end - begin);
    if (word.starts_with(kKey)) {
      const auto hash = core::parse_hex(word.substr(kKey.size()));
      if (!hash || hash->size() != 32) return false;
      ++count;
    }
    begin = end + 1;
  }
  return count == 1;
}

/// As OVMF measures it: with what it appends for the initrd, in UTF-16LE with a NUL.
Result<core::Digest384> measure_cmdline(std::string_view cmdline) {
  if (!std::ranges::all_of(cmdline, [](char c) { return c >= 0x20 && c < 0x7f; })) {
    return measurement_error("cmdline is not printable ASCII");
  }
  if (!names_one_rootfs(cmdline)) return measurement_error("cmdline does not have one dstack.rootfs_hash of 32 bytes");
  Bytes wide;
  for (const char c : std::string(cmdline) + " initrd=initrd")
    append_le(wide, static_cast<std::uint16_t>(c));
  append_le(wide, std::uint16_t{0});
  return core::sha384(wide);
}

Result<void> parse_image(CborReader& reader, ImageMeasurement& out) {
  const std::set<std::string_view> names =
      out.version == 3
          ? std::set<std::string_view>{"cmdline_sha384", "kernel_authenticode", "initrd_sha384"}
          : std::set<std::string_view>{"cmdline", "kernel_authenticode", "kernel_header_normalized", "initrd_sha384"};
  return each_member(reader, "image", names, [&](std::string_view name) -> Result<void> {
    if (name == "cmdline_sha384") return digest(reader, name, out.cmdline_sha384);
    if (name == "kernel_authenticode") return digest(reader, name, out.kernel_authenticode);
    if (name == "initrd_sha384") return digest(reader, name, out.initrd_sha384);
    if (name == "kernel_header_normalized") {
      const auto value = reader.boolean();
      if (!value) return measurement_error("kernel_header_normalized is not a boolean");
      out.kernel_header_normalized = *value;
      return {};
    }
    const auto cmdline = reader.text();
    if (!cmdline) return measurement_error("cmdline is not a text");
    SKILL_VERIFIER_TRY(out.cmdline_sha384, measure_cmdline(*cmdline));
    return {};
  });
}

Result<void> parse_tdvf(CborReader& reader, ImageMeasurement& out) {
  return each_member(reader, "tdvf", {"ovmf", "mrtd", "td_hob"}, [&](std::string_view name) -> Result<void> {
    if (name == "ovmf") {
      const auto variant = reader.text();
      if (!variant) return measurement_error("ovmf is not a text");
      if (*variant == "pre202505") return {};
      return Error{
          Errc::unsupported, "measurement_unsupported",
          fmt::format("the image's firmware is of the variant {}, known is pre202505", core::shorten(*variant))};
    }
    if (name == "td_hob") {
      auto witness = reader.bytes();
      if (!witness) return measurement_error("td_hob is not a byte string");
      out.td_hob = std::move(*witness);
      return {};
    }
    return each_member(reader, "mrtd", {"single_pass", "two_pass"}, [&](std::string_view pass) {
      return digest(reader, pass, pass == "two_pass" ? out.mrtd_two_pass : out.mrtd_single_pass);
    });
  });
}

/// The version decides what `image` holds, so it must come first, as dstack writes it.
Result<void> parse_member(CborReader& reader, std::string_view name, ImageMeasurement& out) {
  if (name == "version") {
    const auto version = reader.number();
    if (!version) return measurement_error("version is not a number");
    if (*version != 3 && *version != 4) {
      return Error{Errc::unsupported, "measurement_unsupported",
                   fmt::format("the image's measurement document has version {}, known are 3 and 4", *version)};
    }
    out.version = *version;
    return {};
  }
  if (out.version == 0) return measurement_error(fmt::format("{} comes before version", name));
  return name == "image" ? parse_image(reader, out) : parse_tdvf(reader, out);
}

std::optional<std::uint64_t> leb128(ByteView& rest) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 63; shift += 7) {
    if (rest.empty()) return std::nullopt;
    const auto byte = rest[0];
    rest = rest.subspan(1);
    value |= std::uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) == 0) return value;
  }
  return std::nullopt;
}

Error witness_error(std::string_view message) {
  return measurement_error(fmt::format("td_hob {}", message));
}

constexpr std::uint64_t kPageBytes = 0x1000;
constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 40;

struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct TdHob {
  std::uint64_t address = 0;
  std::vector<Range> accepted;  ///< ascending, apart
};

Result<TdHob> parse_witness(ByteView rest) {
  constexpr std::uint64_t kMaxRanges = 64;
  const auto base = leb128(rest);
  const auto hob_delta = base ? leb128(rest) : std::nullopt;
  const auto count = hob_delta ? leb128(rest) : std::nullopt;
  if (!count) return witness_error("ends within a number");
  if (*count > kMaxRanges) return witness_error(fmt::format("has {} ranges, the limit is {}", *count, kMaxRanges));
  if (*base > kMaxPages || *hob_delta > kMaxPages) return witness_error("has an address out of range");
  TdHob hob;
  hob.address = (*base + *hob_delta) * kPageBytes;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto delta = leb128(rest);
    const auto pages = delta ? leb128(rest) : std::nullopt;
    if (!pages) return witness_error("ends within a number");
    if (*delta > kMaxPages || *pages > kMaxPages || *pages == 0) return witness_error("has a range out of range");
    const Range range{.begin = (*base + *delta) * kPageBytes, .end = (*base + *delta + *pages) * kPageBytes};
    if (!hob.accepted.empty() && range.begin < hob.accepted.back().end) {
      return witness_error("has ranges that overlap or go backwards");
    }
    hob.accepted.push_back(range);
  }
  if (!rest.empty()) return witness_error("has bytes after its ranges");
  return hob;
}

/// UEFI PI 1.7 volume 3, 5.5: resource descriptor. Type 0 is memory in use, type 7 is not yet accepted.
void append_resource(Bytes& out, std::uint32_t type, std::uint64_t begin, std::uint64_t end) {
  if (begin == end) return;
  append_le(out, std::uint16_t{3});
  append_le(out, std::uint16_t{48});
  append_le(out, std::uint32_t{0});
  out.resize(out.size() + 16);
  append_le(out, type);
  append_le(out, std::uint32_t{7});
  append_le(out, begin);
  append_le(out, end - begin);
}

}  // namespace

Result<ImageMeasurement> parse_image_measurement(ByteView cbor) {
  if (cbor.size() > kMaxMeasurementBytes) {
    return measurement_error(fmt::format("{} bytes, the limit is {}", cbor.size(), kMaxMeasurementBytes));
  }
  CborReader reader(cbor);
  ImageMeasurement out;
  SKILL_VERIFIER_TRY_VOID(each_member(reader, "the document", {"version", "image", "tdvf"},
                                      [&](std::string_view name) { return parse_member(reader, name, out); }));
  if (!reader.at_end()) return measurement_error("bytes after its end");
  return out;
}

Result<core::Digest384> td_hob_digest(ByteView witness, std::uint64_t memory_size) {
  // QEMU's q35: from this size on, only 2 GiB stay below 4 GiB.
  constexpr std::uint64_t kSplitFrom = 0xB0000000;
  constexpr std::uint64_t kLowEnd = 0x80000000;
  constexpr std::uint64_t kHighBegin = 0x100000000;
  constexpr std::uint64_t kMaxMemory = std::uint64_t{1} << 52;
  constexpr std::uint32_t kAccepted = 0;
  constexpr std::uint32_t kUnaccepted = 7;
  SKILL_VERIFIER_TRY(const auto hob, parse_witness(witness));
  const auto low_end = memory_size >= kSplitFrom ? kLowEnd : memory_size;
  if (memory_size > kMaxMemory || hob.accepted.empty() || hob.accepted.back().end >= low_end) {
    return witness_error(fmt::format("does not fit a machine of {} bytes", memory_size));
  }
  // 5.3: the hand-off table; its last field, the end of the list, is known at the end.
  Bytes out;
  append_le(out, std::uint16_t{1});
  append_le(out, std::uint16_t{56});
  append_le(out, std::uint32_t{0});
  append_le(out, std::uint32_t{9});
  out.resize(56);
  std::uint64_t position = 0;
  for (const auto& range : hob.accepted) {
    append_resource(out, kUnaccepted, position, range.begin);
    append_resource(out, kAccepted, range.begin, range.end);
    position = range.end;
  }
  append_resource(out, kUnaccepted, position, low_end);
  append_resource(out, kUnaccepted, kHighBegin, kHighBegin + (memory_size - low_end));
  Bytes end_of_list;
  append_le(end_of_list, hob.address + out.size() + 8);
  std::ranges::copy(end_of_list, out.begin() + 48);
  return core::sha384(out);
}

}  // namespace skill_verifier::dcap

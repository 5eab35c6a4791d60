#include "skill/archive_zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "skill/archive_zip_layout.hpp"
#include "skill/package_file.hpp"
#include "skill_verifier/core/bytes.hpp"

namespace skill_verifier::skill {
namespace {

Error damaged(std::string_view name, std::string_view why) {
  return Error(Errc::rejected, "archive_unreadable", "entry '" + core::shorten(name) + "' " + std::string(why));
}

/// zlib's raw inflate, used again for every member.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  void restart() {
    inflateReset(&stream_);
    stream_.avail_in = 0;
  }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

class ZipReader final : public ArchiveReader {
 public:
  ZipReader(int fd, std::vector<ZipMember> members) : fd_(fd), members_(std::move(members)) {}

  Result<std::optional<ArchiveEntry>> next() override;
  Result<std::size_t> read(std::span<std::uint8_t> out) override;

 private:
  Result<std::size_t> read_stored(std::span<std::uint8_t> out);
  Result<std::size_t> inflate_some(std::span<std::uint8_t> out);
  Result<void> check_member_end();

  int fd_;
  std::vector<ZipMember> members_;
  std::size_t next_ = 0;
  const ZipMember* current_ = nullptr;
  std::uint64_t taken_ = 0;      ///< compressed bytes handed to the decoder
  std::uint64_t delivered_ = 0;  ///< expanded bytes
  bool inflated_ = false;        ///< the deflate data came to their end
  bool ended_ = true;            ///< the member's data and check sum are done
  uLong crc_ = 0;
  Inflater inflater_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kCopyBytes);
};

Result<std::optional<ArchiveEntry>> ZipReader::next() {
  if (!ended_) {
    std::vector<std::uint8_t> rest(kCopyBytes);
    while (!ended_) {
      SKILL_VERIFIER_TRY([[maybe_unused]] const std::size_t count, read(rest));
    }
  }
  if (next_ == members_.size()) return std::optional<ArchiveEntry>();
  current_ = &members_[next_++];
  taken_ = delivered_ = 0;
  crc_ = crc32(0, nullptr, 0);
  inflated_ = ended_ = false;
  inflater_.restart();
  return std::optional(
      ArchiveEntry{current_->name, current_->directory, current_->executable, current_->expanded_size});
}

Result<std::size_t> ZipReader::read(std::span<std::uint8_t> out) {
  if (ended_ || out.empty()) return std::size_t{0};
  SKILL_VERIFIER_TRY(const std::size_t count, current_->deflated ? inflate_some(out) : read_stored(out));
  crc_ = crc32_z(crc_, out.data(), count);
  if (count == 0) {
    if (auto checked = check_member_end(); !checked) return checked.error();
    ended_ = true;
  }
  return count;
}

Result<std::size_t> ZipReader::read_stored(std::span<std::uint8_t> out) {
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), current_->stored_size - taken_));
  SKILL_VERIFIER_TRY(const std::size_t count, read_at(fd_, current_->data_offset + taken_, out.first(wanted)));
  if (count < wanted) return damaged(current_->name, "is cut short");
  taken_ += count;
  delivered_ += count;
  return count;
}

Result<std::size_t> ZipReader::inflate_some(std::span<std::uint8_t> out) {
  if (inflated_) return std::size_t{0};
  z_stream& stream = inflater_.stream();
  // One byte more than announced is asked for, so that a member that goes on is noticed and not cut off.
  const std::uint64_t left = current_->expanded_size - delivered_ + 1;
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(std::min({std::uint64_t{out.size()}, left, std::uint64_t{kCopyBytes}}));
  const uInt room = stream.avail_out;
  int status = Z_OK;
  while (status == Z_OK && stream.avail_out == room) {
    if (stream.avail_in == 0) {
      const std::uint64_t compressed_left = current_->stored_size - taken_;
      const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer_.size(), compressed_left));
      SKILL_VERIFIER_TRY(const std::size_t count,
                         read_at(fd_, current_->data_offset + taken_, std::span(buffer_).first(wanted)));
      if (count < wanted || count == 0) return damaged(current_->name, "is cut short: its deflate data do not end");
      taken_ += count;
      stream.next_in = buffer_.data();
      stream.avail_in = static_cast<uInt>(count);
    }
    status = inflate(&stream, Z_NO_FLUSH);
  }
  if (status == Z_MEM_ERROR) throw std::bad_alloc();
  if (status != Z_OK && status != Z_STREAM_END) {
    return damaged(current_->name, "has damaged deflate data: " + std::string(stream.msg ? stream.msg : "no detail"));
  }
  inflated_ = status == Z_STREAM_END;
  const std::size_t count = room - stream.avail_out;
  delivered_ += count;
  if (delivered_ > current_->expanded_size) return damaged(current_->name, "expands to more bytes than it announces");
  return count;
}

Result<void> ZipReader::check_member_end() {
  if (delivered_ != current_->expanded_size) {
    return damaged(current_->name, "expands to " + std::to_string(delivered_) + " bytes and announces " +
                                       std::to_string(current_->expanded_size));
  }
  if (current_->deflated && (taken_ != current_->stored_size || inflater_.stream().avail_in != 0)) {
    return damaged(current_->name, "has bytes after its deflate data");
  }
  if (crc_ != current_->crc) return damaged(current_->name, "has a wrong CRC-32");
  return {};
}

}  // namespace

Result<std::unique_ptr<ArchiveReader>> open_zip(int fd, std::uint64_t size, std::size_t max_entries) {
  SKILL_VERIFIER_TRY(std::vector<ZipMember> members, read_zip_layout(fd, size, max_entries));
  return std::unique_ptr<ArchiveReader>(std::make_unique<ZipReader>(fd, std::move(members)));
}

}  // namespace skill_verifier::skill

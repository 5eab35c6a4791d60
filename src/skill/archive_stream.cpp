#include "skill/archive_stream.hpp"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "skill/package_file.hpp"

namespace skill_verifier::skill {
namespace {

constexpr int kMaxWindowLog = 23;

Error unreadable(std::string message) {
  return Error(Errc::rejected, "archive_unreadable", std::move(message));
}

class FileSource final : public ByteSource {
 public:
  FileSource(int fd, std::uint64_t size) : fd_(fd), size_(size) {}

  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset_));
    SKILL_VERIFIER_TRY(const std::size_t count, read_at(fd_, offset_, out.first(wanted)));
    if (count < wanted) return Error(Errc::internal, "io_error", "the archive became shorter while it was read");
    offset_ += count;
    return count;
  }

 private:
  int fd_;
  std::uint64_t size_;
  std::uint64_t offset_ = 0;
};

/// What the two decompressors share: the input buffer and the rule about what may follow the compressed data.
class CompressedSource : public ByteSource {
 public:
  CompressedSource(FileSource file, std::string_view format) : file_(std::move(file)), format_(format) {}

  Result<std::size_t> read(std::span<std::uint8_t> out) final {
    std::size_t done = 0;
    while (done < out.size() && !ended_) {
      // A decoder that filled the last buffer may still hold output although it has taken all input.
      if (input_.empty() && !pending_) {
        SKILL_VERIFIER_TRY(const std::size_t count, file_.read(buffer_));
        if (count == 0) return unreadable("the " + std::string(format_) + " data end early; was the upload cut short?");
        input_ = std::span(buffer_).first(count);
      }
      const auto room = out.subspan(done, std::min(out.size() - done, kCopyBytes));
      SKILL_VERIFIER_TRY(const std::size_t count, decode(room));
      pending_ = count == room.size();
      done += count;
    }
    return done;
  }

 protected:
  /// Decodes some of `input_`, and calls finish() at the end of the data.
  virtual Result<std::size_t> decode(std::span<std::uint8_t> out) = 0;

  Result<void> finish() {
    ended_ = true;
    while (true) {
      if (!std::ranges::all_of(input_, [](std::uint8_t byte) { return byte == 0; })) {
        return unreadable("other data follow the end of the " + std::string(format_) +
                          " data; only one member or frame is read");
      }
      SKILL_VERIFIER_TRY(const std::size_t count, file_.read(buffer_));
      if (count == 0) return {};
      input_ = std::span(buffer_).first(count);
    }
  }

  std::span<std::uint8_t> input_;

 private:
  FileSource file_;
  std::string_view format_;
  std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(kCopyBytes);
  bool pending_ = false;
  bool ended_ = false;
};

class GzipSource final : public CompressedSource {
 public:
  explicit GzipSource(FileSource file) : CompressedSource(std::move(file), "gzip") {
    constexpr int gzip_only = 16;
    if (inflateInit2(&stream_, MAX_WBITS + gzip_only) != Z_OK) throw std::bad_alloc();
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

 private:
  Result<std::size_t> decode(std::span<std::uint8_t> out) override {
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(input_.size());
    stream_.next_out = out.data();
    stream_.avail_out = static_cast<uInt>(out.size());
    const uInt room = stream_.avail_out;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    input_ = input_.last(stream_.avail_in);
    if (status == Z_MEM_ERROR) throw std::bad_alloc();
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      return unreadable("the gzip data are damaged: " + std::string(stream_.msg ? stream_.msg : "no detail"));
    }
    if (status == Z_STREAM_END) {
      if (auto finished = finish(); !finished) return finished.error();
    }
    return std::size_t{room - stream_.avail_out};
  }

  z_stream stream_{};
};

class ZstdSource final : public CompressedSource {
 public:
  explicit ZstdSource(FileSource file) : CompressedSource(std::move(file), "zstd"), context_(ZSTD_createDCtx()) {
    if (!context_ || ZSTD_isError(ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog))) {
      throw std::bad_alloc();
    }
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  Result<std::size_t> decode(std::span<std::uint8_t> out) override {
    ZSTD_inBuffer from{input_.data(), input_.size(), 0};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t status = ZSTD_decompressStream(context_.get(), &to, &from);
    input_ = input_.subspan(from.pos);
    if (ZSTD_isError(status)) return translate(status);
    if (status == 0) {
      if (auto finished = finish(); !finished) return finished.error();
    }
    return to.pos;
  }

  static Error translate(std::size_t status) {
    switch (ZSTD_getErrorCode(status)) {
      case ZSTD_error_memory_allocation:
        throw std::bad_alloc();
      case ZSTD_error_frameParameter_windowTooLarge:
        return Error(Errc::rejected, "archive_unsupported", "the zstd data need a window of more than 8 MiB",
                     "compress without --long and --ultra");
      case ZSTD_error_dictionary_wrong:
        return Error(Errc::rejected, "archive_unsupported", "the zstd data need a dictionary");
      default:
        return unreadable("the zstd data are damaged: " + std::string(ZSTD_getErrorName(status)));
    }
  }

  std::unique_ptr<ZSTD_DCtx, Free> context_;
};

}  // namespace

std::unique_ptr<ByteSource> open_source(int fd, std::uint64_t size, Compression compression) {
  FileSource file(fd, size);
  switch (compression) {
    case Compression::gzip:
      return std::make_unique<GzipSource>(std::move(file));
    case Compression::zstd:
      return std::make_unique<ZstdSource>(std::move(file));
    case Compression::none:
      break;
  }
  return std::make_unique<FileSource>(std::move(file));
}

}  // namespace skill_verifier::skill

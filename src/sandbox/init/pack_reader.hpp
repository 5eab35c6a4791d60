#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sandbox/init/wire.hpp"

namespace skill_verifier::sandbox::guest {

/// Where the entries of a pack go, in the order in which they come.
class PackSink {
 public:
  virtual Status directory(std::string_view path) = 0;
  virtual Status begin_file(std::string_view path, bool executable, std::uint64_t size) = 0;
  virtual Status file_bytes(std::string_view bytes) = 0;
  virtual Status end_file() = 0;

 protected:
  ~PackSink() = default;
};

/// Whether `path` can name something beneath a folder and nothing else: no empty, `.` or `..` segment (so neither a
/// leading nor a trailing slash), no NUL, no segment above 255 bytes, at most 4095 bytes in all.
bool is_safe_path(std::string_view path);

/// Reads a pack (skill/package.hpp) in pieces. The host made it and checked it; it is checked again because here a
/// mistake would write somewhere. All its faults are `pack_invalid`; those of the sink are passed on.
class PackReader {
 public:
  explicit PackReader(PackSink& sink) : sink_(sink) {}

  Status add(std::string_view bytes);
  /// To be called once after the last piece: a pack that stops early is invalid.
  Status finish() const;

  std::uint32_t files() const { return files_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  enum class State { magic, tag, header, path, data, end };

  bool collect(std::string_view& bytes, std::size_t size);
  Status step(std::string_view& bytes, bool& progress);
  Status read_tag();
  Status read_header();
  Status read_path();
  Status read_data(std::string_view& bytes);

  PackSink& sink_;
  State state_ = State::magic;
  std::string partial_;  ///< of the fixed-size part that is being read
  std::string last_path_;
  char tag_ = 0;
  bool executable_ = false;
  std::size_t path_size_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;  ///< bytes of the file that are still to come
  std::uint32_t files_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace skill_verifier::sandbox::guest

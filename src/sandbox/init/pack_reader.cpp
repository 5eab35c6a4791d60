#include "sandbox/init/pack_reader.hpp"

#include <algorithm>

namespace skill_verifier::sandbox::guest {
namespace {

constexpr std::string_view kMagic = "SVPACK1\n";
constexpr std::size_t kEntryHeader = 1 + 2 + 8;  // after the tag: executable, path length, size

Fault bad(std::string message) {
  return {"pack_invalid", std::move(message)};
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes)
    value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

bool is_safe_segment(std::string_view segment) {
  return !segment.empty() && segment.size() <= 255 && segment != "." && segment != "..";
}

}  // namespace

bool is_safe_path(std::string_view path) {
  if (path.size() > 4095 || path.find('\0') != std::string_view::npos) return false;
  while (true) {
    const auto slash = std::min(path.find('/'), path.size());
    if (!is_safe_segment({path.data(), slash})) return false;
    if (slash == path.size()) return true;
    path.remove_prefix(slash + 1);
  }
}

Status PackReader::add(std::string_view bytes) {
  bool progress = true;
  while (progress) {
    if (auto fault = step(bytes, progress)) return fault;
  }
  return {};
}

Status PackReader::finish() const {
  if (state_ != State::end) return bad("the pack ends early");
  return {};
}

bool PackReader::collect(std::string_view& bytes, std::size_t size) {
  const auto count = std::min(size - partial_.size(), bytes.size());
  partial_.append(bytes.data(), count);
  bytes.remove_prefix(count);
  return partial_.size() == size;
}

Status PackReader::step(std::string_view& bytes, bool& progress) {
  progress = false;
  Status fault;
  switch (state_) {
    case State::magic:
      if (!collect(bytes, kMagic.size())) return {};
      if (partial_ != kMagic) return bad("not a pack");
      state_ = State::tag;
      break;
    case State::tag:
      if (!collect(bytes, 1)) return {};
      fault = read_tag();
      break;
    case State::header:
      if (!collect(bytes, kEntryHeader)) return {};
      fault = read_header();
      break;
    case State::path:
      if (!collect(bytes, path_size_)) return {};
      fault = read_path();
      break;
    case State::data:
      if (bytes.empty()) return {};
      fault = read_data(bytes);
      break;
    case State::end:
      if (!bytes.empty()) return bad("bytes after the end of the pack");
      return {};
  }
  partial_.clear();
  progress = !fault;
  return fault;
}

Status PackReader::read_tag() {
  tag_ = partial_.front();
  if (tag_ != 'D' && tag_ != 'F' && tag_ != 'E') return bad("unknown kind of entry");
  state_ = tag_ == 'E' ? State::end : State::header;
  return {};
}

Status PackReader::read_header() {
  const std::string_view header(partial_);
  const auto executable = big_endian({header.data(), 1});
  path_size_ = big_endian({header.data() + 1, 2});
  size_ = big_endian({header.data() + 3, 8});
  if (executable > 1) return bad("executable flag is neither 0 nor 1");
  if (path_size_ == 0) return bad("an entry has no path");
  if (tag_ == 'D' && size_ != 0) return bad("a directory has a size");
  executable_ = executable == 1;
  state_ = State::path;
  return {};
}

Status PackReader::read_path() {
  if (!is_safe_path(partial_)) return bad("unsafe path '" + printable(partial_) + "'");
  // Strictly ascending means that no path comes twice.
  if (partial_ <= last_path_) return bad("path '" + printable(partial_) + "' is out of order");
  last_path_ = partial_;
  state_ = State::tag;
  if (tag_ == 'D') return sink_.directory(last_path_);
  if (auto fault = sink_.begin_file(last_path_, executable_, size_)) return fault;
  ++files_;
  left_ = size_;
  if (left_ == 0) return sink_.end_file();
  state_ = State::data;
  return {};
}

Status PackReader::read_data(std::string_view& bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  if (auto fault = sink_.file_bytes({bytes.data(), count})) return fault;
  bytes.remove_prefix(count);
  left_ -= count;
  bytes_ += count;
  if (left_ > 0) return {};
  state_ = State::tag;
  return sink_.end_file();
}

}  // namespace skill_verifier::sandbox::guest

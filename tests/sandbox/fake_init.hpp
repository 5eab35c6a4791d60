#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/init_protocol.hpp"
#include "skill_verifier/core/async.hpp"
#include "skill_verifier/core/bytes.hpp"
#include "skill_verifier/net/http_client.hpp"

namespace skill_verifier::test {

/// Big-endian bytes for hand-made frames.
class FrameBytes {
 public:
  template <class Integer>
  FrameBytes& integer(Integer value) {
    for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8) {
      bytes_.push_back(static_cast<char>(value >> shift));
    }
    return *this;
  }
  FrameBytes& u8(unsigned value) { return integer(static_cast<std::uint8_t>(value)); }
  FrameBytes& u16(unsigned value) { return integer(static_cast<std::uint16_t>(value)); }
  FrameBytes& u32(std::uint32_t value) { return integer(value); }
  FrameBytes& u64(std::uint64_t value) { return integer(value); }
  FrameBytes& text(std::string_view value) { return u32(static_cast<std::uint32_t>(value.size())).raw(value); }
  FrameBytes& raw(std::string_view value) {
    bytes_ += value;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// A frame from init, as it stands on its standard output.
inline std::string init_frame(sandbox::init::InitFrame type, std::string_view payload, unsigned index = 0) {
  return FrameBytes()
      .u8(static_cast<unsigned>(type))
      .u8(index)
      .u16(0)
      .u32(static_cast<std::uint32_t>(payload.size()))
      .raw(payload)
      .bytes();
}

/// Docker's envelope of a piece of standard output (1) or error (2).
inline std::string envelope(unsigned stream, std::string_view payload) {
  return FrameBytes().u8(stream).u8(0).u16(0).u32(static_cast<std::uint32_t>(payload.size())).raw(payload).bytes();
}

/// By default what the strict profile asks for.
inline std::string ready_frame(std::uint32_t version = sandbox::init::kProtocolVersion,
                               std::uint8_t bits = sandbox::init::kNoNewPrivileges | sandbox::init::kSystemCallFilter |
                                                   sandbox::init::kReadOnlyRoot) {
  return init_frame(sandbox::init::InitFrame::ready,
                    FrameBytes().u32(version).u64(0).u8(bits).u64(0).u64(0).u64(0).u64(0).u64(0).text("6.1.0").bytes());
}
inline std::string unpacked_frame() {
  return init_frame(sandbox::init::InitFrame::unpacked, FrameBytes().u32(1).u64(2).bytes());
}
inline std::string started_frame() {
  return init_frame(sandbox::init::InitFrame::started, FrameBytes().u32(7).bytes());
}
inline std::string out_frame(std::string_view bytes) {
  return init_frame(sandbox::init::InitFrame::out, bytes);
}

struct ExitFields {
  sandbox::init::ExitReason reason = sandbox::init::ExitReason::exited;
  std::uint32_t wait_status = 0;
  bool memory_killed = false;
  std::uint64_t duration = 1000;
  std::uint64_t peak = 0;
  std::uint64_t out_total = 0;
  std::uint64_t err_total = 0;
  std::string out_tail = {};
  std::string err_tail = {};
};
inline std::string exit_frame(const ExitFields& exit = {}) {
  return init_frame(sandbox::init::InitFrame::exit, FrameBytes()
                                                        .u8(static_cast<unsigned>(exit.reason))
                                                        .u32(exit.wait_status)
                                                        .u8(exit.memory_killed ? 1 : 0)
                                                        .u64(exit.duration)
                                                        .u64(exit.peak)
                                                        .u64(exit.out_total)
                                                        .u64(exit.err_total)
                                                        .text(exit.out_tail)
                                                        .text(exit.err_tail)
                                                        .bytes());
}

/// The other end of an attach stream, in memory: a test answers every frame of the host with bytes of the engine.
class FakeInitStream final : public net::Stream {
 public:
  struct Script {
    std::string greeting;  ///< engine's bytes that are there at once
    /// Engine's bytes in answer to a frame of the host; called with its type and payload.
    std::function<std::string(sandbox::init::HostFrame, std::string)> answer;
    /// Ends the stream after the answer to this frame.
    sandbox::init::HostFrame end_after{};
    bool end_at_once = false;
    std::size_t piece = 1u << 20;  ///< most bytes that one read gives
    bool stuck_writes = false;     ///< no write ever completes
    core::Duration pace{};         ///< what passes before every read gives its piece
  };
  struct Log {
    std::vector<sandbox::init::HostFrame> types;
    std::vector<std::string> payloads;
    bool closed = false;
    std::function<void()> die = {};  ///< ends the stream as a container does that is killed
  };

  FakeInitStream(core::asio::any_io_executor executor, Script script, std::shared_ptr<Log> log)
      : script_(std::move(script)), log_(std::move(log)), changed_(std::move(executor)), to_host_(script_.greeting) {
    ended_ = script_.end_at_once;
    log_->die = [this] {
      ended_ = true;
      changed_.notify_all();
    };
  }

  core::awaitable<Result<std::size_t>> read_some(std::span<std::uint8_t> buffer, core::Duration) override {
    while (to_host_.empty() && !ended_ && !log_->closed) {
      const bool woken = co_await changed_.wait();
      if (!woken) co_return Error{Errc::cancelled, "read cancelled"};
    }
    if (script_.pace > core::Duration::zero()) co_await core::sleep_for(script_.pace);
    if (log_->closed) co_return Error{Errc::cancelled, "stream closed"};
    const auto count = std::min({buffer.size(), to_host_.size(), script_.piece});
    std::copy_n(to_host_.begin(), count, buffer.begin());
    to_host_.erase(0, count);
    co_return count;
  }

  core::awaitable<Result<void>> write_all(ByteView bytes, core::Duration) override {
    while (script_.stuck_writes && !log_->closed)
      co_await changed_.wait();
    if (log_->closed) co_return Error{Errc::cancelled, "stream closed"};
    from_host_ += core::as_text(bytes);
    while (take_frame()) {
    }
    changed_.notify_all();
    co_return Result<void>{};
  }

  void shutdown_write() override {}
  void close() override {
    log_->closed = true;
    changed_.notify_all();
  }

 private:
  bool take_frame() {
    if (from_host_.size() < 8) return false;
    std::uint32_t length = 0;
    for (int i = 4; i < 8; ++i)
      length = (length << 8) | static_cast<std::uint8_t>(from_host_[static_cast<std::size_t>(i)]);
    if (from_host_.size() < 8 + length) return false;
    const auto type = static_cast<sandbox::init::HostFrame>(from_host_[0]);
    const auto payload = from_host_.substr(8, length);
    from_host_.erase(0, 8 + length);
    log_->types.push_back(type);
    log_->payloads.push_back(payload);
    if (script_.answer) to_host_ += script_.answer(type, payload);
    if (type == script_.end_after) ended_ = true;
    return true;
  }

  Script script_;
  std::shared_ptr<Log> log_;
  core::Event changed_;
  std::string to_host_;
  std::string from_host_;
  bool ended_ = false;
};

}  // namespace skill_verifier::test

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/init_protocol.hpp"

namespace skill_verifier::testing_support {

/// A blocking byte stream to an init, wherever it runs. A read that gets nothing for half a minute gives up.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual bool write(std::string_view bytes) = 0;
  /// Some bytes; nothing at the end of the stream.
  virtual std::string read() = 0;
};

struct InitMessage {
  sandbox::init::InitFrame type{};
  std::uint8_t index = 0;
  std::string payload;
};

struct ExitReport {
  sandbox::init::ExitReason reason{};
  std::int32_t wait_status = 0;
  bool memory_killed = false;
  std::uint64_t duration_us = 0;
  std::uint64_t peak = 0;
  std::uint64_t out_total = 0;
  std::uint64_t err_total = 0;
  std::string out_tail;
  std::string err_tail;
};

/// What came back for one command.
struct CommandResult {
  std::optional<ExitReport> exit;
  std::string fault;  ///< "code: message", when a fault came instead
  bool started = false;
  std::string out;  ///< the out frames together
  std::string err;

  /// The exit code as a shell reports it; -1 without an exit by itself.
  int code() const;
};

/// What a host says to init, written a second time from init_protocol.hpp alone, valid or not.
class InitClient {
 public:
  explicit InitClient(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  /// False when the stream takes no more.
  bool frame(sandbox::init::HostFrame type, std::uint8_t index, std::string_view payload);
  void hello(std::uint32_t uid = 65534, std::uint32_t gid = 65534, bool prepare = false, std::uint32_t version = 3);
  void pack(std::string_view bytes);
  void run(std::uint8_t index, const std::vector<std::string>& argv, std::uint32_t timeout_ms = 60'000,
           std::uint64_t kept = 1u << 20, const std::vector<std::string>& env = {"PATH=/bin"});

  /// The next frame; nothing at the end of the stream.
  std::optional<InitMessage> next();
  /// The next frame as text: its type's name, and the content of a fault.
  std::string next_name();
  CommandResult result();
  /// Runs a shell line as the next command.
  CommandResult shell(const std::string& line, std::uint32_t timeout_ms = 60'000, std::uint64_t kept = 1u << 20);
  CommandResult command(const std::vector<std::string>& argv);
  /// hello and an empty package, both answered as they should be.
  bool begin(std::string_view pack = "SVPACK1\nE", std::uint32_t uid = 65534, bool prepare = false);

  /// Everything that `say` says goes out in one write.
  template <class Say>
  void together(Say say) {
    held_.emplace();
    say(*this);
    const auto bytes = std::move(*held_);
    held_.reset();
    stream_->write(bytes);
  }

  void hang_up() { stream_.reset(); }

 private:
  std::unique_ptr<ByteStream> stream_;
  std::string unread_;
  std::optional<std::string> held_;
  std::uint8_t commands_ = 0;
};

}  // namespace skill_verifier::testing_support

#include "sandbox/init_client.hpp"

#include <sys/wait.h>

#include "sandbox/init/wire.hpp"

namespace skill_verifier::testing_support {
namespace {

using sandbox::guest::Payload;
using sandbox::init::HostFrame;
using sandbox::init::InitFrame;

constexpr std::size_t kHeader = 8;

class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const char byte : take(size))
      value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::string text() { return std::string(take(number(4))); }

 private:
  std::string_view take(std::size_t size) {
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest_;
};

ExitReport read_exit(std::string_view payload) {
  Fields fields(payload);
  ExitReport exit;
  exit.reason = static_cast<sandbox::init::ExitReason>(fields.number(1));
  exit.wait_status = static_cast<std::int32_t>(fields.number(4));
  exit.memory_killed = fields.number(1) != 0;
  exit.duration_us = fields.number(8);
  exit.peak = fields.number(8);
  exit.out_total = fields.number(8);
  exit.err_total = fields.number(8);
  exit.out_tail = fields.text();
  exit.err_tail = fields.text();
  return exit;
}

std::string fault_text(std::string_view payload) {
  Fields fields(payload);
  const auto code = fields.text();
  return code + ": " + fields.text();
}

}  // namespace

int CommandResult::code() const {
  if (!exit || exit->reason != sandbox::init::ExitReason::exited) return -1;
  if (WIFEXITED(exit->wait_status)) return WEXITSTATUS(exit->wait_status);
  return WIFSIGNALED(exit->wait_status) ? 128 + WTERMSIG(exit->wait_status) : -1;
}

bool InitClient::frame(HostFrame type, std::uint8_t index, std::string_view payload) {
  Payload bytes;
  bytes.u8(static_cast<std::uint8_t>(type)).u8(index).u8(0).u8(0).text(payload);
  if (!held_) return stream_->write(bytes.bytes());
  *held_ += bytes.bytes();
  return true;
}

void InitClient::hello(std::uint32_t uid, std::uint32_t gid, bool prepare, std::uint32_t version) {
  frame(HostFrame::hello, 0, Payload().u32(version).u32(uid).u32(gid).u8(prepare ? 1 : 0).bytes());
}

void InitClient::pack(std::string_view bytes) {
  constexpr std::size_t kPiece = 50'000;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPiece, bytes.size())))
    frame(HostFrame::pack_data, 0, bytes.substr(0, kPiece));
  frame(HostFrame::pack_end, 0, "");
}

void InitClient::run(std::uint8_t index, const std::vector<std::string>& argv, std::uint32_t timeout_ms,
                     std::uint64_t kept, const std::vector<std::string>& env) {
  Payload payload;
  payload.u32(timeout_ms).u64(kept);
  for (const auto* texts : {&argv, &env}) {
    payload.u32(static_cast<std::uint32_t>(texts->size()));
    for (const auto& text : *texts)
      payload.text(text);
  }
  frame(HostFrame::run, index, payload.bytes());
}

std::optional<InitMessage> InitClient::next() {
  while (true) {
    if (unread_.size() >= kHeader) {
      Fields header(unread_);
      InitMessage message;
      message.type = static_cast<InitFrame>(header.number(1));
      message.index = static_cast<std::uint8_t>(header.number(1));
      header.number(2);
      const auto size = header.number(4);
      if (unread_.size() - kHeader >= size) {
        message.payload = unread_.substr(kHeader, size);
        unread_.erase(0, kHeader + size);
        return message;
      }
    }
    const auto bytes = stream_->read();
    if (bytes.empty()) return std::nullopt;
    unread_ += bytes;
  }
}

std::string InitClient::next_name() {
  const auto message = next();
  if (!message) return "end";
  switch (message->type) {
    case InitFrame::ready:
      return "ready";
    case InitFrame::unpacked:
      return "unpacked";
    case InitFrame::started:
      return "started";
    case InitFrame::out:
      return "out";
    case InitFrame::err:
      return "err";
    case InitFrame::exit:
      return "exit";
    case InitFrame::fault:
      return "fault " + fault_text(message->payload);
    case InitFrame::done:
      return "done";
    case InitFrame::seen:
      return "seen";
  }
  return "unknown";
}

CommandResult InitClient::result() {
  CommandResult result;
  while (const auto message = next()) {
    if (message->type == InitFrame::started) result.started = true;
    if (message->type == InitFrame::out) result.out += message->payload;
    if (message->type == InitFrame::err) result.err += message->payload;
    if (message->type == InitFrame::fault) result.fault = fault_text(message->payload);
    if (message->type == InitFrame::exit) result.exit = read_exit(message->payload);
    if (result.exit || !result.fault.empty()) return result;
  }
  result.fault = "end of stream";
  return result;
}

CommandResult InitClient::shell(const std::string& line, std::uint32_t timeout_ms, std::uint64_t kept) {
  run(commands_++, {"sh", "-c", line}, timeout_ms, kept);
  return result();
}

CommandResult InitClient::command(const std::vector<std::string>& argv) {
  run(commands_++, argv);
  return result();
}

bool InitClient::begin(std::string_view bytes, std::uint32_t uid, bool prepare) {
  if (next_name() != "ready") return false;
  hello(uid, uid, prepare);
  pack(bytes);
  return next_name() == "unpacked";
}

}  // namespace skill_verifier::testing_support

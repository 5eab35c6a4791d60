#include "sandbox/init/wire.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skill_verifier::sandbox::guest {
namespace {

using init::HostFrame;
using Event = FrameParser::Event;

std::string frame(HostFrame type, std::uint8_t index, const std::string& payload) {
  Payload header;
  header.u8(static_cast<std::uint8_t>(type)).u8(index).u8(0).u8(0).u32(static_cast<std::uint32_t>(payload.size()));
  return header.bytes() + payload;
}

/// Everything that the parser says about `bytes` when they come in pieces of `step`.
std::vector<std::string> events_of(const std::string& bytes, std::size_t step) {
  FrameParser parser;
  std::vector<std::string> events;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::string_view input = std::string_view(bytes).substr(at, step);
    for (auto event = parser.next(input); event != Event::need_more; event = parser.next(input)) {
      if (event == Event::invalid) return {"invalid"};
      const auto type = std::to_string(static_cast<int>(parser.type()));
      const bool more = event == Event::piece && !events.empty() && events.back().starts_with("piece");
      if (more) {
        events.back() += parser.piece();
      } else if (event == Event::piece) {
        events.push_back("piece " + std::string(parser.piece()));
      } else {
        events.push_back(type + "/" + std::to_string(parser.index()) + " " + std::string(parser.payload()));
      }
    }
  }
  return events;
}

std::string hello_payload(std::uint32_t version, std::uint32_t uid, std::uint32_t gid, std::uint8_t mode) {
  return Payload().u32(version).u32(uid).u32(gid).u8(mode).bytes();
}

Payload run_payload(std::uint32_t timeout, std::uint64_t kept, const std::vector<std::string>& argv,
                    const std::vector<std::string>& env) {
  Payload payload;
  payload.u32(timeout).u64(kept).u32(static_cast<std::uint32_t>(argv.size()));
  for (const auto& text : argv)
    payload.text(text);
  payload.u32(static_cast<std::uint32_t>(env.size()));
  for (const auto& text : env)
    payload.text(text);
  return payload;
}

std::string message_of(const Status& status) {
  return status ? status->message : "fine";
}

TEST(FrameParser, ReadsTheSameFramesHoweverTheBytesAreCut) {
  const auto bytes = frame(HostFrame::hello, 0, "who") + frame(HostFrame::pack_data, 0, "some pack bytes") +
                     frame(HostFrame::pack_end, 0, "") + frame(HostFrame::run, 3, "what") +
                     frame(HostFrame::run_watched, 4, "look") + frame(HostFrame::finish, 0, "");
  const std::vector<std::string> expected{"1/0 who", "piece some pack bytes", "3/0 ", "5/3 what", "8/4 look", "7/0 "};
  for (std::size_t step = 1; step <= bytes.size(); ++step)
    EXPECT_EQ(events_of(bytes, step), expected) << "in pieces of " << step;
}

TEST(FrameParser, RefusesWhatIsNoFrame) {
  const std::string cases[] = {
      frame(static_cast<HostFrame>(0), 0, ""),   // unknown types
      frame(static_cast<HostFrame>(9), 0, ""),   //
      frame(static_cast<HostFrame>(65), 0, ""),  // one of init's own
      frame(HostFrame::hello, 1, ""),            // an index where no command is meant
      std::string("\x05\x00\x00\x01\x00\x00\x00\x00", 8),
      std::string("\x05\x00\x01\x00\x00\x00\x00\x00", 8),
      std::string("\x05\x00\x00\x00\xff\xff\xff\xff", 8),
  };
  for (const auto& bytes : cases)
    EXPECT_EQ(events_of(bytes, bytes.size()), std::vector<std::string>{"invalid"});
}

TEST(FrameParser, RefusesEverythingAfterARefusal) {
  FrameParser parser;
  const auto bad = frame(static_cast<HostFrame>(99), 0, "");
  const auto good = frame(HostFrame::kill, 0, "");
  std::string_view input = bad;
  EXPECT_EQ(parser.next(input), Event::invalid);
  input = good;
  EXPECT_EQ(parser.next(input), Event::invalid);
  EXPECT_STREQ(parser.error(), "unknown frame type");
}

TEST(FrameParser, AcceptsTheLongestPayloadAndNoLongerOne) {
  const auto header = [](std::uint32_t size) { return std::string("\x02\0\0\0", 4) + Payload().u32(size).bytes(); };
  const auto longest = header(init::kMaxFrame);
  const auto longer = header(init::kMaxFrame + 1);
  FrameParser parser;
  std::string_view input = longest;
  EXPECT_EQ(parser.next(input), Event::need_more);
  FrameParser other;
  input = longer;
  EXPECT_EQ(other.next(input), Event::invalid);
}

TEST(ParseHello, TakesTheTestedUserAndTheMode) {
  Hello hello;
  ASSERT_EQ(message_of(parse_hello(hello_payload(3, 1000, 1001, 0), hello)), "fine");
  EXPECT_EQ(hello.uid, 1000u);
  EXPECT_EQ(hello.gid, 1001u);
  EXPECT_FALSE(hello.prepare);
  ASSERT_EQ(message_of(parse_hello(hello_payload(3, 1000, 1001, 1), hello)), "fine");
  EXPECT_EQ(hello.uid, 0u);
  EXPECT_EQ(hello.gid, 0u);
  EXPECT_TRUE(hello.prepare);
}

TEST(ParseHello, RefusesWhatIsNotSafe) {
  Hello hello;
  EXPECT_EQ(message_of(parse_hello(hello_payload(2, 1000, 1000, 0), hello)), "hello asks for another protocol version");
  EXPECT_EQ(message_of(parse_hello(hello_payload(3, 1000, 1000, 2), hello)), "hello asks for an unknown mode");
  EXPECT_EQ(message_of(parse_hello(hello_payload(3, 0, 1000, 0), hello)), "a test may not run as root");
  EXPECT_EQ(message_of(parse_hello(hello_payload(3, 1000, 0, 0), hello)), "a test may not run as root");
  EXPECT_EQ(message_of(parse_hello(hello_payload(3, 0xffffffff, 1000, 0), hello)), "a test may not run as root");
  EXPECT_EQ(message_of(parse_hello(hello_payload(3, 1000, 0xffffffff, 0), hello)), "a test may not run as root");
  EXPECT_EQ(message_of(parse_hello(hello_payload(3, 1, 1, 0) + "x", hello)), "hello has a wrong length");
  EXPECT_EQ(message_of(parse_hello("", hello)), "hello has a wrong length");
}

TEST(ParseRun, TakesACommand) {
  RunRequest run;
  ASSERT_EQ(message_of(parse_run(run_payload(30'000, 1u << 20, {"sh", "-c", ""}, {"A=1", "B="}).bytes(), run)), "fine");
  EXPECT_EQ(run.timeout_ms, 30'000u);
  EXPECT_EQ(run.kept, 1u << 20);
  EXPECT_EQ(run.argv, (std::vector<std::string>{"sh", "-c", ""}));
  EXPECT_EQ(run.env, (std::vector<std::string>{"A=1", "B="}));
}

TEST(ParseRun, RefusesWhatCannotBeRun) {
  using namespace std::string_literals;
  const auto refusal = [](const std::string& payload) {
    RunRequest run;
    return message_of(parse_run(payload, run));
  };
  EXPECT_EQ(refusal(run_payload(0, 1, {"a"}, {}).bytes()), "run has no time-out");
  EXPECT_EQ(refusal(run_payload(1, init::kMaxKept + 1u, {"a"}, {}).bytes()),
            "run asks to keep more output than the protocol can carry");
  EXPECT_EQ(refusal(run_payload(1, 1, {}, {}).bytes()), "run has no command");
  EXPECT_EQ(refusal(run_payload(1, 1, {""}, {}).bytes()), "run has no command");
  EXPECT_EQ(refusal(run_payload(1, 1, {"a\0b"s}, {}).bytes()), "malformed arguments in run");
  EXPECT_EQ(refusal(run_payload(1, 1, {"a"}, {"A=\0"s}).bytes()), "malformed environment in run");
  EXPECT_EQ(refusal(run_payload(1, 1, {"a"}, {"A"}).bytes()), "an environment entry has no name");
  EXPECT_EQ(refusal(run_payload(1, 1, {"a"}, {"=A"}).bytes()), "an environment entry has no name");
  EXPECT_EQ(refusal(run_payload(1, 1, {"a"}, {}).bytes() + "x"), "run has a wrong length");
}

TEST(ParseRun, RefusesEveryShorterPayload) {
  const auto whole = run_payload(1, 1, {"sh", "-c"}, {"A=1"}).bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    RunRequest run;
    EXPECT_TRUE(parse_run(std::string_view(whole).substr(0, size), run)) << size;
  }
}

TEST(ParseRun, DoesNotBelieveACountThatThePayloadCannotHold) {
  RunRequest run;
  const auto payload = Payload().u32(1).u64(1).u32(0xffffffff).bytes();
  EXPECT_EQ(message_of(parse_run(payload, run)), "malformed arguments in run");
}

TEST(AppendFrame, WritesTheHeaderOfTheProtocol) {
  std::string bytes;
  append_frame(bytes, init::InitFrame::out, 2, "hi");
  EXPECT_EQ(bytes, std::string("\x44\x02\x00\x00\x00\x00\x00\x02hi", 10));
}

TEST(Printable, ShowsOutsideNamesHarmlessly) {
  EXPECT_EQ(printable("a\nb\x1b[31m\xff"), "a?b?[31m?");
  EXPECT_EQ(printable(std::string(300, 'x')), std::string(200, 'x') + "...");
}

}  // namespace
}  // namespace skill_verifier::sandbox::guest

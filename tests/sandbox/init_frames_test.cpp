#include "sandbox/init_frames.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sandbox/fake_init.hpp"

namespace skill_verifier::sandbox::init {
namespace {

using test::FrameBytes;
using test::init_frame;
using testing::HasSubstr;

std::string text(const Bytes& bytes) {
  return std::string(core::as_text(bytes));
}

Result<std::optional<Message>> read_one(std::string_view bytes) {
  MessageReader reader;
  reader.feed(core::as_bytes(bytes));
  return reader.next();
}

void expect_refused(std::string_view bytes, const std::string& why) {
  const auto message = read_one(bytes);
  ASSERT_FALSE(message.has_value()) << why;
  EXPECT_EQ(message.error().code, Errc::unavailable);
  EXPECT_EQ(message.error().id, "sandbox_lost");
  EXPECT_THAT(message.error().message, HasSubstr(why));
}

TEST(EncodeFrames, HelloNamesVersionUserAndMode) {
  EXPECT_EQ(text(encode_hello(Mode::prepare)),
            FrameBytes().u8(1).u8(0).u16(0).u32(13).u32(3).u32(65534).u32(65534).u8(1).bytes());
}

TEST(EncodeFrames, PackDataIsTheBytesThemselves) {
  const Bytes bytes = {0, 1, 255};
  EXPECT_EQ(text(encode_pack_data(bytes)),
            FrameBytes().u8(2).u8(0).u16(0).u32(3).raw(std::string_view("\0\1\xff", 3)).bytes());
  EXPECT_EQ(text(encode_pack_end()), FrameBytes().u8(3).u8(0).u16(0).u32(0).bytes());
  EXPECT_EQ(text(encode_use_prepared()), FrameBytes().u8(4).u8(0).u16(0).u32(0).bytes());
  EXPECT_EQ(text(encode_finish()), FrameBytes().u8(7).u8(0).u16(0).u32(0).bytes());
}

TEST(EncodeFrames, RunCarriesLimitsArgumentsAndEnvironment) {
  const auto frame = encode_run(3, {"sh", ""}, {"A=b"}, std::chrono::milliseconds(1500), 4096);
  ASSERT_TRUE(frame.has_value());
  const auto payload = FrameBytes().u32(1500).u64(4096).u32(2).text("sh").text("").u32(1).text("A=b").bytes();
  EXPECT_EQ(text(*frame),
            FrameBytes().u8(5).u8(3).u16(0).u32(static_cast<std::uint32_t>(payload.size())).raw(payload).bytes());
}

TEST(EncodeFrames, RefusesACommandThatDoesNotFitAFrame) {
  const auto frame = encode_run(0, {std::string(kMaxFrame, 'x')}, {}, std::chrono::seconds(1), 1);
  ASSERT_FALSE(frame.has_value());
  EXPECT_EQ(frame.error().id, "command_too_large");
}

TEST(MessageReader, ReadsEveryKindOfFrame) {
  std::string stream = test::ready_frame() + test::unpacked_frame() + test::started_frame() + test::out_frame("hi") +
                       init_frame(InitFrame::err, "oh");
  test::ExitFields exit;
  exit.reason = ExitReason::timeout;
  exit.wait_status = 9;
  exit.memory_killed = true;
  exit.peak = 5;
  exit.out_total = 1u << 30;
  exit.err_total = 3;
  exit.out_tail = "end";
  stream += test::exit_frame(exit) + init_frame(InitFrame::done, "") +
            init_frame(InitFrame::fault, FrameBytes().text("no_space").text("full").bytes());
  MessageReader reader;
  reader.feed(core::as_bytes(stream));
  const auto next = [&reader] {
    auto message = reader.next();
    EXPECT_TRUE(message.has_value() && message->has_value());
    return std::move(**message);
  };
  EXPECT_EQ(std::get<Ready>(next().body).version, kProtocolVersion);
  EXPECT_EQ(std::get<Unpacked>(next().body).bytes, 2u);
  EXPECT_EQ(std::get<Started>(next().body).pid, 7u);
  const auto out = next();
  EXPECT_EQ(std::get<OutputBytes>(out.body).stream, StreamId::out);
  EXPECT_EQ(std::get<OutputBytes>(out.body).bytes, "hi");
  EXPECT_EQ(std::get<OutputBytes>(next().body).stream, StreamId::err);
  const auto ended = next();
  const auto& report = std::get<Exit>(ended.body);
  EXPECT_EQ(report.reason, ExitReason::timeout);
  EXPECT_EQ(report.wait_status, 9);
  EXPECT_TRUE(report.memory_killed);
  EXPECT_EQ(report.duration, std::chrono::microseconds(1000));
  EXPECT_EQ(report.peak_memory_bytes, 5u);
  EXPECT_EQ(report.out_total, 1u << 30);
  EXPECT_EQ(report.err_total, 3u);
  EXPECT_EQ(report.out_tail, "end");
  EXPECT_EQ(report.err_tail, "");
  EXPECT_TRUE(std::holds_alternative<Done>(next().body));
  const auto fault = next();
  EXPECT_EQ(std::get<Fault>(fault.body).code, "no_space");
  EXPECT_EQ(std::get<Fault>(fault.body).message, "full");
  EXPECT_FALSE(reader.partial());
}

TEST(MessageReader, ReadsTheSameHoweverTheBytesAreCut) {
  const auto stream = test::ready_frame() + test::out_frame("abc") + test::out_frame("") + test::exit_frame();
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    MessageReader reader;
    std::size_t others = 0;
    std::string output;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(core::as_bytes(std::string_view(stream).substr(at, piece)));
      while (true) {
        const auto message = reader.next();
        ASSERT_TRUE(message.has_value());
        if (!*message) break;
        if (const auto* bytes = std::get_if<OutputBytes>(&(*message)->body))
          output += bytes->bytes;
        else
          ++others;
      }
    }
    EXPECT_EQ(others, 2u) << "pieces of " << piece;
    EXPECT_EQ(output, "abc") << "pieces of " << piece;
    EXPECT_FALSE(reader.partial());
  }
}

TEST(MessageReader, PassesOutputOnWithoutCopyingIt) {
  const std::string output(100'000, 'x');
  const auto stream = init_frame(InitFrame::err, output, 3);
  MessageReader reader;
  std::size_t passed = 0;
  for (std::size_t at = 0; at < stream.size(); at += 65'536) {
    const auto piece = std::string_view(stream).substr(at, 65'536);
    reader.feed(core::as_bytes(piece));
    const auto message = reader.next();
    ASSERT_TRUE(message.has_value() && message->has_value());
    const auto& bytes = std::get<OutputBytes>((*message)->body);
    EXPECT_EQ(bytes.stream, StreamId::err);
    EXPECT_EQ((*message)->index, 3);
    EXPECT_GE(bytes.bytes.data(), piece.data()) << "it lies where it was fed";
    EXPECT_EQ(bytes.bytes.data() + bytes.bytes.size(), piece.data() + piece.size());
    passed += bytes.bytes.size();
    EXPECT_EQ(reader.partial(), passed < output.size());
    EXPECT_FALSE(reader.next()->has_value());
  }
  EXPECT_EQ(passed, output.size());
}

TEST(MessageReader, KnowsThatAFrameIsIncomplete) {
  MessageReader reader;
  EXPECT_FALSE(reader.partial());
  const std::string frame = test::ready_frame();
  reader.feed(core::as_bytes(std::string_view(frame).substr(0, 11)));
  const auto message = reader.next();
  ASSERT_TRUE(message.has_value());
  EXPECT_FALSE(message->has_value());
  EXPECT_TRUE(reader.partial());
}

TEST(MessageReader, RefusesWhatIsNoFrame) {
  expect_refused(FrameBytes().u8(65).u8(0).u16(1).u32(4).u32(1).bytes(), "reserved header bytes are 1");
  expect_refused(FrameBytes().u8(1).u8(0).u16(0).u32(0).bytes(), "unknown frame type 1");
  expect_refused(FrameBytes().u8(255).u8(0).u16(0).u32(0).bytes(), "unknown frame type 255");
  expect_refused(init_frame(InitFrame::ready, FrameBytes().u32(1).bytes(), 1), "with index 1");
}

TEST(MessageReader, RefusesALongFrameByItsHeader) {
  expect_refused(FrameBytes().u8(68).u8(0).u16(0).u32(kMaxFrame + 1).bytes(),
                 "a frame of " + std::to_string(kMaxFrame + 1) + " bytes");
}

TEST(MessageReader, RefusesPayloadsThatAreTooShortOrTooLong) {
  expect_refused(init_frame(InitFrame::ready, FrameBytes().u16(1).bytes()), "frame type 65 (2 bytes)");
  expect_refused(init_frame(InitFrame::ready, FrameBytes().u32(kProtocolVersion).u32(1).bytes()),
                 "frame type 65 (8 bytes)");
  const auto ready = test::ready_frame();
  expect_refused(init_frame(InitFrame::ready, ready.substr(8) + "x"), "frame type 65");
  expect_refused(init_frame(InitFrame::done, "x"), "frame type 72");
  expect_refused(init_frame(InitFrame::fault, FrameBytes().u32(0xffffffff).raw("x").bytes()), "frame type 71");
  const auto exit = test::exit_frame();
  expect_refused(init_frame(InitFrame::exit, std::string_view(exit).substr(9)), "frame type 70");
}

TEST(MessageReader, RefusesAnUnknownReason) {
  test::ExitFields exit;
  exit.reason = static_cast<ExitReason>(3);
  expect_refused(test::exit_frame(exit), "frame type 70");
}

TEST(MessageReader, RefusesSightingsThatInitWouldNotSend) {
  const auto sightings = [](std::uint32_t count, unsigned kind, std::size_t length) {
    FrameBytes bytes;
    bytes.u8(1).u64(0).u32(0).u32(0).u32(count);
    for (std::uint32_t i = 0; i < count; ++i)
      bytes.u8(kind).u32(1).text(std::string(length, 'x'));
    return init_frame(InitFrame::seen, bytes.bytes());
  };
  MessageReader reader;
  const std::string most = sightings(kMaxSightings, 1, kMaxTarget);
  reader.feed(core::as_bytes(most));
  EXPECT_TRUE(reader.next().has_value());
  expect_refused(sightings(kMaxSightings + 1, 1, 1), "frame type 73");
  expect_refused(sightings(1, 2, 1), "frame type 73");
  expect_refused(sightings(1, 0, kMaxTarget + 1), "frame type 73");
}

TEST(MessageReader, RefusesEverythingAfterARefusal) {
  MessageReader reader;
  const std::string refused = init_frame(InitFrame::done, "x"), good = test::ready_frame();
  reader.feed(core::as_bytes(refused));
  EXPECT_FALSE(reader.next().has_value());
  reader.feed(core::as_bytes(good));
  EXPECT_FALSE(reader.next().has_value());
}

}  // namespace
}  // namespace skill_verifier::sandbox::init

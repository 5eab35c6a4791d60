#include "sandbox/init_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "sandbox/fake_init.hpp"
#include "support/await.hpp"

namespace skill_verifier::sandbox {
namespace {

namespace fs = std::filesystem;
using init::HostFrame;
using test::ExitFields;
using test::FakeInitStream;
using testing::ElementsAre;
using testing::HasSubstr;

/// One conversation with a scripted init.
class InitSessionTest : public testing::Test {
 protected:
  void SetUp() override {
    pack_ = fs::temp_directory_path() / ("init_session_test." + std::to_string(::getpid()));
    std::ofstream(pack_, std::ios::binary) << "SVPACK1\nE";
    conversation_.pack = pack_;
    conversation_.argv = {"true"};
    conversation_.timeout = std::chrono::seconds(20);
    conversation_.kept_bytes = 100;
    script_.greeting = test::envelope(1, test::ready_frame());
    script_.answer = [this](HostFrame type, const std::string&) { return answer(type); };
  }
  void TearDown() override { fs::remove(pack_); }

  /// An init that does everything right; `in_run_` is what it says about the command.
  std::string answer(HostFrame type) const {
    if (type == HostFrame::pack_end || type == HostFrame::use_prepared) {
      return test::envelope(1, test::unpacked_frame());
    }
    if (type == HostFrame::run) return test::envelope(1, in_run_);
    if (type == HostFrame::finish) return test::envelope(1, test::init_frame(init::InitFrame::done, ""));
    return {};
  }

  std::unique_ptr<InitSession> session() {
    auto stream = std::make_unique<FakeInitStream>(io_.get_executor(), script_, log_);
    conversation_.sink = [this](StreamId, std::string_view bytes) { sunk_ += bytes; };
    return std::make_unique<InitSession>(io_.get_executor(), pool_, std::move(stream));
  }

  Result<Observation> talk() {
    auto talking = session();
    auto seen = test::await(io_, converse(*talking));
    diagnostics_ = talking->diagnostics();
    EXPECT_TRUE(log_->closed);
    return seen;
  }
  core::awaitable<Result<Observation>> converse(InitSession& session) {
    const auto greeted = co_await session.greet(greet_limit_);
    Result<Observation> seen = Observation{};
    if (greeted)
      seen = co_await session.talk(conversation_);
    else
      seen = greeted.error();
    co_await session.end();
    co_return seen;
  }

  void expect_lost(const std::string& why) {
    const auto seen = talk();
    ASSERT_FALSE(seen.has_value()) << why;
    EXPECT_EQ(seen.error().code, Errc::unavailable);
    EXPECT_EQ(seen.error().id, "sandbox_lost");
    EXPECT_THAT(seen.error().message, HasSubstr(why));
  }

  core::asio::io_context io_{1};
  core::WorkPool pool_{1};
  fs::path pack_;
  Conversation conversation_;
  FakeInitStream::Script script_;
  std::shared_ptr<FakeInitStream::Log> log_ = std::make_shared<FakeInitStream::Log>();
  core::Duration greet_limit_ = std::chrono::seconds(20);
  std::string in_run_ = test::started_frame() + test::exit_frame();
  std::string sunk_;
  std::string diagnostics_;
};

TEST_F(InitSessionTest, DeliversThePackageAndRunsTheCommand) {
  ExitFields exit;
  exit.wait_status = 3 << 8;
  exit.out_total = 5;
  in_run_ = test::started_frame() + test::out_frame("he") + test::out_frame("llo") + test::exit_frame(exit);
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_TRUE(seen->started);
  ASSERT_TRUE(seen->exit.has_value());
  EXPECT_EQ(seen->exit->wait_status, 3 << 8);
  EXPECT_EQ(seen->out_head, "hello");
  EXPECT_EQ(sunk_, "hello");
  EXPECT_THAT(log_->types, ElementsAre(HostFrame::hello, HostFrame::pack_data, HostFrame::pack_end, HostFrame::run));
  EXPECT_EQ(log_->payloads[1], "SVPACK1\nE");
}

TEST_F(InitSessionTest, WorksWithOneByteAtATime) {
  script_.piece = 1;
  in_run_ = test::started_frame() + test::out_frame("x") + test::exit_frame({.out_total = 1});
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_EQ(seen->out_head, "x");
}

TEST_F(InitSessionTest, SendsALargePackageInPieces) {
  const std::string content(1'000'000, 'p');
  std::ofstream(pack_, std::ios::binary) << content;
  ASSERT_TRUE(talk().has_value());
  std::string received;
  std::size_t pieces = 0;
  for (std::size_t i = 0; i < log_->types.size(); ++i) {
    if (log_->types[i] != HostFrame::pack_data) continue;
    received += log_->payloads[i];
    EXPECT_LE(log_->payloads[i].size(), init::kMaxFrame);
    ++pieces;
  }
  EXPECT_EQ(received, content);
  EXPECT_GT(pieces, 1u);
}

TEST_F(InitSessionTest, UsesAPreparedTreeInsteadOfAPackage) {
  conversation_.use_prepared = true;
  conversation_.pack = "/nonexistent";
  ASSERT_TRUE(talk().has_value());
  EXPECT_THAT(log_->types, ElementsAre(HostFrame::hello, HostFrame::use_prepared, HostFrame::run));
}

TEST_F(InitSessionTest, FinishesWhatItPrepares) {
  conversation_.mode = init::Mode::prepare;
  ASSERT_TRUE(talk().has_value());
  EXPECT_EQ(log_->types.back(), HostFrame::finish);
  EXPECT_EQ(log_->payloads.front().back(), '\1');
}

TEST_F(InitSessionTest, WaitsForItsJobAfterTheGreeting) {
  auto waiting = session();
  EXPECT_FALSE(waiting->waiting());
  ASSERT_TRUE(test::await(io_, waiting->greet(greet_limit_)).has_value());
  EXPECT_TRUE(waiting->waiting());
  EXPECT_TRUE(log_->types.empty());
  EXPECT_FALSE(waiting->command_sent());
  ASSERT_TRUE(test::await(io_, waiting->talk(conversation_)).has_value());
  EXPECT_FALSE(waiting->waiting());
  EXPECT_TRUE(waiting->command_sent());
  test::await(io_, waiting->end());
}

TEST_F(InitSessionTest, KeepsTheStreamOpenAfterACommandThatEndedByItself) {
  auto talking = session();
  ASSERT_TRUE(test::await(io_, talking->greet(greet_limit_)).has_value());
  ASSERT_TRUE(test::await(io_, talking->talk(conversation_)).has_value());
  EXPECT_FALSE(log_->closed);
  test::await(io_, talking->end());
  EXPECT_TRUE(log_->closed);
}

TEST_F(InitSessionTest, TellsWhenAWaitingInitIsGone) {
  script_.end_at_once = true;
  auto waiting = session();
  int notes = 0;
  waiting->on_over([&notes] { ++notes; });
  ASSERT_TRUE(test::await(io_, waiting->greet(greet_limit_)).has_value());
  test::await(io_, waiting->end());
  EXPECT_EQ(notes, 1);
  EXPECT_FALSE(waiting->waiting());
  const auto seen = test::await(io_, waiting->talk(conversation_));
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().id, "sandbox_lost");
  EXPECT_FALSE(waiting->command_sent());
}

TEST_F(InitSessionTest, JoinsATailThatLeftNothingOut) {
  in_run_ = test::started_frame() + test::out_frame("ab") + test::exit_frame({.out_total = 4, .out_tail = "cd"});
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->out_head, "abcd");
  EXPECT_EQ(seen->exit->out_tail, "");
  EXPECT_EQ(sunk_, "abcd");
}

TEST_F(InitSessionTest, KeepsATailBehindAGap) {
  in_run_ = test::started_frame() + test::out_frame("ab") + test::exit_frame({.out_total = 9, .out_tail = "cd"});
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value());
  EXPECT_EQ(seen->out_head, "ab");
  EXPECT_EQ(seen->exit->out_tail, "cd");
  EXPECT_EQ(sunk_, "ab");
}

TEST_F(InitSessionTest, KeepsWhatInitWroteToItsErrorStreamForTheLog) {
  script_.greeting += test::envelope(2, std::string(10'000, 'e'));
  ASSERT_TRUE(talk().has_value());
  EXPECT_THAT(diagnostics_, testing::StartsWith("eee"));
  EXPECT_LT(diagnostics_.size(), 600u);
}

TEST_F(InitSessionTest, RefusesAnotherProtocolVersion) {
  script_.greeting = test::envelope(1, test::ready_frame(99));
  expect_lost("init speaks protocol 99");
}

TEST_F(InitSessionTest, RefusesBytesThatAreNotTheEngines) {
  script_.greeting = "HTTP/1.1 200 OK\r\n\r\n";
  expect_lost("attach protocol");
}

TEST_F(InitSessionTest, RefusesBytesThatAreNotInits) {
  script_.greeting = test::envelope(1, "#!/bin/sh\necho hello");
  expect_lost("broke the protocol");
}

TEST_F(InitSessionTest, RefusesFramesOutOfTurn) {
  const std::pair<std::string, const char*> greetings[] = {
      {test::ready_frame() + test::ready_frame(), "ready out of turn"},
      {test::ready_frame() + test::started_frame(), "started out of turn"},
      {test::ready_frame() + test::out_frame("x"), "output out of turn"},
      {test::ready_frame() + test::exit_frame(), "exit out of turn"},
      {test::unpacked_frame(), "unpacked out of turn"},
      {test::init_frame(init::InitFrame::done, ""), "done out of turn"},
  };
  for (const auto& [greeting, why] : greetings) {
    log_ = std::make_shared<FakeInitStream::Log>();
    script_.greeting = test::envelope(1, greeting);
    expect_lost(why);
  }
}

TEST_F(InitSessionTest, RefusesWrongReportsOnACommand) {
  const std::pair<std::string, const char*> reports[] = {
      {test::exit_frame(), "exit out of turn"},
      {test::out_frame("early"), "output out of turn"},
      {test::started_frame() + test::started_frame(), "started out of turn"},
      {test::started_frame() + test::init_frame(init::InitFrame::out, "x", 1), "command 1, which does not run"},
      {test::started_frame() + test::out_frame(std::string(101, 'x')), "more than the 100 bytes"},
      {test::started_frame() + test::out_frame("abc") + test::exit_frame({.out_total = 2}),
       "kept 3 bytes of a stream of 2"},
      {test::started_frame() + test::exit_frame({.out_total = 500, .out_tail = std::string(101, 'x')}),
       "kept 101 bytes of a stream of 500"},
      {test::started_frame() + test::exit_frame({.err_total = 0, .err_tail = "forged"}),
       "kept 6 bytes of a stream of 0"},
  };
  for (const auto& [report, why] : reports) {
    log_ = std::make_shared<FakeInitStream::Log>();
    in_run_ = report;
    expect_lost(why);
  }
}

TEST_F(InitSessionTest, GivesInitsFaultAboutThePackage) {
  script_.answer = [](HostFrame type, const std::string&) -> std::string {
    if (type != HostFrame::pack_data) return {};
    return test::envelope(1, test::init_frame(init::InitFrame::fault,
                                              test::FrameBytes().text("no_space").text("/skill is full").bytes()));
  };
  const auto seen = talk();
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().id, "package_refused");
  EXPECT_THAT(seen.error().message, HasSubstr("/skill is full"));
}

TEST_F(InitSessionTest, IsNotHeldByAWriteThatNobodyReads) {
  script_.greeting += test::envelope(
      1, test::init_frame(init::InitFrame::fault, test::FrameBytes().text("internal").text("broken").bytes()));
  script_.stuck_writes = true;
  expect_lost("broken");
}

TEST_F(InitSessionTest, IsLostWhenTheStreamEndsBeforeTheCommand) {
  script_.greeting = {};
  script_.end_at_once = true;
  expect_lost("ended during: init's greeting");
}

TEST_F(InitSessionTest, SaysWhenTheStreamWasCutInsideAFrame) {
  script_.greeting = test::envelope(1, test::ready_frame()).substr(0, 14);
  script_.end_at_once = true;
  expect_lost("cut inside a frame");
}

TEST_F(InitSessionTest, LeavesTheJudgementOfAVanishedInitToTheCaller) {
  in_run_ = test::started_frame() + test::out_frame("last words");
  script_.end_after = HostFrame::run;
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value());
  EXPECT_TRUE(seen->started);
  EXPECT_FALSE(seen->exit.has_value());
  EXPECT_FALSE(seen->deadline_passed);
  EXPECT_EQ(seen->out_head, "last words");
}

TEST_F(InitSessionTest, StopsWaitingForASilentInitAtTheDeadline) {
  conversation_.timeout = std::chrono::milliseconds(20);
  conversation_.grace = std::chrono::milliseconds(20);
  conversation_.late = std::chrono::seconds(30);
  in_run_ = test::started_frame();
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value());
  EXPECT_TRUE(seen->deadline_passed);
  EXPECT_FALSE(seen->exit.has_value());
  EXPECT_GE(seen->waited, std::chrono::milliseconds(40));
  EXPECT_LT(seen->waited, conversation_.late) << "nothing was arriving";
}

TEST_F(InitSessionTest, TakesAReportThatIsArrivingAtTheDeadline) {
  conversation_.timeout = std::chrono::milliseconds(20);
  conversation_.grace = std::chrono::milliseconds(20);
  conversation_.late = std::chrono::seconds(20);
  script_.piece = 20;
  script_.pace = std::chrono::milliseconds(5);
  ExitFields exit;
  exit.out_total = 500;
  exit.out_tail = std::string(50, 't');
  in_run_ = test::started_frame() + test::out_frame(std::string(50, 'o')) + test::exit_frame(exit);
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_GT(seen->waited, std::chrono::milliseconds(40));
  EXPECT_FALSE(seen->deadline_passed);
  ASSERT_TRUE(seen->exit.has_value());
  EXPECT_EQ(seen->exit->out_tail, exit.out_tail);
}

TEST_F(InitSessionTest, DoesNotWaitForeverForAReportThatTrickles) {
  conversation_.timeout = std::chrono::milliseconds(20);
  conversation_.grace = std::chrono::milliseconds(20);
  conversation_.late = std::chrono::milliseconds(100);
  script_.piece = 1;
  script_.pace = std::chrono::milliseconds(5);
  in_run_ = test::started_frame();
  for (int i = 0; i < 50; ++i)
    in_run_ += test::out_frame("o");
  const auto seen = talk();
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_TRUE(seen->deadline_passed);
  EXPECT_GE(seen->waited, std::chrono::milliseconds(140));
}

TEST_F(InitSessionTest, IsLostWhenInitNeverGreets) {
  script_.greeting = {};
  greet_limit_ = std::chrono::milliseconds(20);
  expect_lost("init's greeting took longer than 0.02 s");
}

TEST_F(InitSessionTest, IsLostWhenUnpackingNeverEnds) {
  script_.answer = nullptr;
  conversation_.unpack_limit = std::chrono::milliseconds(50);
  expect_lost("unpacking the package took longer");
}

TEST_F(InitSessionTest, IsLostWhenAPreparedTreeIsNotKept) {
  conversation_.mode = init::Mode::prepare;
  conversation_.finish_limit = std::chrono::milliseconds(20);
  script_.answer = [this](HostFrame type, const std::string&) {
    return type == HostFrame::finish ? std::string() : answer(type);
  };
  expect_lost("keeping the prepared package took longer");
}

TEST_F(InitSessionTest, SaysThatItsOwnPackageCannotBeRead) {
  conversation_.pack = "/nonexistent/pack";
  const auto seen = talk();
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().code, Errc::internal);
  EXPECT_EQ(seen.error().id, "pack_unreadable");
  EXPECT_THAT(seen.error().message, testing::Not(HasSubstr("nonexistent")));
}

TEST_F(InitSessionTest, RefusesACommandThatDoesNotFitAFrame) {
  conversation_.argv = {std::string(init::kMaxFrame, 'x')};
  const auto seen = talk();
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().id, "command_too_large");
}

/// A conversation of three commands.
class InitSeriesTest : public InitSessionTest {
 protected:
  InitSeriesTest() {
    for (const auto* name : {"a", "b", "c"}) {
      SeriesCommand command;
      command.argv = {name};
      command.timeout = std::chrono::seconds(20);
      command.kept_bytes = 10;
      conversation_.series.push_back(std::move(command));
    }
    conversation_.series_limit = std::chrono::minutes(10);
  }
  static std::string about(unsigned index, init::InitFrame type, std::string_view framed) {
    return test::init_frame(type, framed.substr(8), index);
  }
  /// What a good init says of the command with this number.
  static std::string good(unsigned index) {
    return about(index, init::InitFrame::started, test::started_frame()) +
           about(index, init::InitFrame::exit, test::exit_frame({.wait_status = index << 8}));
  }
  Result<Series> talk_series(std::function<std::string(unsigned)> says) {
    unsigned next = 0;
    script_.answer = [this, &next, says = std::move(says)](HostFrame type, const std::string&) {
      const bool runs = type == HostFrame::run || type == HostFrame::run_watched;
      return runs ? test::envelope(1, says(next++)) : answer(type);
    };
    auto talking = session();
    auto series = test::await(io_, converse_series(*talking));
    EXPECT_TRUE(log_->closed);
    return series;
  }
  core::awaitable<Result<Series>> converse_series(InitSession& session) {
    const auto greeted = co_await session.greet(greet_limit_);
    EXPECT_TRUE(greeted);
    auto series = co_await session.talk_series(conversation_);
    co_await session.end();
    co_return series;
  }
};

TEST_F(InitSeriesTest, RunsItsCommandsInOrder) {
  conversation_.series[1].watch = true;
  const auto seen = test::FrameBytes().u8(3).u64(5).u32(1).u32(2).u32(1).u8(1).u32(4).text("203.0.113.7:443").bytes();
  const auto series = talk_series([&](unsigned index) {
    if (index != 1) return good(index);
    return about(1, init::InitFrame::started, test::started_frame()) +
           test::init_frame(init::InitFrame::seen, seen, 1) + about(1, init::InitFrame::exit, test::exit_frame());
  });
  ASSERT_TRUE(series) << series.error().message;
  ASSERT_EQ(series->seen.size(), 3u);
  EXPECT_EQ(series->stopped, "");
  EXPECT_EQ(series->seen[2].exit->wait_status, 2 << 8);
  EXPECT_FALSE(series->seen[0].watched);
  Watched expected;
  expected.calls = expected.network = true;
  expected.unroutable = 5;
  expected.unreadable = 1;
  expected.more = 2;
  expected.asked = {{Watched::What::connect, "203.0.113.7:443", 4}};
  EXPECT_EQ(series->seen[1].watched, expected);
  EXPECT_THAT(log_->types, ElementsAre(HostFrame::hello, HostFrame::pack_data, HostFrame::pack_end, HostFrame::run,
                                       HostFrame::run_watched, HostFrame::run));
}

TEST_F(InitSeriesTest, EndsWithACommandThatWasEndedForItsFiles) {
  const auto series = talk_series([](unsigned index) {
    if (index != 1) return good(index);
    return about(1, init::InitFrame::started, test::started_frame()) +
           about(1, init::InitFrame::exit, test::exit_frame({.reason = init::ExitReason::killed}));
  });
  ASSERT_TRUE(series) << series.error().message;
  ASSERT_EQ(series->seen.size(), 2u);
  EXPECT_EQ(series->seen[1].exit->reason, init::ExitReason::killed);
  EXPECT_THAT(series->stopped, HasSubstr("more files"));
  EXPECT_EQ(std::ranges::count(log_->types, HostFrame::run), 2) << "nothing begins in the full sandbox";
}

TEST_F(InitSeriesTest, KeepsWhatItSawBeforeItWasLost) {
  const auto series = talk_series([](unsigned index) { return good(index == 0 ? 0 : 2); });
  ASSERT_TRUE(series) << series.error().message;
  EXPECT_EQ(series->seen.size(), 1u);
  EXPECT_THAT(series->stopped, HasSubstr("command 2, which does not run"));
}

TEST_F(InitSeriesTest, IsAnErrorWhenNothingWasSeen) {
  const auto series = talk_series([](unsigned) { return test::exit_frame(); });
  ASSERT_FALSE(series);
  EXPECT_EQ(series.error().id, "sandbox_lost");
}

TEST_F(InitSeriesTest, BeginsNothingThatMightEndAfterItsLimit) {
  conversation_.series_limit = std::chrono::seconds(100);
  conversation_.series[2].timeout = std::chrono::seconds(101);
  const auto series = talk_series([](unsigned index) { return good(index); });
  ASSERT_TRUE(series) << series.error().message;
  EXPECT_EQ(series->seen.size(), 2u);
  EXPECT_NE(series->stopped, "");
}

TEST_F(InitSessionTest, EndsWhenItIsCancelled) {
  in_run_ = test::started_frame();
  auto talking = session();
  const auto running = [this] { return !log_->types.empty() && log_->types.back() == HostFrame::run; };
  const auto seen = test::await_cancelled(io_, converse(*talking), running);
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().code, Errc::cancelled);
  EXPECT_TRUE(log_->closed);
}

TEST_F(InitSessionTest, EndsWhenItIsAborted) {
  in_run_ = test::started_frame();
  InitSession* aborted = nullptr;
  script_.answer = [&](HostFrame type, const std::string&) {
    if (type == HostFrame::run) aborted->abort(Error{Errc::rejected, "disk_limit", "too much"});
    return answer(type);
  };
  auto talking = session();
  aborted = talking.get();
  const auto seen = test::await(io_, converse(*talking));
  ASSERT_FALSE(seen.has_value());
  EXPECT_EQ(seen.error().id, "disk_limit");
}

}  // namespace
}  // namespace skill_verifier::sandbox

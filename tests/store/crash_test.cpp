#include <gtest/gtest.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <random>
#include <set>

#include "skill_verifier/store/job_store.hpp"
#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

constexpr int kCrashes = 25;
constexpr int kWriters = 4;

struct Acknowledgement {
  char kind;  ///< 'i' inserted, 'f' finished
  std::array<char, 32> id;
};

/// When the child dies: `delay` after it has acknowledged `count` changes. The moment of death must not coincide with
/// an acknowledgement, so it is a timer's, in the child itself.
struct Doom {
  int count;
  std::chrono::microseconds delay;

  void acknowledged() {
    if (--count != 0) return;
    std::signal(SIGALRM, [](int) { ::kill(::getpid(), SIGKILL); });
    itimerval timer{};
    timer.it_value.tv_usec = static_cast<suseconds_t>(delay.count());
    ::setitimer(ITIMER_REAL, &timer, nullptr);
  }
};

/// One client: inserts, begins and finishes jobs for ever, and says so over the pipe after each acknowledgement.
awaitable<void> work(JobStore& store, int pipe, Doom& doom) {
  const auto say = [pipe, &doom](char kind, const std::string& id) {
    Acknowledgement line{};
    line.kind = kind;
    id.copy(line.id.data(), line.id.size());
    if (::write(pipe, &line, sizeof line) != static_cast<ssize_t>(sizeof line)) ::_exit(4);
    doom.acknowledged();
  };
  for (int i = 0;; ++i) {
    const auto pack = make_pack(store);
    const Job wanted = make_job();
    auto inserted = co_await store.insert(wanted, pack);
    if (!inserted) ::_exit(3);
    say('i', inserted->id);
    if (i % 3 == 0) continue;
    auto begun = co_await store.begin(inserted->id, at(2'000));
    if (!begun) ::_exit(3);
    if (i % 3 == 1) continue;
    auto finished = co_await store.finish(inserted->id, completed());
    if (!finished) ::_exit(3);
    say('f', inserted->id);
  }
}

[[noreturn]] void run_child(const std::filesystem::path& directory, int pipe, Doom doom) {
  auto store = open_sqlite_store(directory);
  if (!store) ::_exit(2);
  core::asio::io_context io{1};
  core::TaskGroup group(io.get_executor());
  for (int i = 0; i < kWriters; ++i)
    group.spawn("work", work(**store, pipe, doom));
  io.run();
  ::_exit(5);
}

struct Told {
  std::set<std::string> inserted, finished;
};

/// Lets a child work until its doom and adds what it said to `told`.
void crash_once(const std::filesystem::path& directory, Doom doom, Told& told) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(ends[0]);
    run_child(directory, ends[1], doom);
  }
  ::close(ends[1]);
  Acknowledgement line{};
  while (::read(ends[0], &line, sizeof line) == static_cast<ssize_t>(sizeof line)) {
    const std::string id(line.id.data(), line.id.size());
    (line.kind == 'i' ? told.inserted : told.finished).insert(id);
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child gave up by itself, exit " << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
}

TEST(SqliteStoreCrash, NoAcknowledgedChangeIsLostByKill) {
  ScratchDirectory scratch;
  std::mt19937 random(20260130);
  Told told;
  for (int crash = 0; crash < kCrashes; ++crash) {
    Doom doom{};
    doom.count = std::uniform_int_distribution(1, 24)(random);
    doom.delay = std::chrono::microseconds(std::uniform_int_distribution(1, 4'000)(random));
    ASSERT_NO_FATAL_FAILURE(crash_once(scratch.path() / "store", doom, told)) << "crash " << crash;

    core::asio::io_context io{1};
    auto store = open_sqlite_store(scratch.path() / "store");
    ASSERT_TRUE(store) << store.error().message;
    std::set<std::string> packs;
    for (const auto& entry : std::filesystem::directory_iterator((*store)->pack_path("x").parent_path()))
      packs.insert(entry.path().stem().string());
    for (const auto& id : told.inserted) {
      const auto job = await(io, (*store)->find(id));
      ASSERT_TRUE(job) << "crash " << crash << " lost " << id;
      ASSERT_NE(job->state, JobState::failed) << job->error;
      if (told.finished.contains(id)) ASSERT_EQ(job->state, JobState::completed);
      ASSERT_EQ(packs.contains(id), !is_final(job->state)) << "crash " << crash << " " << id;
    }
    ASSERT_TRUE(std::filesystem::is_empty((*store)->spool()));
  }
  EXPECT_GT(told.inserted.size(), static_cast<std::size_t>(kCrashes));
  EXPECT_FALSE(told.finished.empty());
}

}  // namespace
}  // namespace skill_verifier::store

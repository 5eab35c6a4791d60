#include "service/known_folders.hpp"

#include <boost/asio/io_context.hpp>

#include "service/service_fixture.hpp"

namespace skill_verifier::service {
namespace {

/// One folder that is known, and a turn that the test holds so that nobody's look begins.
class KnownFoldersTest : public testing::Test {
 protected:
  KnownFoldersTest() : scratch_(fs::canonical(fs::temp_directory_path()) / ("svfolders-" + core::random_hex(8))) {
    fs::create_directories(folder());
    std::ofstream(folder() / "SKILL.md") << "---\nname: demo\ndescription: d\n---\n";
    options_.skill_roots = {scratch_.string()};
    keep();
  }
  ~KnownFoldersTest() override {
    pool_.join();
    fs::remove_all(scratch_);
  }

  fs::path folder() const { return scratch_ / "skill"; }
  /// Settled, as if the folder had been written long ago.
  void keep() {
    const fs::path pack = scratch_ / "pack";
    fs::remove(pack);
    auto package = skill::import_directory(folder(), pack, {});
    ASSERT_TRUE(package) << package.error().message;
    const auto later = std::chrono::system_clock::now() + std::chrono::seconds(10);
    auto stamp = TreeStamp::take(folder(), *package, later);
    ASSERT_TRUE(stamp);
    JobRequest request;
    request.pack_bytes = package->pack_bytes;
    known_.keep(KnownPackages::folder_key(folder(), Submission{}), taken_in(std::move(request), pack), stamp, 0);
  }
  core::awaitable<void> hold_turn() { held_ = co_await intake_.acquire(); }
  core::awaitable<void> ask(std::string path, std::string version) {
    auto submission = std::make_shared<Submission>();
    submission->skill_path = std::move(path);
    if (!version.empty()) submission->version = std::move(version);
    auto found = co_await folders_.find(submission);
    answers_.push_back(std::move(found.entry));
    had_turn_.push_back(static_cast<bool>(found.turn));
    if (keeps_turns_) turns_.push_back(std::move(found.turn));
  }
  void spawn_asking(int count, const fs::path& path, const std::string& version = {}) {
    for (int i = 0; i < count; ++i)
      tasks_.spawn("ask", ask(path.string(), version));
  }

  /// A loop that ran dry has to be told that there is more.
  void go_as_far_as_it_goes() {
    io_.restart();
    io_.poll();
  }
  void go_to_the_end() {
    io_.restart();
    io_.run();
  }

  fs::path scratch_;
  ServiceOptions options_;
  core::asio::io_context io_{1};
  core::TaskGroup tasks_{io_.get_executor()};
  core::WorkPool pool_{2};
  core::Semaphore intake_{io_.get_executor(), 1};
  core::Semaphore::Permit held_;
  KnownPackages known_{scratch_ / "known", 1u << 20};
  KnownFolders folders_{pool_, intake_, known_, options_};
  std::vector<KnownPackages::EntryPtr> answers_;
  std::vector<bool> had_turn_;  ///< with its answer
  bool keeps_turns_ = false;    ///< as somebody does who reads the folder for long
  std::vector<core::Semaphore::Permit> turns_;
};

TEST_F(KnownFoldersTest, ThoseWhoAskTogetherShareALook) {
  tasks_.spawn("hold", hold_turn());
  go_as_far_as_it_goes();
  spawn_asking(1, folder());
  // The turn after the first look is not for the others.
  tasks_.spawn("hold", hold_turn());
  spawn_asking(4, folder());
  go_as_far_as_it_goes();
  held_.release();
  io_.restart();
  io_.run_for(std::chrono::seconds(10));
  ASSERT_EQ(answers_.size(), 5u) << "one looked for all";
  EXPECT_TRUE(held_);
  for (const auto& answer : answers_) {
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer, answers_.front());
  }
  EXPECT_EQ(had_turn_, std::vector<bool>(5, false)) << "of what is known nothing has to be read";
}

TEST_F(KnownFoldersTest, WhoeverLooksInVainGoesOnInTheSameTurn) {
  keeps_turns_ = true;
  std::ofstream(folder() / "SKILL.md", std::ios::app) << "changed\n";
  tasks_.spawn("hold", hold_turn());
  go_as_far_as_it_goes();
  spawn_asking(2, folder());
  tasks_.spawn("hold", hold_turn());
  go_as_far_as_it_goes();
  held_.release();
  io_.restart();
  while (answers_.size() < 2 && io_.run_one_for(std::chrono::seconds(10)) > 0)
    continue;
  ASSERT_EQ(answers_, std::vector<KnownPackages::EntryPtr>(2));
  EXPECT_TRUE(had_turn_[0]) << "nobody comes between its look and its reading";
  EXPECT_FALSE(had_turn_[1]) << "who was answered by another's look waits for a turn of its own";
  EXPECT_FALSE(held_);
  turns_.clear();
  go_to_the_end();
  EXPECT_TRUE(held_);
}

TEST_F(KnownFoldersTest, AnotherReadingOfTheFolderIsAnotherQuestion) {
  tasks_.spawn("hold", hold_turn());
  go_as_far_as_it_goes();
  spawn_asking(1, folder());
  spawn_asking(1, folder(), "2.0.0");
  go_as_far_as_it_goes();
  held_.release();
  go_to_the_end();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_TRUE(answers_[0]);
  EXPECT_FALSE(answers_[1]);
}

TEST_F(KnownFoldersTest, WhoeverAsksAfterAChangeIsNotAnsweredByAnEarlierLook) {
  // The first look goes to the pool at once and may see the folder before the change, or after it.
  spawn_asking(1, folder());
  go_as_far_as_it_goes();
  std::ofstream(folder() / "SKILL.md", std::ios::app) << "changed\n";
  spawn_asking(3, folder());
  go_to_the_end();
  ASSERT_EQ(answers_.size(), 4u);
  int known = 0;
  for (const auto& answer : answers_)
    known += answer != nullptr;
  EXPECT_LE(known, 1) << "the first at most";
}

TEST_F(KnownFoldersTest, WhatIsNoKnownFolderIsNotFoundForAnybody) {
  spawn_asking(2, scratch_ / "absent");
  spawn_asking(2, folder() / "SKILL.md");
  spawn_asking(2, "/etc");
  go_to_the_end();
  EXPECT_EQ(answers_, std::vector<KnownPackages::EntryPtr>(6));
}

TEST_F(KnownFoldersTest, ALookThatIsCancelledLeavesNobodyWaiting) {
  tasks_.spawn("hold", hold_turn());
  go_as_far_as_it_goes();
  core::TaskGroup leaving(io_.get_executor());
  leaving.spawn("ask", ask(folder().string(), {}));
  go_as_far_as_it_goes();
  spawn_asking(2, folder());
  go_as_far_as_it_goes();
  leaving.cancel();
  go_as_far_as_it_goes();
  EXPECT_EQ(answers_, std::vector<KnownPackages::EntryPtr>(3)) << "they read the folder themselves";
  held_.release();
  go_to_the_end();
}

}  // namespace
}  // namespace skill_verifier::service

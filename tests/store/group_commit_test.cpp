#include "store/group_commit.hpp"

#include <functional>
#include <future>
#include <memory>
#include <utility>
#include <vector>

#include "store/store_fixture.hpp"

namespace skill_verifier::store {
namespace {

constexpr const char* kAdd = "INSERT INTO t (number) VALUES (?)";
constexpr const char* kNumbers = "SELECT number FROM t ORDER BY number";

Result<void> add(Database& database, int number) {
  Query row(database, kAdd);
  return row.bind(std::int64_t{number}).run();
}

Error refusal() {
  return {Errc::conflict, "refused", "not this one"};
}

/// Changes that are one batch, because another one keeps the writer busy until all have come.
class GroupCommitTest : public testing::Test {
 protected:
  GroupCommitTest() {
    auto database = Database::open_writer(file());
    EXPECT_TRUE(database && database->exec("CREATE TABLE t (number INTEGER NOT NULL CHECK (number < 100)) STRICT"));
    commit_ = std::make_unique<GroupCommit>(std::move(database.value()), Database::open_checkpointer(file()).value(),
                                            [] { return Result<void>(); });
  }

  std::filesystem::path file() const { return scratch_.path() / "t.db"; }

  /// `apply` may do what it likes in the middle of the others.
  void run_among_others(const std::function<Result<void>(Database&)>& apply) {
    std::promise<void> begun, all_wait;
    spawn("first", [&](Database&) {
      begun.set_value();
      all_wait.get_future().wait();
      return Result<void>();
    });
    io_.poll();
    begun.get_future().wait();
    spawn_adding(1);
    spawn_adding(2);
    spawn("middle", apply);
    spawn_adding(3);
    io_.poll();
    all_wait.set_value();
    io_.run();
  }
  void spawn_adding(int number) {
    spawn("add", [this, number](Database& database) {
      ++applied_[static_cast<std::size_t>(number)];
      return add(database, number);
    });
  }
  void spawn(std::string name, std::function<Result<void>(Database&)> apply) {
    Change change;
    change.apply = std::move(apply);
    tasks_.spawn(name, note(name, std::move(change)));
  }
  awaitable<void> note(std::string name, Change change) {
    const auto done = co_await commit_->run(std::move(change));
    if (!done) failures_.push_back(name + ": " + done.error().message);
  }

  std::vector<std::string> numbers() const {
    auto reader = Database::open_reader(file());
    Query query(reader.value(), kNumbers);
    return read_texts(query).value();
  }

  ScratchDirectory scratch_;
  core::asio::io_context io_{1};
  core::TaskGroup tasks_{io_.get_executor()};
  std::unique_ptr<GroupCommit> commit_;
  std::vector<int> applied_ = std::vector<int>(4);  ///< by number
  std::vector<std::string> failures_;
};

TEST_F(GroupCommitTest, AChangeThatIsRefusedBeforeItWroteCostsItsCompanyNothing) {
  run_among_others([](Database& database) -> Result<void> {
    Query query(database, kNumbers);
    SKILL_VERIFIER_TRY_VOID(query.step());
    return refusal();
  });
  EXPECT_EQ(failures_, std::vector<std::string>{"middle: not this one"});
  EXPECT_EQ(numbers(), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(applied_, (std::vector<int>{0, 1, 1, 1})) << "nobody's change was made twice";
}

TEST_F(GroupCommitTest, AFailureOfSqliteIsNoRefusal) {
  run_among_others([](Database& database) { return add(database, 1000); });
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_EQ(numbers(), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(applied_, (std::vector<int>{0, 2, 2, 1})) << "those before it were made anew";
}

TEST_F(GroupCommitTest, AChangeThatWroteAndThenFailedLeavesNothing) {
  run_among_others([](Database& database) -> Result<void> {
    SKILL_VERIFIER_TRY_VOID(add(database, 50));
    return refusal();
  });
  EXPECT_EQ(failures_, std::vector<std::string>{"middle: not this one"});
  EXPECT_EQ(numbers(), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(GroupCommitTest, WhatTookTheWholeTransactionWithItIsNotTakenForHavingWrittenNothing) {
  auto dropped = std::make_shared<bool>(false);
  run_among_others([dropped](Database& database) -> Result<void> {
    // As SQLite does by itself on a full disk.
    if (!std::exchange(*dropped, true)) SKILL_VERIFIER_TRY_VOID(database.exec("ROLLBACK"));
    return refusal();
  });
  EXPECT_EQ(failures_, std::vector<std::string>{"middle: not this one"});
  EXPECT_EQ(numbers(), (std::vector<std::string>{"1", "2", "3"}));
}

TEST_F(GroupCommitTest, ALonelyChangeThatWroteAndThenFailedLeavesNothing) {
  spawn("lonely", [](Database& database) -> Result<void> {
    SKILL_VERIFIER_TRY_VOID(add(database, 50));
    return refusal();
  });
  io_.run();
  EXPECT_EQ(failures_, std::vector<std::string>{"lonely: not this one"});
  EXPECT_EQ(numbers(), std::vector<std::string>());
}

}  // namespace
}  // namespace skill_verifier::store

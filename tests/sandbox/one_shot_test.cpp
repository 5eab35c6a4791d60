#include "skill_verifier/sandbox/one_shot.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace skill_verifier::sandbox {
namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;

ProcessName process(std::uint64_t pid, std::uint64_t start) {
  return {"0123abcd", 4026531836, pid, start};
}

/// A namespace whose only process is number 7, begun at 500.
std::optional<std::uint64_t> only_seven(std::uint64_t pid) {
  if (pid == 7) return 500;
  return std::nullopt;
}

bool gone(const ProcessName& other, std::int64_t age = 0) {
  return is_gone(other, process(9, 900), age, only_seven);
}

TEST(OneShot, NamesItsProcess) {
  EXPECT_EQ(to_instance(process(7, 500)), "cli-0123abcd-4026531836-7-500");
  EXPECT_EQ(parse_one_shot("cli-0123abcd-4026531836-7-500"), process(7, 500));
  EXPECT_EQ(parse_one_shot(to_instance(this_process())), this_process());
  EXPECT_LE(to_instance({"0123abcd", ~0U, 4194304, ~0ULL}).size(), 64u) << "the limit of an instance";
}

TEST(OneShot, TakesNoOtherLabelForOne) {
  for (const char* label :
       {"", "cli-", "cli-0123abcd", "cli-0123abcd-1-2", "cli-0123abcd-1-2-3-4", "cli-0123abcd-1-2-3-",
        "cli-0123abcd-1--3", "cli-0123abcd-1-2-x", "cli-0123abcd-1-2-03", "cli-0123abcd-1-2--3", "cli-0123ABCD-1-2-3",
        "cli-0123abc-1-2-3", "cli-0123abcd-1-2-99999999999999999999", "test-0123abcd-1-2-3", "0123456789abcdef"})
    EXPECT_FALSE(parse_one_shot(label)) << label;
}

TEST(OneShot, SeesItsOwnProcessAndNoEndedOne) {
  const auto self = this_process();
  EXPECT_EQ(self.pid, static_cast<std::uint64_t>(::getpid()));
  EXPECT_NE(self.start, 0u);
  EXPECT_EQ(start_of(self.pid), self.start);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(start_of(static_cast<std::uint64_t>(child))) << "a zombie";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_FALSE(start_of(static_cast<std::uint64_t>(child)));
}

TEST(OneShot, IsGoneWhenItsProcessIs) {
  EXPECT_FALSE(gone(process(7, 500)));
  EXPECT_FALSE(gone(process(7, 500), 10 * kDay)) << "it lives, however long";
  EXPECT_TRUE(gone(process(7, 499))) << "the number was taken again";
  EXPECT_TRUE(gone(process(8, 500)));
}

TEST(OneShot, IsGoneByAgeOnlyWhereItsProcessCannotBeSeen) {
  auto elsewhere = process(8, 500);
  elsewhere.name_space = 1;
  EXPECT_FALSE(gone(elsewhere));
  EXPECT_FALSE(gone(elsewhere, kDay));
  EXPECT_TRUE(gone(elsewhere, kDay + 1));
  auto earlier = process(8, 500);
  earlier.boot = "ffffffff";
  EXPECT_FALSE(gone(earlier));
  EXPECT_TRUE(gone(earlier, kDay + 1));
  EXPECT_FALSE(is_gone(process(8, 500), process(9, 0), 0, only_seven)) << "without /proc nothing is seen";
}

}  // namespace
}  // namespace skill_verifier::sandbox

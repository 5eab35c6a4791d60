#include <gtest/gtest.h>

#include <string>

#include "sandbox/init/kept_output.hpp"
#include "sandbox/init/memory.hpp"
#include "sandbox/init_protocol.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

std::string drain(KeptOutput& output) {
  std::string sent;
  for (auto piece = output.next_piece(); !piece.empty(); piece = output.next_piece()) {
    EXPECT_LE(piece.size(), init::kOutputFrame);
    sent += piece;
    output.sent(piece.size());
  }
  return sent;
}

std::string letters(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += static_cast<char>('a' + i % 26);
  return text;
}

TEST(KeptOutput, KeepsHeadAndTailOfAnyAmountInAnyPieces) {
  for (std::size_t kept = 0; kept <= 9; ++kept) {
    for (std::size_t total = 0; total <= 40; ++total) {
      for (std::size_t step = 1; step <= 13; ++step) {
        const auto text = letters(total);
        KeptOutput output(kept);
        std::string sent;
        for (std::size_t at = 0; at < total; at += step) {
          output.add(std::string_view(text).substr(at, step));
          sent += drain(output);
        }
        EXPECT_LE(sent.size(), kept - kept / 2);
        output.end();
        sent += drain(output);
        const bool cut = total > kept;
        EXPECT_EQ(output.total(), total);
        EXPECT_EQ(sent, cut ? text.substr(0, kept - kept / 2) : text) << kept << " of " << total << " by " << step;
        EXPECT_EQ(std::string(output.tail()[0]) + std::string(output.tail()[1]),
                  cut ? text.substr(total - kept / 2) : "")
            << kept << " of " << total << " by " << step;
      }
    }
  }
}

TEST(KeptOutput, HandsTheHeadOutInFramesOfBoundedSize) {
  KeptOutput output(1u << 20);
  const auto text = letters(300'000);
  output.add(text);
  EXPECT_EQ(output.next_piece().size(), init::kOutputFrame);
  EXPECT_EQ(drain(output), text);
}

TEST(FindCounter, ReadsBothVersionsOfTheFile) {
  EXPECT_EQ(find_counter("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "oom_kill"), 3u);
  EXPECT_EQ(find_counter("low 0\nhigh 0\nmax 7\noom 2\noom_kill 12\noom_group_kill 0\n", "oom_kill"), 12u);
}

TEST(FindCounter, FindsNothingInOtherTexts) {
  EXPECT_EQ(find_counter("", "oom_kill"), std::nullopt);
  EXPECT_EQ(find_counter("oom_kill", "oom_kill"), std::nullopt);
  EXPECT_EQ(find_counter("oom_kill \n", "oom_kill"), std::nullopt);
  EXPECT_EQ(find_counter("oom_kill x\n", "oom_kill"), std::nullopt);
  EXPECT_EQ(find_counter("oom_kills 3\nxoom_kill 4\n", "oom_kill"), std::nullopt);
}

}  // namespace
}  // namespace skill_verifier::sandbox::guest

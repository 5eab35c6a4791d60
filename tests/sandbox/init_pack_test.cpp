#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sandbox/init/pack_reader.hpp"
#include "sandbox/pack_builder.hpp"

namespace skill_verifier::sandbox::guest {
namespace {

using testing_support::PackBuilder;

class Recorder final : public PackSink {
 public:
  Status directory(std::string_view path) override {
    seen.push_back("D " + std::string(path));
    return {};
  }
  Status begin_file(std::string_view path, bool executable, std::uint64_t size) override {
    seen.push_back((executable ? "X " : "F ") + std::string(path) + " " + std::to_string(size) + ":");
    return refuse_files ? Status(Fault{"no_space", "full"}) : Status();
  }
  Status file_bytes(std::string_view bytes) override {
    seen.back() += bytes;
    return {};
  }
  Status end_file() override {
    seen.back() += "$";
    return {};
  }

  std::vector<std::string> seen;
  bool refuse_files = false;
};

struct Reading {
  std::vector<std::string> seen;
  std::string fault;
  std::uint32_t files = 0;
  std::uint64_t bytes = 0;
};

Reading read(const std::string& pack, std::size_t step) {
  Recorder recorder;
  PackReader reader(recorder);
  Status fault;
  for (std::size_t at = 0; at < pack.size() && !fault; at += step)
    fault = reader.add(std::string_view(pack).substr(at, step));
  if (!fault) fault = reader.finish();
  return {recorder.seen, fault ? std::string(fault->code) + ": " + fault->message : "", reader.files(), reader.bytes()};
}

std::string fault_of(const std::string& pack) {
  return read(pack, pack.size() + 1).fault;
}

TEST(PackReader, HandsOnTheSameEntriesHoweverTheBytesAreCut) {
  const auto pack = PackBuilder()
                        .file("SKILL.md", "hello")
                        .directory("bin")
                        .executable("bin/run.sh", "#!/bin/sh\n")
                        .file("empty", "")
                        .end();
  const std::vector<std::string> expected{"F SKILL.md 5:hello$", "D bin", "X bin/run.sh 10:#!/bin/sh\n$",
                                          "F empty 0:$"};
  for (std::size_t step = 1; step <= pack.size(); ++step) {
    const auto reading = read(pack, step);
    EXPECT_EQ(reading.fault, "");
    EXPECT_EQ(reading.seen, expected) << "in pieces of " << step;
    EXPECT_EQ(reading.files, 3u);
    EXPECT_EQ(reading.bytes, 15u);
  }
}

TEST(PackReader, AcceptsAPackOfNothing) {
  EXPECT_EQ(fault_of(PackBuilder().end()), "");
}

TEST(PackReader, RefusesEveryShorterPack) {
  const auto pack = PackBuilder().directory("a").file("a/b", "bytes").end();
  for (std::size_t size = 0; size < pack.size(); ++size)
    EXPECT_EQ(fault_of(pack.substr(0, size)), "pack_invalid: the pack ends early") << size;
}

TEST(PackReader, RefusesUnsafePaths) {
  using namespace std::string_literals;
  const std::string paths[] = {
      "/etc/passwd",         "..", "../x", "a/../b", "a/..", ".", "./a", "a/.", "a//b", "a/", "/", "a\0b"s,
      std::string(256, 'n'),
  };
  for (const auto& path : paths)
    EXPECT_TRUE(fault_of(PackBuilder().file(path, "x").end()).starts_with("pack_invalid: unsafe path")) << path;
  std::string deep = "a";
  while (deep.size() < 4096)
    deep += "/a";
  EXPECT_FALSE(is_safe_path(deep));
  EXPECT_TRUE(is_safe_path({deep.data(), 4095}));
}

TEST(PackReader, AcceptsPathsThatOnlyLookStrange) {
  for (const char* path : {"...", "..a", "a..", ".git", "a b", "a\\b", "-rf", "\xc3\xa4"})
    EXPECT_EQ(fault_of(PackBuilder().file(path, "x").end()), "") << path;
}

TEST(PackReader, RefusesEntriesOutOfOrderAndTwice) {
  EXPECT_EQ(fault_of(PackBuilder().file("b", "").file("a", "").end()), "pack_invalid: path 'a' is out of order");
  EXPECT_EQ(fault_of(PackBuilder().file("a", "").file("a", "").end()), "pack_invalid: path 'a' is out of order");
  EXPECT_EQ(fault_of(PackBuilder().directory("a").file("a", "").end()), "pack_invalid: path 'a' is out of order");
}

TEST(PackReader, RefusesWhatIsNotOfTheFormat) {
  EXPECT_EQ(fault_of("SVPACK2\nE"), "pack_invalid: not a pack");
  EXPECT_EQ(fault_of("SVPACK1\nX"), "pack_invalid: unknown kind of entry");
  EXPECT_EQ(fault_of(PackBuilder().entry('F', 2, "a", "").end()), "pack_invalid: executable flag is neither 0 nor 1");
  EXPECT_EQ(fault_of(PackBuilder().entry('D', 0, "a", "x").end()), "pack_invalid: a directory has a size");
  EXPECT_EQ(fault_of(PackBuilder().file("", "x").end()), "pack_invalid: an entry has no path");
  EXPECT_EQ(fault_of(PackBuilder().end() + "x"), "pack_invalid: bytes after the end of the pack");
}

TEST(PackReader, DoesNotShowControlCharactersOfAPath) {
  EXPECT_EQ(fault_of(PackBuilder().file("../\x1b[2J", "").end()), "pack_invalid: unsafe path '../?[2J'");
}

TEST(PackReader, StopsAtTheFirstFaultOfItsSink) {
  Recorder recorder;
  recorder.refuse_files = true;
  PackReader reader(recorder);
  const auto pack = PackBuilder().file("a", "x").file("b", "y").end();
  const auto fault = reader.add(pack);
  ASSERT_TRUE(fault);
  EXPECT_STREQ(fault->code, "no_space");
  EXPECT_EQ(recorder.seen.size(), 1u);
}

}  // namespace
}  // namespace skill_verifier::sandbox::guest

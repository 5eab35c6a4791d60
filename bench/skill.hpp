#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace skill_verifier::bench {

/// What the tested command prints; the raw side of the comparison runs the same text.
inline constexpr std::string_view kGreeting = "Hello from skill!";
inline constexpr std::string_view kGreetingScript = "echo 'Hello from skill!' && exit 0";

/// Writes a small skill (SKILL.md and three more files, 6 KiB in all) whose test is `sh -c SCRIPT` into `folder`. One
/// of the files is a script, which the service checks in a container of its own.
void write_skill(const std::filesystem::path& folder, std::string_view script,
                 std::string_view runtime = "alpine:latest");
/// The same size without a script: nothing is run but the test, as in examples/hello-world.
void write_hello(const std::filesystem::path& folder, std::string_view script = kGreetingScript,
                 std::string_view runtime = "alpine:latest");
/// Adds that many files of so many bytes that do not compress well.
void add_files(const std::filesystem::path& folder, int count, std::size_t bytes);
/// The same folder as a tar.gz with the folder as its only top-level entry.
std::string pack_tar_gz(const std::filesystem::path& folder);
std::string pack_tar(const std::filesystem::path& folder);

}  // namespace skill_verifier::bench

#include "skill.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

namespace skill_verifier::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLargestArchive = 16u << 20;

void write_file(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  if (!file.flush()) throw std::runtime_error("cannot write " + path.string());
}

/// A YAML single-quoted scalar.
std::string yaml_quoted(std::string_view text) {
  std::string result = "'";
  for (const char c : text)
    result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

std::string prose(std::string_view line, int lines) {
  std::string text;
  for (int i = 1; i <= lines; ++i)
    text += fmt::format("{} {}\n", line, i * 7919 % 1000);
  return text;
}

void require(bool done, archive* writer) {
  if (!done) throw std::runtime_error(std::string("tar.gz: ") + archive_error_string(writer));
}

void add_file(archive* writer, const std::string& name, const std::string& content) {
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), &archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(content.size()));
  require(archive_write_header(writer, entry.get()) == ARCHIVE_OK, writer);
  require(archive_write_data(writer, content.data(), content.size()) == static_cast<la_ssize_t>(content.size()),
          writer);
}

}  // namespace

void add_files(const fs::path& folder, int count, std::size_t bytes) {
  std::mt19937_64 random(1);
  for (int i = 0; i < count; ++i) {
    std::string content;
    while (content.size() < bytes)
      content += fmt::format("{:016x}", random());
    content.resize(bytes);
    write_file(folder / "files" / fmt::format("{:03}.txt", i), content);
  }
}

void write_hello(const fs::path& folder, std::string_view script, std::string_view runtime) {
  write_file(folder / "SKILL.md",
             fmt::format("---\nname: {}\ndescription: A skill for measuring.\nmetadata:\n  version: 1.0.0\n"
                         "  runtime: {}\n  test_timeout: 300s\n  test_command: {}\n---\n\n# Measured\n",
                         folder.filename().string(), runtime, yaml_quoted(fmt::format(R"(["sh","-c","{}"])", script))));
  write_file(folder / "README.md", prose("What the skill is for, sentence number", 50));
  write_file(folder / "data" / "steps.txt", prose("step", 50));
  write_file(folder / "data" / "table.csv", prose("1,2,3,4,5,6,7,8,", 100));
}

void write_skill(const fs::path& folder, std::string_view script, std::string_view runtime) {
  write_hello(folder, script, runtime);
  fs::remove(folder / "data" / "steps.txt");
  write_file(folder / "scripts" / "run.sh", "#!/bin/sh\n" + prose("echo step", 50));
}

namespace {

std::string pack(const fs::path& folder, bool compressed) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);

  const std::unique_ptr<archive, decltype(&archive_write_free)> writer(archive_write_new(), &archive_write_free);
  std::string bytes(kLargestArchive, '\0');
  std::size_t used = 0;
  const int filtered = compressed ? archive_write_add_filter_gzip(writer.get()) : ARCHIVE_OK;
  require(filtered == ARCHIVE_OK && archive_write_set_format_ustar(writer.get()) == ARCHIVE_OK &&
              archive_write_open_memory(writer.get(), bytes.data(), bytes.size(), &used) == ARCHIVE_OK,
          writer.get());
  for (const auto& path : files) {
    std::ifstream in(path, std::ios::binary);
    add_file(writer.get(), fs::relative(path, folder.parent_path()).string(),
             {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()});
  }
  require(archive_write_close(writer.get()) == ARCHIVE_OK, writer.get());
  bytes.resize(used);
  return bytes;
}

}  // namespace

std::string pack_tar_gz(const fs::path& folder) {
  return pack(folder, true);
}

std::string pack_tar(const fs::path& folder) {
  return pack(folder, false);
}

}  // namespace skill_verifier::bench
